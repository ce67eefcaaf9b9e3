/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "face.h"

/*
 * The client program. People who come from other load balancers bring the names and the grammar of
 * their tools; each of these is a face of this one binary, installed as a symlink in a directory
 * of weir's own so that it stands beside the tool of the distribution and not in its way.
 */
static const struct face faces[] = {
	{"weirctl", weirctl_main}, // also for any name that is not here
	{"ipvsadm", ipvsadm_main},
	{"dpip", dpip_main},
	{"weir-run", weir_run_main},
};

const char *face_name;

static const struct face *face_find(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (unsigned int i = 0; i < sizeof(faces) / sizeof(*faces); i++)
		if (!strcmp(faces[i].name, name))
			return &faces[i];
	return &faces[0];
}

int main(int argc, char **argv)
{
	const struct face *face = face_find(argc > 0 ? argv[0] : "");

	face_name = face->name;
	int code = face->main(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: %m\n", face_name);
		return EXIT_USAGE;
	}
	return code;
}
