/* SPDX-License-Identifier: BSD-3-Clause */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * All three streams are files in memory: nobody waits for anybody, however much there is to read.
 */
static int memory_open(const char *text)
{
	int fd = memfd_create("weir-vpc-steer", MFD_CLOEXEC);
	size_t length = text ? strlen(text) : 0;

	if (fd >= 0 && (write(fd, text ? text : "", length) != (ssize_t)length ||
			lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static char *memory_read(int fd)
{
	struct stat st = {0};
	char *text;
	ssize_t got;

	fstat(fd, &st);
	text = calloc(1, (size_t)st.st_size + 1);
	got = text ? pread(fd, text, st.st_size, 0) : -1;
	if (got >= 0)
		text[got] = '\0';
	return text;
}

static void child_run(char *const *words, const int streams[3])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		dup2(streams[i], i);
	execvp(words[0], words);
	_exit(errno == ENOENT ? 127 : 126);
}

static int judge(char *const *words, int status, const char *said, struct error *error)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(error, -ENOENT, "",
				 "there is no program %s: is Open vSwitch installed?", words[0]);
	if (WIFSIGNALED(status))
		return error_set(error, -EIO, "",
				 "%s was ended by signal %d: does Open vSwitch run?", words[0],
				 WTERMSIG(status));
	return error_set(error, -EIO, "", "%.*s", (int)strcspn(said, "\n"), said);
}

int command_run(char *const *words, const char *input, char **output, struct error *error)
{
	int streams[3] = {memory_open(input), memory_open(NULL), memory_open(NULL)};
	char *said = NULL;
	int status = -1;
	pid_t child = -1;

	if (streams[0] >= 0 && streams[1] >= 0 && streams[2] >= 0)
		child = fork();
	if (child == 0)
		child_run(words, streams);
	if (child < 0) {
		status = error_set(error, -errno, "", "%s cannot be started: %m", words[0]);
		goto close_streams;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	said = memory_read(streams[2]);
	status = judge(words, status, said ? said : "", error);
	if (status == 0 && output != NULL && (*output = memory_read(streams[1])) == NULL)
		status = error_set(error, -ENOMEM, "", "out of memory");
close_streams:
	for (int i = 0; i < 3; i++)
		if (streams[i] >= 0)
			close(streams[i]);
	free(said);
	return status;
}
