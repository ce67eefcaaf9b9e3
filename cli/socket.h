/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/*
 * The daemon's socket for the faces that have no option for it: WEIR_SOCKET of the environment,
 * else DPVS_IPC_FILE, which scripts set for their instance of DPVS, where that is a socket, else
 * the default.
 */
const char *client_socket(void);
