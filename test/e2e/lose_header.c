/* SPDX-License-Identifier: BSD-3-Clause */
/* For tc at a real server: the first IPv4 segment with data to port 92 is lost, and only that. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))
enum { PORT = 92, ETHERNET = 14, LENGTH = 16, PROTOCOL = 23 };

struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	__u32 *key;
	__u32 *value;
	int (*max_entries)[1];
} lost SECTION(".maps");

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*load)(const struct __sk_buff *skb, __u32 at, void *to,
		    __u32 length) = (void *)BPF_FUNC_skb_load_bytes;

SECTION("lose") int lose_first(struct __sk_buff *skb)
{
	__u8 header[ETHERNET + 20 + 20];
	__u32 key = 0, *count = lookup(&lost, &key);
	__u32 length, headers;

	if (!count || load(skb, 0, header, sizeof(header)) < 0 || header[12] != 8 ||
	    header[PROTOCOL] != 6 || header[36] != 0 || header[37] != PORT)
		return TC_ACT_UNSPEC;
	length = header[LENGTH] << 8 | header[LENGTH + 1];
	headers = 20 + (header[46] >> 4) * 4;
	if (length <= headers || *count > 0)
		return TC_ACT_UNSPEC;
	*count = 1;
	return TC_ACT_SHOT;
}
