/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "blocks.h"
#include "findings.h"

/*
 * From a keepalived.conf with the words that DPVS has added to one that stock keepalived takes,
 * and weir's own settings.
 */
struct translate_options {
	/*
	 * The interface in Linux of each of weir's ports, {"dpdk0": "dpdk0.kni"}; NULL: not known,
	 * and then each port's is taken to be called NAME.kni.
	 */
	const json_t *taps;
	/* The list of GET /v1/local_addresses; NULL: not known. */
	const json_t *pool;
	/* weir writes "1" into this file while the node is drained; NULL: there is none to watch. */
	const char *drain_file;
};

/*
 * Change the tree into what stock keepalived takes. Gives the body for PUT /v1/ipvs, with one more
 * list: "tunnels", each with its "name" and the body for PUT /v1/tunnels/NAME. The caller owns it. What cannot be done is an error in `findings`: then neither the tree nor the
 * settings are of use.
 */
json_t *translate(struct blocks *blocks, const struct translate_options *options,
		  struct findings *findings);
