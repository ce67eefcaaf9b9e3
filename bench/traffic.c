/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What traffic control costs each packet of a port that has it, where no rate is reached: policing
 * on the way in, shaping on the way out, each with a class that is chosen by 5-tuple. In turns in
 * one process (turns.h). Number: established sessions.
 */
#include "path/traffic.h"

#include "turns.h"

#include <string.h>

#include "io/rcu.h"

enum { FIRST_PORT = 2000, CLASS = 1 << 16, BURST = 16 << 20 };

#define RATE 400000000000ull // bit/s

static struct traffic_spec police_spec, shape_spec;

static struct traffic_spec spec_of(uint32_t root, bool ingress, const char *match)
{
	struct traffic_spec spec = {
		.egress = !ingress, .ingress = ingress, .queue_count = 2, .classifier_count = 1};
	struct error error;

	spec.queues[0] = (struct traffic_queue_spec){
		.handle = root, .kind = TRAFFIC_TBF, .rate = RATE, .burst = BURST, .limit = BURST};
	spec.queues[1] = spec.queues[0];
	spec.queues[1].handle = CLASS;
	spec.queues[1].parent = root;
	spec.classifiers[0] = (struct traffic_classifier_spec){
		.queue = root, .target = CLASS, .packets = TRAFFIC_IPV4};
	assert_int_equal(match_parse(match, &spec.classifiers[0].match, &error), 0);
	return spec;
}

/* Tokens come with the first run. */
static void port_use(unsigned int port, const struct traffic_spec *spec)
{
	assert_int_equal(traffic_set(port, spec), 0);
	rcu_poll();
	lab.tsc += LAB_HZ;
	if (lab.w->traffic)
		traffic_run(lab.w, lab.tsc);
}

static void police_begin(struct play *play)
{
	port_use(CLIENTS - 1, &police_spec);
}

static void police_end(struct play *play)
{
	port_use(CLIENTS - 1, NULL);
}

static void shape_begin(struct play *play)
{
	port_use(SERVERS - 1, &shape_spec);
}

static void shape_end(struct play *play)
{
	port_use(SERVERS - 1, NULL);
	shape_forget(SERVERS - 1);
}

static void traffic_prepare(void)
{
	unsigned int sessions = turns_argument(0);
	struct play *plain = play_new("plain", "in", sessions);
	struct play *policed = play_new("policed", "in", sessions);
	struct play *shaped = play_new("shaped", "in", sessions);

	lab_resize(1, 2 * sessions, 100, 0);
	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < sessions; i++) {
		struct packet p = {.from = CLIENT,
				   .from_port = (uint16_t)(FIRST_PORT + i),
				   .to = VIP ":80",
				   .tcp = SYN};

		lab_put(&p);
		run();
		put(.from = SERVER ":80", .to = LOCAL, .to_port = turns_local_port(false),
		    .tcp = SYN | ACK);
		run();
		p.tcp = ACK;
		lab_put(&p);
		run();
		lab_forget();
		play_keep(plain, i, &p);
		play_keep(policed, i, &p);
		play_keep(shaped, i, &p);
	}
	police_spec = spec_of(TRAFFIC_INGRESS, true,
			      "tcp,from=10.1.0.0-10.1.255.255,to=" VIP ":80");
	shape_spec = spec_of(TRAFFIC_ROOT, false, "tcp,to=" SERVER ":80");
	policed->before = police_begin;
	policed->after = police_end;
	shaped->before = shape_begin;
	shaped->after = shape_end;
}

int main(int argc, char **argv)
{
	return turns_main(argc, argv, " SESSIONS", 1, traffic_prepare);
}
