/* SPDX-License-Identifier: BSD-3-Clause */
/* 10,000 services with 40,000 servers: no step may be quadratic. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/claim.h"
#include "control/describe.h"
#include "control/loop.h"
#include "control/publish.h"
#include "control/remains.h"
#include "control/text.h"
#include "control/yaml.h"
#include "fakes.h"
#include "session/timeout.h"

enum { SERVICES = 10000, SERVERS = 4 };

static char *many(unsigned int services, unsigned int weight, size_t *size)
{
	struct text text = {0};

	text_add(&text, "local_addresses: [{address: 10.2.0.1, interface: dpdk0}]\nservices:\n");
	for (unsigned int i = 0; i < services; i++) {
		text_add(&text, "  - vip: 10.%u.%u.1\n    port: 80\n    servers:\n", 10 + i / 200,
			 i % 200);
		for (unsigned int k = 0; k < SERVERS; k++)
			text_add(&text, "      - {address: 10.%u.%u.%u, port: 8080, weight: %u}\n",
				 80 + k, i / 200, i % 200, weight);
	}
	*size = text.size;
	return text.bytes;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* From the text to the last publish; CPU seconds. */
static double apply(const char *yaml, size_t size)
{
	const struct document_source source = {.origin = ORIGIN_FILE};
	struct describe d = {.texts = json_array(), .limit = UINT32_MAX};
	struct document document;
	struct error error = {0};
	struct edit edit = {0};
	double begin = seconds();
	json_t *json = yaml_parse(yaml, size, &error);

	assert_non_null(json);
	assert_int_equal(document_decode(json, &source, &document, &error), 0);
	json_decref(json);
	assert_int_equal(edit_apply(&edit, &document, &error), 0);
	describe_edit(&edit, &d);
	if (publish_edit(&edit, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	edit_free(&edit);
	document_free(&document);
	json_decref(d.texts);
	return seconds() - begin;
}

static void test_ten_thousand_services(void **state)
{
	size_t size, changed_size;
	char *yaml = many(SERVICES, 1, &size), *changed = many(SERVICES, 2, &changed_size);
	double took[4];

	fake_reset();
	timeout_start();
	assert_int_equal(loop_start(), 0);
	model_start();
	took[0] = apply(yaml, size);
	assert_int_equal(fake.publishes, SERVICES);
	assert_int_equal(fake.servers_made, SERVICES * SERVERS);
	assert_int_equal(model_server_count(), SERVICES * SERVERS);
	took[1] = apply(yaml, size);
	assert_int_equal(fake.publishes, SERVICES);
	took[2] = apply(changed, changed_size);
	assert_int_equal(fake.publishes, 2 * SERVICES);
	assert_int_equal(fake.servers_made, SERVICES * SERVERS);
	took[3] = apply("{}", 2);
	assert_int_equal(fake.withdraws, SERVICES);
	settle();
	remains_reap();
	assert_int_equal(fake.servers_removed, SERVICES * SERVERS);
	assert_int_equal(fake.numbers_free, SERVICES);
	print_message("CPU seconds: add %.2f, the same %.2f, change %.2f, remove %.2f\n", took[0],
		      took[1], took[2], took[3]);
	for (unsigned int i = 0; i < 4; i++)
		assert_true(took[i] < 10); // sanitizers are slow; the aim is 2 with the data plane
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
	free(yaml);
	free(changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_thousand_services)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
