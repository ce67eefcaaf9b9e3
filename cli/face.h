/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/*
 * One program with several faces: the name by which it was called (without its directory) chooses
 * the command line that it understands. A face has one main function here, one entry in the table
 * of main.c and one symlink in meson.build.
 */
struct face {
	const char *name;
	/* What main() gets, and the exit code. Standard output is flushed and checked by main(). */
	int (*main)(int argc, char **argv);
};

int weirctl_main(int argc, char **argv);
int ipvsadm_main(int argc, char **argv);
int dpip_main(int argc, char **argv);
int weir_run_main(int argc, char **argv);

/* The name of the face that runs, which is what messages on standard error begin with. */
extern const char *face_name;
