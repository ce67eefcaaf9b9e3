/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "control/decode.h"
#include "tunnel/device.h"

/* A tunnel interface from JSON, all but what depends on others, and back. */
int config_decode_tunnel(struct decode *d, const json_t *body, struct tunnel_config *config);
json_t *config_tunnel_json(const struct tunnel_config *config);
