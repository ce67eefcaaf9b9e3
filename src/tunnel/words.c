/* SPDX-License-Identifier: BSD-3-Clause */
#include "tunnel/tunnel.h"

#include <stddef.h>

const char *const tunnel_type_words[] = {
	[TUNNEL_IPIP] = "ipip",
	[TUNNEL_GUE] = "gue",
	[TUNNEL_GRE] = "gre",
	[TUNNEL_TYPES] = NULL,
};
const char *const tunnel_checksum_words[] = {
	[TUNNEL_CHECKSUM_NONE] = "none",
	[TUNNEL_CHECKSUM_FULL] = "full",
	[TUNNEL_CHECKSUM_REMOTE] = "remote",
	[TUNNEL_CHECKSUMS] = NULL,
};
