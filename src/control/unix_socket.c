/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

enum { BACKLOG = 128 };

/* Is somebody listening on this path? */
static bool socket_is_live(const struct sockaddr_un *address, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool live;

	if (fd < 0)
		return false;
	// A full backlog (EAGAIN) is a sign of life too.
	live = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno == EAGAIN;
	close(fd);
	return live;
}

/* Make the folder that the socket stands in, when it is not there. */
static void socket_make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *end;

	snprintf(folder, sizeof(folder), "%s", path);
	end = strrchr(folder, '/');
	if (end == NULL || end == folder)
		return;
	*end = '\0';
	mkdir(folder, 0755); // when this fails, bind() says why
}

static void socket_permit(const char *path)
{
	const struct group *group = getgrnam("weir");

	if (group != NULL && chown(path, 0, group->gr_gid) < 0)
		log_warning("%s could not be given to the group weir: %s", path, strerror(errno));
}

int unix_socket_open(const char *path, int type, const char *field, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, status;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, -ENAMETOOLONG, field, "is longer than %zu characters",
				 sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	if (socket_is_live(&address, type))
		return error_set(error, -EADDRINUSE, field,
				 "%s is served by another process: is this instance running "
				 "already?",
				 path);
	socket_make_folder(path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(error, -errno, field, "%s: %s", path, strerror(errno));
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(error, -errno, field, "%s", strerror(errno));
	mask = umask(0117); // 0660
	status = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (status < 0 || listen(fd, BACKLOG) < 0) {
		status = error_set(error, -errno, field, "%s: %s", path, strerror(errno));
		close(fd);
		return status;
	}
	socket_permit(path);
	return fd;
}
