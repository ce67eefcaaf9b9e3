/* SPDX-License-Identifier: BSD-3-Clause */
/* keepalived.conf of DPVS: what stock keepalived gets, what weir gets, and what is refused. */
#include "translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct translate_options options;

/* What comes of `text`: the stock file and, after "--", the settings; or the findings. */
static char *translated(const char *text)
{
	char error[BLOCKS_ERROR], *out = NULL;
	struct findings findings = {0};
	size_t size;
	FILE *file = open_memstream(&out, &size);
	struct blocks *blocks = blocks_parse("f", text, strlen(text), BLOCKS_KEEPALIVED, error);

	if (!blocks)
		fail_msg("%s", error);
	json_t *settings = translate(blocks, &options, &findings);
	if (!findings.errors) {
		block_print(blocks_root(blocks), file);
		fputs("--", file);
		json_dumpf(json_object_get(settings, "services"), file, JSON_COMPACT);
		if (json_array_size(json_object_get(settings, "tunnels")))
			json_dumpf(json_object_get(settings, "tunnels"), file, JSON_COMPACT);
	}
	if (findings.text)
		fputs(findings.text, file);
	findings_free(&findings);
	fclose(file);
	json_decref(settings);
	blocks_free(blocks);
	return out;
}

static void expect(const char *text, const char *wanted)
{
	char *got = translated(text);

	assert_string_equal(got, wanted);
	free(got);
}

/* Nothing else is found than this. */
static void expect_wrong(const char *text, const char *sentence)
{
	char *got = translated(text), *wanted;

	if (asprintf(&wanted, "%s\n", sentence) < 0)
		abort();
	assert_string_equal(got, wanted);
	free(wanted);
	free(got);
}

#define IN_TUNNEL(line) "tunnel_group t {\n tunnel_entry x {\n " line "\n }\n}\n"
#define TUNNEL                                                                   \
	"tunnel_group t {\n tunnel_entry gre1 {\n kind gre\n remote 10.0.0.9\n " \
	"local 10.0.0.1\n if dpdk1\n }\n}\n"
#define GROUP		  "local_address_group g {\n 10.1.0.1-2 dpdk1\n}\n"
#define SERVICE		  "virtual_server 10.0.0.1 80 {\n lb_kind FNAT\n laddr_group_name g\n}\n"
#define STOCK		  "virtual_server 10.0.0.1 80 {\n\tlb_kind NAT\n}\n"
#define KEY		  "\"protocol\":\"udp\",\"vip\":\"10.0.0.1\",\"port\":80"
#define IN_SERVICE(line)  "virtual_server 10.0.0.1 80 {\n " line "\n}\n"
#define LOCAL(last, more) "{\"address\":\"10.1.0." last "\",\"interface\":\"dpdk1\"" more "}"

static void test_stock_passes(void **state)
{
	static const char stock[] = "global_defs {\n\trouter_id x\n}\n"
				    "$V=10.0.0.9\n"
				    "@a virtual_server $V 80 {\n\tlb_kind NAT\n}\n"
				    "virtual_server $V 81 {\n\tlb_algo wrr\n}\n"
				    "virtual_server 10.0.0.1 80 {\n\tprotocol UDP\n\tlb_kind NAT\n"
				    "\treal_server 10.1.0.1 80 {\n\t\tTCP_CHECK {\n\t\t\tretry 2\n"
				    "\t\t}\n\t}\n}\n";
	char *wanted;

	if (asprintf(&wanted, "%s--[]", stock) < 0)
		abort();
	expect(stock, wanted);
	free(wanted);
}

static void test_fullnat(void **state)
{
	expect(GROUP SERVICE, STOCK "--[{" KEY ",\"mode\":\"fullnat\",\"local_addresses\":[" LOCAL(
				      "1", "") "," LOCAL("2", "") "]}]");
	expect("virtual_server 10.0.0.1 80 {\n lvs_method FNAT\n protocol TCP\n establish_timeout "
	       "600\n}",
	       "virtual_server 10.0.0.1 80 {\n\tlvs_method NAT\n\tprotocol TCP\n}\n--[{"
	       "\"protocol\":\"tcp\",\"vip\":\"10.0.0.1\",\"port\":80,\"mode\":\"fullnat\","
	       "\"timeouts\":{\"established\":600}}]");
	expect("virtual_server 10.0.0.1 53 {\n protocol UDP\n establish_timeout 60\n}",
	       "virtual_server 10.0.0.1 53 {\n\tprotocol UDP\n}\n--[{\"protocol\":\"udp\",\"vip\":"
	       "\"10.0.0.1\",\"port\":53,\"timeouts\":{\"udp_one_way\":60,\"udp_normal\":60}}]");
	expect("virtual_server_group v {\n 10.0.0.1 80\n fd00::1-2 80\n}\n"
	       "virtual_server group v {\n lb_kind FNAT\n}\n",
	       "virtual_server_group v {\n\t10.0.0.1 80\n\tfd00::1-2 80\n}\n"
	       "virtual_server group v {\n\tlb_kind NAT\n}\n--[{" KEY ",\"mode\":\"fullnat\"},"
	       "{\"protocol\":\"udp\",\"vip\":\"fd00::1\",\"port\":80,\"mode\":\"fullnat\"},"
	       "{\"protocol\":\"udp\",\"vip\":\"fd00::2\",\"port\":80,\"mode\":\"fullnat\"}]");
}

/* The other family: keepalived takes only tunnels, and weir knows by the mode what is meant. */
static void test_families(void **state)
{
	static const char stock6[] = "virtual_server fd00::1 80 {\n\tlb_kind NAT\n"
				     "\treal_server 10.1.0.9 80 {\n\t\tlvs_method TUN\n\t}\n}\n"
				     "--[{\"protocol\":\"udp\",\"vip\":\"fd00::1\",\"port\":80,"
				     "\"mode\":\"fullnat\"";
	char *wanted;

	if (asprintf(&wanted, "%s,\"local_addresses\":[" LOCAL("1", "") "," LOCAL("2", "") "]}]",
		     stock6) < 0)
		abort();
	expect(GROUP "virtual_server fd00::1 80 {\n lb_kind FNAT\n laddr_group_name g\n"
		     " real_server 10.1.0.9 80 {\n }\n}\n",
	       wanted);
	free(wanted);
	options.pool = json_pack("[{s:s, s:s}]", "address", "10.1.0.1", "service", "(pool)");
	if (asprintf(&wanted, "%s}]", stock6) < 0)
		abort();
	expect("virtual_server fd00::1 80 {\n lb_kind FNAT\n real_server 10.1.0.9 80 {\n }\n}\n",
	       wanted);
	free(wanted);
	expect_wrong(IN_SERVICE("lb_kind FNAT\n real_server fd00::9 80 {\n }"),
		     "f:3: error: NAT46 needs an IPv6 local address: the virtual_server has no "
		     "laddr_group_name, and weir's pool has none");
	json_decref((json_t *)options.pool);
	options.pool = NULL;
	expect(IN_SERVICE("lb_kind TUNNEL\n real_server fd00::9 80 {\n }"),
	       "virtual_server 10.0.0.1 80 {\n\tlb_kind TUN\n\treal_server fd00::9 80 {\n\t}\n}\n"
	       "--[]");
}

#define INSTANCE(name, vip)                                                        \
	"vrrp_instance " name " {\n interface dpdk0.kni\n dpdk_interface dpdk0\n " \
	"virtual_ipaddress {\n " vip "\n }\n}\n"
#define MOVED ",\"claim\":false"

static void test_moves_with_instance(void **state)
{
	expect(GROUP INSTANCE("a", "10.0.0.1/24") SERVICE,
	       "vrrp_instance a {\n\tinterface dpdk0.kni\n\tvirtual_ipaddress {\n\t\t10.0.0.1/24\n"
	       "\t}\n\tvirtual_ipaddress_excluded {\n\t\t10.1.0.1/32 dev dpdk1.kni\n"
	       "\t\t10.1.0.2/32 dev dpdk1.kni\n\t}\n}\n" STOCK "--[{" KEY
	       ",\"mode\":\"fullnat\",\"local_addresses\":[" LOCAL("1", MOVED) "," LOCAL(
		       "2", MOVED) "]}]");
	// The author put one there already.
	expect(GROUP "vrrp_instance a {\n virtual_ipaddress {\n 10.0.0.1\n }\n"
		     " virtual_ipaddress_excluded {\n 10.1.0.1\n }\n}\n" SERVICE,
	       "vrrp_instance a {\n\tvirtual_ipaddress {\n\t\t10.0.0.1\n\t}\n"
	       "\tvirtual_ipaddress_excluded {\n\t\t10.1.0.1\n\t\t10.1.0.2/32 dev dpdk1.kni\n\t}\n"
	       "}\n" STOCK "--[{" KEY ",\"mode\":\"fullnat\",\"local_addresses\":[" LOCAL(
		       "1", MOVED) "," LOCAL("2", MOVED) "]}]");
	// A group that no service uses moves nowhere.
	expect(GROUP INSTANCE("a", "10.0.0.1"),
	       "vrrp_instance a {\n\tinterface dpdk0.kni\n\tvirtual_ipaddress {\n\t\t10.0.0.1\n"
	       "\t}\n}\n--[]");
}

#define SECOND "virtual_server 10.0.0.2 80 {\n lb_kind FNAT\n laddr_group_name g\n}\n"

static void test_two_instances(void **state)
{
	expect_wrong(GROUP INSTANCE("a", "10.0.0.1") INSTANCE("b", "10.0.0.2") SERVICE SECOND,
		     "f:24: error: the local addresses of \"g\" would have to move with the "
		     "vrrp_instance a as well as with b: give each a group of its own, or put both "
		     "into one vrrp_sync_group");
	char *got = translated("vrrp_sync_group s {\n group {\n a\n b\n }\n}\n" GROUP INSTANCE(
		"a", "10.0.0.1") INSTANCE("b", "10.0.0.2") SERVICE SECOND);
	assert_null(strstr(got, "error"));
	assert_non_null(strstr(got, "10.1.0.1/32 dev dpdk1.kni"));
	assert_null(strstr(strstr(got, "10.1.0.1/32") + 1, "10.1.0.1/32"));
	free(got);
}

static void test_devices(void **state)
{
	json_t *taps = json_pack("{s:s, s:s}", "dpdk0", "lan", "dpdk1", "wan");

	options.taps = taps;
	expect("vrrp_instance a {\n interface lan\n dpdk_interface dpdk1\n virtual_ipaddress {\n "
	       "10.0.0.1\n 10.0.0.2 dev dpdk0\n}\n}",
	       "vrrp_instance a {\n\tinterface lan\n\tvirtual_ipaddress {\n\t\t10.0.0.1 dev wan\n"
	       "\t\t10.0.0.2 dev lan\n\t}\n}\n--[]");
	expect_wrong("local_address_group g {\n 10.1.0.1 dpdk7\n}\n",
		     "f:2: error: weir has no port \"dpdk7\"; it has: dpdk0, dpdk1");
	expect("virtual_server 10.0.0.1 80 {\n vip_bind_dev dpdk1\n}\n",
	       "static_ipaddress {\n\t10.0.0.1/32 dev wan\n}\nvirtual_server 10.0.0.1 80 "
	       "{\n}\n--[]");
	json_decref(taps);
	options.taps = NULL;
}

static void test_drain(void **state)
{
	options.drain_file = "/run/weir/weir.drain";
	expect("vrrp_instance a {\n track_file {\n x\n }\n}\n",
	       "track_file weir_drain {\n\tfile \"/run/weir/weir.drain\"\n\tweight 0\n}\n"
	       "vrrp_instance a {\n\ttrack_file {\n\t\tx\n\t\tweir_drain weight 0\n\t}\n}\n--[]");
	expect("virtual_server 10.0.0.1 80 {\n}", "virtual_server 10.0.0.1 80 {\n}\n--[]");
	options.drain_file = NULL;
}

#define IN_MATCH(line) "virtual_server match x {\n protocol TCP\n " line "\n}\n"

static void test_match(void **state)
{
	json_t *taps = json_pack("{s:s, s:s}", "dpdk0", "lan", "dpdk1", "wan");

	options.taps = taps;
	expect("virtual_server match a {\n protocol ICMP\n lb_kind SNAT\n lb_algo rr\n delay_loop "
	       "3\n"
	       " src-range 192.168.0.1-192.168.0.254\n dst-range 0.0.0.0\n iif lan\n oif dpdk1\n"
	       " establish_timeout 30\n real_server 10.0.0.100 0 {\n weight 4\n }\n"
	       " real_server 10.0.0.101 0 {\n }\n}\n" IN_MATCH(
		       "src-range [fd00::1-fd00::9]:1-1024\n oif dpdk1.100"),
	       "--[{\"match\":\"icmp,from=192.168.0.1-192.168.0.254:0-0,iif=dpdk0,oif=dpdk1\","
	       "\"servers\":[{\"address\":\"10.0.0.100\",\"weight\":4},{\"address\":"
	       "\"10.0.0.101\",\"weight\":1}],\"scheduler\":\"rr\",\"timeouts\":{\"icmp\":30}},"
	       "{\"match\":\"tcp,from=[fd00::1-fd00::9]:1-1024,oif=dpdk1.100\",\"servers\":[]}]");
	// Without a protocol it is for all of them, and so is its timeout.
	expect("virtual_server match b {\n src-range 10.0.0.1\n establish_timeout 30\n}\n",
	       "--[{\"match\":\"from=10.0.0.1-10.0.0.1:0-0\",\"servers\":[],\"timeouts\":{"
	       "\"established\":30,\"sctp_established\":30,\"udp_one_way\":30,"
	       "\"udp_normal\":30,\"icmp\":30}}]");
	options.taps = NULL;
	json_decref(taps);
}

static void test_refused(void **state)
{
	static const char *const rows[][2] = {
		{IN_SERVICE("proxy_protocol v3"),
		 "f:2: error: proxy_protocol v3: there is v1, v2, v1-insecure, v2-insecure and "
		 "disable"},
		{IN_SERVICE("lb_kind SNAT"),
		 "f:2: error: lb_kind SNAT: it is for virtual_server match"},
		{IN_SERVICE("lb_kind X"),
		 "f:2: error: lb_kind X: there is FNAT, NAT, DR, TUN and SNAT"},
		{IN_SERVICE("lb_kind"), "f:2: error: lb_kind takes one value"},
		{IN_SERVICE("lb_algo ovf"), "f:2: error: lb_algo: the scheduler ovf is not "
					    "available yet; there is: " WEIR_SCHEDULERS},
		{IN_SERVICE("lb_algo r"),
		 "f:2: error: lb_algo: \"r\" is no scheduler; there is: " WEIR_SCHEDULERS},
		{IN_SERVICE("protocol DCCP"),
		 "f:2: error: protocol DCCP: there is TCP, UDP and SCTP"},
		{IN_SERVICE("laddr_group_name g"),
		 "f:2: error: there is no local_address_group \"g\""},
		{IN_SERVICE("establish_timeout 3601"),
		 "f:2: error: establish_timeout 3601: it takes a number of seconds from 1 to 3600"},
		{IN_SERVICE("real_server fd00::1 80 {\n}"),
		 "f:2: error: the VIP is IPv4 and the real server IPv6: only FNAT (NAT46) and TUN "
		 "reach it"},
		{IN_SERVICE("lb_kind FNAT\n real_server fd00::1 80 {\n lb_kind DR\n }"),
		 "f:4: error: the VIP is IPv4 and the real server IPv6: only FNAT (NAT46) and TUN "
		 "reach it"},
		{IN_SERVICE("lb_kind FNAT\n real_server fd00::1 80 {\n lb_kind TUN\n }"),
		 "f:4: error: the VIP is IPv4 and the real server IPv6: TUN beside FNAT in one "
		 "virtual_server would be taken for NAT46; give the tunnel a virtual_server of its "
		 "own"},
		{IN_SERVICE("lb_kind FNAT\n sorry_server fd00::1 80"),
		 "f:3: error: the VIP is IPv4 and the sorry_server IPv6: keepalived takes none of "
		 "the other IP version"},
		{GROUP IN_SERVICE(
			 "lb_kind FNAT\n laddr_group_name g\n real_server fd00::1 80 {\n }"),
		 "f:6: error: the local_address_group \"g\" has no IPv6 address, which 10.0.0.1 "
		 "needs"},
		{IN_SERVICE("dpdk_interface dpdk0"),
		 "f:2: error: dpdk_interface means nothing here"},
		{IN_SERVICE("@a syn_proxy"),
		 "f:2: error: syn_proxy behind the condition @a is not understood"},
		{IN_MATCH("src-range 10.0.0.1-9"), "f:3: error: src-range: \"9\" is no IPv4 or "
						   "IPv6 address; both ends of a range are "
						   "written out"},
		{IN_MATCH("oif dpdk1"), "f:1: error: src-range: is missing: a match has at least a "
					"source, a destination or a family"},
		{IN_MATCH("src-range 10.0.0.1\n dst-range fd00::1"),
		 "f:1: error: dst-range: is IPv6, and what stands before it IPv4"},
		{IN_MATCH("lb_kind FNAT"), "f:3: error: lb_kind FNAT: of virtual_server match it "
					   "is SNAT"},
		{IN_MATCH("lb_algo ovf"),
		 "f:3: error: lb_algo: \"ovf\" is no scheduler; there is: " WEIR_SCHEDULERS},
		{IN_MATCH("protocol GRE"),
		 "f:3: error: protocol GRE: there is TCP, UDP, SCTP, ICMP and ICMPv6"},
		{IN_MATCH("syn_proxy"), "f:3: error: syn_proxy is not for virtual_server match"},
		{IN_MATCH("src-range $A"), "f:3: error: src-range: write this out"},
		{IN_MATCH("src-range 10.0.0.1\n real_server 10.1.0.1 80 {\n }"),
		 "f:4: error: the port 80 of a WAN address must be 0: SNAT chooses its ports"},
		{IN_MATCH("src-range 10.0.0.1\n real_server x 0 {\n }"),
		 "f:4: error: real_server takes a WAN address and the port 0"},
		{IN_MATCH("real_server 10.1.0.1 0 {\n TCP_CHECK {\n }\n }"),
		 "f:4: error: TCP_CHECK is not for a WAN address: it has a weight and no more"},
		{IN_MATCH("real_server 10.1.0.1 0 {\n weight x\n }"),
		 "f:4: error: weight x: it takes a number, 0 to 65535"},
		{"virtual_server match x {\n}\n",
		 "f:1: error: src-range: is missing: a match has at least a source, a destination "
		 "or a family"},
		{"virtual_server match {\n}\n", "f:1: error: virtual_server match takes a name"},
		{IN_MATCH("src-range 10.0.0.1") IN_MATCH("src-range 10.0.0.1-10.0.0.1"),
		 "f:5: error: this match stands in f:1 already"},
		{"virtual_server fwmark 0 {\n}\n",
		 "f:1: error: \"0\" is no firewall mark, a number above 0"},
		{"virtual_server fwmark x {\n}\n",
		 "f:1: error: \"x\" is no firewall mark, a number above 0"},
		{IN_SERVICE("hash_target dip"),
		 "f:2: error: hash_target dip: there is sip and qid"},
		{"virtual_server 10.0.0.300 80 {\n}\n",
		 "f:1: error: \"10.0.0.300\" is no address and no range of addresses"},
		{"virtual_server 10.0.0.1 http {\n}\n",
		 "f:1: error: \"http\" is no port, which is 1 to 65535"},
		{"virtual_server group g {\n}\n",
		 "f:1: error: there is no virtual_server_group \"g\""},
		{"local_address_group g {\n 10.1.0.9-2 dpdk0\n}\n",
		 "f:2: error: \"10.1.0.9-2\" is no address and no range of at most 4096 addresses"},
		{"local_address_group g {\n 10.1.0.9\n}\n",
		 "f:2: error: a line of local_address_group is ADDRESS[-LAST] INTERFACE"},
		{"local_address_group g {\n 10.1.0.1 dpdk0\n 10.1.0.1-2 dpdk0\n}\n",
		 "f:3: error: this address stands in the group twice"},
		{GROUP GROUP, "f:4: error: local_address_group g stands in f:1 already"},
		{"virtual_server 10.0.0.1 80 {\n}\nvirtual_server 10.0.0.1 80 {\n}\n",
		 "f:3: error: the service udp 10.0.0.1:80 stands in f:1 already"},
		{GROUP "virtual_server fd00::1 80 {\n lb_kind FNAT\n laddr_group_name g\n}\n",
		 "f:6: error: the local_address_group \"g\" has no IPv6 address, which fd00::1 "
		 "needs"},
		{GROUP "virtual_server $V 80 {\n lb_kind FNAT\n}\n",
		 "f:4: error: what DPVS has added can only be used where address, port and "
		 "protocol "
		 "are written out"},
		{GROUP "vrrp_instance a {\n virtual_ipaddress {\n $V\n }\n}\n" SERVICE,
		 "f:6: error: write this out: there could be the VIP of a service with local "
		 "addresses in it, which must move with it"},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_wrong(rows[i][0], rows[i][1]);
}

static void test_tunnels_refused(void **state)
{
	static const char *const rows[][2] = {
		{"tunnel_group t {\n tunnel_entry x {\n kind gre\n }\n}\n",
		 "f:2: error: the tunnel x has no remote"},
		{IN_TUNNEL("kind vxlan"), "f:3: error: kind vxlan: there is ipip and gre"},
		{IN_TUNNEL("remote any"), "f:3: error: remote: \"any\" is no address"},
		{IN_TUNNEL("key 5"),
		 "f:3: error: a tunnel_entry has kind, remote, local and if, and no key"},
		{IN_TUNNEL("kind gre\n kind ipip\n remote 10.0.0.9"),
		 "f:4: error: kind stands here twice"},
		{"tunnel_group t {\n tunnel_entry {\n }\n}\n",
		 "f:2: error: tunnel_entry takes the name of a device"},
		{"tunnel_group t {\n tunnel_entry a/b {\n }\n}\n",
		 "f:2: error: \"a/b\" is no name of a device"},
		{"tunnel_group t {\n route x\n}\n",
		 "f:2: error: a tunnel_group has tunnel_entry, and no route"},
		{TUNNEL TUNNEL, "f:10: error: there is a tunnel_entry gre1 already"},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_wrong(rows[i][0], rows[i][1]);
}

static void test_schedulers(void **state)
{
	expect(IN_SERVICE("lb_algo mh\n mh-port"),
	       "virtual_server 10.0.0.1 80 {\n\tlb_algo mh\n\tmh-port\n}\n--[]");
	expect(IN_SERVICE("lb_algo conhash\n hash_target sip"),
	       "virtual_server 10.0.0.1 80 {\n\tlb_algo wlc\n}\n--[{" KEY
	       ",\"scheduler\":\"conhash\"}]");
}

/* What stands further up may name a tunnel too. */
static void test_tunnels(void **state)
{
	json_t *taps = json_pack("{s:s, s:s}", "dpdk0", "dpdk0.kni", "dpdk1", "dpdk1.kni");
	static const char text[] =
		"local_address_group g {\n 10.1.0.1 gre1\n}\n" TUNNEL
		"virtual_server 10.0.0.1 80 {\n lb_kind FNAT\n laddr_group_name g\n}\n";
	static const char wanted[] = STOCK
		"--[{" KEY ",\"mode\":\"fullnat\",\"local_addresses\":[{\"address\":\"10.1.0.1\","
		"\"interface\":\"gre1\"}]}][{\"name\":\"gre1\",\"kind\":\"gre\",\"remote\":"
		"\"10.0.0.9\",\"local\":\"10.0.0.1\",\"link\":\"dpdk1\"}]";

	expect(text, wanted);
	options.taps = taps;
	expect(text, wanted);
	expect_wrong(IN_TUNNEL("kind gre\n remote 10.0.0.9\n if dpdk9"),
		     "f:5: error: weir has no port \"dpdk9\"; it has: dpdk0, dpdk1");
	options.taps = NULL;
	json_decref(taps);
}

static void test_harmless(void **state)
{
	char *got = translated(IN_SERVICE("proxy_protocol disable"));

	assert_string_equal(got, "virtual_server 10.0.0.1 80 {\n}\n--[]");
	free(got);
	got = translated(
		"deny_address_group d {\n 10.9.0.1\n 10.9.1.4-7\n ipset:bad\n}\n" IN_SERVICE(
			"delay_loop 3\ndaddr_group_name d"));
	assert_non_null(strstr(got, "\"deny\":[\"10.9.0.1\",\"10.9.1.4-10.9.1.7\",\"ipset:bad\"]"));
	assert_null(strstr(got, "address_group"));
	free(got);
	got = translated(
		"allow_address_group a {\n 10.9.0.x\n}\n" IN_SERVICE("waddr_group_name b"));
	assert_non_null(strstr(got, "f:2: error: \"10.9.0.x\" is no address"));
	assert_non_null(strstr(got, "error: there is no allow_address_group \"b\""));
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stock_passes),  cmocka_unit_test(test_fullnat),
		cmocka_unit_test(test_families),      cmocka_unit_test(test_moves_with_instance),
		cmocka_unit_test(test_two_instances), cmocka_unit_test(test_devices),
		cmocka_unit_test(test_drain),	      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_match),	      cmocka_unit_test(test_schedulers),
		cmocka_unit_test(test_tunnels),	      cmocka_unit_test(test_tunnels_refused),
		cmocka_unit_test(test_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
