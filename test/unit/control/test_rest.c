/* SPDX-License-Identifier: BSD-3-Clause */
/* The REST door over its real socket, and the OpenAPI file against the table of routes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/apply.h"
#include "control/claim.h"
#include "control/loop.h"
#include "control/publish.h"
#include "control/rates.h"
#include "control/remains.h"
#include "control/rest.h"
#include "control/text.h"
#include "control/yaml.h"
#include "fakes.h"
#include "session/timeout.h"

static struct error error;
static struct config config;

static int start(void **state)
{
	char path[64];
	FILE *file;

	fake_reset();
	timeout_start();
	snprintf(path, sizeof(path), "/tmp/weir-rest-%d.yaml", getpid());
	file = fopen(path, "w");
	fprintf(file, "socket: /tmp/weir-rest-%d.sock\nports: [{name: dpdk0, device: veth1}]\n",
		getpid());
	fclose(file);
	if (config_load(path, &config, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	unlink(path);
	config.log_level = LOG_ERROR;
	assert_int_equal(loop_start(), 0);
	model_start();
	assert_int_equal(apply_start(&config, &error), 0);
	if (rest_start(&config, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	return 0;
}

static int stop(void **state)
{
	rest_stop();
	assert_int_equal(access(config.socket, F_OK), -1);
	apply_stop();
	rates_stop();
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
	config_free(&config);
	return 0;
}

/* A client, in a thread so that the loop can run beside it */

struct client {
	pthread_t thread;
	int fd;
	struct text request, answer;
	bool done; // atomic
	unsigned int status;
	const char *body;
};

static int connected(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, config.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void *client_run(void *arg)
{
	struct client *c = arg;
	size_t sent = 0;
	ssize_t size;
	char bytes[4096];

	while (sent < c->request.size && (size = send(c->fd, c->request.bytes + sent,
						      c->request.size - sent, MSG_NOSIGNAL)) > 0)
		sent += (size_t)size;
	while ((size = read(c->fd, bytes, sizeof(bytes))) > 0)
		text_add_bytes(&c->answer, bytes, (size_t)size);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void client_begin(struct client *c, const char *method, const char *path, const char *type,
			 const char *body)
{
	memset(c, 0, sizeof(*c));
	c->fd = connected();
	text_add(&c->request, "%s %s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n", method,
		 path);
	if (body != NULL)
		text_add(&c->request, "Content-Type: %s\r\nContent-Length: %zu\r\n", type,
			 strlen(body));
	text_add(&c->request, "\r\n%s", body ? body : "");
	assert_int_equal(pthread_create(&c->thread, NULL, client_run, c), 0);
}

static bool client_done(struct client *c)
{
	return __atomic_load_n(&c->done, __ATOMIC_ACQUIRE);
}

/* Take the chunks of a chunked body apart, in place. */
static void unchunk(char *body)
{
	char *from = body, *to = body;
	size_t size;

	while ((size = strtoul(from, &from, 16)) > 0) {
		from += 2;
		memmove(to, from, size);
		to += size;
		from += size + 2;
	}
	*to = '\0';
}

static void client_end(struct client *c)
{
	uint64_t end = loop_clock() + 10000;
	char *body;

	while (!client_done(c) && loop_clock() < end)
		loop_round(5);
	assert_true(client_done(c));
	pthread_join(c->thread, NULL);
	close(c->fd);
	text_free(&c->request);
	assert_non_null(c->answer.bytes);
	assert_int_equal(sscanf(c->answer.bytes, "HTTP/1.1 %u", &c->status), 1);
	body = strstr(c->answer.bytes, "\r\n\r\n");
	assert_non_null(body);
	c->body = body + 4;
	if (strstr(c->answer.bytes, "Transfer-Encoding: chunked"))
		unchunk(body + 4);
}

static void client_free(struct client *c)
{
	text_free(&c->answer);
}

/* One request from beginning to end. */
static struct client ask(const char *method, const char *path, const char *body)
{
	struct client c;
	char *quoted = body ? strdup(body) : NULL;

	for (char *character = quoted; character && *character; character++)
		if (*character == '\'')
			*character = '"';
	client_begin(&c, method, path, "application/json", quoted);
	client_end(&c);
	free(quoted);
	return c;
}

static void expect(const char *method, const char *path, const char *body, unsigned int status,
		   const char *part)
{
	struct client c = ask(method, path, body);

	if (c.status != status || strstr(c.body, part) == NULL)
		fail_msg("%s %s: %u %s", method, path, c.status, c.body);
	client_free(&c);
}

#define ONE "/v1/services/tcp/10.0.0.1/80"

static void test_services(void **state)
{
	expect("GET", "/v1/services", NULL, 200, "{\"services\":[]}");
	expect("PUT", ONE, "{'scheduler':'rr','servers':[{'address':'10.1.0.1','port':80}]}", 201,
	       "\"origin\":\"rest\"");
	expect("PUT", ONE, "{'scheduler':'rr','servers':[{'address':'10.1.0.1','port':80}]}", 200,
	       "\"weight\":1");
	assert_int_equal(fake.publishes, 1);
	expect("PATCH", ONE, "{'timeouts':{'close':9}}", 200, "\"close\":9");
	expect("GET", ONE, NULL, 200, "\"scheduler\":\"rr\"");
	expect("GET", ONE "?fresh=1", NULL, 200, "\"packets_in\":100,");
	expect("GET", "/v1/services", NULL, 200, "10.0.0.1");
	expect("PUT", ONE "/servers/10.1.0.2/81", "{'weight':4}", 201, "\"weight\":4");
	expect("PUT", ONE "/servers/10.1.0.2/81", "", 200, "\"weight\":1");
	expect("PATCH", ONE "/servers/10.1.0.2/81", "{'weight':0}", 200, "\"weight\":0");
	expect("GET", ONE "/servers/10.1.0.2/81?fresh", NULL, 200, "\"address\":\"10.1.0.2\"");
	expect("DELETE", ONE "/servers/10.1.0.2/81", NULL, 204, "");
	expect("GET", ONE "/servers/10.1.0.2/81", NULL, 404, "has no real server 10.1.0.2:81");
	expect("PUT", ONE "/local_addresses/10.2.0.1", "{'interface':'dpdk1'}", 201, "dpdk1");
	expect("GET", ONE "/local_addresses/10.2.0.1", NULL, 200, "dpdk1");
	expect("DELETE", ONE "/local_addresses/10.2.0.1", NULL, 204, "");
	expect("DELETE", ONE, NULL, 204, "");
	expect("GET", ONE, NULL, 404, "there is no service tcp 10.0.0.1:80");
	expect("PUT", "/v1/services/udp/%5Bfd00%3A%3A1%5D/53", "{}", 201, "\"vip\":\"fd00::1\"");
	expect("GET", "/v1/services/udp/fd00::1/53", NULL, 200, "\"protocol\":\"udp\"");
}

static void test_local_addresses(void **state)
{
	expect("PUT", "/v1/local_addresses/10.2.0.1", "{'interface':'dpdk0'}", 201, "rest");
	expect("PUT", "/v1/local_addresses/10.2.0.1", "{}", 200, "dpdk0");
	expect("PUT", "/v1/local_addresses/10.2.0.1", "{'interface':'dpdk1'}", 409, "EEXIST");
	expect("PUT", "/v1/local_addresses/10.2.0.2", "{}", 400, "\"field\":\"interface\"");
	expect("PUT", "/v1/local_addresses/10.2.0.2", "{'interface':'eth9'}", 400, "eth9");
	expect("GET", "/v1/local_addresses", NULL, 200, "\"service\":\"(pool)\"");
	expect("GET", "/v1/local_addresses/10.2.0.1", NULL, 200, "dpdk0");
	assert_true(fake_has_address("10.2.0.1"));
	expect("DELETE", "/v1/local_addresses/10.2.0.1", NULL, 204, "");
	assert_false(fake_has_address("10.2.0.1"));
	expect("DELETE", "/v1/local_addresses/10.2.0.1", NULL, 404, "10.2.0.1");
}

static void test_refusals(void **state)
{
	expect("GET", "/v1/nonsense", NULL, 404, "ENOENT");
	expect("GET", "/", NULL, 404, "ENOENT");
	expect("GET",
	       "/v1/services/tcp/10.0.0.1/80/servers/1.2.3.4/5/6/7/8/9/10/11/12/13/14/15/16/"
	       "17/18/19/20/21/22/23/24/25/26",
	       NULL, 404, "ENOENT");
	expect("POST", "/v1/services", "{}", 405, "POST");
	expect("GET", "/v1/services?fersh=1", NULL, 400, "unknown parameter");
	expect("GET", "/v1/sessions?limit=x", NULL, 400, "\"field\":\"limit\"");
	expect("GET", "/v1/sessions?state=odd", NULL, 400, "\"field\":\"state\"");
	expect("GET", "/v1/sessions?client=odd", NULL, 400, "\"field\":\"client\"");
	expect("GET", "/v1/sessions?limit", NULL, 400, "\"field\":\"limit\"");
	expect("GET", "/v1/trace?interface=eth9", NULL, 400, "\"field\":\"interface\"");
	expect("GET", "/v1/trace?drop=odd", NULL, 400, "\"field\":\"drop\"");
	expect("GET", "/v1/trace?port=70000", NULL, 400, "\"field\":\"port\"");
	expect("GET", "/v1/capture?snap=5", NULL, 409, "EBUSY");
	expect("PUT", "/v1/services/tcp/nonsense/80", "{}", 400, "\"field\":\"vip\"");
	expect("PUT", "/v1/services/tcp/10.0.0.1/99999", "{}", 400, "\"field\":\"port\"");
	expect("PUT", "/v1/services/tcp/224.0.0.1/80", "{}", 400, "unicast");
	expect("PUT", ONE, "{not json", 400, "line 1");
	expect("PUT", ONE, "{'mss':1,'mss':2}", 400, "duplicate");
	expect("PUT", ONE, "[]", 400, "mapping");
	expect("PUT", ONE, "{'vip':'10.0.0.9'}", 400, "differ");
	expect("PATCH", ONE, "{}", 404, "no service");
	expect("PUT", ONE "/servers/10.1.0.1/80", "{}", 404, "no service");
	expect("PUT", ONE, "{'servers':[{'address':'10.1.0.1','port':80,'weight':70000}]}", 400,
	       "{\"error\":{\"code\":\"EINVAL\",\"field\":\"servers[0].weight\",\"text\":\"70000 "
	       "is "
	       "out of range, 0 to 65535\"}}");
	expect("PUT", ONE, "{'dest_check':true}", 400, "EOPNOTSUPP");
	fake.publish_fails_in = 1;
	expect("PUT", ONE, "{}", 507, "service tcp 10.0.0.1:80: the fake has no room");
	assert_int_equal(model_service_count(), 0);
}

/* A reply is held back until the grace period is over, and those of one round share it. */
static void test_grace(void **state)
{
	struct client clients[8];

	fake.grace_held = true;
	for (unsigned int i = 0; i < 8; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/v1/services/tcp/10.0.0.%u/80", i + 1);
		client_begin(&clients[i], "PUT", path, "application/json", "{}");
	}
	for (unsigned int i = 0; i < 60; i++)
		loop_round(5);
	assert_int_equal(fake_service_count(), 8);
	for (unsigned int i = 0; i < 8; i++)
		assert_false(client_done(&clients[i]));
	assert_in_range(fake.tokens, 1, 8);
	// What changes nothing is answered at once.
	expect("PATCH", ONE, "{}", 200, "10.0.0.1");
	expect("GET", ONE, NULL, 200, "10.0.0.1");
	fake.grace_held = false;
	for (unsigned int i = 0; i < 8; i++) {
		client_end(&clients[i]);
		assert_int_equal(clients[i].status, 201);
		client_free(&clients[i]);
	}
}

static void test_stop_answers_those_who_wait(void **state)
{
	struct client waiting, fresh;

	fake.grace_held = true;
	fake.pass_held = true;
	client_begin(&waiting, "PUT", ONE, "application/json", "{}");
	client_begin(&fresh, "GET", "/v1/services?fresh=1", NULL, NULL);
	for (unsigned int i = 0; i < 40; i++)
		loop_round(5);
	rest_stop();
	client_end(&waiting);
	client_end(&fresh);
	assert_int_equal(waiting.status, 201);
	assert_int_equal(fresh.status, 503);
	client_free(&waiting);
	client_free(&fresh);
}

static void test_config(void **state)
{
	struct client c = ask("GET", "/v1/config", NULL), put;

	assert_int_equal(c.status, 200);
	// What is read can be sent back.
	client_begin(&put, "PUT", "/v1/config", "application/json", c.body);
	client_end(&put);
	if (put.status != 200 || !strstr(put.body, "\"differences\":[],\"restart\":[]"))
		fail_msg("%s", put.body);
	client_free(&put);
	client_free(&c);
	client_begin(&put, "PUT", "/v1/config?dry_run=1", "application/yaml",
		     "services:\n  - {vip: 10.0.0.1, port: 80}\nworkers: 2\n");
	client_end(&put);
	assert_non_null(
		strstr(put.body, "+ service tcp 10.0.0.1:80 (wlc, fullnat, 0 real servers)"));
	assert_non_null(strstr(put.body, "workers: needs a restart"));
	client_free(&put);
	assert_int_equal(model_service_count(), 0);
	client_begin(&put, "PUT", "/v1/config", "application/yaml",
		     "services:\n  - {vip: 10.0.0.1, port: 80}\n");
	client_end(&put);
	assert_non_null(strstr(put.body, "\"dry_run\":false,\"added\":1"));
	client_free(&put);
	assert_int_equal(model_service_count(), 1);
	client_begin(&put, "PUT", "/v1/config", "application/yaml", "services:\n  - vip: [\n");
	client_end(&put);
	assert_int_equal(put.status, 400);
	assert_non_null(strstr(put.body, "line 3"));
	client_free(&put);
	expect("PUT", "/v1/config", "{'services':[{'vip':'10.0.0.2','port':80},{'vip':'x'}]}", 400,
	       "services[1].vip");
	assert_int_equal(model_service_count(), 1);
}

static void test_sessions(void **state)
{
	static struct session_view views[3000];
	struct client c;
	unsigned int lines = 0;

	for (unsigned int i = 0; i < 3000; i++) {
		views[i] = (struct session_view){.protocol = IPPROTO_TCP,
						 .state = STATE_ESTABLISHED,
						 .client_port = i,
						 .vip_port = 80,
						 .destination_port = 8080};
		addr_parse(i % 2 ? "192.0.2.1" : "192.0.2.2", &views[i].client);
		addr_parse("10.0.0.1", &views[i].vip);
		addr_parse("10.1.0.1", &views[i].destination);
		addr_parse("10.2.0.1", &views[i].local);
	}
	fake_set_sessions(views, 3000);
	c = ask("GET", "/v1/sessions", NULL);
	for (const char *line = c.body; *line; line = strchr(line, '\n') + 1, lines++) {
		json_t *json = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);

		assert_non_null(json);
		json_decref(json);
	}
	assert_int_equal(lines, 3000);
	client_free(&c);
	expect("GET", "/v1/sessions?limit=1&client=192.0.2.1:77&state=established&protocol=tcp",
	       NULL, 200, "\"client_port\":77,");
	expect("GET", "/v1/sessions?client=192.0.2.1&vip=10.0.0.0/8&server=10.1.0.1:8080&limit=2",
	       NULL, 200, "\"client_port\":3,");
	c = ask("GET", "/v1/sessions?client=192.0.2.3", NULL);
	assert_string_equal(c.body, "");
	client_free(&c);
}

static void test_trace_ends_with_its_client(void **state)
{
	struct client c, other;

	expect("GET", "/v1/trace?packets=2", NULL, 200, "packet 2\npacket 1\n");
	// Nothing to read: it stays open, and no second one begins.
	client_begin(&c, "GET", "/v1/trace?packets=0", NULL, NULL);
	client_end(&c);
	assert_int_equal(c.status, 200);
	client_free(&c);
	other.fd = connected();
	fake.pass_held = true;
	assert_true(write(other.fd, "GET /v1/services?fresh HTTP/1.1\r\nHost: w\r\n\r\n", 45) ==
		    45);
	for (unsigned int i = 0; i < 10; i++)
		loop_round(5);
	close(other.fd); // while it is suspended
	for (unsigned int i = 0; i < 10; i++)
		loop_round(5);
	fake.pass_held = false;
	for (unsigned int i = 0; i < 10; i++)
		loop_round(5);
	expect("GET", "/v1/version", NULL, 200, "DPDK");
}

/* A PUT that shall only make what is new. */
static void expect_new(const char *path, const char *body, unsigned int status, const char *part)
{
	struct client c;

	client_begin(&c, "PUT", path, "application/json\r\nIf-None-Match: *", body);
	client_end(&c);
	if (c.status != status || strstr(c.body, part) == NULL)
		fail_msg("PUT %s: %u %s", path, c.status, c.body);
	client_free(&c);
}

static void test_only_new(void **state)
{
	expect_new(ONE, "{\"scheduler\":\"rr\"}", 201, "");
	expect_new(ONE, "{\"scheduler\":\"wrr\"}", 409, "service tcp 10.0.0.1:80 exists already");
	expect("GET", ONE, NULL, 200, "\"scheduler\":\"rr\"");
	expect_new(ONE "/servers/10.1.0.1/80", "{}", 201, "");
	expect_new(ONE "/servers/10.1.0.1/80", "{\"weight\":5}", 409,
		   "real server 10.1.0.1:80 exists already");
	expect("GET", ONE "/servers/10.1.0.1/80", NULL, 200, "\"weight\":1");
	expect_new(ONE "/local_addresses/10.2.0.1", "{\"interface\":\"dpdk1\"}", 201, "");
	expect_new(ONE "/local_addresses/10.2.0.1", "{\"interface\":\"dpdk1\"}", 409,
		   "local address 10.2.0.1 exists already");
}

static void test_one_worker(void **state)
{
	expect("PUT", ONE, "{'servers':[{'address':'10.1.0.1','port':80}]}", 201, "");
	expect("GET", ONE "?worker=1", NULL, 200, "\"connections\":1,");
	expect("GET", ONE "?worker=0&fresh=1", NULL, 200, "\"connections\":0,");
	expect("GET", "/v1/services?worker=1", NULL, 200, "\"connections\":1,");
	expect("GET", "/v1/services?worker=2", NULL, 400, "worker");
	expect("GET", ONE "?worker=x", NULL, 400, "is no number, 0 to 1");
}

static void test_listings(void **state)
{
	expect("PUT", ONE, "{'servers':[{'address':'10.1.0.1','port':80}]}", 201, "");
	expect("GET", "/v1/version", NULL, 200, "\"api\":1");
	expect("GET", "/v1/status", NULL, 200, "\"services\":1");
	expect("GET", "/v1/workers", NULL, 200, "\"worker\":1,\"loops\":0");
	expect("GET", "/v1/drops", NULL, 200, "\"packets\":10,\"workers\":[5,5]");
	expect("GET", "/v1/ports", NULL, 200, "{\"ports\":[]}");
	expect("GET", "/v1/routes", NULL, 200,
	       "{\"routes\":[{\"destination\":\"10.0.0.0/24\"},"
	       "{\"destination\":\"192.168.100.0/24\"}]}\n");
	expect("GET", "/v1/neighbours", NULL, 200, "{\"neighbours\":[]}");
	expect("GET", "/v1/addresses", NULL, 200, "{\"addresses\":[]}");
	expect("GET", "/v1/rates", NULL, 200,
	       "\"server\":\"10.1.0.1\",\"server_port\":80,"
	       "\"connections_per_second\":0,\"packets_in_per_second\":");
	expect("GET", "/metrics", NULL, 200,
	       "weir_server_weight{protocol=\"tcp\",vip=\"10.0.0.1\",port=\"80\",server=\"10.1.0."
	       "1\","
	       "server_port=\"80\"} 1\n");
	expect("GET", "/metrics", NULL, 200, "weir_drops_total{worker=\"1\",reason=\"");
}

/* A body that is too large is refused, and the door goes on. */
static void test_large_bodies(void **state)
{
	struct client c;
	char *body = malloc(1 << 20);

	memset(body, ' ', (1 << 20) - 1);
	body[0] = '{';
	body[(1 << 20) - 2] = '}';
	body[(1 << 20) - 1] = '\0';
	client_begin(&c, "PUT", ONE, "application/json", body);
	client_end(&c);
	assert_int_equal(c.status, 201);
	client_free(&c);
	memset(&c, 0, sizeof(c));
	c.fd = connected();
	text_add(&c.request,
		 "PUT %s HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: "
		 "99999999999\r\n\r\n",
		 ONE);
	assert_int_equal(pthread_create(&c.thread, NULL, client_run, &c), 0);
	client_end(&c);
	assert_int_equal(c.status, 413);
	client_free(&c);
	free(body);
	// Deep nesting is refused by depth, not by the stack.
	body = malloc(200001);
	memset(body, '[', 200000);
	body[200000] = '\0';
	client_begin(&c, "PUT", ONE, "application/json", body);
	client_end(&c);
	assert_int_equal(c.status, 400);
	client_free(&c);
	free(body);
}

static void test_socket(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct config second = config;
	struct stat status;
	int fd;

	assert_int_equal(stat(config.socket, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	// A live one is refused; one that a dead process left is replaced.
	assert_int_equal(rest_start(&second, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "running already"));
	strcpy(address.sun_path, config.socket);
	stop(NULL);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	start(NULL);
	expect("GET", "/v1/version", NULL, 200, "DPDK");
}

/* The OpenAPI file: every route, with its parameters, is in it, and nothing else. */

static char *file_text(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(1 << 20);

	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	*size = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

/* What {"$ref": "#/components/parameters/x"} stands for, or the object itself. */
static const json_t *resolved(const json_t *root, const json_t *object)
{
	const char *reference = json_string_value(json_object_get(object, "$ref"));
	char copy[128], *rest = copy, *piece;

	if (reference == NULL)
		return object;
	snprintf(copy, sizeof(copy), "%s", reference + 2);
	while ((piece = strsep(&rest, "/")) != NULL)
		root = json_object_get(root, piece);
	assert_non_null(root);
	return root;
}

static unsigned int check_query(const json_t *root, const json_t *operation,
				const struct route *route)
{
	const json_t *parameter;
	unsigned int count = 0;
	size_t i;

	json_array_foreach (json_object_get(operation, "parameters"), i, parameter) {
		const json_t *p = resolved(root, parameter);
		const char *name = json_string_value(json_object_get(p, "name"));
		char padded[64], known[160];

		if (strcmp(json_string_value(json_object_get(p, "in")), "query") != 0)
			continue;
		snprintf(padded, sizeof(padded), " %s ", name);
		snprintf(known, sizeof(known), " %s ", route->query);
		if (strstr(known, padded) == NULL)
			fail_msg("%s: the parameter %s is documented only", route->pattern, name);
		count++;
	}
	return count;
}

static void test_openapi(void **state)
{
	static const char *const methods[] = {"get", "put", "patch", "delete", "post", NULL};
	unsigned int documented = 0, routes = 0;
	size_t size;
	char *text = file_text(OPENAPI, &size);
	json_t *root = yaml_parse(text, size, &error), *path;
	const char *name;

	if (root == NULL)
		fail_msg("%s", error.text);
	free(text);
	for (const struct route *route = rest_routes; route->method; route++, routes++) {
		const json_t *paths = json_object_get(root, "paths"), *operation;
		char method[16];
		unsigned int words = route->query[0] != '\0';

		snprintf(method, sizeof(method), "%s", route->method);
		for (char *c = method; *c; c++)
			*c |= 0x20; // lower case
		operation = json_object_get(json_object_get(paths, route->pattern), method);
		if (operation == NULL)
			fail_msg("%s %s is not documented", route->method, route->pattern);
		for (const char *c = route->query; *c; c++)
			words += *c == ' ';
		assert_int_equal(check_query(root, operation, route), words);
	}
	json_object_foreach (json_object_get(root, "paths"), name, path) {
		for (unsigned int i = 0; methods[i]; i++)
			documented += json_object_get(path, methods[i]) != NULL;
	}
	assert_int_equal(documented, routes);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openapi),
		cmocka_unit_test_setup_teardown(test_services, start, stop),
		cmocka_unit_test_setup_teardown(test_only_new, start, stop),
		cmocka_unit_test_setup_teardown(test_one_worker, start, stop),
		cmocka_unit_test_setup_teardown(test_local_addresses, start, stop),
		cmocka_unit_test_setup_teardown(test_refusals, start, stop),
		cmocka_unit_test_setup_teardown(test_grace, start, stop),
		cmocka_unit_test_setup_teardown(test_stop_answers_those_who_wait, start, stop),
		cmocka_unit_test_setup_teardown(test_config, start, stop),
		cmocka_unit_test_setup_teardown(test_sessions, start, stop),
		cmocka_unit_test_setup_teardown(test_trace_ends_with_its_client, start, stop),
		cmocka_unit_test_setup_teardown(test_listings, start, stop),
		cmocka_unit_test_setup_teardown(test_large_bodies, start, stop),
		cmocka_unit_test_setup_teardown(test_socket, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
