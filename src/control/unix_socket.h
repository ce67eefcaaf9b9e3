/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"

/*
 * A listening unix socket at a path, 0660 root:weir, non-blocking; `type` is SOCK_STREAM or
 * SOCK_SEQPACKET. What a dead process left there is replaced, and the folder made when it is not
 * there. The descriptor, or negative with `field` in the error: -EADDRINUSE when another process
 * serves it.
 */
int unix_socket_open(const char *path, int type, const char *field, struct error *error);
