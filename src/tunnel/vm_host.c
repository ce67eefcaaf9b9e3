/* SPDX-License-Identifier: BSD-3-Clause */
#include "tunnel/vm_host.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <rte_ip.h>

#include "base/csum.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/rcu.h"
#include "net/map.h"
#include "net/nexthop.h"
#include "tunnel/path_mtu.h"
#include "tunnel/vxlan.h"

/* What only the control thread needs of a host. */
struct record {
	struct map_node node;
	struct addr addr;
	uint32_t references;
	uint32_t next_free;
	uint32_t mtu_until; // seconds
};

enum { OUTER_TTL = 64 };

struct vm_host *vm_host_table;

static struct memory host_memory, record_memory;
static struct record *records;
static struct map by_address;
static uint32_t highest, first_free, in_use;

int vm_host_start(void)
{
	size_t lines = HOST_MAX + 1;

	if (memory_map(&host_memory, "vm-hosts", lines * sizeof(*vm_host_table), MEMORY_SMALL) < 0)
		return -ENOMEM;
	if (memory_map(&record_memory, "vm-host-records", lines * sizeof(*records), MEMORY_SMALL) <
	    0)
		goto unmap_table;
	if (map_create(&by_address, 1024) < 0)
		goto unmap_records;
	vm_host_table = host_memory.base;
	records = record_memory.base;
	return 0;

unmap_records:
	memory_unmap(&record_memory);
unmap_table:
	memory_unmap(&host_memory);
	return -ENOMEM;
}

void vm_host_stop(void)
{
	map_destroy(&by_address);
	memory_unmap(&record_memory);
	memory_unmap(&host_memory);
	vm_host_table = NULL;
	records = NULL;
	highest = first_free = in_use = 0;
}

static uint32_t address_hash(const struct addr *addr)
{
	uint64_t words[5] = {addr->family};

	memcpy(&words[1], addr->bytes, sizeof(addr->bytes));
	return hash_five(words);
}

static struct record *record_find(const struct addr *addr, uint32_t hash)
{
	struct map_node *node;

	for (node = map_first(&by_address, hash); node; node = map_next(node))
		if (addr_equal(&((struct record *)node)->addr, addr))
			return (struct record *)node;
	return NULL;
}

static uint32_t number_take(void)
{
	uint32_t number = first_free;

	if (number)
		first_free = records[number].next_free;
	else if (highest < HOST_MAX)
		number = ++highest;
	return number;
}

static void number_free(uint32_t number)
{
	memset(&vm_host_table[number], 0, sizeof(*vm_host_table));
	records[number].next_free = first_free;
	first_free = number;
}

static void header_fill4(struct vm_host *host, const struct addr *addr)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)host->header;

	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG); // RFC 7348, 4.3
	ip->time_to_live = OUTER_TTL;
	ip->next_proto_id = IPPROTO_UDP;
	ip->src_addr = vxlan.v4;
	ip->dst_addr = addr->v4;
	host->sum = csum_fold(csum_bytes(ip, sizeof(*ip)));
}

static void header_fill6(struct vm_host *host, const struct addr *addr)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)host->header;

	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = OUTER_TTL;
	memcpy(ip->src_addr, vxlan.v6, 16);
	memcpy(ip->dst_addr, addr->bytes, 16);
}

uint32_t vm_host_take(const struct addr *addr)
{
	uint32_t hash = address_hash(addr), number;
	struct record *record = record_find(addr, hash);
	struct vm_host *host;

	if (record) {
		record->references++;
		return record - records;
	}
	number = number_take();
	if (number == 0)
		return 0;
	host = &vm_host_table[number];
	host->path = path_watch(addr);
	if (host->path == 0) {
		number_free(number);
		return 0;
	}
	host->ipv6 = addr->family == AF_INET6;
	if (host->ipv6)
		header_fill6(host, addr);
	else
		header_fill4(host, addr);
	record = &records[number];
	record->addr = *addr;
	record->references = 1;
	map_insert(&by_address, &record->node, hash);
	in_use++;
	return number;
}

static void host_free(void *arg)
{
	uint32_t number = (uintptr_t)arg;

	path_release(vm_host_table[number].path);
	number_free(number);
}

void vm_host_release(uint32_t number)
{
	if (--records[number].references > 0)
		return;
	map_remove(&by_address, &records[number].node);
	in_use--;
	if (rcu_defer(host_free, (void *)(uintptr_t)number) < 0)
		log_error("out of memory: the number of a host is lost");
}

uint32_t vm_host_find(const struct addr *addr)
{
	const struct record *record = record_find(addr, address_hash(addr));

	return record ? record - records : 0;
}

uint32_t vm_host_count(void)
{
	return in_use;
}

bool vm_host_lower_mtu(const struct addr *addr, uint16_t mtu, uint32_t seconds)
{
	uint32_t number = vm_host_find(addr);
	struct vm_host *host = &vm_host_table[number];
	char text[ADDR_TEXT];

	if (number == 0 || (host->mtu != 0 && mtu > host->mtu))
		return false;
	if (mtu != host->mtu)
		log_info("VMs on %s: the way takes %u bytes, a router says",
			 addr_format(addr, text), mtu);
	records[number].mtu_until = seconds + PATH_MTU_SECONDS;
	__atomic_store_n(&host->mtu, mtu, __ATOMIC_RELAXED);
	return true;
}

bool vm_host_age_mtus(uint32_t seconds)
{
	bool any = false;

	for (uint32_t number = 1; number <= highest; number++) {
		struct vm_host *host = &vm_host_table[number];

		if (host->mtu == 0)
			continue;
		if ((int32_t)(seconds - records[number].mtu_until) >= 0)
			__atomic_store_n(&host->mtu, 0, __ATOMIC_RELAXED);
		else
			any = true;
	}
	return any;
}

void vm_host_address(const struct vm_host *host, struct addr *addr)
{
	uint32_t v4;

	memcpy(&v4, host->header + 16, 4);
	*addr = host->ipv6 ? addr_v6(host->header + 24) : addr_v4(v4);
}
