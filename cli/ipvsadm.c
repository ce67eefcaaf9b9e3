/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "face.h"

/* The face that speaks the grammar of DPVS' ipvsadm. */
int ipvsadm_main(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "-v") || !strcmp(argv[1], "--version"))) {
		puts("ipvsadm of weir " WEIR_VERSION);
		return EXIT_OK;
	}
	fputs("ipvsadm: this command is not available yet\n", stderr);
	return EXIT_USAGE;
}
