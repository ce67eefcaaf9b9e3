/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The group. With selection_method=hash Open vSwitch gives each live bucket a score, made of the
 * hash of a flow's fields and of the bucket's number, and takes the best: so a flow moves only when
 * its own bucket goes, and back when it returns. Numbers are made from the gateway's address, so
 * that gateways may be listed in any order, and all hosts send a flow to the same one. (dp_hash, the
 * default, hashes in the data path, where hosts differ.)
 */
static const char *const fields[] = {
	// ports, then what is left for HASH_ADDRESSES
	"ip_src,ip_dst,ipv6_src,ipv6_dst,tcp_src,tcp_dst,udp_src,udp_dst,sctp_src,sctp_dst",
	"ip_src,ip_dst,ipv6_src,ipv6_dst",
};

enum { BUCKET_MOST = 0x7fffffff }; // far from the numbers that OpenFlow reserves

struct bucket {
	uint32_t id, port;
};

static int bucket_compare(const void *a, const void *b)
{
	const struct bucket *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static uint32_t buckets_make(const struct setup *setup, const struct seen *seen,
			     struct bucket *buckets)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < setup->gateway_count; i++) {
		const struct setup_gateway *g = &setup->gateways[i];
		uint32_t port = plan_port(seen, g->name);

		for (uint32_t k = 0; port != 0 && k < g->copies; k++)
			buckets[count++] = (struct bucket){
				.id = setup_hash(&g->address, k) & BUCKET_MOST,
				.port = port,
			};
	}
	qsort(buckets, count, sizeof(*buckets), bucket_compare);
	for (uint32_t i = 1; i < count; i++)
		if (buckets[i].id <= buckets[i - 1].id)
			buckets[i].id = buckets[i - 1].id + 1;
	return count;
}

char *group_wanted(const struct setup *setup, const struct seen *seen)
{
	struct bucket buckets[SETUP_BUCKETS];
	uint32_t count = buckets_make(setup, seen, buckets);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "group_id=%u,type=select,selection_method=hash,fields(%s)", setup->group,
		fields[setup->hash]);
	for (uint32_t i = 0; i < count; i++)
		fprintf(out, ",bucket=bucket_id:%u,watch_port:%u,actions=output:%u", buckets[i].id,
			buckets[i].port, buckets[i].port);
	fclose(out);
	return text;
}

/* Comparing: the switch may print words in another order. */

static int word_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The words of one bucket or of what stands before the first, in an order that is always the same. */
static void words_sort(char *part, FILE *out)
{
	enum { WORDS = 64 };
	char *words[WORDS], *rest = part, *word;
	unsigned int count = 0;

	for (char *c = part; *c != '\0'; c++)
		if (strchr(":()", *c) != NULL)
			*c = *c == ':' ? '=' : ',';
	while ((word = strsep(&rest, ", \n")) != NULL)
		if (*word != '\0' && strcmp(word, "weight=1") != 0 && count < WORDS)
			words[count++] = word;
	qsort(words, count, sizeof(*words), word_compare);
	for (unsigned int i = 0; i < count; i++)
		fprintf(out, "%s ", words[i]);
	fputc('\n', out);
}

static char *group_normalize(const char *line)
{
	char *copy = strdup(line), *part = copy, *next, *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	while (part != NULL) {
		next = strstr(part, "bucket=");
		if (next != NULL) {
			*next = '\0';
			next += strlen("bucket=");
		}
		words_sort(part, out);
		part = next;
	}
	fclose(out);
	free(copy);
	return text;
}

bool group_equal(const char *wanted, const char *line)
{
	char *a = group_normalize(wanted), *b = group_normalize(line);
	bool equal = strcmp(a, b) == 0;

	free(a);
	free(b);
	return equal;
}
