/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * NAT64 and NAT46: FullNAT to a server of the other family. There is no word for them: mode fullnat
 * hands over to this file when the client's family is not the server's. The local address and its
 * port are of the server's family, and so is the key of direction 1; the session takes two lines,
 * and path/family.c exchanges the headers.
 */
#include "balance/mode_nat64.h"

#include <string.h>

int nat64_bind(struct balancer *b, const struct server *server, const struct service_local *local,
	       const struct pkt *p, struct session *s, struct port_history *history)
{
	s->form = FORM_FAMILY | FORM_PORT;
	if (server->addr.family == AF_INET6) {
		struct key6 *key = session_key6(s, 1);

		memcpy(key->source, server->addr.bytes, 16);
		memcpy(key->destination, local->addr.bytes, 16);
		key->source_port = mode_server_port(server, p);
		key->zone_protocol = p->key4.zone_protocol;
		return ports_choose6(&b->ports, b->table, key, b->seconds, history);
	} else {
		struct key4 *key = session_key(s, true, 1);

		*key = key4_make(server->addr.v4, local->addr.v4, mode_server_port(server, p), 0,
				 p->key6.zone_protocol);
		return ports_choose4(&b->ports, b->table, key, b->seconds, history);
	}
}
