/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "translate_parts.h"

/*
 * A virtual_server is read statement by statement; what stock keepalived does not know is taken
 * out and kept as a setting of the service's key. Two passes: first all services are read, so that
 * it is known which vrrp_instance each local address moves with; then the settings are made.
 */
struct key {
	struct addr vip;
	unsigned int port;
	unsigned long mark; // instead of both, of a service by firewall mark
	const struct block *block;
};

/* A real server or sorry server of a service. */
struct real {
	struct real *next;
	struct block *block;
	struct block *kind; // its own lb_kind or lvs_method, or NULL
	struct addr addr;
	bool translated; // of the other family than the VIP, by FullNAT
};

struct service {
	struct service *next;
	struct block *block;
	const char *protocol; // "tcp", "udp" or "sctp"
	struct block *kind;   // its lb_kind or lvs_method, or NULL
	struct real *reals;   // whose addresses are written out
	bool fullnat;
	bool own_words; // any that stock keepalived does not know
	struct named *locals, *deny, *allow;
	const struct block *locals_block;
	unsigned int established; // seconds; 0: not given
	unsigned long long bits;  // a second; 0: not given
	const char *scheduler;	  // that stock keepalived does not know, or NULL
	bool expire_quiescent, quic_target, quic, syn_proxy;
	const char *proxy_protocol; // NULL: not given
	struct block *device;	    // vip_bind_dev
	const struct block *vague;
	struct key *keys;
	unsigned int key_count, key_room;
};

/* What weir does not do yet, or what is only a part of it. */
static const struct refused {
	const char *word;
	const char *what;
	const char *off; // a value that asks for nothing
} refused[] = {
	{"limit_proportion", "dropping packets at random (give the service bps)", "100"},
	{"persistence_engine", "a persistence engine", NULL},
};

bool word_among(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = list; (c = strstr(c, word)) != NULL; c++)
		if ((c == list || c[-1] == ' ') && (!c[length] || c[length] == ' '))
			return true;
	return false;
}

const char *statement_value(struct translation *t, const struct block *block)
{
	if (block->count == 2)
		return block_word(t->blocks, block, 1);
	finding_error(t->findings, block, "%s takes one value", block->words[0]);
	return NULL;
}

/* Says so when the statement asks for what is not there; "off" is taken out. True: it was one. */
static bool refuse(struct translation *t, struct block *block)
{
	for (unsigned int i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		if (!block_is(block, refused[i].word))
			continue;
		const char *value = block_word(t->blocks, block, 1);
		if (!refused[i].off || !value || strcasecmp(value, refused[i].off))
			finding_error(t->findings, block, "%s: %s is not available yet",
				      block->words[0], refused[i].what);
		block_remove(block);
		return true;
	}
	return false;
}

static void take_kind(struct translation *t, struct service *service, struct block *block)
{
	static const struct {
		const char *kind, *mode;
	} kinds[] = {{"FNAT", "fullnat"}, {"NAT", NULL},    {"DR", "dr"},
		     {"TUN", "tunnel"},	  {"SNAT", "snat"}, {NULL, NULL}};
	const char *kind = block_word(t->blocks, block, 1);
	unsigned int i = 0;

	if (block->parent == service->block)
		service->kind = block;
	// TUN has a type behind it, which keepalived itself reads. DPVS's API says TUNNEL.
	if (kind && !strcmp(kind, "TUNNEL"))
		block_set_word(t->blocks, block, 1, kind = "TUN");
	if (!kind || strcmp(kind, "TUN"))
		kind = statement_value(t, block);
	if (!kind || is_vague(kind))
		return;
	while (kinds[i].kind && strcmp(kinds[i].kind, kind))
		i++;
	if (!kinds[i].kind) {
		finding_error(t->findings, block, "%s %s: there is FNAT, NAT, DR, TUN and SNAT",
			      block->words[0], kind);
	} else if (kinds[i].mode && !word_among(WEIR_MODES, kinds[i].mode)) {
		finding_error(t->findings, block, "%s %s: the mode %s is not available yet",
			      block->words[0], kind, kinds[i].mode);
	} else if (!strcmp(kind, "SNAT")) {
		finding_error(t->findings, block, "%s SNAT: it is for virtual_server match",
			      block->words[0]);
	} else if (!strcmp(kind, "FNAT")) {
		service->fullnat = service->own_words = true;
		block_set_word(t->blocks, block, 1, "NAT");
	}
}

/* What stock keepalived does not know is chosen by a setting, which wins over the door's word. */
static void take_scheduler(struct translation *t, struct service *service, struct block *block)
{
	static const char stock[] = "rr wrr lc wlc lblc lblcr dh sh sed nq mh fo ovf";
	const char *name = statement_value(t, block);

	if (!name || is_vague(name))
		return;
	if (!word_among(WEIR_SCHEDULERS, name)) {
		finding_error(t->findings, block,
			      word_among(stock, name)
				      ? "%s: the scheduler %s is not available yet; there is: %s"
				      : "%s: \"%s\" is no scheduler; there is: %s",
			      block->words[0], name, WEIR_SCHEDULERS);
	} else if (!word_among(stock, name)) {
		service->scheduler = name;
		service->own_words = true;
		block_set_word(t->blocks, block, 1, "wlc");
	}
}

static void take_quiescent(struct translation *t, struct service *service, struct block *block)
{
	service->expire_quiescent = service->own_words = true;
	block_remove(block);
}

static void take_quic(struct translation *t, struct service *service, struct block *block)
{
	service->quic = service->own_words = true;
	block_remove(block);
}

static void take_syn_proxy(struct translation *t, struct service *service, struct block *block)
{
	service->syn_proxy = service->own_words = true;
	block_remove(block);
}

static void take_hash_target(struct translation *t, struct service *service, struct block *block)
{
	const char *name = statement_value(t, block);

	block_remove(block);
	if (!name)
		return;
	if (!strcasecmp(name, "qid"))
		service->quic_target = service->own_words = true;
	else if (strcasecmp(name, "sip"))
		finding_error(t->findings, block, "hash_target %s: there is sip and qid", name);
}

static void take_proxy_protocol(struct translation *t, struct service *service, struct block *block)
{
	static const char *const words[] = {"disable", "v1", "v2", "v1-insecure", "v2-insecure"};
	const char *name = statement_value(t, block);

	block_remove(block);
	for (unsigned int i = 0; name && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcasecmp(name, words[i])) {
			service->proxy_protocol = i > 0 ? words[i] : NULL;
			service->own_words |= i > 0;
			return;
		}
	}
	if (name)
		finding_error(t->findings, block,
			      "proxy_protocol %s: there is v1, v2, v1-insecure, v2-insecure and "
			      "disable",
			      name);
}

static void take_protocol(struct translation *t, struct service *service, struct block *block)
{
	const char *name = statement_value(t, block);

	if (!name || is_vague(name))
		service->vague = block;
	else if (!strcasecmp(name, "TCP"))
		service->protocol = "tcp";
	else if (!strcasecmp(name, "UDP"))
		service->protocol = "udp";
	else if (!strcasecmp(name, "SCTP"))
		service->protocol = "sctp";
	else
		finding_error(t->findings, block, "protocol %s: there is TCP, UDP and SCTP", name);
}

static void take_locals(struct translation *t, struct service *service, struct block *block)
{
	const char *name = statement_value(t, block);

	service->own_words = true;
	service->locals_block = block;
	block_remove(block);
	if (!name)
		return;
	service->locals = tree_find(&t->local_groups, &name, compare_name);
	if (!service->locals)
		finding_error(t->findings, block, "there is no local_address_group \"%s\"", name);
}

static void take_deny(struct translation *t, struct service *service, struct block *block)
{
	service->own_words = true;
	service->deny = access_group_find(t, true, block);
}

static void take_allow(struct translation *t, struct service *service, struct block *block)
{
	service->own_words = true;
	service->allow = access_group_find(t, false, block);
}

unsigned int established_parse(struct translation *t, const struct block *block, const char *text)
{
	char *end = NULL;
	unsigned long seconds = strtoul(text, &end, 10);

	if (!*end && end != text && *text != '-' && seconds >= 1 && seconds <= 3600)
		return (unsigned int)seconds;
	finding_error(t->findings, block,
		      "establish_timeout %s: it takes a number of seconds from 1 to 3600", text);
	return 0;
}

static void take_established(struct translation *t, struct service *service, struct block *block)
{
	const char *text = statement_value(t, block);

	service->own_words = true;
	block_remove(block);
	if (text)
		service->established = established_parse(t, block, text);
}

static void take_bps(struct translation *t, struct service *service, struct block *block)
{
	const char *text = statement_value(t, block);
	char *end = NULL;

	service->own_words = true;
	block_remove(block);
	if (!text)
		return;
	service->bits = strtoull(text, &end, 10);
	if (*end || *text < '0' || *text > '9' || (service->bits > 0 && service->bits < 8000))
		finding_error(t->findings, block,
			      "bps %s: it takes a number of bits a second, at least 8000", text);
}

static void take_device(struct translation *t, struct service *service, struct block *block)
{
	service->own_words = true;
	block_remove(block);
	if (statement_value(t, block))
		service->device = block;
}

/* Of its checks one word has another name. */
static void take_server(struct translation *t, struct service *service, struct block *block)
{
	const char *text = block_word(t->blocks, block, 1);
	struct real real = {.block = block, .next = service->reals}, *kept;

	for (struct block *b = block->first, *next; b; b = next) {
		next = b->next;
		if (block_is(b, "lb_kind") || block_is(b, "lvs_method"))
			take_kind(t, service, real.kind = b);
		else if (!refuse(t, b) && b->braces)
			for (struct block *inner = b->first; inner; inner = inner->next)
				if (block_is(inner, "nb_sock_retry"))
					block_set_word(t->blocks, inner, 0, "retry");
	}
	if (!text || is_vague(text) || addr_parse(text, &real.addr) < 0)
		return;
	kept = blocks_take(t->blocks, sizeof(*kept));
	*kept = real;
	service->reals = kept;
}

/* What a real server is reached by, as keepalived shall read it. */
static const char *kind_of(struct translation *t, const struct service *service,
			   const struct real *real)
{
	const struct block *block = real->kind ? real->kind : service->kind;
	const char *kind = block ? block_word(t->blocks, block, 1) : NULL;

	return kind ? kind : "";
}

/* Without a group of its own the service has the pool's local addresses, if weir tells them. */
static bool pool_lacks(const struct translation *t, uint8_t family)
{
	const json_t *entry;
	struct addr addr;
	size_t i;

	json_array_foreach (t->options->pool, i, entry) {
		const char *text = json_string_value(json_object_get(entry, "address"));
		const char *owner = json_string_value(json_object_get(entry, "service"));

		if (text && owner && !strcmp(owner, "(pool)") && addr_parse(text, &addr) == 0 &&
		    addr.family == family)
			return false;
	}
	return t->options->pool != NULL;
}

/*
 * A real server of the other family than its VIP. keepalived passes only those of tunnels on, so
 * one that FullNAT is to translate goes as such: the door knows it by the service's mode, which is
 * FullNAT by a setting. See ipvs_check_fill().
 */
static void real_translate(struct translation *t, struct service *service, struct real *real)
{
	char vip = service->keys[0].vip.family == AF_INET ? '4' : '6', own = vip ^ '4' ^ '6';
	const char *kind = kind_of(t, service, real), *name = vip == '4' ? "NAT46" : "NAT64";
	const struct block *at = real->kind ? real->kind : real->block;

	if (block_is(real->block, "sorry_server")) {
		finding_error(t->findings, real->block,
			      "the VIP is IPv%c and the sorry_server IPv%c: keepalived takes none "
			      "of the other IP version",
			      vip, own);
	} else if (!strcmp(kind, "TUN") && !service->fullnat) {
		return; // the outer header is the server's
	} else if (!strcmp(kind, "TUN")) {
		finding_error(t->findings, at,
			      "the VIP is IPv%c and the real server IPv%c: TUN beside FNAT in one "
			      "virtual_server would be taken for %s; give the tunnel a "
			      "virtual_server of its own",
			      vip, own, name);
	} else if (!service->fullnat || strcmp(kind, "NAT")) {
		finding_error(t->findings, at,
			      "the VIP is IPv%c and the real server IPv%c: only FNAT (%s) and TUN "
			      "reach it",
			      vip, own, name);
	} else {
		real->translated = true;
		if (real->kind)
			block_set_word(t->blocks, real->kind, 1, "TUN");
		else
			block_add(t->blocks, real->block, true, real->block, "lvs_method TUN");
	}
	if (real->translated && !service->locals_block && pool_lacks(t, real->addr.family))
		finding_error(t->findings, real->block,
			      "%s needs an IPv%c local address: the virtual_server has no "
			      "laddr_group_name, and weir's pool has none",
			      name, own);
}

static void families_settle(struct translation *t, struct service *service)
{
	for (struct real *real = service->reals; real && service->key_count; real = real->next)
		if (real->addr.family != service->keys[0].vip.family)
			real_translate(t, service, real);
}

static const struct {
	const char *word;
	void (*take)(struct translation *, struct service *, struct block *);
} takers[] = {
	{"lb_kind", take_kind},
	{"lvs_method", take_kind},
	{"lb_algo", take_scheduler},
	{"lvs_sched", take_scheduler},
	{"laddr_group_name", take_locals},
	{"daddr_group_name", take_deny},
	{"waddr_group_name", take_allow},
	{"establish_timeout", take_established},
	{"bps", take_bps},
	{"vip_bind_dev", take_device},
	{"expire_quiescent_conn", take_quiescent},
	{"hash_target", take_hash_target},
	{"quic", take_quic},
	{"proxy_protocol", take_proxy_protocol},
	{"syn_proxy", take_syn_proxy},
	{"real_server", take_server},
	{"sorry_server", take_server},
};

/* The key of a service */

static void keys_reserve(struct translation *t, struct service *service, unsigned int more)
{
	unsigned int room = service->key_room ? service->key_room : 4;
	struct key *keys;

	if (service->key_count + more <= service->key_room)
		return;
	while (room < service->key_count + more)
		room *= 2;
	keys = blocks_take(t->blocks, room * sizeof(*keys));
	if (service->key_count)
		memcpy(keys, service->keys, service->key_count * sizeof(*keys));
	service->keys = keys;
	service->key_room = room;
}

static void key_add(struct translation *t, struct service *service, const struct block *block,
		    const char *vip, const char *port)
{
	struct key key = {.block = block};
	unsigned int count = 1;
	char *end;

	if (is_vague(vip) || (port && is_vague(port))) {
		service->vague = block;
		return;
	}
	if (!range_parse(vip, &key.vip, &count)) {
		finding_error(t->findings, block,
			      strchr(vip, '/') ? "%s: write it as a range, FIRST-LAST"
					       : "\"%s\" is no address and no range of addresses",
			      vip);
		return;
	}
	unsigned long number = port ? strtoul(port, &end, 10) : 0;
	if (port && (*end || number > 65535)) {
		finding_error(t->findings, block, "\"%s\" is no port, which is 1 to 65535", port);
		return;
	}
	key.port = (unsigned int)number;
	keys_reserve(t, service, count);
	for (unsigned int i = 0; i < count; i++) {
		service->keys[service->key_count] = key;
		service->keys[service->key_count++].vip = addr_plus(&key.vip, i);
	}
}

/* IPv4, unless a real server or ip_family says otherwise. */
static uint8_t mark_family(struct translation *t, const struct service *service)
{
	for (const struct block *b = service->block->first; b; b = b->next) {
		const char *text = block_word(t->blocks, b, 1);

		if (text && block_is(b, "ip_family"))
			return strcasecmp(text, "inet6") ? AF_INET : AF_INET6;
		if (text && block_is(b, "real_server") && strchr(text, ':'))
			return AF_INET6;
	}
	return AF_INET;
}

static void key_add_mark(struct translation *t, struct service *service, const struct block *block,
			 const char *text)
{
	struct key key = {.block = block};
	char *end = NULL;

	if (!text || is_vague(text)) {
		service->vague = block;
		return;
	}
	key.mark = strtoul(text, &end, 10);
	if (*end || *text == '-' || key.mark == 0 || key.mark > UINT32_MAX) {
		finding_error(t->findings, block, "\"%s\" is no firewall mark, a number above 0",
			      text);
		return;
	}
	key.vip.family = mark_family(t, service);
	keys_reserve(t, service, 1);
	service->keys[service->key_count++] = key;
}

static void key_add_group(struct translation *t, struct service *service, const char *name)
{
	struct named *group = tree_find(&t->server_groups, &name, compare_name);

	if (!group) {
		finding_error(t->findings, service->block,
			      "there is no virtual_server_group \"%s\"", name);
		return;
	}
	for (const struct block *b = group->block->first; b; b = b->next) {
		if (block_is(b, "fwmark"))
			key_add_mark(t, service, b, block_word(t->blocks, b, 1));
		else if (b->words[0][0] == '@')
			service->vague = b;
		else
			key_add(t, service, b, block_word(t->blocks, b, 0),
				block_word(t->blocks, b, 1));
	}
}

static void keys_read(struct translation *t, struct service *service)
{
	const struct block *block = service->block;
	const char *first = block_word(t->blocks, block, 1);
	const char *second = block_word(t->blocks, block, 2);

	if (!first)
		finding_error(t->findings, block,
			      "virtual_server takes ADDRESS PORT or group NAME");
	else if (!strcmp(first, "fwmark"))
		key_add_mark(t, service, block, second);
	else if (strcmp(first, "group"))
		key_add(t, service, block, first, second);
	else if (!second)
		finding_error(t->findings, block, "virtual_server group takes a name");
	else
		key_add_group(t, service, second);
}

/* The same service twice would be given the settings of one of them. */
static void key_note(struct translation *t, const struct service *service, const struct key *key)
{
	char endpoint[ENDPOINT_TEXT], text[ENDPOINT_TEXT + 8];

	if (key->mark)
		snprintf(text, sizeof(text), "fwmark%s %lu", key->vip.family == AF_INET6 ? "6" : "",
			 key->mark);
	else
		snprintf(text, sizeof(text), "%s %s", service->protocol,
			 endpoint_format(&key->vip, (uint16_t)key->port, endpoint));
	struct named *named = blocks_take(t->blocks, sizeof(*named));
	named->name = strcpy(blocks_take(t->blocks, strlen(text) + 1), text);
	named->block = service->block;
	const struct named *other = tree_find(&t->services, named, compare_name);
	if (other)
		finding_error(t->findings, key->block, "the service %s stands in %s:%u already",
			      text, other->block->file, other->block->line);
	else
		tree_put(&t->services, named, compare_name);
}

/* Reading */

static struct service *service_read(struct translation *t, struct block *block)
{
	struct service *service = blocks_take(t->blocks, sizeof(*service));

	service->block = block;
	service->protocol = "udp"; // as in keepalived, where none is given
	keys_read(t, service);
	for (struct block *b = block->first, *next; b; b = next) {
		unsigned int i = 0, count = sizeof(takers) / sizeof(*takers);
		next = b->next;
		while (i < count && !block_is(b, takers[i].word))
			i++;
		if (block_is(b, "protocol"))
			take_protocol(t, service, b);
		else if (i < count)
			takers[i].take(t, service, b);
		else
			refuse(t, b);
	}
	families_settle(t, service);
	for (unsigned int i = 0; i < service->key_count && !service->vague; i++)
		key_note(t, service, &service->keys[i]);
	if (service->own_words && service->vague)
		finding_error(
			t->findings, service->vague,
			"what DPVS has added can only be used where address, port and protocol "
			"are written out");
	return service;
}

static void vague_refuse(struct translation *t, const struct block *block)
{
	finding_error(t->findings, block,
		      "write this out: there could be the VIP of a service with local addresses in "
		      "it, which must move with it");
}

/* Which vrrp_instance do the service's local addresses move with? */
static void service_place(struct translation *t, struct service *service)
{
	struct instance *instance = NULL;

	if (!service->locals || !service->fullnat)
		return;
	if (t->vague)
		vague_refuse(t, t->vague);
	for (struct instance *n = t->instances; n; n = n->next)
		if (n->vague)
			vague_refuse(t, n->vague);
	for (unsigned int i = 0; i < service->key_count && !instance; i++)
		instance = service->keys[i].mark ? NULL : vrrp_owner(t, &service->keys[i].vip);
	for (unsigned int i = 0; instance && i < service->locals->local_count; i++) {
		struct local *local = service->locals->locals[i];

		if (local->instance && !vrrp_together(local->instance, instance)) {
			finding_error(
				t->findings, service->locals_block,
				"the local addresses of \"%s\" would have to move with the "
				"vrrp_instance %s as well as with %s: give each a group of its "
				"own, or put both into one vrrp_sync_group",
				service->locals->name, local->instance->name, instance->name);
			return;
		}
		if (!local->instance)
			local->instance = instance;
		local->owner = local->owner ? local->owner : service->block;
	}
}

/* Settings */

/* Does FullNAT need local addresses of this family for the service? That of the real servers. */
static bool family_is_needed(const struct service *service, const struct key *key, uint8_t family)
{
	bool any = false;

	for (const struct real *real = service->reals; real; real = real->next) {
		if (real->addr.family == family)
			return true;
		any = true;
	}
	return !any && key->vip.family == family;
}

static json_t *locals_json(struct translation *t, const struct service *service,
			   const struct key *key)
{
	json_t *list = json_array();
	char text[ADDR_TEXT];

	for (unsigned int f = 0; f < 2; f++) {
		uint8_t family = f ? AF_INET6 : AF_INET;
		unsigned int count = 0;

		if (!family_is_needed(service, key, family))
			continue;
		for (unsigned int i = 0; i < service->locals->local_count; i++) {
			const struct local *local = service->locals->locals[i];

			if (local->addr.family != family)
				continue;
			json_t *object = json_pack("{s:s, s:s}", "address",
						   addr_format(&local->addr, text), "interface",
						   local->port);
			if (local->instance)
				json_object_set_new(object, "claim", json_false());
			json_array_append_new(list, object);
			count++;
		}
		if (!count)
			finding_error(t->findings, service->locals_block,
				      "the local_address_group \"%s\" has no IPv%c address, which "
				      "%s needs",
				      service->locals->name, f ? '6' : '4',
				      addr_format(&key->vip, text));
	}
	return list;
}

static json_t *timeouts_json(const struct service *service)
{
	int seconds = (int)service->established;

	if (!strcmp(service->protocol, "tcp"))
		return json_pack("{s:i}", "established", seconds);
	if (!strcmp(service->protocol, "sctp"))
		return json_pack("{s:i}", "sctp_established", seconds);
	return json_pack("{s:i, s:i}", "udp_one_way", seconds, "udp_normal", seconds);
}

static void key_settle(struct translation *t, const struct service *service, const struct key *key)
{
	char text[ADDR_TEXT];
	json_t *object;

	if (key->mark)
		object = json_pack("{s:I, s:s}", "fwmark", (json_int_t)key->mark, "family",
				   key->vip.family == AF_INET6 ? "ipv6" : "ipv4");
	else
		object = json_pack("{s:s, s:s, s:i}", "protocol", service->protocol, "vip",
				   addr_format(&key->vip, text), "port", (int)key->port);

	if (service->fullnat)
		json_object_set_new(object, "mode", json_string("fullnat"));
	if (service->locals && service->fullnat)
		json_object_set_new(object, "local_addresses", locals_json(t, service, key));
	if (service->scheduler)
		json_object_set_new(object, "scheduler", json_string(service->scheduler));
	if (service->established)
		json_object_set_new(object, "timeouts", timeouts_json(service));
	if (service->bits)
		json_object_set_new(object, "limits",
				    json_pack("{s:I}", "bits", (json_int_t)service->bits));
	if (service->expire_quiescent)
		json_object_set_new(object, "expire_quiescent", json_true());
	if (service->quic)
		json_object_set_new(object, "quic", json_string("dpvs"));
	if (service->quic_target)
		json_object_set_new(object, "hash_target", json_string("qid"));
	if (service->proxy_protocol)
		json_object_set_new(object, "proxy_protocol", json_string(service->proxy_protocol));
	if (service->deny)
		json_object_set_new(object, "deny", access_group_json(t, service->deny));
	if (service->allow)
		json_object_set_new(object, "allow", access_group_json(t, service->allow));
	if (service->syn_proxy)
		json_object_set_new(object, "syn_proxy", json_true());
	json_array_append_new(t->settings, object);
}

/* vip_bind_dev: the address stands on that port as long as keepalived runs. */
static void key_bind(struct translation *t, const struct service *service, const struct key *key)
{
	struct block *root = blocks_root(t->blocks);
	const char *tap = device_tap(t, service->device, block_word(t->blocks, service->device, 1));
	char address[ADDR_TEXT], line[256];

	if (!tap || key->mark || vrrp_owner(t, &key->vip))
		return; // the vrrp_instance puts it there
	snprintf(line, sizeof(line), "%s/%d dev %.64s", addr_format(&key->vip, address),
		 key->vip.family == AF_INET ? 32 : 128, tap);
	if (!t->statics) {
		t->statics = block_add(t->blocks, root, true, service->device, "static_ipaddress");
		t->statics->braces = true;
	}
	for (const struct block *b = t->statics->first; b; b = b->next)
		if (!strncmp(line, b->words[0], strlen(b->words[0])))
			return;
	block_add(t->blocks, t->statics, false, service->device, line);
}

static void service_settle(struct translation *t, const struct service *service)
{
	if (service->locals && !service->fullnat)
		finding_note(t->findings, service->locals_block,
			     "laddr_group_name has no effect without lb_kind FNAT");
	for (unsigned int i = 0; i < service->key_count && !service->vague; i++) {
		if (service->fullnat || service->established || service->scheduler ||
		    service->bits || service->expire_quiescent || service->quic_target ||
		    service->quic || service->proxy_protocol || service->deny || service->allow ||
		    service->syn_proxy)
			key_settle(t, service, &service->keys[i]);
		if (service->device)
			key_bind(t, service, &service->keys[i]);
	}
}

void servers_translate(struct translation *t)
{
	struct service *first = NULL, **link = &first;
	struct block *root = blocks_root(t->blocks);

	for (struct block *b = root->first, *next; b; b = next) {
		next = b->next;
		if (!block_is(b, "virtual_server"))
			continue;
		if (b->count > 1 && !strcmp(b->words[1], "match")) {
			match_translate(t, b);
			continue;
		}
		*link = service_read(t, b);
		link = &(*link)->next;
	}
	for (struct service *s = first; s; s = s->next)
		service_place(t, s);
	for (struct service *s = first; s; s = s->next)
		service_settle(t, s);
}
