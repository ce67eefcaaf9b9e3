/* SPDX-License-Identifier: BSD-3-Clause */
// Both fopen() and fopen64() are defined here, under their own names.
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>

#include "control/ipvs_protocol.h"

/*
 * libweir-ipvs.so, preloaded into stock ipvsadm and keepalived: what they would tell the kernel's
 * IPVS, they tell weir.
 *
 * Both ask the kernel for the number of the generic netlink family "IPVS" before anything else. The
 * netlink socket on which that question is about to be sent is replaced, under the same descriptor,
 * by a unix socket to the daemon, and from then on messages go there and come from there. All that
 * was done to the socket before (bind, getsockname, options) was done to a real netlink socket, and
 * every other socket of the program is left alone, rtnetlink and other families included.
 *
 * A descriptor is known by its number and by the inode of the socket behind it, so that one which was
 * closed and given to something else (by close_range() or dup2(), which nobody tells us of) is not
 * taken for ours. An entry of the table is only touched by the thread that uses the descriptor.
 *
 * That question is answered here, once the daemon has been reached: ipvsadm puts it before each of
 * its messages, and a restore of ten thousand services is in a hurry.
 *
 * When the daemon has gone, what was not answered is answered here, with ENODEV: keepalived would
 * wait for an acknowledgement for ever. The next message connects again.
 *
 * The same is never told to a kernel that has an IPVS of its own: asking it by getsockopt(), which
 * is what programs do when netlink fails, finds nothing.
 */
#define EXPORT __attribute__((visibility("default")))

enum { DESCRIPTORS = 65536, PIECE = 65536 };

enum own_answer { OWN_NOTHING, OWN_FAMILY, OWN_DONE };

struct redirected {
	bool used;
	bool gone;	     // nobody to send to: the answer is ENODEV
	enum own_answer own; // what recvmsg() gives next without the daemon
	ino_t inode;
	struct nlmsghdr request; // the last one
};

// Pages of it are only there once they are written to.
static struct redirected table[DESCRIPTORS];

static struct {
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	FILE *(*fopen)(const char *, const char *);
	FILE *(*fopen64)(const char *, const char *);
} next;

static pthread_once_t next_found = PTHREAD_ONCE_INIT;

/* A pointer to data is stored as one to a function, the way dlsym(3) says. */
static void find(void *place, const char *name)
{
	*(void **)place = dlsym(RTLD_NEXT, name);
	if (*(void **)place == NULL)
		abort(); // no C library is without them
}

static void next_find(void)
{
	find(&next.sendmsg, "sendmsg");
	find(&next.recvmsg, "recvmsg");
	find(&next.getsockopt, "getsockopt");
	find(&next.fopen, "fopen");
	find(&next.fopen64, "fopen64");
}

static void next_need(void)
{
	pthread_once(&next_found, next_find);
}

/* The daemon */

static const char *socket_path(void)
{
	const char *path = getenv(IPVS_SOCKET_VARIABLE);

	return path != NULL && *path != '\0' ? path : IPVS_SOCKET_DEFAULT;
}

/* Let a socket be one to the daemon. False with errno. */
static bool daemon_connect(int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(socket_path()) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(address.sun_path, socket_path());
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* Remember what the descriptor is now. */
static void descriptor_note(int fd, struct redirected *entry)
{
	struct stat status;

	entry->used = fstat(fd, &status) == 0;
	entry->inode = status.st_ino;
}

/*
 * Put a socket to the daemon under the descriptor, with the flags that the descriptor has. Without
 * a daemon, one that leads nowhere, so that nothing reaches the kernel. The connection is made last:
 * the daemon wakes up, and finds the message that is sent next. False with errno.
 */
static bool descriptor_redirect(int fd, struct redirected *entry)
{
	int flags = fcntl(fd, F_GETFD), modes = fcntl(fd, F_GETFL);
	int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	entry->gone = true;
	if (made < 0)
		return false;
	if (dup3(made, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0) {
		close(made);
		return false;
	}
	close(made);
	descriptor_note(fd, entry);
	entry->gone = !daemon_connect(fd);
	if (modes >= 0 && modes & O_NONBLOCK)
		fcntl(fd, F_SETFL, modes);
	return !entry->gone;
}

/* The entry of a descriptor that is still what it was when it was redirected, or NULL. */
static struct redirected *descriptor_find(int fd)
{
	struct redirected *entry = fd >= 0 && fd < DESCRIPTORS ? &table[fd] : NULL;
	struct stat status;
	int code = errno;

	if (entry == NULL || !entry->used)
		return NULL;
	if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode) || status.st_ino != entry->inode) {
		entry->used = false;
		errno = code;
		return NULL;
	}
	return entry;
}

/* Sending */

/* Does the message ask for the number of the family "IPVS"? */
static bool asks_for_family(const struct msghdr *message)
{
	const struct nlmsghdr *header;
	const struct genlmsghdr *generic;
	const struct nlattr *attribute;
	size_t size, at;

	if (message->msg_iovlen != 1)
		return false;
	header = message->msg_iov[0].iov_base;
	size = message->msg_iov[0].iov_len;
	if (size < NLMSG_HDRLEN + GENL_HDRLEN || header->nlmsg_type != GENL_ID_CTRL ||
	    header->nlmsg_len > size)
		return false;
	generic = NLMSG_DATA(header);
	if (generic->cmd != CTRL_CMD_GETFAMILY)
		return false;
	for (at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN <= header->nlmsg_len;
	     at += NLA_ALIGN(attribute->nla_len)) {
		attribute = (const struct nlattr *)((const char *)header + at);
		if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > header->nlmsg_len)
			return false;
		if ((attribute->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_FAMILY_NAME)
			return attribute->nla_len == NLA_HDRLEN + sizeof(IPVS_GENL_NAME) &&
			       memcmp((const char *)attribute + NLA_HDRLEN, IPVS_GENL_NAME,
				      sizeof(IPVS_GENL_NAME)) == 0;
	}
	return false;
}

static bool is_generic_netlink(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);

	return next.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       domain == AF_NETLINK &&
	       next.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
	       protocol == NETLINK_GENERIC;
}

/*
 * Said where the program begins, when its standard error is still what the user gave it. A daemon
 * says the same in its own log.
 */
static void tell_unreachable(void)
{
	static bool told;

	if (!told)
		fprintf(stderr, "libweir-ipvs: %s: %s: is weir running?\n", socket_path(),
			strerror(errno));
	told = true;
}

static ssize_t redirected_send(int fd, struct redirected *entry, const struct msghdr *message,
			       int flags)
{
	struct msghdr bare = {.msg_iov = message->msg_iov, .msg_iovlen = message->msg_iovlen};
	size_t size = 0;
	ssize_t sent;

	for (size_t i = 0; i < message->msg_iovlen; i++)
		size += message->msg_iov[i].iov_len;
	if (message->msg_iovlen > 0 && message->msg_iov[0].iov_len >= sizeof(entry->request))
		memcpy(&entry->request, message->msg_iov[0].iov_base, sizeof(entry->request));
	if (!entry->gone) {
		sent = next.sendmsg(fd, &bare, flags | MSG_NOSIGNAL);
		if (sent >= 0 || (errno != EPIPE && errno != ECONNRESET && errno != ENOTCONN))
			return sent;
	}
	entry->own = OWN_NOTHING;
	// It has gone, or was not asked yet; or it was not there, and may be again.
	if (descriptor_redirect(fd, entry)) {
		sent = next.sendmsg(fd, &bare, flags | MSG_NOSIGNAL);
		if (sent >= 0)
			return sent;
		entry->gone = true;
	}
	return (ssize_t)size; // recvmsg() will say what became of it
}

/*
 * The first message, which makes the socket ours. Whether there is a daemon is found out on the
 * first one of the program; later ones are connected when there is something to say.
 */
static ssize_t family_send(int fd, struct redirected *entry, const struct msghdr *message)
{
	static atomic_bool reached;

	memcpy(&entry->request, message->msg_iov[0].iov_base, sizeof(entry->request));
	entry->own = OWN_FAMILY;
	entry->gone = true;
	if (reached) {
		descriptor_note(fd, entry);
	} else if (descriptor_redirect(fd, entry)) {
		reached = true;
	} else {
		tell_unreachable();
		entry->own = OWN_NOTHING;
	}
	return (ssize_t)message->msg_iov[0].iov_len;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct redirected *entry;

	next_need();
	entry = descriptor_find(fd);
	if (entry != NULL)
		return asks_for_family(message) ? family_send(fd, entry, message)
						: redirected_send(fd, entry, message, flags);
	if (!asks_for_family(message) || !is_generic_netlink(fd))
		return next.sendmsg(fd, message, flags);
	if (fd >= DESCRIPTORS) {
		errno = EMFILE; // better than to tell it to the kernel
		return -1;
	}
	return family_send(fd, &table[fd], message);
}

/* Receiving */

/* As much of an answer as the caller's first buffer takes. */
static ssize_t answer_put(struct msghdr *message, const void *bytes, size_t size, int flags)
{
	size_t room = message->msg_iovlen > 0 ? message->msg_iov[0].iov_len : 0;
	size_t copied = size < room ? size : room;

	if (copied > 0)
		memcpy(message->msg_iov[0].iov_base, bytes, copied);
	message->msg_flags = copied < size ? MSG_TRUNC : 0;
	return (ssize_t)(flags & MSG_TRUNC ? size : copied);
}

/* "done" (0) or a negative errno, as the answer to the last request. */
static ssize_t answer_status(const struct redirected *entry, int code, struct msghdr *message,
			     int flags)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr status;
	} answer = {
		.header = {.nlmsg_len = sizeof(answer),
			   .nlmsg_type = NLMSG_ERROR,
			   .nlmsg_seq = entry->request.nlmsg_seq,
			   .nlmsg_pid = entry->request.nlmsg_pid},
		.status = {.error = code, .msg = entry->request},
	};

	return answer_put(message, &answer, sizeof(answer), flags);
}

/* What the daemon and the kernel say to the question for the number of the family. */
static ssize_t answer_family(struct msghdr *message, const struct redirected *entry, int flags)
{
	struct {
		struct nlmsghdr header;
		struct genlmsghdr generic;
		struct nlattr name_head;
		char name[NLA_ALIGN(sizeof(IPVS_GENL_NAME))];
		struct nlattr id_head;
		uint16_t id, id_end;
		struct nlattr version_head;
		uint32_t version;
		struct nlattr attributes_head;
		uint32_t attributes;
	} answer = {
		.header = {.nlmsg_len = sizeof(answer),
			   .nlmsg_type = GENL_ID_CTRL,
			   .nlmsg_seq = entry->request.nlmsg_seq,
			   .nlmsg_pid = entry->request.nlmsg_pid},
		.generic = {.cmd = CTRL_CMD_NEWFAMILY, .version = 2},
		.name_head = {NLA_HDRLEN + sizeof(IPVS_GENL_NAME), CTRL_ATTR_FAMILY_NAME},
		.name = IPVS_GENL_NAME,
		.id_head = {NLA_HDRLEN + sizeof(uint16_t), CTRL_ATTR_FAMILY_ID},
		.id = IPVS_FAMILY,
		.version_head = {NLA_HDRLEN + sizeof(uint32_t), CTRL_ATTR_VERSION},
		.version = IPVS_GENL_VERSION,
		.attributes_head = {NLA_HDRLEN + sizeof(uint32_t), CTRL_ATTR_MAXATTR},
		.attributes = IPVS_CMD_ATTR_MAX,
	};

	return answer_put(message, &answer, sizeof(answer), flags);
}

/* An answer that needs no daemon, and what comes after it. */
static ssize_t answer_own(struct redirected *entry, struct msghdr *message, int flags)
{
	bool peek = flags & MSG_PEEK;

	if (entry->own == OWN_FAMILY) {
		if (!peek)
			entry->own = entry->request.nlmsg_flags & NLM_F_ACK ? OWN_DONE
									    : OWN_NOTHING;
		return answer_family(message, entry, flags);
	}
	if (!peek)
		entry->own = OWN_NOTHING;
	return answer_status(entry, 0, message, flags);
}

/*
 * ipvsadm has its own sentences for errors, which were made for the kernel. What weir says about it
 * comes with the answer, and is printed before.
 */
static void tell_refusal(const void *bytes, size_t size)
{
	const size_t at = NLMSG_HDRLEN + sizeof(struct nlmsgerr);
	const struct nlmsghdr *header = bytes;
	const struct nlattr *text = (const struct nlattr *)((const char *)bytes + at);

	if (size < at + NLA_HDRLEN || header->nlmsg_type != NLMSG_ERROR ||
	    !(header->nlmsg_flags & NLM_F_ACK_TLVS) || text->nla_type != NLMSGERR_ATTR_MSG ||
	    text->nla_len <= NLA_HDRLEN || at + text->nla_len > size ||
	    strcmp(program_invocation_short_name, "ipvsadm") != 0)
		return;
	fprintf(stderr, "weir: %.*s\n", (int)(text->nla_len - NLA_HDRLEN - 1),
		(const char *)text + NLA_HDRLEN);
}

/* From the daemon, or in its place when it has gone. */
static ssize_t answer_receive(int fd, struct redirected *entry, struct msghdr *message, int flags)
{
	void *name = message->msg_name;
	socklen_t name_size = message->msg_namelen;
	ssize_t size = 0;

	if (entry->own != OWN_NOTHING)
		return answer_own(entry, message, flags);
	if (!entry->gone) {
		message->msg_name = NULL;
		message->msg_namelen = 0;
		size = next.recvmsg(fd, message, flags);
		message->msg_name = name;
		message->msg_namelen = name_size;
		if (size < 0 && errno != ECONNRESET && errno != EPIPE && errno != ENOTCONN)
			return size;
	}
	if (size > 0 && !(flags & MSG_PEEK) && message->msg_iovlen > 0 &&
	    (size_t)size <= message->msg_iov[0].iov_len)
		tell_refusal(message->msg_iov[0].iov_base, (size_t)size);
	if (size > 0)
		return size;
	entry->gone = true;
	return answer_status(entry, -ENODEV, message, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct redirected *entry;
	ssize_t size;

	next_need();
	entry = descriptor_find(fd);
	if (entry == NULL)
		return next.recvmsg(fd, message, flags);
	size = answer_receive(fd, entry, message, flags);
	if (size < 0)
		return size;
	// libnl takes nothing that does not come from the kernel.
	message->msg_controllen = 0;
	if (message->msg_name != NULL && message->msg_namelen >= sizeof(kernel)) {
		memcpy(message->msg_name, &kernel, sizeof(kernel));
		message->msg_namelen = sizeof(kernel);
	}
	return size;
}

/* The way of before netlink, which programs try when netlink finds nothing. */
EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	next_need();
	if (level == SOL_IP && name > IP_VS_BASE_CTL && name <= IP_VS_SO_GET_MAX) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return next.getsockopt(fd, level, name, value, size);
}

/* Files */

/* Copy the file that the daemon sends. False when it did not come to its end. */
static bool file_receive(int from, int to)
{
	char *bytes = malloc(PIECE);
	const struct nlmsghdr *header = (const struct nlmsghdr *)bytes;
	bool complete = false;
	ssize_t size;

	while (bytes != NULL && !complete && (size = recv(from, bytes, PIECE, 0)) > 0) {
		size_t rest = (size_t)size, at = 0;

		while (rest - at >= sizeof(*header)) {
			header = (const struct nlmsghdr *)(bytes + at);
			if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > rest - at ||
			    header->nlmsg_type == NLMSG_ERROR)
				goto free_bytes;
			if (header->nlmsg_type == NLMSG_DONE) {
				complete = true;
				break;
			}
			size = (ssize_t)(header->nlmsg_len - sizeof(*header));
			if (write(to, bytes + at + sizeof(*header), (size_t)size) != size)
				goto free_bytes;
			at += NLMSG_ALIGN(header->nlmsg_len);
			if (at > rest)
				break;
		}
	}
free_bytes:
	free(bytes);
	return complete;
}

/* A file of the daemon's as a stream, or NULL with errno. */
static FILE *file_open(const char *name)
{
	struct {
		struct nlmsghdr header;
		char name[IPVS_FILE_NAME];
	} request = {.header = {.nlmsg_len = sizeof(request), .nlmsg_type = IPVS_FILE}};
	int from = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), to, code;
	FILE *stream = NULL;

	if (from < 0)
		return NULL;
	to = daemon_connect(from) ? memfd_create(name, MFD_CLOEXEC) : -1;
	if (to < 0)
		goto close_from;
	snprintf(request.name, sizeof(request.name), "%s", name);
	if (send(from, &request, sizeof(request), MSG_NOSIGNAL) < 0 || !file_receive(from, to) ||
	    lseek(to, 0, SEEK_SET) < 0) {
		errno = ENODEV;
		goto close_to;
	}
	stream = fdopen(to, "r");
close_to:
	code = errno;
	if (stream == NULL)
		close(to);
	errno = code;
close_from:
	code = errno;
	close(from);
	errno = code;
	return stream;
}

/* "ip_vs_conn" of "/proc/net/ip_vs_conn"; NULL for any other path. */
static const char *file_name(const char *path)
{
	static const char folder[] = "/proc/net/";
	const char *name = path + strlen(folder);

	if (strncmp(path, folder, strlen(folder)) != 0)
		return NULL;
	return strcmp(name, "ip_vs") == 0 || strcmp(name, "ip_vs_conn") == 0 ||
			       strcmp(name, "ip_vs_stats") == 0
		       ? name
		       : NULL;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	const char *name = file_name(path);

	next_need();
	return name ? file_open(name) : next.fopen(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	const char *name = file_name(path);

	next_need();
	return name ? file_open(name) : next.fopen64(path, mode);
}
