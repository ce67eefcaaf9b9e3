/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An XDP program stays on its interface when the process that put it there is killed, and then
 * hands frames to sockets that are no more. Only rtnetlink tells of it and takes it off.
 */
#include "io/device_ioctl.h"

#include <libmnl/libmnl.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

enum { DEVICE_XDP_BUFFER = 16384 };

static int device_xdp_attribute(const struct nlattr *attribute, void *arg)
{
	if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		*(int *)arg = mnl_attr_get_u8(attribute) != XDP_ATTACHED_NONE;
	return MNL_CB_OK;
}

static int device_xdp_find(const struct nlattr *attribute, void *arg)
{
	if (mnl_attr_get_type(attribute) == IFLA_XDP)
		mnl_attr_parse_nested(attribute, device_xdp_attribute, arg);
	return MNL_CB_OK;
}

static int device_xdp_link(const struct nlmsghdr *message, void *arg)
{
	mnl_attr_parse(message, sizeof(struct ifinfomsg), device_xdp_find, arg);
	return MNL_CB_OK;
}

/* Send a request about one link and take in the answer. */
static int device_xdp_ask(struct nlmsghdr *request, int *attached)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char answer[DEVICE_XDP_BUFFER];
	ssize_t length;
	int result = 0;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0 ||
	    (length = mnl_socket_recvfrom(nl, answer, sizeof(answer))) < 0 ||
	    mnl_cb_run(answer, length, request->nlmsg_seq, mnl_socket_get_portid(nl),
		       device_xdp_link, attached) < 0)
		result = -errno;
	mnl_socket_close(nl);
	return result;
}

static struct nlmsghdr *device_xdp_request(char *buffer, uint16_t type, const char *name)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	request->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return request;
}

int device_xdp_attached(const char *name)
{
	char buffer[DEVICE_XDP_BUFFER];
	int attached = 0, result;

	result = device_xdp_ask(device_xdp_request(buffer, RTM_GETLINK, name), &attached);
	return result < 0 ? result : attached;
}

int device_xdp_detach(const char *name)
{
	char buffer[DEVICE_XDP_BUFFER];
	struct nlmsghdr *request = device_xdp_request(buffer, RTM_SETLINK, name);
	struct nlattr *nest;
	int attached;

	request->nlmsg_flags |= NLM_F_ACK;
	nest = mnl_attr_nest_start(request, IFLA_XDP);
	mnl_attr_put_u32(request, IFLA_XDP_FD, -1);
	mnl_attr_nest_end(request, nest);
	return device_xdp_ask(request, &attached);
}
