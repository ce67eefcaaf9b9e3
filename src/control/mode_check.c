/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a forwarding mode demands of a real server.
 *
 * DR changes nothing but the Ethernet header. Therefore the server listens on the service's port,
 * is of the VIP's family, and is on the link of an interface: through a gateway a packet for the
 * VIP would come straight back. That is asked of the routes as they are when a door names the
 * server. When they change later the server's packets are dropped by name (server_off_link) until
 * the way is right again. While an address family is not configured at all, as at boot before the
 * network has been set up, nothing can be said and nothing is refused.
 *
 * A tunnel leaves the packet inside as it is too; but the server may be anywhere, and of either
 * family.
 */
#include "control/mode_check.h"

#include <errno.h>
#include <string.h>

#include "net/kernel.h"
#include "session/proxy_header.h"

enum { NETWORKS_MAX = 256 };

static bool links_unchecked;

void mode_check_links(bool enabled)
{
	links_unchecked = !enabled;
}

bool mode_is_one_way(const char *mode)
{
	return strcmp(mode, "dr") == 0 || strcmp(mode, "tunnel") == 0;
}

static char version_of(const struct addr *addr)
{
	return addr->family == AF_INET6 ? '6' : '4';
}

static int port_check(const struct model_service *service, const struct model_server *server,
		      const char *mode, struct error *error)
{
	if (service->key.kind != SERVICE_ADDRESS || server->port == service->key.port)
		return 0;
	return error_set(
		error, -EINVAL, "port",
		"is %u, but the service's is %u: the mode %s leaves the packet as it is, "
		"so the real server must listen on the service's port (leave the port out)",
		server->port, service->key.port, mode);
}

int mode_check_server(const struct model_service *service, const struct model_server *server,
		      struct error *error)
{
	const char *mode = model_server_mode(service, server);
	bool tunnel = strcmp(mode, "tunnel") == 0;

	if (!tunnel && server->tunnel.type + server->tunnel.checksum + server->tunnel.port != 0)
		return error_set(error, -EINVAL, "tunnel",
				 "is only for the mode tunnel, and that of the real server is %s",
				 mode);
	if (!mode_is_one_way(mode))
		return 0;
	if (!tunnel && server->addr.family != service->key.vip.family)
		return error_set(error, -EINVAL, "address",
				 "is IPv%c and the VIP IPv%c: the mode dr does not change the "
				 "packet, the mode tunnel would do",
				 version_of(&server->addr), version_of(&service->key.vip));
	return port_check(service, server, mode, error);
}

/* Is the address in a network of one of our interfaces? `*known`: there is any of its family. */
static bool network_has(const struct addr *addr, bool *known)
{
	static struct kernel_network networks[NETWORKS_MAX]; // control thread only
	unsigned int count = kernel_networks(networks, NETWORKS_MAX);

	*known = false;
	for (unsigned int i = 0; i < count; i++) {
		const struct prefix *prefix = &networks[i].prefix;
		// Every interface has a link-local address of IPv6, configured or not.
		bool automatic = prefix->addr.family == AF_INET6 && prefix->addr.bytes[0] == 0xfe &&
				 (prefix->addr.bytes[1] & 0xc0) == 0x80;

		if (prefix_contains(prefix, addr))
			return true;
		*known = *known || (prefix->addr.family == addr->family && !automatic);
	}
	return false;
}

static int link_check(const struct model_server *server, struct error *error)
{
	char text[ADDR_TEXT], hop[ADDR_TEXT];
	struct addr gateway;
	bool known;
	int status = kernel_route_gateway(&server->addr, &gateway);

	if (status == 0 && gateway.family == AF_UNSPEC)
		return 0;
	if (status == 0)
		return error_set(error, -EINVAL, "address",
				 "%s is on another subnet, behind the gateway %s: the mode dr "
				 "changes only the Ethernet header, so the real server must be on "
				 "the link of an interface (the mode tunnel goes anywhere)",
				 addr_format(&server->addr, text), addr_format(&gateway, hop));
	if (network_has(&server->addr, &known) || !known)
		return 0;
	return error_set(error, -EINVAL, "address",
			 "%s is on no subnet of an interface: the mode dr changes only the "
			 "Ethernet header, so the real server must be on the link (the mode tunnel "
			 "goes anywhere)",
			 addr_format(&server->addr, text));
}

/* Was it a server of DR before? Then it stays one, whatever routes say now. */
static bool was_direct(const struct model_service *before, const struct model_server *server)
{
	const struct model_server *old = NULL;

	if (before != NULL)
		old = model_service_find_server(before, &server->addr, server->port);
	return old != NULL && strcmp(model_server_mode(before, old), "dr") == 0;
}

/* A hash can stand in for a session only where nothing has to be remembered. */
/* All real servers, or the mode that they will have. */
static bool is_one_way(const struct model_service *service)
{
	bool one_way = service->server_count > 0 || mode_is_one_way(service->mode);

	for (unsigned int i = 0; i < service->server_count; i++)
		one_way = one_way &&
			  mode_is_one_way(model_server_mode(service, &service->servers[i]));
	return one_way;
}

static int hash_check(const struct model_service *service, struct error *error)
{
	if (service->unknown_tcp != UNKNOWN_HASH || is_one_way(service))
		return 0;
	return error_set(error, -EINVAL, "unknown_tcp",
			 "hash is only for services whose real servers are all of mode dr or "
			 "tunnel: the other modes need a session");
}

static int symmetric_check(const struct model_service *service, struct error *error)
{
	if (!service->symmetric_return || !is_one_way(service))
		return 0;
	return error_set(error, -EINVAL, "symmetric_return",
			 "is for answers that pass weir: real servers of mode dr or tunnel answer "
			 "their clients by themselves");
}

/* Who sees the client's address anyway would take a header for the client's own bytes. */
static int proxy_check(const struct model_service *service, const struct model_server *server,
		       struct error *error)
{
	const char *mode = model_server_mode(service, server);

	if (service->proxy_protocol == PROXY_DISABLE || strcmp(mode, "fullnat") == 0)
		return 0;
	return error_set(error, -EINVAL, "mode",
			 "is %s, which does not go with the service's proxy_protocol: that is for "
			 "the mode fullnat",
			 mode);
}

int mode_check_service(const struct model_service *before, const struct model_service *after,
		       struct error *error)
{
	int judged = hash_check(after, error);

	if (judged == 0)
		judged = symmetric_check(after, error);
	if (judged < 0)
		return judged;
	for (unsigned int i = 0; i < after->server_count; i++) {
		const struct model_server *server = &after->servers[i];
		bool direct = strcmp(model_server_mode(after, server), "dr") == 0;
		char text[ENDPOINT_TEXT];
		int status = mode_check_server(after, server, error);

		if (status == 0)
			status = proxy_check(after, server, error);
		if (status == 0 && direct && !links_unchecked && !was_direct(before, server) &&
		    link_check(server, error) < 0) {
			kernel_read(); // what Linux has been told a moment ago counts too
			status = link_check(server, error);
		}
		if (status < 0) {
			const struct error inner = *error;

			return error_set(error, status, "servers", "real server %s: %s %s",
					 endpoint_format(&server->addr, server->port, text),
					 inner.field, inner.text);
		}
	}
	return 0;
}
