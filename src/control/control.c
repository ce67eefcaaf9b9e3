/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/control.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "control/announce.h"
#include "control/apply.h"
#include "control/bfd_gate.h"
#include "control/check.h"
#include "control/checker.h"
#include "control/claim.h"
#include "control/degraded.h"
#include "control/edit.h"
#include "control/follow.h"
#include "control/health.h"
#include "control/instance.h"
#include "control/ipvs_door.h"
#include "control/ipvs_keeper.h"
#include "control/ipvs_settings.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/network.h"
#include "control/node.h"
#include "control/persist.h"
#include "control/publish.h"
#include "control/rates.h"
#include "control/remains.h"
#include "control/rest.h"
#include "control/restore.h"
#include "control/sets_journal.h"
#include "control/sets_load.h"
#include "control/syn_flood.h"
#include "control/server_drain.h"
#include "control/top.h"
#include "control/zero.h"
#include "net/iface.h"
#include "net/kernel.h"
#include "path/workers.h"
#include "session/cookie.h"

/*
 * Starting and stopping the control thread, and its housekeeping.
 *
 * Only kernel_tick() needs a timer that runs all the time; links and servers are looked at in some
 * of its ticks, so that an idle weir wakes twenty times a second and not forty.
 */
enum { TICK = 50, TICKS_LINKS = 2, TICKS_REAP = 20 };

static struct {
	const struct config *config;
	int signals;
	struct loop_timer tick;
	struct loop_timer linger; // runs between the withdrawal of VIPs and the stop
	unsigned int ticks;
} control = {.signals = -1};

/* Housekeeping */

static void control_tick(void *arg)
{
	loop_timer_set(&control.tick, TICK);
	control.ticks++;
	kernel_tick();
	follow_addresses();
	workers_learn();
	if (control.ticks % TICKS_LINKS == 0) {
		port_poll_links();
		iface_update_carrier(); // of VLANs, too, which follow the interface beneath
	}
	if (control.ticks % TICKS_LINKS == 0)
		network_tick();
	if (control.ticks % TICKS_LINKS == 0)
		marks_follow();
	if (control.ticks % TICKS_LINKS == 0)
		workers_tick();
	if (control.ticks % TICKS_LINKS == 0)
		syn_flood_tick();
	if (control.ticks % TICKS_REAP == 0) {
		remains_reap();
		health_tick();
		cookie_tick(loop_now() / 1000);
		check_sweep();
		checker_tick();
		degraded_tick();
		node_tick();
		server_drain_tick();
		vpc_tick();
	}
	bfd_tick();
	bfd_gate_tick();
	announce_tick();
}

static void control_kernel(void *arg)
{
	kernel_read();
	follow_addresses();
}

/* Signals */

/* Read the start file again and make the running state be like it. */
static void control_reload(void)
{
	struct config *wanted = malloc(sizeof(*wanted));
	struct apply_result result;
	struct error error;
	int status;

	if (wanted == NULL)
		return;
	status = config_load(control.config->path, wanted, &error);
	if (status == 0) {
		status = apply_config(wanted, false, "SIGHUP", &result, &error);
		if (status == 0) {
			persist_set_digest(wanted->digest);
			apply_result_free(&result);
		}
		config_free(wanted);
	}
	if (status < 0)
		config_log_error(control.config->path, &error);
	free(wanted);
}

static void control_quit(void *arg)
{
	loop_quit();
}

/*
 * Stop: first no new traffic is wanted any more. Routers hear of it and turn away, and until they
 * have done so weir goes on as ever. Who says it twice does not want to wait.
 */
static void control_end(const char *signal)
{
	unsigned int linger;

	if (control.linger.running) {
		log_notice("%s: stopping at once", signal);
		loop_quit();
		return;
	}
	log_notice("%s: stopping", signal);
	linger = announce_withdraw();
	control.linger = (struct loop_timer){.fire = control_quit};
	loop_timer_set(&control.linger, linger);
}

static void control_signal(void *arg)
{
	struct signalfd_siginfo info;

	while (read(control.signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			control_reload();
			continue;
		}
		control_end(strsignal((int)info.ssi_signo));
	}
}

static int signals_open(struct error *error)
{
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	// Threads that exist already keep theirs; main blocks these before it starts any.
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	control.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (control.signals < 0)
		return error_set(error, -errno, "", "signalfd: %s", strerror(errno));
	status = loop_watch(control.signals, control_signal, NULL);
	if (status < 0) {
		close(control.signals);
		control.signals = -1;
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	}
	return 0;
}

static void signals_close(void)
{
	loop_unwatch(control.signals);
	close(control.signals);
	control.signals = -1;
}

/* Start, run, stop */

static int loop_open(struct error *error)
{
	int status = loop_start();

	if (status < 0)
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	return 0;
}

static int kernel_open(struct error *error)
{
	int status = loop_watch(kernel_fd(), control_kernel, NULL);

	if (status < 0)
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	control.tick = (struct loop_timer){.fire = control_tick};
	loop_timer_set(&control.tick, TICK);
	return 0;
}

static void kernel_close(void)
{
	loop_timer_cancel(&control.tick);
	loop_unwatch(kernel_fd());
}

static void model_close(void)
{
	rates_stop();
	top_stop();
	zero_stop();
	ipvs_settings_stop();
	ipvs_keeper_stop();
	remains_stop();
	publish_stop();
	health_stop();
	check_stop();
	claim_stop();
	model_stop();
}

int control_start(const struct config *config, struct error *error)
{
	int status;

	control.config = config;
	status = instance_lock(config, error);
	if (status == 0)
		status = loop_open(error);
	if (status < 0)
		return status;
	model_start();
	status = signals_open(error);
	if (status < 0)
		goto close_model;
	status = kernel_open(error);
	if (status < 0)
		goto close_signals;
	status = apply_start(config, error);
	if (status < 0)
		goto close_kernel;
	status = network_start(config->state_dir, error);
	if (status < 0)
		goto stop_apply;
	status = vpc_start(&config->vpc, config->state_dir, error);
	if (status < 0)
		goto stop_network;
	status = bfd_start(&config->bfd, config->state_dir, error);
	if (status < 0)
		goto stop_vpc;
	status = restore_model(config, error);
	if (status < 0)
		goto stop_traffic;
	status = traffic_start(&config->traffic, config->state_dir, error); // names sets
	if (status < 0)
		goto stop_traffic;
	status = persist_start(config->state_dir, config->digest, error);
	if (status < 0)
		goto stop_traffic;
	status = announce_start(&apply_running()->announce, error);
	if (status < 0)
		goto stop_persist;
	node_start(config);
	status = rest_start(config, error);
	if (status < 0)
		goto stop_announce;
	status = ipvs_door_start(config, error);
	if (status < 0)
		goto stop_rest;
	log_notice("%u services with %u real servers; control socket %s", model_service_count(),
		   model_server_count(), config->socket);
	return 0;

stop_rest:
	rest_stop();
stop_announce:
	announce_stop();
	node_stop();
stop_persist:
	persist_stop();
stop_traffic:
	sets_journal_stop();
	traffic_control_stop();
	bfd_stop();
stop_vpc:
	vpc_stop();
stop_network:
	network_stop();
stop_apply:
	apply_stop();
close_kernel:
	kernel_close();
close_signals:
	signals_close();
close_model:
	model_close();
	loop_stop();
	return status;
}

int control_run(void)
{
	return loop_run();
}

void control_stop(void)
{
	ipvs_door_stop();
	rest_stop();
	persist_stop();
	sets_load_stop();
	sets_journal_stop();
	traffic_control_stop();
	bfd_stop();
	vpc_stop();
	network_stop();
	loop_timer_cancel(&control.linger);
	announce_stop();
	node_stop();
	bfd_gate_stop();
	degraded_stop();
	apply_stop();
	kernel_close();
	signals_close();
	model_close();
	loop_stop();
}
