/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_reply.h"

#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "control/rates.h"
#include "control/zero.h"

/*
 * ipvsadm and keepalived read every field of an object, whether it means anything here or not: all
 * that the kernel sends is sent. Counters come twice, in 32 and in 64 bits, for old and new ones.
 *
 * A message of an object has at most about 400 bytes (two lists of ten counters make most of it);
 * callers of these functions have made sure that there is MESSAGE_MAX of room.
 */
enum { MESSAGE_MAX = 1024 };

enum { CONNECTION_TABLE = 4096 }; // what "size=" shows; the tables of weir have no such number

void ipvs_reply_begin(struct ipvs_reply *reply, const struct nlmsghdr *request)
{
	reply->request = request;
	reply->size = 0;
}

bool ipvs_reply_has_room(const struct ipvs_reply *reply)
{
	return reply->size + MESSAGE_MAX <= sizeof(reply->bytes);
}

static struct nlmsghdr *message_begin(struct ipvs_reply *reply, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(reply->bytes + reply->size);

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	message->nlmsg_seq = reply->request->nlmsg_seq;
	message->nlmsg_pid = reply->request->nlmsg_pid;
	return message;
}

static struct nlmsghdr *generic_begin(struct ipvs_reply *reply, uint16_t type, uint16_t flags,
				      uint8_t command, uint8_t version)
{
	struct nlmsghdr *message = message_begin(reply, type, flags);
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));

	generic->cmd = command;
	generic->version = version;
	return message;
}

static void message_end(struct ipvs_reply *reply, struct nlmsghdr *message)
{
	reply->size += MNL_ALIGN(message->nlmsg_len);
}

void ipvs_reply_family(struct ipvs_reply *reply)
{
	struct nlmsghdr *message = generic_begin(reply, GENL_ID_CTRL, 0, CTRL_CMD_NEWFAMILY, 2);

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME);
	mnl_attr_put_u16(message, CTRL_ATTR_FAMILY_ID, IPVS_FAMILY);
	mnl_attr_put_u32(message, CTRL_ATTR_VERSION, IPVS_GENL_VERSION);
	mnl_attr_put_u32(message, CTRL_ATTR_HDRSIZE, 0);
	mnl_attr_put_u32(message, CTRL_ATTR_MAXATTR, IPVS_CMD_ATTR_MAX);
	message_end(reply, message);
}

/* Counters */

struct counters {
	uint64_t values[IPVS_STATS_ATTR_OUTBPS + 1]; // by attribute
};

static struct counters counters_make(const struct traffic *traffic, const struct rate *rate)
{
	return (struct counters){{
		[IPVS_STATS_ATTR_CONNS] = traffic->connections,
		[IPVS_STATS_ATTR_INPKTS] = traffic->packets_in,
		[IPVS_STATS_ATTR_OUTPKTS] = traffic->packets_out,
		[IPVS_STATS_ATTR_INBYTES] = traffic->bytes_in,
		[IPVS_STATS_ATTR_OUTBYTES] = traffic->bytes_out,
		[IPVS_STATS_ATTR_CPS] = (uint64_t)(rate->connections + 0.5),
		[IPVS_STATS_ATTR_INPPS] = (uint64_t)(rate->packets_in + 0.5),
		[IPVS_STATS_ATTR_OUTPPS] = (uint64_t)(rate->packets_out + 0.5),
		[IPVS_STATS_ATTR_INBPS] = (uint64_t)(rate->bits_in / 8 + 0.5),
		[IPVS_STATS_ATTR_OUTBPS] = (uint64_t)(rate->bits_out / 8 + 0.5),
	}};
}

/* Both lists; the narrow one is cut to 32 bits, as the kernel does, but for the bytes. */
static void counters_put(struct nlmsghdr *message, const struct counters *counters, uint16_t narrow,
			 uint16_t wide)
{
	struct nlattr *nest = mnl_attr_nest_start(message, narrow);

	for (uint16_t i = IPVS_STATS_ATTR_CONNS; i <= IPVS_STATS_ATTR_OUTBPS; i++) {
		if (i == IPVS_STATS_ATTR_INBYTES || i == IPVS_STATS_ATTR_OUTBYTES)
			mnl_attr_put_u64(message, i, counters->values[i]);
		else
			mnl_attr_put_u32(message, i, (uint32_t)counters->values[i]);
	}
	mnl_attr_nest_end(message, nest);
	nest = mnl_attr_nest_start(message, wide);
	for (uint16_t i = IPVS_STATS_ATTR_CONNS; i <= IPVS_STATS_ATTR_OUTBPS; i++)
		mnl_attr_put_u64(message, i, counters->values[i]);
	mnl_attr_nest_end(message, nest);
}

/* Always 16 bytes, also of IPv4. */
static void address_put(struct nlmsghdr *message, uint16_t type, const struct addr *addr)
{
	mnl_attr_put(message, type, sizeof(addr->bytes), addr->bytes);
}

/* Objects */

void ipvs_reply_service(struct ipvs_reply *reply, const struct model_service *service, bool listed)
{
	bool wide = service->key.vip.family == AF_INET6;
	unsigned int bits = model_service_persistent_bits(service);
	const struct ip_vs_flags flags = {
		.flags = IP_VS_SVC_F_HASHED | (service->persistent ? IP_VS_SVC_F_PERSISTENT : 0) |
			 (service->one_packet ? IP_VS_SVC_F_ONEPACKET : 0) |
			 (service->scheduler_flags & SCHEDULER_FALLBACK ? IP_VS_SVC_F_SCHED1 : 0) |
			 (service->scheduler_flags & SCHEDULER_PORT ? IP_VS_SVC_F_SCHED2 : 0),
		.mask = UINT32_MAX,
	};
	struct nlmsghdr *message = generic_begin(reply, IPVS_FAMILY, listed ? NLM_F_MULTI : 0,
						 IPVS_CMD_NEW_SERVICE, IPVS_GENL_VERSION);
	struct nlattr *nest = mnl_attr_nest_start(message, IPVS_CMD_ATTR_SERVICE);
	struct rate rate = {0};
	struct traffic traffic;
	struct counters counters;

	zero_service_traffic(service->number, &traffic);
	rates_service(service->number, &rate);
	counters = counters_make(&traffic, &rate);
	mnl_attr_put_u16(message, IPVS_SVC_ATTR_AF, service->key.vip.family);
	if (service->key.kind == SERVICE_MARK) {
		mnl_attr_put_u32(message, IPVS_SVC_ATTR_FWMARK, service->key.mark);
	} else {
		mnl_attr_put_u16(message, IPVS_SVC_ATTR_PROTOCOL, service->key.protocol);
		address_put(message, IPVS_SVC_ATTR_ADDR, &service->key.vip);
		mnl_attr_put_u16(message, IPVS_SVC_ATTR_PORT, htons(service->key.port));
	}
	mnl_attr_put_strz(message, IPVS_SVC_ATTR_SCHED_NAME, service->scheduler);
	mnl_attr_put(message, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags);
	mnl_attr_put_u32(message, IPVS_SVC_ATTR_TIMEOUT, service->persistent);
	mnl_attr_put_u32(message, IPVS_SVC_ATTR_NETMASK,
			 wide ? bits : htonl(UINT32_MAX << (32 - bits)));
	counters_put(message, &counters, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64);
	mnl_attr_nest_end(message, nest);
	message_end(reply, message);
}

uint32_t ipvs_reply_method(const struct model_service *service, const struct model_server *server)
{
	const char *mode = model_server_mode(service, server);

	if (strcmp(mode, "dr") == 0)
		return IP_VS_CONN_F_DROUTE;
	if (strcmp(mode, "tunnel") == 0)
		return IP_VS_CONN_F_TUNNEL;
	// ipvsadm has no name for FullNAT, and Masq is what a user sees of it.
	return IP_VS_CONN_F_MASQ;
}

static void tunnel_put(struct nlmsghdr *message, const struct tunnel_settings *tunnel)
{
	static const uint16_t flags[] = {
		[TUNNEL_CHECKSUM_NONE] = IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM,
		[TUNNEL_CHECKSUM_FULL] = IP_VS_TUNNEL_ENCAP_FLAG_CSUM,
		[TUNNEL_CHECKSUM_REMOTE] = IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM,
	};

	mnl_attr_put_u8(message, IPVS_DEST_ATTR_TUN_TYPE, tunnel->type);
	mnl_attr_put_u16(message, IPVS_DEST_ATTR_TUN_PORT, htons(tunnel->port));
	mnl_attr_put_u16(message, IPVS_DEST_ATTR_TUN_FLAGS, flags[tunnel->checksum]);
}

void ipvs_reply_server(struct ipvs_reply *reply, const struct model_service *service,
		       const struct model_server *server)
{
	struct nlmsghdr *message = generic_begin(reply, IPVS_FAMILY, NLM_F_MULTI, IPVS_CMD_NEW_DEST,
						 IPVS_GENL_VERSION);
	struct nlattr *nest = mnl_attr_nest_start(message, IPVS_CMD_ATTR_DEST);
	struct rate rate = {0};
	struct traffic traffic;
	struct counters counters;

	zero_server_traffic(server->number, &traffic);
	rates_server(server->number, &rate);
	counters = counters_make(&traffic, &rate);
	address_put(message, IPVS_DEST_ATTR_ADDR, &server->addr);
	mnl_attr_put_u16(message, IPVS_DEST_ATTR_PORT, htons(server->port));
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_FWD_METHOD, ipvs_reply_method(service, server));
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_WEIGHT, model_server_weight(server));
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_U_THRESH, server->upper);
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_L_THRESH, server->lower);
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_ACTIVE_CONNS, (uint32_t)traffic.active);
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_INACT_CONNS, (uint32_t)traffic.inactive);
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_PERSIST_CONNS,
			 workers_server_templates(server->number));
	counters_put(message, &counters, IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64);
	mnl_attr_put_u16(message, IPVS_DEST_ATTR_ADDR_FAMILY, server->addr.family);
	tunnel_put(message, &server->tunnel);
	mnl_attr_nest_end(message, nest);
	message_end(reply, message);
}

void ipvs_reply_timeouts(struct ipvs_reply *reply, const struct timeouts *timeouts)
{
	const uint16_t *seconds = timeouts->seconds;
	struct nlmsghdr *message = generic_begin(reply, IPVS_FAMILY, 0, IPVS_CMD_SET_CONFIG,
						 IPVS_GENL_VERSION);

	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP, seconds[STATE_ESTABLISHED]);
	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, seconds[STATE_FIN_WAIT]);
	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_UDP, seconds[STATE_UDP_NORMAL]);
	message_end(reply, message);
}

void ipvs_reply_info(struct ipvs_reply *reply)
{
	struct nlmsghdr *message = generic_begin(reply, IPVS_FAMILY, 0, IPVS_CMD_SET_INFO,
						 IPVS_GENL_VERSION);

	// The version of the kernel's IPVS whose netlink this is.
	mnl_attr_put_u32(message, IPVS_INFO_ATTR_VERSION, 0x010201);
	mnl_attr_put_u32(message, IPVS_INFO_ATTR_CONN_TAB_SIZE, CONNECTION_TABLE);
	message_end(reply, message);
}

void ipvs_reply_file(struct ipvs_reply *reply, const char *bytes, size_t size)
{
	struct nlmsghdr *message = message_begin(reply, IPVS_FILE, NLM_F_MULTI);

	memcpy(mnl_nlmsg_put_extra_header(message, size), bytes, size);
	// The exact size: what is behind it up to the alignment is no part of the file.
	message->nlmsg_len = (uint32_t)(sizeof(*message) + size);
	message_end(reply, message);
}

void ipvs_reply_status(struct ipvs_reply *reply, int code, const char *text)
{
	// The sentence goes as the kernel's extended acknowledgements do: behind the header alone.
	uint16_t flags = text ? NLM_F_CAPPED | NLM_F_ACK_TLVS : 0;
	struct nlmsghdr *message = message_begin(reply, NLMSG_ERROR, flags);
	struct nlmsgerr *status = mnl_nlmsg_put_extra_header(message, sizeof(*status));

	status->error = code;
	status->msg = *reply->request;
	if (text != NULL)
		mnl_attr_put_strz(message, NLMSGERR_ATTR_MSG, text);
	message_end(reply, message);
}

void ipvs_reply_done(struct ipvs_reply *reply)
{
	struct nlmsghdr *message = message_begin(reply, NLMSG_DONE, NLM_F_MULTI);

	mnl_nlmsg_put_extra_header(message, sizeof(uint32_t));
	message_end(reply, message);
}
