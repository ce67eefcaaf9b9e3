/* SPDX-License-Identifier: BSD-3-Clause */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "face.h"

/*
 * One loop takes signals one after the other, so nothing happens in a signal handler. Preparing a
 * reload talks to another daemon and may take long; it is done by a child, so that SIGTERM reaches
 * the supervised daemon meanwhile, and so that nothing that goes wrong there ends this process.
 *
 * The supervised daemon is asked to end when this process dies, however it dies: two of them would
 * fight over the same addresses.
 */
struct state {
	const struct supervise *supervise;
	sigset_t before, taken;
	pid_t daemon, preparing;
	int log;    // what the preparing child says, when nobody sees our standard error
	bool again; // SIGHUP came while preparing
};

static void say(const struct state *state, const char *text)
{
	if (state->supervise->background)
		syslog(LOG_ERR, "%s", text);
	else
		fprintf(stderr, "%s: %s\n", face_name, text);
}

static void signals_choose(sigset_t *set)
{
	static const int numbers[] = {SIGHUP,  SIGINT,	SIGQUIT, SIGTERM,
				      SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};

	sigemptyset(set);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(set, numbers[i]);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		sigaddset(set, number); // keepalived is asked for its tables with these
}

static pid_t daemon_start(const struct state *state)
{
	pid_t parent = getpid(), child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, &state->before, NULL);
	execvp(state->supervise->words[0], state->supervise->words);
	fprintf(stderr, "%s: cannot run %s: %m\n", face_name, state->supervise->words[0]);
	_exit(127);
}

static void prepare_start(struct state *state)
{
	if (state->preparing) {
		state->again = true;
		return;
	}
	fflush(NULL);
	if (state->supervise->background)
		state->log = memfd_create("log", MFD_CLOEXEC);
	pid_t child = fork();
	if (child < 0) {
		say(state, "cannot prepare a reload: out of processes");
		return;
	}
	state->preparing = child;
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &state->before, NULL);
	if (state->log >= 0)
		dup2(state->log, STDERR_FILENO);
	int code = state->supervise->prepare(state->supervise->arg);
	fflush(NULL);
	_exit(code);
}

/* Hand what the child has said to the system's log, line by line. */
static void prepare_log(struct state *state)
{
	char line[1024];

	if (state->log < 0)
		return;
	lseek(state->log, 0, SEEK_SET);
	FILE *in = fdopen(state->log, "r");
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		syslog(LOG_ERR, "%s", line);
	}
	if (in)
		fclose(in);
	state->log = -1;
}

static void prepare_end(struct state *state, int status)
{
	state->preparing = 0;
	prepare_log(state);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		kill(state->daemon, SIGHUP);
	else
		say(state, "the configuration is not reloaded: what runs goes on as it was");
	if (state->again) {
		state->again = false;
		prepare_start(state);
	}
}

/* Take in children that have ended; true when the daemon is among them. */
static bool children_take(struct state *state, int *code)
{
	pid_t child;
	int status;
	bool ended = false;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		if (child == state->preparing && !ended)
			prepare_end(state, status);
		if (child != state->daemon)
			continue;
		*code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		ended = true;
	}
	return ended;
}

static int loop(struct state *state)
{
	int code = 1;

	for (;;) {
		int number = sigwaitinfo(&state->taken, NULL);

		if (number == SIGCHLD) {
			if (children_take(state, &code))
				break;
		} else if (number == SIGHUP) {
			prepare_start(state);
		} else if (number > 0) {
			kill(state->daemon, number);
		}
	}
	if (state->preparing)
		kill(state->preparing, SIGTERM);
	return code;
}

/* The pid file */

static bool process_has_name(pid_t pid, const char *name)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *in = fopen(path, "re");
	if (!in)
		return false;
	if (!fgets(text, sizeof(text), in))
		text[0] = 0;
	fclose(in);
	text[strcspn(text, "\n")] = 0;
	return !strcmp(text, name);
}

/* The process that holds the pid file, 0: nobody. */
static pid_t pid_holder(const char *path)
{
	FILE *in = fopen(path, "re");
	int pid = 0;

	if (!in)
		return 0;
	if (fscanf(in, "%d", &pid) != 1)
		pid = 0;
	fclose(in);
	bool lives = pid > 0 &&
		     (process_has_name(pid, "keepalived") || process_has_name(pid, "weir-run"));
	return lives ? pid : 0;
}

static int pid_write(const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out)
		return -errno;
	fprintf(out, "%d\n", (int)getpid());
	return fclose(out) ? -errno : 0;
}

/* In the background, tell the process that waits in the foreground that the daemon is started. */
static int background_begin(void)
{
	int ends[2];
	char byte;

	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();
	if (child < 0)
		return -1;
	if (child) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close(ends[0]);
	setsid();
	return ends[1];
}

static void background_ready(int end)
{
	if (write(end, "", 1) != 1)
		syslog(LOG_NOTICE, "nobody waits for the start any more");
	close(end);
}

int supervise(const struct supervise *supervise)
{
	struct state state = {.supervise = supervise, .log = -1};
	pid_t holder = supervise->pid_file ? pid_holder(supervise->pid_file) : 0;
	int end = -1, code;

	if (holder) {
		fprintf(stderr, "%s: %s is running already, pid %d (%s)\n", face_name,
			supervise->words[0], (int)holder, supervise->pid_file);
		return 1;
	}
	openlog(face_name, LOG_PID, LOG_DAEMON);
	if (supervise->background && (end = background_begin()) < 0) {
		fprintf(stderr, "%s: cannot go into the background: %m\n", face_name);
		return 1;
	}
	signals_choose(&state.taken);
	sigprocmask(SIG_BLOCK, &state.taken, &state.before);
	if (supervise->pid_file && pid_write(supervise->pid_file) < 0)
		fprintf(stderr, "%s: cannot write %s: %m\n", face_name, supervise->pid_file);
	state.daemon = daemon_start(&state);
	if (state.daemon < 0) {
		fprintf(stderr, "%s: cannot run %s: %m\n", face_name, supervise->words[0]);
		return 1;
	}
	if (end >= 0)
		background_ready(end);
	code = loop(&state);
	if (supervise->pid_file)
		unlink(supervise->pid_file);
	return code;
}
