/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "face.h"
#include "findings.h"
#include "match_words.h"
#include "run_options.h"
#include "run_tunnels.h"
#include "supervise.h"
#include "translate.h"

/*
 * weir-run runs a program of the distribution that drives IPVS, with the library preloaded that
 * leads its netlink messages to weir.
 *
 * keepalived gets more: its file is translated (translate.c), weir's part of it is PUT, and
 * keepalived is run with the translation, which stands beside weir's socket. weir-run stays as its
 * parent and takes its place for whoever sends signals: the pid file that keepalived was told is
 * weir-run's, and on SIGHUP the file is translated again before keepalived hears of it. When that
 * fails keepalived is not told, so that it goes on with what it has.
 */
enum { TUNNEL_TRIES = 30 };

struct keepalived {
	const struct run_options *options;
	struct keepalived_options own;
	char *stock;	// the translation
	char *fresh;	// the next one, until weir has taken the settings
	char *pid_file; // of keepalived itself
	char *drain_file;
	char *lock_file;
	json_t *locals;	    // as weir lists them; NULL: it does not answer
	char *tunnels_file; // see run_tunnels.h
	bool offline;	    // do without weir when it does not answer
};

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *text_of(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	return text;
}

static void environment_set(const struct run_options *options)
{
	const char *before = getenv("LD_PRELOAD");

	if (before && *before) {
		char *both = text_of("%s:%s", before, options->library);
		setenv("LD_PRELOAD", both, 1);
		free(both);
	} else {
		setenv("LD_PRELOAD", options->library, 1);
	}
	setenv("WEIR_IPVS_SOCKET", options->ipvs_socket, 1);
}

/*
 * The program of the distribution: weir's own folder of faces may stand first in PATH, and a face
 * needs no library. NULL when there is none.
 */
static char *program_find(const char *name)
{
	const char *path = getenv("PATH");
	char *search, *place = NULL, *saved, *folder;

	if (strchr(name, '/'))
		return access(name, X_OK) ? NULL : text_of("%s", name);
	search = text_of("/usr/sbin:/sbin:%s", path ? path : "/usr/bin:/bin");
	for (folder = strtok_r(search, ":", &saved); folder && !place;
	     folder = strtok_r(NULL, ":", &saved)) {
		place = text_of("%s/%s", folder, name);
		if (access(place, X_OK)) {
			free(place);
			place = NULL;
		}
	}
	free(search);
	return place;
}

static bool weir_listens(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	bool listens = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return listens;
}

/* Beside the socket, named after the instance, which the socket need not be. */
static void drain_file_learn(struct keepalived *k, struct client *client)
{
	const char *slash = strrchr(k->options->socket, '/'), *instance;
	json_t *status;

	if (client_get(client, "/v1/status", &status) != EXIT_OK)
		return;
	instance = json_string_value(json_object_get(status, "instance"));
	if (instance && slash) {
		free(k->drain_file);
		k->drain_file = text_of("%.*s/%s.drain", (int)(slash - k->options->socket),
					k->options->socket, instance);
	}
	json_decref(status);
}

static void locals_learn(struct keepalived *k, struct client *client)
{
	json_decref(k->locals);
	if (client_get(client, "/v1/local_addresses", &k->locals) != EXIT_OK)
		k->locals = NULL;
}

/* The names of weir's interfaces, and of theirs in Linux. */
static enum exit_code interfaces_get(struct client *client, json_t *taps)
{
	static const struct {
		const char *path, *list;
	} lists[] = {{"/v1/ports", "ports"}, {"/v1/vlans", "vlans"}, {"/v1/tunnels", "tunnels"}};
	enum exit_code code = EXIT_OK;

	for (unsigned int at = 0; at < 3 && code == EXIT_OK; at++) {
		json_t *answer = NULL, *entry;
		size_t i;

		code = client_get(client, lists[at].path, &answer);
		json_array_foreach (json_object_get(answer, lists[at].list), i, entry)
			json_object_set(taps, json_string_value(json_object_get(entry, "name")),
					json_object_get(entry, "tap"));
		json_decref(answer);
	}
	return code;
}

/* Those names; NULL: weir does not answer. */
static json_t *taps_get(struct keepalived *k)
{
	struct client *client = client_open(k->options->socket);
	unsigned int tries = k->offline ? 0 : 10 * k->options->wait;
	json_t *taps = json_object();
	enum exit_code code = EXIT_UNREACHABLE;

	while (!weir_listens(k->options->socket) && tries-- > 0)
		usleep(100000);
	if (!k->offline || weir_listens(k->options->socket))
		code = interfaces_get(client, taps);
	if (code == EXIT_OK) {
		drain_file_learn(k, client);
		locals_learn(k, client);
	} else {
		json_decref(taps);
		taps = NULL;
	}
	client_close(client);
	return taps;
}

/*
 * Read and translate the file; `*settings` is what weir gets. NULL when it cannot be, after saying
 * why on standard error.
 */
static struct blocks *file_translate(const struct keepalived *k, const json_t *taps,
				     json_t **settings)
{
	struct translate_options options = {.taps = taps,
					    .pool = json_object_get(k->locals, "local_addresses"),
					    .drain_file = k->drain_file};
	struct findings findings = {0};
	char error[BLOCKS_ERROR];
	struct blocks *blocks = blocks_read(k->own.file, BLOCKS_KEEPALIVED, error);

	*settings = NULL;
	if (!blocks) {
		fprintf(stderr, "%s: %s\n", face_name, error);
		return NULL;
	}
	*settings = translate(blocks, &options, &findings);
	unsigned int errors = findings.errors;
	findings_print(&findings, face_name, stderr);
	if (!errors)
		return blocks;
	fprintf(stderr, "%s: %s is not used: %u error%s\n", face_name, k->own.file, errors,
		errors == 1 ? "" : "s");
	json_decref(*settings);
	*settings = NULL;
	blocks_free(blocks);
	return NULL;
}

/* keepalived reads passwords out of it, so it is root's alone. */
static int stock_write(const char *path, struct blocks *blocks)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out) {
		fprintf(stderr, "%s: cannot write %s: %m\n", face_name, path);
		if (fd >= 0)
			close(fd);
		return 1;
	}
	block_print(blocks_root(blocks), out);
	if (!fflush(out) && !ferror(out) && !fclose(out))
		return 0;
	fprintf(stderr, "%s: cannot write %s: %m\n", face_name, path);
	return 1;
}

/*
 * The settings take the place of those that weir has. They may name new tunnels, and those that are
 * there may name old ones.
 */
static enum exit_code settings_put(const struct keepalived *k, json_t *settings)
{
	struct client *client = client_open(k->options->socket);
	json_t *before = run_tunnels_load(k->tunnels_file);
	json_t *tunnels = json_incref(json_object_get(settings, "tunnels"));
	enum exit_code code = run_tunnels_make(client, before, tunnels);

	json_object_del(settings, "tunnels");
	if (code == EXIT_OK)
		code = client_request(client, "PUT", "/v1/ipvs", settings, NULL);
	if (code == EXIT_OK) {
		run_tunnels_remove(client, before, tunnels, TUNNEL_TRIES, tunnels);
		run_tunnels_save(k->tunnels_file, tunnels);
	} else {
		run_tunnels_remove(client, tunnels, before, 0, NULL);
		run_tunnels_make(client, tunnels, before);
	}
	json_decref(before);
	json_decref(tunnels);
	client_close(client);
	return code;
}

/*
 * The services by match and the tunnels go with keepalived, which takes its own away when it ends. The
 * settings stay: they do nothing without services.
 */
static void own_leave(const struct keepalived *k)
{
	struct client *client = client_open(k->options->socket);
	json_t *settings = NULL, *left = json_array(), *entry;
	json_t *tunnels = run_tunnels_load(k->tunnels_file), *stay = json_array();
	size_t i;

	if (weir_listens(k->options->socket) &&
	    client_get(client, "/v1/ipvs", &settings) == EXIT_OK) {
		json_array_foreach (json_object_get(settings, "services"), i, entry)
			if (!match_of_service(entry))
				json_array_append(left, entry);
		if (json_array_size(left) <
		    json_array_size(json_object_get(settings, "services"))) {
			json_object_set(settings, "services", left);
			client_request(client, "PUT", "/v1/ipvs", settings, NULL);
		}
	}
	if (weir_listens(k->options->socket)) {
		run_tunnels_remove(client, tunnels, NULL, TUNNEL_TRIES, stay);
		run_tunnels_save(k->tunnels_file, stay);
	}
	json_decref(tunnels);
	json_decref(stay);
	json_decref(settings);
	json_decref(left);
	client_close(client);
}

/* Everything that has to be in place before keepalived reads its file. */
static int keepalived_prepare(void *arg)
{
	struct keepalived *k = arg;
	json_t *taps = taps_get(k), *settings = NULL;
	struct blocks *blocks;
	int code = EXIT_REFUSED;

	if (!taps && !k->offline)
		return EXIT_UNREACHABLE;
	blocks = file_translate(k, taps, &settings);
	if (blocks && !stock_write(k->fresh, blocks)) {
		code = k->offline ? EXIT_OK : settings_put(k, settings);
		if (code != EXIT_OK || rename(k->fresh, k->stock) < 0)
			unlink(k->fresh);
	}
	json_decref(taps);
	json_decref(settings);
	blocks_free(blocks);
	return code;
}

static void settings_print(const json_t *settings)
{
	const json_t *tunnel;
	json_t *own = json_copy((json_t *)settings);
	size_t i;

	putchar('\n');
	json_array_foreach (json_object_get(settings, "tunnels"), i, tunnel) {
		printf("# For weir, a tunnel:\n# ");
		json_dumpf(tunnel, stdout, JSON_COMPACT);
		putchar('\n');
	}
	json_object_del(own, "tunnels");
	printf("# For weir, PUT /v1/ipvs:\n# ");
	json_dumpf(own, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(own);
}

/* --check and --print */
static int keepalived_report(struct keepalived *k)
{
	json_t *taps, *settings;
	struct blocks *blocks;

	k->offline = true;
	taps = taps_get(k);
	blocks = file_translate(k, taps, &settings);
	if (blocks && k->options->print) {
		block_print(blocks_root(blocks), stdout);
		settings_print(settings);
	} else if (blocks) {
		printf("%s: keepalived and weir can use it\n", k->own.file);
	}
	json_decref(taps);
	json_decref(settings);
	blocks_free(blocks);
	return blocks ? EXIT_OK : EXIT_REFUSED;
}

/* keepalived's command line with our file; what stands last counts. */
static char **keepalived_words(struct keepalived *k, char *program)
{
	char **words = k->options->program;
	unsigned int count = 0, at;

	while (words[count])
		count++;
	char **all = calloc(count + 6, sizeof(char *));
	if (!all)
		abort();
	all[0] = program;
	for (at = 1; at < count; at++)
		all[at] = words[at];
	all[at++] = "-f";
	all[at++] = k->stock;
	if (k->own.test)
		return all;
	all[at++] = "-p";
	all[at++] = k->pid_file;
	if (!k->own.stay)
		all[at++] = "-n";
	return all;
}

static void keepalived_paths(struct keepalived *k)
{
	char *stem = text_of("%s", k->options->socket);
	size_t length = strlen(stem);

	if (length > 5 && !strcmp(stem + length - 5, ".sock"))
		stem[length - 5] = 0;
	k->stock = text_of("%s.keepalived%s.conf", stem, k->own.test ? ".test" : "");
	k->fresh = text_of("%s.new", k->stock);
	k->pid_file = text_of("%s.keepalived.pid", stem);
	k->tunnels_file = text_of("%s.keepalived.tunnels", stem);
	k->drain_file = text_of("%s.drain", stem);
	k->lock_file = text_of("%s.keepalived.lock", stem);
	free(stem);
}

/*
 * One keepalived for one weir: two of them would replace each other's settings, and each would
 * sweep away what the other has put there. The lock ends with the last process that has it.
 */
static bool instance_lock(const struct keepalived *k)
{
	int fd = open(k->lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		fprintf(stderr, "%s: cannot write %s: %m\n", face_name, k->lock_file);
		return false;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return true; // held open until we end
	fprintf(stderr, "%s: a keepalived drives the weir at %s already (%s is locked)\n",
		face_name, k->options->socket, k->lock_file);
	close(fd);
	return false;
}

static int keepalived_run(struct keepalived *k, char *program)
{
	char **words = keepalived_words(k, program);
	struct supervise daemon = {
		.words = words,
		.pid_file = k->own.pid_file,
		.background = !k->own.stay,
		.prepare = keepalived_prepare,
		.arg = k,
	};
	int code;

	k->offline = k->own.test;
	code = k->own.test || instance_lock(k) ? keepalived_prepare(k) : EXIT_REFUSED;
	if (code == EXIT_OK && k->own.test) {
		execv(program, words);
		fprintf(stderr, "%s: cannot run %s: %m\n", face_name, program);
		code = 127;
	} else if (code == EXIT_OK) {
		code = supervise(&daemon);
		own_leave(k);
	}
	free(words);
	return code;
}

static int program_run(const struct run_options *options)
{
	char *program = program_find(options->program[0]), *name;
	struct keepalived k = {.options = options};
	bool report = options->check || options->print;
	int code;

	name = text_of("%s", options->program[0]);
	bool is_keepalived = !strcmp(basename(name), "keepalived");
	free(name);
	if (report && !is_keepalived) {
		fprintf(stderr, "%s: --check and --print are for keepalived\n", face_name);
		free(program);
		return EXIT_USAGE;
	}
	if (!program && !report) {
		fprintf(stderr, "%s: there is no program %s\n", face_name, options->program[0]);
		return 127;
	}
	if (!report && access(options->library, R_OK)) {
		fprintf(stderr, "%s: cannot read %s: %m\n", face_name, options->library);
		free(program);
		return EXIT_USAGE;
	}
	environment_set(options);
	if (is_keepalived)
		keepalived_options_read(&k.own, options->program);
	if (!is_keepalived || (k.own.info && !report)) {
		execv(program, options->program);
		fprintf(stderr, "%s: cannot run %s: %m\n", face_name, program);
		return 127;
	}
	keepalived_paths(&k);
	code = report ? keepalived_report(&k) : keepalived_run(&k, program);
	free(k.stock);
	free(k.fresh);
	free(k.pid_file);
	free(k.drain_file);
	free(k.lock_file);
	json_decref(k.locals);
	free(k.tunnels_file);
	free(program);
	return code;
}

int weir_run_main(int argc, char **argv)
{
	struct run_options options;
	int code = run_options_parse(&options, argc, argv);

	if (options.help)
		run_options_help();
	else if (!code)
		code = program_run(&options);
	run_options_free(&options);
	return code;
}
