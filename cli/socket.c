/* SPDX-License-Identifier: BSD-3-Clause */
#include "socket.h"

#include <stdlib.h>
#include <sys/stat.h>

const char *client_socket(void)
{
	const char *weir = getenv("WEIR_SOCKET"), *dpvs = getenv("DPVS_IPC_FILE");
	struct stat status;

	if (weir && *weir)
		return weir;
	if (dpvs && stat(dpvs, &status) == 0 && S_ISSOCK(status.st_mode))
		return dpvs;
	return "/run/weir/weir.sock";
}
