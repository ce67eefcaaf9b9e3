/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include "command.h"

/*
 * LLDP is spoken by lldpd on the interfaces in Linux; it is asked by its own client, at the socket
 * that WEIR_LLDP_SOCKET names, or lldpd's own default.
 */
bool dpip_lldp_enabled(const char *tap); // false also when lldpd does not run
enum exit_code dpip_lldp_enable(const char *tap, bool on);
