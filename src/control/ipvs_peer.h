/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Who speaks at the IPVS door, as the kernel says (SO_PEERCRED) and /proc tells. */
enum { IPVS_RUN_TEXT = 72 };

struct ipvs_peer {
	pid_t pid; // 0: of another pid namespace
	uid_t uid;
	char name[16]; // of the program, "?" when it is not known
	bool keepalived;
	char run[IPVS_RUN_TEXT]; // of a keepalived: names this run of it, and no other ever
	char text[80];		 // "IPVS, ipvsadm, uid 0, pid 1234", for the log
};

void ipvs_peer_identify(int fd, struct ipvs_peer *peer);
/* Is this a word of the command line that the program was started with? */
bool ipvs_peer_has_argument(const struct ipvs_peer *peer, const char *word);
/* Does this run of a program (peer.run) still go on? */
bool ipvs_run_is_alive(const char *run);
