/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/takeover_file.h"

#include "base/log.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAKEOVER_BOOT = 37 };

static const char takeover_prefix[] = "takeover-", takeover_suffix[] = ".json";

static void takeover_path(const char *state_dir, const char *device, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s%s%s", state_dir, takeover_prefix, device, takeover_suffix);
}

static const char *takeover_boot_id(char id[TAKEOVER_BOOT])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(id, TAKEOVER_BOOT, file))
		id[0] = '\0';
	if (file)
		fclose(file);
	return id;
}

static json_t *takeover_message_json(const struct takeover_message *m)
{
	char *hex = malloc(m->size * 2 + 1), text[160];
	json_t *json;

	if (!hex)
		return NULL;
	for (uint32_t i = 0; i < m->size; i++)
		sprintf(hex + i * 2, "%02x", m->body[i]);
	json = json_pack("{s:s, s:s, s:s}", "kind", m->route ? "route" : "address", "text",
			 takeover_describe(m, text, sizeof(text)), "message", hex);
	free(hex);
	return json;
}

static json_t *takeover_record_json(const struct takeover_record *record)
{
	json_t *messages = json_array();
	char boot[TAKEOVER_BOOT];

	for (unsigned int i = 0; i < record->count; i++)
		if (json_array_append_new(messages, takeover_message_json(&record->messages[i])) <
		    0) {
			json_decref(messages);
			return NULL;
		}
	return json_pack("{s:s, s:s, s:i, s:o}", "device", record->device, "boot",
			 takeover_boot_id(boot), "ifindex", record->index, "messages", messages);
}

int takeover_file_save(const char *state_dir, const struct takeover_record *record)
{
	char path[PATH_MAX], temporary[PATH_MAX + 8];
	json_t *json = takeover_record_json(record);
	int fd, result = 0;

	if (!json)
		return -ENOMEM;
	takeover_path(state_dir, record->device, path);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		result = -errno;
		goto free_json;
	}
	if (json_dumpfd(json, fd, JSON_INDENT(1)) < 0)
		result = -EIO;
	if (fsync(fd) < 0 && result == 0)
		result = -errno;
	close(fd);
	if (result == 0 && rename(temporary, path) < 0)
		result = -errno;
	if (result < 0)
		unlink(temporary);

free_json:
	json_decref(json);
	return result;
}

static int takeover_message_decode(struct takeover_record *record, const json_t *json)
{
	const char *kind = json_string_value(json_object_get(json, "kind"));
	const char *hex = json_string_value(json_object_get(json, "message"));
	uint8_t body[TAKEOVER_REQUEST];
	size_t size;

	if (!kind || !hex || strlen(hex) / 2 > sizeof(body))
		return -EINVAL;
	size = strlen(hex) / 2;
	for (size_t i = 0; i < size; i++)
		if (sscanf(hex + i * 2, "%2hhx", &body[i]) != 1)
			return -EINVAL;
	return takeover_record_add(record, strcmp(kind, "route") == 0, body, size);
}

int takeover_file_load(const char *state_dir, struct takeover_record *record)
{
	char path[PATH_MAX], boot[TAKEOVER_BOOT];
	const char *of_boot;
	json_error_t wrong;
	json_t *json, *message;
	int result = 0;
	size_t i;

	takeover_path(state_dir, record->device, path);
	if (access(path, F_OK) < 0)
		return -errno;
	json = json_load_file(path, 0, &wrong);
	if (!json) {
		log_warning("%s: line %d: %s", path, wrong.line, wrong.text);
		return -EINVAL;
	}
	of_boot = json_string_value(json_object_get(json, "boot"));
	if (!of_boot || strcmp(of_boot, takeover_boot_id(boot)) != 0 ||
	    json_integer_value(json_object_get(json, "ifindex")) != record->index)
		result = -ESTALE;
	json_array_foreach (json_object_get(json, "messages"), i, message) {
		if (result == 0)
			result = takeover_message_decode(record, message);
	}
	json_decref(json);
	return result;
}

void takeover_file_remove(const char *state_dir, const char *device)
{
	char path[PATH_MAX];

	takeover_path(state_dir, device, path);
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("cannot remove %s: %s", path, strerror(errno));
}

const char *takeover_file_device(const char *file_name, char device[16])
{
	size_t prefix = strlen(takeover_prefix), suffix = strlen(takeover_suffix);
	size_t length = strlen(file_name);

	if (length <= prefix + suffix || length - prefix - suffix >= 16 ||
	    strncmp(file_name, takeover_prefix, prefix) != 0 ||
	    strcmp(file_name + length - suffix, takeover_suffix) != 0)
		return NULL;
	memcpy(device, file_name + prefix, length - prefix - suffix);
	device[length - prefix - suffix] = '\0';
	return device;
}
