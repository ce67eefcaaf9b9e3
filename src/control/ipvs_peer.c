/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/loop.h"

/*
 * A run of a program is named by the boot, the pid and the time at which the process began, so that
 * a pid that is used again, or a saved name of before the last boot, is never taken for it.
 */

enum { REMEMBERED = 1000 }; // milliseconds

static struct {
	struct ipvs_peer peer;
	uint64_t asked; // when, by loop_now()
} last;

/* The beginning of a small file, as text. False: there is none. */
static bool file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	close(fd);
	if (got < 0)
		return false;
	text[got] = '\0';
	return true;
}

static bool process_read(pid_t pid, const char *name, char *text, size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file_read(path, text, size);
}

/* When the process began, in clock ticks since boot. False: there is no such process any more. */
static bool process_start(pid_t pid, unsigned long long *start)
{
	char text[512];
	const char *at;

	if (!process_read(pid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')'); // the name before it may hold anything
	if (at == NULL || at[1] == '\0')
		return false;
	at += 2; // the third field; the start is the twenty-second
	if (*at == 'Z' || *at == 'X')
		return false; // dead, and not yet buried
	for (unsigned int field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (at == NULL)
			return false;
		at++;
	}
	return sscanf(at, "%llu", start) == 1;
}

static void run_name(pid_t pid, char run[static IPVS_RUN_TEXT])
{
	char boot[40];
	unsigned long long start;

	run[0] = '\0';
	if (!process_start(pid, &start) ||
	    !file_read("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)))
		return;
	boot[strcspn(boot, "\n")] = '\0';
	snprintf(run, IPVS_RUN_TEXT, "%.36s %d %llu", boot, pid, start);
}

bool ipvs_run_is_alive(const char *run)
{
	char now[IPVS_RUN_TEXT];
	pid_t pid;

	if (sscanf(run, "%*s %d", &pid) != 1)
		return false;
	run_name(pid, now);
	return strcmp(run, now) == 0;
}

/*
 * ipvsadm makes a connection for each of its messages. What was found out about a process that is no
 * keepalived holds for a moment; no keepalived begins as another program of the same process.
 */
static bool peer_is_remembered(const struct ucred *credentials)
{
	return last.peer.pid > 0 && last.peer.pid == credentials->pid &&
	       last.peer.uid == credentials->uid && !last.peer.keepalived &&
	       loop_now() - last.asked < REMEMBERED;
}

void ipvs_peer_identify(int fd, struct ipvs_peer *peer)
{
	struct ucred credentials = {.pid = 0, .uid = (uid_t)-1};
	socklen_t length = sizeof(credentials);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
	if (peer_is_remembered(&credentials)) {
		*peer = last.peer;
		return;
	}
	memset(peer, 0, sizeof(*peer));
	peer->pid = credentials.pid;
	peer->uid = credentials.uid;
	if (peer->pid <= 0 || !process_read(peer->pid, "comm", peer->name, sizeof(peer->name)))
		strcpy(peer->name, "?");
	peer->name[strcspn(peer->name, "\n")] = '\0';
	// With `process_names` it calls its parts keepalived_ipv and so on.
	peer->keepalived = strncmp(peer->name, "keepalived", strlen("keepalived")) == 0;
	if (peer->keepalived)
		run_name(peer->pid, peer->run);
	if (peer->run[0] == '\0')
		peer->keepalived = false; // gone before it could be asked
	snprintf(peer->text, sizeof(peer->text), "IPVS, %s, uid %u, pid %d", peer->name, peer->uid,
		 peer->pid);
	last.peer = *peer;
	last.asked = loop_now();
}

bool ipvs_peer_has_argument(const struct ipvs_peer *peer, const char *word)
{
	char path[32], text[4096];
	size_t size, length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", peer->pid);
	fd = peer->pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	length = (size_t)read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length >= sizeof(text))
		return false; // it could not be read
	text[length] = '\0';
	for (size_t at = 0; at < length; at += size + 1) {
		size = strlen(text + at);
		if (strcmp(text + at, word) == 0)
			return true;
	}
	return false;
}
