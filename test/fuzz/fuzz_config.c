/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The file: YAML to JSON to the model. What is accepted is told again as JSON, which is read as the
 * same.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/config.h"
#include "control/yaml.h"
#include "fuzz.h"

static struct config running;

/* A file in memory with this content, for config_load(). */
static int load(const void *bytes, size_t size, struct config *config, struct error *error)
{
	static int fd = -1;
	static char path[32];

	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_assert(fd >= 0 && ftruncate(fd, 0) == 0);
	fuzz_assert(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	return config_load(path, config, error);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char file[] =
		"ports: [{name: dpdk0, device: veth1}, {name: dpdk1, device: v}]\n";
	struct error error;

	log_set_level(LOG_ERROR);
	fuzz_assert(load(file, sizeof(file) - 1, &running, &error) == 0);
	return 0;
}

static bool any_interface(const char *name, const void *arg)
{
	return true;
}

/* Services as the model has them, told as JSON and read again: the same. */
static void check_services(const struct config *config)
{
	const struct document_source source = {.origin = ORIGIN_FILE,
					       .has_interface = any_interface};
	json_t *list = json_array(), *json = json_pack("{s:o}", "services", list);
	const struct document *before = &config->document;
	struct document again;
	struct error error;

	for (unsigned int i = 0; i < before->service_count; i++)
		json_array_append_new(list, document_service_json(before->services[i], false));
	if (document_decode(json, &source, &again, &error) < 0) {
		fprintf(stderr, "%s: %s\n", error.field, error.text);
		abort();
	}
	fuzz_assert(again.service_count == before->service_count);
	for (unsigned int i = 0; i < again.service_count; i++)
		fuzz_assert(model_service_equal(before->services[i], again.services[i]));
	document_free(&again);
	json_decref(json);
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if (*text & 0x80)
			return false;
	return true;
}

enum { YAML_KEY = 1024 }; // bytes of a key that YAML can tell from a value

/*
 * JSON is YAML, so its text is read back as the same value. Not so beyond ASCII, where YAML takes
 * some of what stands in a JSON string for line breaks and refuses some as control characters, nor
 * with keys that are longer than YAML looks for their colon.
 */
static void check_text(json_t *json)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY);
	struct error error = {.text = ""};
	json_t *again;

	fuzz_assert(text != NULL);
	if (is_ascii(text) && strlen(text) < YAML_KEY) {
		again = yaml_parse(text, strlen(text), &error);
		if (!again || !json_equal(json, again)) {
			fprintf(stderr, "%s\n%s\n", text, error.text);
			abort();
		}
		json_decref(again);
	}
	free(text);
}

static void check_json(json_t *json)
{
	struct error error = {.text = ""};
	struct config config;

	check_text(json);
	if (config_decode(json, &running, &config, &error) == 0) {
		check_services(&config);
		config_free(&config);
	} else {
		fuzz_assert(error.code < 0 && error.text[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {.text = ""};
	struct config config;
	json_t *json = yaml_parse((const char *)data, size, &error);

	if (json) {
		check_json(json);
		json_decref(json);
	} else {
		fuzz_assert(error.code < 0 && error.text[0] != '\0');
	}
	if (load(data, size, &config, &error) == 0)
		config_free(&config);
	else
		fuzz_assert(error.code < 0 && error.text[0] != '\0');
	return 0;
}
