/* SPDX-License-Identifier: BSD-3-Clause */
/* What lasts over a restart. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/claim.h"
#include "control/instance.h"
#include "control/loop.h"
#include "control/persist.h"
#include "control/publish.h"
#include "control/remains.h"
#include "control/restore.h"
#include "fakes.h"
#include "session/timeout.h"

static struct error error;
static char folder[64], path[128];

static int open_model(void)
{
	fake_reset();
	timeout_start();
	assert_int_equal(loop_start(), 0);
	model_start();
	return 0;
}

static void close_model(void)
{
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
}

static int start(void **state)
{
	char made[] = "/tmp/weir-persist-XXXXXX";

	assert_non_null(mkdtemp(made));
	strcpy(folder, made);
	snprintf(path, sizeof(path), "%s/model.json", folder);
	return open_model();
}

static int stop(void **state)
{
	char command[PATH_MAX + 16];

	close_model();
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* A start with this text as the file. */
static int restart(const char *text, uint64_t digest)
{
	static struct config config;
	int status;

	close_model();
	open_model();
	memset(&config, 0, sizeof(config));
	strcpy(config.state_dir, folder);
	config.digest = digest;
	config.document = document_of(text);
	status = restore_model(&config, &error);
	document_free(&config.document);
	if (status == 0) {
		assert_int_equal(persist_start(folder, digest, &error), 0);
		persist_stop();
	}
	return status;
}

static void put(const char *vip, const char *body)
{
	struct service_key key = key_of("tcp", vip, 80);
	struct model_service *before = model_find(&key), *after;
	struct edit edit = {0};
	json_t *json = json_of(body);

	assert_int_equal(document_decode_service(json, &key, ORIGIN_REST, &after, &error), 0);
	json_decref(json);
	if (before)
		model_service_mark(before, after);
	assert_int_equal(edit_service(&edit, before, after), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
}

static void save(uint64_t digest)
{
	assert_int_equal(persist_start(folder, digest, &error), 0);
	persist_changed();
	persist_stop();
	assert_int_equal(access(path, R_OK), 0);
}

static struct model_service *service_at(const char *vip)
{
	struct service_key key = key_of("tcp", vip, 80);

	return model_find(&key);
}

#define FILE_ONE                                                                          \
	"{'services':[{'vip':'10.0.0.1','port':80,'servers':["                            \
	"{'address':'10.1.0.1','port':80,'weight':1},{'address':'10.1.0.2','port':80}]}," \
	"{'vip':'10.0.0.2','port':80}]}"

static void test_same_file_restores_everything(void **state)
{
	assert_int_equal(restart(FILE_ONE, 1), 0);
	put("10.0.0.1", "{'servers':[{'address':'10.1.0.1','port':80,'weight':0},"
			"{'address':'10.1.0.2','port':80}]}");
	put("10.0.0.7", "{'scheduler':'rr'}");
	save(1);
	assert_int_equal(restart(FILE_ONE, 1), 0);
	assert_int_equal(model_service_count(), 3);
	assert_int_equal(service_at("10.0.0.1")->servers[0].weight, 0);
	assert_true(service_at("10.0.0.1")->servers[0].overridden);
	assert_int_equal(service_at("10.0.0.7")->origin, ORIGIN_REST);
	assert_non_null(fake_service("tcp", "10.0.0.7", 80));
}

/* A service of the file that was deleted by hand stays away until the file changes. */
static void test_deletion_lasts(void **state)
{
	struct edit edit = {0};

	assert_int_equal(restart(FILE_ONE, 1), 0);
	assert_int_equal(edit_service(&edit, service_at("10.0.0.2"), NULL), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
	save(1);
	assert_int_equal(restart(FILE_ONE, 1), 0);
	assert_null(service_at("10.0.0.2"));
	assert_int_equal(restart(FILE_ONE, 2), 0);
	assert_non_null(service_at("10.0.0.2"));
}

static void test_another_file_is_applied(void **state)
{
	assert_int_equal(restart(FILE_ONE, 1), 0);
	put("10.0.0.1", "{'mss':1000,'servers':[{'address':'10.1.0.9','port':80}]}");
	put("10.0.0.7", "{'scheduler':'rr'}");
	put("10.0.0.8", "{'scheduler':'rr'}");
	save(1);
	assert_int_equal(restart("{'services':[{'vip':'10.0.0.1','port':80,'servers':[{'address':"
				 "'10.1.0.1','port':80,'weight':5}]},{'vip':'10.0.0.8','port':80,"
				 "'scheduler':'wrr'}]}",
				 2),
			 0);
	assert_int_equal(model_service_count(), 3);
	assert_null(service_at("10.0.0.2"));
	assert_int_equal(service_at("10.0.0.1")->mss, 0);
	assert_int_equal(service_at("10.0.0.1")->server_count, 2); // the file's, and that of REST
	assert_int_equal(service_at("10.0.0.1")->servers[0].weight, 5);
	assert_int_equal(service_at("10.0.0.7")->origin, ORIGIN_REST);
	assert_int_equal(service_at("10.0.0.8")->origin, ORIGIN_FILE);
	assert_string_equal(service_at("10.0.0.8")->scheduler, "wrr");
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void test_damage_is_set_aside(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"null",
		"[]",
		"{\"version\":1}",
		"{\"version\":2,\"file_digest\":\"1\",\"model\":{}}",
		"{\"version\":1,\"file_digest\":\"1\",\"model\":{\"services\":[{}]}}",
		"{\"version\":1,\"file_digest\":\"1\",\"model\":{\"services\":[{\"vip\":\"10.0.0."
		"1\","
		"\"port\":80,\"origin\":\"nowhere\"}]}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char bad[PATH_MAX + 32];

		write_file(texts[i]);
		assert_int_equal(restart(FILE_ONE, 1), 0);
		assert_int_equal(model_service_count(), 2);
		snprintf(bad, sizeof(bad), "%s.bad", path);
		assert_int_equal(unlink(bad), 0);
	}
}

/* An interface that is gone takes its objects with it, but not the start. */
static void test_lost_interface(void **state)
{
	write_file(
		"{\"version\":1,\"file_digest\":\"1\",\"model\":{\"local_addresses\":[{\"address\":"
		"\"10.2.0.1\",\"interface\":\"dpdk7\",\"origin\":\"rest\"},{\"address\":\"10.2.0."
		"2\","
		"\"interface\":\"dpdk0\",\"origin\":\"file\"}],\"services\":[{\"vip\":\"10.0.0.1\","
		"\"port\":80,\"origin\":\"rest\",\"local_addresses\":[{\"address\":\"10.2.0.3\","
		"\"interface\":\"dpdk7\",\"origin\":\"rest\"}]},{\"vip\":\"10.0.0.2\",\"port\":80,"
		"\"origin\":\"rest\"}]}}");
	assert_int_equal(restart("{}", 1), 0);
	assert_int_equal(model_service_count(), 1);
	assert_non_null(service_at("10.0.0.2"));
	assert_true(fake_has_address("10.2.0.2"));
	assert_int_equal(fake_service("tcp", "10.0.0.2", 80)->local_count, 1);
}

/* What the file itself says must be possible. */
static void test_file_must_be_possible(void **state)
{
	struct config *config = calloc(1, sizeof(*config));

	fake_add_address("dpdk1", "10.2.0.1/32");
	strcpy(config->state_dir, folder);
	config->document =
		document_of("{'local_addresses':[{'address':'10.2.0.1','interface':'dpdk0'}]}");
	assert_int_equal(restore_model(config, &error), -EEXIST);
	document_free(&config->document);
	free(config);
}

static void rounds_until_written(void)
{
	uint64_t end = loop_clock() + 5000;

	while (access(path, R_OK) < 0 && loop_clock() < end)
		loop_round(10);
	assert_int_equal(access(path, R_OK), 0);
}

/* Written soon after a change without anybody waiting for it, by rename. */
static void test_written_in_the_background(void **state)
{
	struct document saved;
	struct stat status;
	struct persist_settings settings = {0};
	uint64_t digest;
	char beside[PATH_MAX + 32];

	assert_int_equal(persist_start(folder, 0xabcdef0123456789, &error), 0);
	rounds_until_written();
	unlink(path);
	put("10.0.0.7", "{'scheduler':'rr'}");
	for (int i = 0; i < 50; i++)
		persist_changed();
	rounds_until_written();
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	snprintf(beside, sizeof(beside), "%s.new", path);
	assert_int_equal(access(beside, F_OK), -1);
	persist_stop();
	assert_int_equal(persist_load(folder, &saved, &digest, &settings, &error), 0);
	assert_true(settings.has_nat_log && settings.nat_log_rate == 0);
	assert_true(digest == 0xabcdef0123456789);
	assert_int_equal(saved.service_count, 1);
	document_free(&saved);
}

static void test_folder_that_cannot_be_written(void **state)
{
	assert_int_equal(persist_start("/proc/nonexistent", 1, &error), 0);
	persist_changed();
	for (int i = 0; i < 30; i++)
		loop_round(10);
	persist_stop(); // says so in the log, and that is all
}

static void test_one_process_of_an_instance(void **state)
{
	static struct config config;
	char text[32], lock[PATH_MAX + 64];
	int fd;

	snprintf(config.state_dir, sizeof(config.state_dir), "%s/deep/er", folder);
	strcpy(config.instance, "unit");
	assert_int_equal(instance_lock(&config, &error), 0);
	assert_int_equal(instance_lock(&config, &error), 0);
	instance_unlock();
	// A lock belongs to an open file, so another descriptor stands for another process.
	snprintf(lock, sizeof(lock), "%s/lock", config.state_dir);
	fd = open(lock, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(instance_lock(&config, &error), -EBUSY);
	snprintf(text, sizeof(text), "pid %d", getpid());
	assert_non_null(strstr(error.text, text));
	close(fd);
	assert_int_equal(instance_lock(&config, &error), 0);
	instance_unlock();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_file_restores_everything, start, stop),
		cmocka_unit_test_setup_teardown(test_deletion_lasts, start, stop),
		cmocka_unit_test_setup_teardown(test_another_file_is_applied, start, stop),
		cmocka_unit_test_setup_teardown(test_damage_is_set_aside, start, stop),
		cmocka_unit_test_setup_teardown(test_lost_interface, start, stop),
		cmocka_unit_test_setup_teardown(test_file_must_be_possible, start, stop),
		cmocka_unit_test_setup_teardown(test_written_in_the_background, start, stop),
		cmocka_unit_test_setup_teardown(test_folder_that_cannot_be_written, start, stop),
		cmocka_unit_test_setup_teardown(test_one_process_of_an_instance, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
