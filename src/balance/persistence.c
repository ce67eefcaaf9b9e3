/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Persistence: all connections of a client, or of all clients of a network, go to one real server.
 * The first one is scheduled, and a template remembers where it went until the service's time has
 * passed without another new connection.
 *
 * The connections of one network come to any worker, and workers write nothing that others read.
 * So each network has a home, a worker that follows from the network and the service by a hash, and
 * its template stands there alone. A worker that owns the first packet of a connection and is not
 * home hands it to the home, which chooses and hands it back with the number of the server (see
 * path/balance.c). All connections of a client agree therefore, also those that begin in the same
 * microsecond on different workers; it costs two hand-overs for the first packet, and nothing for
 * the others.
 *
 * A template is as good as its server: one that was removed or is down is replaced at the next
 * connection, and so is one that is overloaded (balance/overload.h); one of weight 0 goes on for
 * the clients that it has (as with LVS), unless the service says expire_quiescent. Control writes
 * that down in the server (server.sticky). Server numbers are used again; a generation tells the old
 * from the new.
 *
 * When there is no room for another template the server follows from the network's hash alone,
 * which all connections agree about as long as the servers stay. So it does for a flow that begins
 * with a fragment at a worker that is not home: fragments are not handed over twice.
 */
#include "balance/persistence.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balance/balancer.h"
#include "balance/overload.h"
#include "balance/server.h"
#include "balance/service_data.h"
#include "base/hash.h"

enum { PERSISTENCE_HEADS = PERSISTENCE_MAX };

int persistence_create(struct persistence *p, unsigned int worker, struct server_count *counts)
{
	char name[32];
	int result;

	memset(p, 0, sizeof(*p));
	snprintf(name, sizeof(name), "templates-%u", worker);
	result = memory_map(&p->template_memory, name,
			    (PERSISTENCE_MAX + 1) * sizeof(struct persistence_template),
			    MEMORY_SMALL);
	if (result < 0)
		return result;
	snprintf(name, sizeof(name), "template-heads-%u", worker);
	result = memory_map(&p->head_memory, name, PERSISTENCE_HEADS * sizeof(uint32_t),
			    MEMORY_SMALL);
	if (result < 0) {
		memory_unmap(&p->template_memory);
		return result;
	}
	p->templates = p->template_memory.base;
	p->heads = p->head_memory.base;
	p->server_counts = counts;
	p->sweep = 1;
	return 0;
}

void persistence_destroy(struct persistence *p)
{
	memory_unmap(&p->head_memory);
	memory_unmap(&p->template_memory);
}

/* Keep the first `bits` bits. */
static void network_mask(uint8_t *address, unsigned int size, unsigned int bits)
{
	for (unsigned int i = 0; i < size; i++) {
		unsigned int kept = RTE_MIN(bits, 8u);

		address[i] &= 0xff << (8 - kept);
		bits -= kept;
	}
}

struct persistence_key persistence_key(const struct service *service, const struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;
	struct persistence_key key = {.service = service->number, .ipv6 = ipv6};

	if (ipv6)
		memcpy(key.client, p->key6.source, 16);
	else
		memcpy(key.client, &p->key4.source, 4);
	network_mask(key.client, ipv6 ? 16 : 4, service->persistent_bits);
	return key;
}

static uint32_t key_hash(const struct persistence_key *key)
{
	uint64_t words[5] = {0};

	memcpy(words, key, sizeof(*key));
	return hash_five(words);
}

/* The upper bits of the hash choose the chain: take others. */
unsigned int persistence_home(const struct service *service, const struct pkt *p,
			      unsigned int workers)
{
	struct persistence_key key;

	if (workers == 1)
		return 0;
	key = persistence_key(service, p);
	return ((uint64_t)(key_hash(&key) * 0x9e3779b1u) * workers) >> 32;
}

static uint32_t *head_of(struct persistence *p, const struct persistence_key *key)
{
	return &p->heads[key_hash(key) % PERSISTENCE_HEADS];
}

static bool template_is_over(const struct persistence *p, const struct persistence_template *t)
{
	return p->now - t->last >= t->seconds;
}

/* Does its number still mean the server that it meant? */
static bool template_is_current(const struct persistence_template *t)
{
	const struct server *server = &server_table[t->server];

	return server->in_use && server->service == t->key.service &&
	       server->generation == t->generation;
}

/* Count a template in or out at its server; what counts a server's line is cleared with it. */
static void template_count(struct persistence *p, const struct persistence_template *t, int by)
{
	if (template_is_current(t))
		p->server_counts[t->server].persistent += by;
}

static void template_free(struct persistence *p, uint32_t number)
{
	struct persistence_template *t = &p->templates[number];
	uint32_t *link = head_of(p, &t->key);

	while (*link != number)
		link = &p->templates[*link].next;
	*link = t->next;
	template_count(p, t, -1);
	t->in_use = 0;
	t->next = p->free;
	p->free = number;
	p->used--;
}

static struct persistence_template *template_find(struct persistence *p,
						  const struct persistence_key *key)
{
	for (uint32_t at = *head_of(p, key); at; at = p->templates[at].next)
		if (memcmp(&p->templates[at].key, key, sizeof(*key)) == 0)
			return &p->templates[at];
	return NULL;
}

static struct persistence_template *template_add(struct persistence *p,
						 const struct persistence_key *key)
{
	uint32_t *head = head_of(p, key), number = p->free;
	struct persistence_template *t;

	if (number)
		p->free = p->templates[number].next;
	else if (p->high < PERSISTENCE_MAX)
		number = ++p->high;
	else
		return NULL;
	t = &p->templates[number];
	*t = (struct persistence_template){.key = *key, .next = *head, .in_use = 1};
	*head = number;
	p->used++;
	return t;
}

bool persistence_is_current(const struct service *service, uint32_t server)
{
	return server > 0 && server < SERVER_MAX && server_table[server].in_use &&
	       server_table[server].service == service->number;
}

uint32_t persistence_by_hash(const struct service *service, const struct pkt *p)
{
	struct persistence_key key = persistence_key(service, p);

	if (service->server_count == 0)
		return 0;
	return service->servers[key_hash(&key) % service->server_count].server;
}

uint32_t persistence_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	struct persistence_key key = persistence_key(service, p);
	struct persistence *persistence = &b->persistence;
	struct persistence_template *t = template_find(persistence, &key);
	uint32_t server;

	if (t && !template_is_over(persistence, t) && template_is_current(t) &&
	    server_table[t->server].sticky &&
	    !(unlikely(service->thresholds) && overload_refuses(b, t->server))) {
		t->last = persistence->now;
		t->seconds = service->persistent;
		return t->server;
	}
	if (service->server_count == 0)
		return 0;
	server = scheduler_choose(b, service, p);
	if (server == 0)
		return 0; // all are overloaded
	if (t)
		template_count(persistence, t, -1);
	else
		t = template_add(persistence, &key);
	if (!t) {
		persistence->full++;
		return persistence_by_hash(service, p);
	}
	t->server = server;
	t->generation = server_table[server].generation;
	t->last = persistence->now;
	t->seconds = service->persistent;
	template_count(persistence, t, 1);
	return server;
}

void persistence_tidy(struct persistence *p, unsigned int budget)
{
	for (; budget > 0 && p->used > 0; budget--) {
		struct persistence_template *t = &p->templates[p->sweep];

		if (t->in_use && (template_is_over(p, t) || !template_is_current(t)))
			template_free(p, p->sweep);
		p->sweep = p->sweep < p->high ? p->sweep + 1 : 1;
	}
}

bool persistence_view(const struct persistence *p, uint32_t number, struct persistence_view *out)
{
	const struct persistence_template *line = &p->templates[number];
	struct persistence_template copy, again;
	uint32_t now = __atomic_load_n(&p->now, __ATOMIC_RELAXED);

	// Twice, until both copies are the same: its worker may be changing it.
	for (unsigned int tries = 0; tries < 8; tries++) {
		memcpy(&copy, line, sizeof(copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		memcpy(&again, line, sizeof(again));
		if (memcmp(&copy, &again, sizeof(copy)) != 0)
			continue;
		if (!copy.in_use || now - copy.last >= copy.seconds || !template_is_current(&copy))
			return false;
		*out = (struct persistence_view){
			.key = copy.key,
			.server = copy.server,
			.expires = copy.seconds - (now - copy.last),
		};
		return true;
	}
	return false;
}
