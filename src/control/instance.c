/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int lock_file = -1;

/* Make a folder and those above it. */
static int folder_make(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(part, 0755);
		*slash = '/';
	}
	return mkdir(part, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

/* Whoever holds the lock has written its pid into the file. */
static int locked_by_other(int fd, const struct config *config, struct error *error)
{
	char pid[16] = "?";
	ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);

	if (size > 0)
		pid[size] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return error_set(error, -EBUSY, "instance", "\"%s\" is running already, pid %s",
			 config->instance, pid);
}

int instance_lock(const struct config *config, struct error *error)
{
	char path[PATH_MAX + 8];
	int fd, status;

	if (lock_file >= 0)
		return 0;
	status = folder_make(config->state_dir);
	if (status < 0)
		return error_set(error, status, "state_dir", "%s cannot be made: %s",
				 config->state_dir, strerror(-status));
	snprintf(path, sizeof(path), "%s/lock", config->state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return error_set(error, -errno, "state_dir", "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		status = errno == EWOULDBLOCK ? locked_by_other(fd, config, error)
					      : error_set(error, -errno, "state_dir", "%s: %s",
							  path, strerror(errno));
		close(fd);
		return status;
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", getpid()) < 0) {
		status = error_set(error, -errno, "state_dir", "%s: %s", path, strerror(errno));
		close(fd);
		return status;
	}
	lock_file = fd;
	return 0;
}

void instance_unlock(void)
{
	if (lock_file >= 0)
		close(lock_file);
	lock_file = -1;
}
