/* SPDX-License-Identifier: BSD-3-Clause */
/* What a document may say, and the field and sentence of each refusal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"

static int decode(const char *text, struct error *error)
{
	const struct document_source source = {.origin = ORIGIN_FILE};
	struct document document;
	json_t *json = json_of(text);
	int status = document_decode(json, &source, &document, error);

	if (status == 0)
		document_free(&document);
	json_decref(json);
	return status;
}

#define MATCH(match, more) "{'services':[{'match':" match more "}]}"
#define SERVICE(more)	   "{'services':[{'vip':'10.0.0.1','port':80" more "}]}"
#define SERVER(more)	   SERVICE(",'servers':[{'address':'10.1.0.1','port':80},{" more "}]")

static const struct {
	const char *text, *field, *sentence;
	int code;
} refusals[] = {
	{"{'services':5}", "services", "must be a list", -EINVAL},
	{"{'marks':5}", "marks", "must be a list", -EINVAL},
	{"{'marks':[5]}", "marks[0]", "must be a mapping", -EINVAL},
	{"{'marks':[{}]}", "marks[0].mark", "is missing", -EINVAL},
	{"{'marks':[{'mark':0,'source':'10.0.0.1'}]}", "marks[0].mark", "1 to 4294967295", -EINVAL},
	{"{'marks':[{'mark':1}]}", "marks[0]", "at least one of source", -EINVAL},
	{"{'marks':[{'mark':1,'source':'x'}]}", "marks[0].source", "a network such as", -EINVAL},
	{"{'marks':[{'mark':1,'destination':5}]}", "marks[0].destination", "a network such as",
	 -EINVAL},
	{"{'marks':[{'mark':1,'source':'10.0.0.1','destination':'::2'}]}", "marks[0].destination",
	 "and the source IPv4", -EINVAL},
	{"{'marks':[{'mark':1,'source':'10.0.0.1','protocol':'icmp'}]}", "marks[0].protocol",
	 "tcp, udp, sctp", -EINVAL},
	{"{'marks':[{'mark':1,'source':'10.0.0.1','port':0}]}", "marks[0].port", "1 to 65535",
	 -EINVAL},
	{"{'marks':[{'mark':1,'source':'10.0.0.1','port_end':7}]}", "marks[0].port", "is missing",
	 -EINVAL},
	{"{'marks':[{'mark':1,'source':'10.0.0.1','port':8,'port_end':7}]}", "marks[0].port_end",
	 "not be below", -EINVAL},
	{"{'marks':[{'mark':1,'interface':'nonsense'}]}", "marks[0].interface",
	 "there is no interface", -EINVAL},
	{"{'marks':[{'mark':1,'source':'::1'},{'mark':1,'source':'::1'}]}", "marks[1]",
	 "is the same as marks[0]", -EINVAL},
	{"{'marks':[{'mark':1,'sorce':'::1'}]}", "marks[0].sorce", "did you mean", -EINVAL},
	{"{'services':[5]}", "services[0]", "must be a mapping", -EINVAL},
	{"{'services':[{}]}", "services[0].vip", "is missing", -EINVAL},
	{"{'services':[{'port':80}]}", "services[0].vip", "is missing", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1'}]}", "services[0].port", "is missing", -EINVAL},
	{"{'services':[{'vip':'10.0.0.300','port':80}]}", "services[0].vip", "no IPv4", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1:80','port':80}]}", "services[0].vip", "no IPv4", -EINVAL},
	{"{'services':[{'vip':5,'port':80}]}", "services[0].vip", "must be text", -EINVAL},
	{"{'services':[{'vip':'0.0.0.0','port':80}]}", "services[0].vip", "unicast", -EINVAL},
	{"{'services':[{'vip':'::','port':80}]}", "services[0].vip", "unicast", -EINVAL},
	{"{'services':[{'vip':'::1','port':80}]}", "services[0].vip", "unicast", -EINVAL},
	{"{'services':[{'vip':'127.0.0.1','port':80}]}", "services[0].vip", "unicast", -EINVAL},
	{"{'services':[{'vip':'224.0.0.1','port':80}]}", "services[0].vip", "unicast", -EINVAL},
	{"{'services':[{'vip':'ff02::1','port':80}]}", "services[0].vip", "unicast", -EINVAL},
	{"{'services':[{'vip':'255.255.255.255','port':80}]}", "services[0].vip", "unicast",
	 -EINVAL},
	{"{'services':[{'vip':'10.0.0.1'}]}", "services[0].port", "is missing", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':80,'port_end':80}]}", "services[0].port_end",
	 "must be above", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':80,'port_end':79}]}", "services[0].port_end",
	 "must be above", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':0,'port_end':79}]}", "services[0].port",
	 "must not be 0", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':80,'port_end':90},"
	 "{'vip':'10.0.0.1','port':90,'port_end':99}]}",
	 "services", "tcp 10.0.0.1:80-90 and tcp 10.0.0.1:90-99 overlap", -EINVAL},
	{"{'services':[{'fwmark':0}]}", "services[0].fwmark", "1 to", -EINVAL},
	{"{'services':[{'fwmark':7,'family':'ipv5'}]}", "services[0].family", "ipv4, ipv6",
	 -EINVAL},
	{"{'services':[{'fwmark':7,'port':80}]}", "services[0].port", "no address of its own",
	 -EINVAL},
	{"{'services':[{'fwmark':7,'announce':true}]}", "services[0].announce",
	 "no address of its own", -EINVAL},
	{"{'services':[{'protocol':'fwmark'}]}", "services[0].fwmark", "is missing", -EINVAL},
	{SERVICE(",'family':'ipv6'"), "services[0].family", "by firewall mark", -EINVAL},
	{SERVICE(",'fwmark':7"), "services[0].fwmark", "no address of its own", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':0,'check':{'type':'tcp'},"
	 "'servers':[{'address':'10.1.0.1','port':0}]}]}",
	 "services[0].servers[0].check.port", "is missing", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':65536}]}", "services[0].port", "0 to 65535",
	 -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':-1}]}", "services[0].port", "0 to 65535", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':'80'}]}", "services[0].port", "not the text",
	 -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':80.5}]}", "services[0].port", "a fraction",
	 -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':null}]}", "services[0].port", "nothing", -EINVAL},
	{SERVICE(",'protocol':'icmp'"), "services[0].protocol", "not available yet", -EOPNOTSUPP},
	{SERVICE(",'protocol':'dccp'"), "services[0].protocol", "tcp, udp, sctp", -EINVAL},
	{SERVICE(",'protocol':'tpc'"), "services[0].protocol", "tcp, udp", -EINVAL},
	{SERVICE(",'scheduler':'best'"), "services[0].scheduler", "rr, wrr, wlc", -EINVAL},
	{SERVICE(",'scheduler':'lblc'"), "services[0].scheduler", "is none of", -EINVAL},
	{SERVICE(",'scheduler_flags':'port'"), "services[0].scheduler_flags", "list", -EINVAL},
	{SERVICE(",'scheduler_flags':['ports']"), "services[0].scheduler_flags[0]", "port",
	 -EINVAL},
	{SERVICE(",'scheduler':'an algorithm with a long name'"), "services[0].scheduler",
	 "is none of", -EINVAL},
	{SERVICE(",'scheduler':''"), "services[0].scheduler", "none of", -EINVAL},
	{MATCH("{'out':'dpdk0'}", ""), "services[0].match.source", "is missing", -EINVAL},
	{MATCH("{'protocol':'gre','source':'10.0.0.1'}", ""), "services[0].match.protocol",
	 "none of: tcp, udp, sctp, icmp, icmpv6", -EINVAL},
	{MATCH("{'protocol':'tcp'}", ""), "services[0].match.source", "is missing", -EINVAL},
	{MATCH("{'protocol':'tcp','source':'10.0.0.9-10.0.0.1'}", ""), "services[0].match.source",
	 "wrong way round", -EINVAL},
	{MATCH("{'protocol':'tcp','source':7}", ""), "services[0].match.source", "must be a text",
	 -EINVAL},
	{MATCH("{'protocol':'tcp','source':'10.0.0.1','destination':'::1'}", ""),
	 "services[0].match.destination", "is IPv6, and another part of the match IPv4", -EINVAL},
	{MATCH("{'protocol':'icmp','source':'10.0.0.1:80'}", ""), "services[0].match.source",
	 "names ports, which icmp does not have", -EINVAL},
	{MATCH("{'protocol':'tcp','source':'10.0.0.1','in':'dpdk9'}", ""), "services[0].match.in",
	 "no interface \"dpdk9\"", -EINVAL},
	{MATCH("{'protocol':'tcp','source':'10.0.0.1','dport':80}", ""), "services[0].match.dport",
	 "", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1-9'", ""), "services[0].match.source", "both ends", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'vip':'10.0.0.1'"), "services[0].vip",
	 "is not for a service by match", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'protocol':'udp'"), "services[0].protocol",
	 "is not for a service by match", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'check':{'type':'tcp'}"), "services[0].check", "", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'mode':'fullnat'"), "services[0].mode",
	 "a service by match has the mode snat, not fullnat", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'mode':'fullnat','servers':[{'address':'10.0.0.9'}]"),
	 "services[0].mode", "a service by match has the mode snat", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'servers':[{'address':'10.0.0.9','port':80}]"),
	 "services[0].servers[0].port", "must be 0 or left out", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'servers':[{'address':'::9'}]"),
	 "services[0].servers[0].address", "is IPv6, and the match IPv4", -EINVAL},
	{MATCH("'tcp,from=10.0.0.1'", ",'servers':[{'address':'10.0.0.9','mode':'fullnat'}]"),
	 "services[0].servers[0].mode", "is snat", -EINVAL},
	{SERVICE(",'mode':'snat'"), "services[0].mode", "is for a service by match", -EINVAL},
	{SERVICE(",'mode':'teleport'"), "services[0].mode", "fullnat", -EINVAL},
	{SERVICE(",'servers':[{'address':'10.0.0.9','port':80,'mode':'snat'}]"),
	 "services[0].servers[0].mode", "is for a service by match", -EINVAL},
	{SERVICE(",'servers':[{'address':'10.0.0.9','port':80,'mode':'x'}]"),
	 "services[0].servers[0].mode", "fullnat", -EINVAL},
	{SERVICE(",'unknown_tcp':'ignore'"), "services[0].unknown_tcp", "reset, drop", -EINVAL},
	{SERVICE(",'mss':70000"), "services[0].mss", "out of range", -EINVAL},
	{SERVICE(",'timeouts':5"), "services[0].timeouts", "mapping", -EINVAL},
	{SERVICE(",'timeouts':{'established':0}"), "services[0].timeouts.established", "1 to 64800",
	 -EINVAL},
	{SERVICE(",'timeouts':{'established':64801}"), "services[0].timeouts.established",
	 "1 to 64800", -EINVAL},
	{SERVICE(",'timeouts':{'estabilshed':5}"), "services[0].timeouts.estabilshed",
	 "did you mean \"established\"?", -EINVAL},
	{SERVICE(",'conn_timeout':0"), "services[0].conn_timeout", "1 to 64800", -EINVAL},
	{SERVICE(",'shceduler':'rr'"), "services[0].shceduler", "did you mean \"scheduler\"?",
	 -EINVAL},
	{SERVICE(",'colour':'red'"), "services[0].colour", "unknown field", -EINVAL},
	{SERVICE(",'persistent':2678401"), "services[0].persistent", "0 to 2678400", -EINVAL},
	{SERVICE(",'netmask':24"), "services[0].netmask", "only for persistent", -EINVAL},
	{SERVICE(",'persistent':9,'netmask':0"), "services[0].netmask", "1 to 32", -EINVAL},
	{SERVICE(",'persistent':9,'netmask':33"), "services[0].netmask", "1 to 32", -EINVAL},
	{SERVICE(",'persistent':9,'netmask':'255.0.255.0'"), "services[0].netmask", "is no mask",
	 -EINVAL},
	{SERVICE(",'persistent':9,'netmask':'0.0.0.0'"), "services[0].netmask", "is no mask",
	 -EINVAL},
	{SERVICE(",'one_packet':true"), "services[0].one_packet", "only for UDP", -EINVAL},
	{SERVICE(",'syn_proxy':3"), "services[0].syn_proxy", "true, false or \"auto\"", -EINVAL},
	{SERVICE(",'syn_proxy':{'enabled':'on'}"), "services[0].syn_proxy.enabled",
	 "true, false or \"auto\"", -EINVAL},
	{SERVICE(",'syn_proxy':'on'"), "services[0].syn_proxy", "true, false or", -EINVAL},
	{SERVICE(",'syn_proxy':'auto','mode':'dr'"), "services[0].syn_proxy",
	 "needs the modes fullnat or nat", -EINVAL},
	{SERVICE(",'syn_proxy':{'rs_syn_max_retry':0}"), "services[0].syn_proxy.rs_syn_max_retry",
	 "0 is out of range, 1 to 99", -EINVAL},
	{SERVICE(",'syn_proxy':{'ack_storm_thresh':1000}"),
	 "services[0].syn_proxy.ack_storm_thresh", "1 to 999", -EINVAL},
	{SERVICE(",'syn_proxy':{'max_ack_saved':64}"), "services[0].syn_proxy.max_ack_saved",
	 "1 to 63", -EINVAL},
	{SERVICE(",'syn_proxy':{'conn_reuse_state':true}"),
	 "services[0].syn_proxy.conn_reuse_state", "must be a mapping", -EINVAL},
	{SERVICE(",'syn_proxy':{'conn_reuse_state':{'close':1}}"),
	 "services[0].syn_proxy.conn_reuse_state.close", "true or false", -EINVAL},
	{SERVICE(",'syn_proxy':{'conn_reuse_state':{'established':true}}"),
	 "services[0].syn_proxy.conn_reuse_state.established", "unknown field", -EINVAL},
	{SERVICE(",'syn_proxy':{'synack_options':{'wscale':15}}"),
	 "services[0].syn_proxy.synack_options.wscale", "0 to 14", -EINVAL},
	{SERVICE(",'syn_proxy':{'synack_options':{'mss':1}}"),
	 "services[0].syn_proxy.synack_options.mss", "256 to 65495", -EINVAL},
	{SERVICE(",'syn_proxy':{'synack_options':{'ttl':0}}"),
	 "services[0].syn_proxy.synack_options.ttl", "1 to 255", -EINVAL},
	{SERVICE(",'syn_proxy':true,'mode':'dr'"), "services[0].syn_proxy",
	 "needs the modes fullnat or nat", -EINVAL},
	{SERVICE(",'quic':true"), "services[0].quic", "only for UDP", -EINVAL},
	{SERVICE(",'quic':'ietf'"), "services[0].quic", "none, dpvs, quic-lb", -EINVAL},
	{SERVICE(",'quic_lb':{'0':4}"), "services[0].quic_lb", "only for a service with quic",
	 -EINVAL},
	{SERVICE(",'quic_lb':{'0':16}"), "services[0].quic_lb.0", "1 to 15", -EINVAL},
	{SERVICE(",'proxy_protocol':'v3'"), "services[0].proxy_protocol",
	 "disable, v1, v2, v1-insecure, v2-insecure", -EINVAL},
	{SERVICE(",'protocol':'udp','proxy_protocol':'v1'"), "services[0].proxy_protocol",
	 "v1 is for TCP only", -EINVAL},
	{SERVICE(",'protocol':'sctp','proxy_protocol':'v2'"), "services[0].proxy_protocol",
	 "TCP and UDP only", -EINVAL},
	{SERVICE(",'removed_servers':'drop'"), "services[0].removed_servers",
	 "keep, reset, reschedule", -EINVAL},
	{SERVICE(",'dest_check':true"), "services[0].dest_check", "not available", -EOPNOTSUPP},
	{SERVICE(",'client_address':'proxy'"), "services[0].client_address", "toa, none", -EINVAL},
	{SERVICE(",'client_address':'uoa-header'"), "services[0].client_address", "is for UDP only",
	 -EINVAL},
	{SERVICE(",'hash_target':'qid'"), "services[0].hash_target", "conhash", -EINVAL},
	{SERVICE(",'allow':['10.0.0.0/33']"), "services[0].allow[0]",
	 "\"10.0.0.0/33\" is no address", -EINVAL},
	{SERVICE(",'deny':['10.0.0.1',7]"), "services[0].deny[1]", "must be a text", -EINVAL},
	{SERVICE(",'deny':['ipset:bad']"), "services[0].deny", "there is no set \"bad\"", -EINVAL},
	{SERVICE(",'deny':['ipset:']"), "services[0].deny[0]", "no name of a set", -EINVAL},
	{"{'sets':[{'type':'hash:ip'}]}", "sets[0].name", "is missing", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:mac'}]}", "sets[0].type", "none of", -EINVAL},
	{"{'sets':[{'name':'a','type':'bitmap:ip'}]}", "sets[0].range", "is missing", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:ip','range':'10.0.0.0/24'}]}", "sets[0].range",
	 "only a set of type bitmap", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:net','entries':['10.0.0.0/8','fd00::/8']}]}",
	 "sets[0].entries[1]", "is not IPv4, as the set is", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:ip,port','entries':['10.0.0.1']}]}",
	 "sets[0].entries[0]", "fewer parts", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:ip','entries':[{'entry':'10.0.0.1','nomatch':true}]}]}",
	 "sets[0].entries[0]", "nomatch is for sets with networks", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:ip','entries':[{'entry':'10.0.0.1','comment':'x'}]}]}",
	 "sets[0].entries[0]", "without comments", -EINVAL},
	{"{'sets':[{'name':'a','type':'hash:ip','entries':['0.0.0.0/1']}]}", "sets[0].entries[0]",
	 "make a set of networks", -EINVAL},
	{"{'denied_sessions':'forget'}", "denied_sessions", "none of", -EINVAL},
	{"{'deny':'10.0.0.1'}", "deny", "must be a list", -EINVAL},
	{SERVICE(",'vni':0"), "services[0].vni", "0 is out of range, 1 to 16777215", -EINVAL},
	{SERVICE(",'vni':16777216"), "services[0].vni", "out of range", -EINVAL},
	{SERVICE(",'vni':7,'mode':'dr'"), "services[0].mode", "in a VNI is fullnat", -EINVAL},
	{SERVICE(",'vni':7,'announce':true"), "services[0].announce", "routers know no VNIs",
	 -EINVAL},
	{SERVICE(",'vni':7,'servers':[{'address':'fd00::1','port':80}]"), "services[0].servers",
	 "not of the VIP's family", -EOPNOTSUPP},
	{SERVICE(",'vni':7,'servers':[{'address':'10.0.0.9','mode':'dr'}]"), "services[0].servers",
	 "a service in a VNI has fullnat", -EINVAL},
	{SERVICE(",'vni':7,'servers':[{'address':'10.0.0.9','port':1,'vni':7}]"),
	 "services[0].servers[0].vni", "real servers are of the underlay", -EINVAL},
	{SERVER("'address':'10.0.0.9','vni':0"), "services[0].servers[1].vni", "1 to 16777215",
	 -EINVAL},
	{SERVER("'address':'10.0.0.9','port':1,'vni':7,'mode':'nat'"), "services[0].servers[1].vni",
	 "mode fullnat", -EINVAL},
	{SERVER("'address':'fd00::9','port':1,'vni':7"), "services[0].servers[1].address",
	 "the VIP's family", -EINVAL},
	{SERVICE(",'symmetric_return':true,'servers':[{'address':'10.0.0.9','port':1,'vni':7}]"),
	 "services[0].symmetric_return", "real servers in a VNI", -EINVAL},
	{SERVICE(",'bps':7"), "services[0].bps", "8000 to", -ERANGE},
	{SERVICE(",'limits':{'connection':7}"), "services[0].limits.connection", "connections",
	 -EINVAL},
	{SERVICE(",'limits':{'packets':'many'}"), "services[0].limits.packets",
	 "must be a whole number, 1 to", -EINVAL},
	{SERVICE(",'limits':{'bits':100}"), "services[0].limits.bits", "8000 to", -ERANGE},
	{SERVICE(",'limits':{'reaction':'kill'}"), "services[0].limits.reaction", "drop", -EINVAL},
	{SERVICE(",'limits':{'per_source':{'prefix4':33}}"),
	 "services[0].limits.per_source.prefix4", "out of range", -EINVAL},
	{SERVICE(",'limit_proportion':7"), "services[0].limit_proportion", "no packets at random",
	 -EINVAL},
	{SERVICE(",'quorum':0"), "services[0].quorum", "0 is out of range, 1 to", -EINVAL},
	{SERVICE(",'quorum':2,'hysteresis':2"), "services[0].hysteresis",
	 "must be less than the quorum, which is 2", -EINVAL},
	{SERVICE(",'announce':'yes'"), "services[0].announce", "must be true or false", -EINVAL},
	{SERVICE(",'servers':'all'"), "services[0].servers", "must be a list", -EINVAL},
	{SERVER("'port':80"), "services[0].servers[1].address", "is missing", -EINVAL},
	{SERVER("'address':'10.1.0.2'"), "services[0].servers[1].port", "is missing", -EINVAL},
	{SERVER("'address':'10.1.0.2','port':0"), "services[0].servers[1].port", "1 to 65535",
	 -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'weight':70000"), "services[0].servers[1].weight",
	 "70000 is out of range, 0 to 65535", -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'weight':-1"), "services[0].servers[1].weight",
	 "out of range", -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'weigth':1"), "services[0].servers[1].weigth",
	 "did you mean \"weight\"?", -EINVAL},
	{SERVER("'address':'10.1.0.1','port':80"), "services[0].servers[1]", "entry [0]", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'dr','port':81"), "services[0].servers[1].port",
	 "listen on the service's port", -EINVAL},
	{SERVER("'address':'fd00::1','mode':'dr'"), "services[0].servers[1].address",
	 "the VIP IPv4", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'dr','tunnel':'gre'"), "services[0].servers[1].tunnel",
	 "only for the mode tunnel", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'tunnel','tunnel':'vxlan'"),
	 "services[0].servers[1].tunnel.type", "ipip", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'tunnel','tunnel':{'type':'gre','port':6080}"),
	 "services[0].servers[1].tunnel.port", "only a tunnel of type gue", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'tunnel','tunnel':'gue:70000'"),
	 "services[0].servers[1].tunnel.port", "out of range", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'tunnel','tunnel':'gue:6080x'"),
	 "services[0].servers[1].tunnel.port", "must be a number", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'tunnel','tunnel':'ipip+full'"),
	 "services[0].servers[1].tunnel.checksum", "has no checksum", -EINVAL},
	{SERVER("'address':'10.1.0.2','mode':'tunnel','tunnel':'gre+remote'"),
	 "services[0].servers[1].tunnel.checksum", "only for a tunnel of type gue", -EINVAL},
	{SERVER("'address':'fd00::1','port':80"), "services[0].local_addresses",
	 "NAT46 needs an IPv6 local address to reach [fd00::1]:80: neither the service nor the "
	 "pool has one",
	 -EINVAL},
	{"{'services':[{'servers':[{'address':'10.0.0.9','port':80}],'vip':'fd00::1','port':80}]}",
	 "services[0].local_addresses", "NAT64 needs an IPv4 local address to reach 10.0.0.9:80",
	 -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'upper_threshold':-1"),
	 "services[0].servers[1].upper_threshold", "out of range", -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'lower_threshold':5"),
	 "services[0].servers[1].lower_threshold", "at most the upper_threshold, which is 0",
	 -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'upper_threshold':5,'lower_threshold':6"),
	 "services[0].servers[1].lower_threshold", "at most the upper_threshold, which is 5",
	 -EINVAL},
	{SERVER("'address':'10.1.0.2','port':80,'inhibit':true"), "services[0].servers[1].inhibit",
	 "not available", -EOPNOTSUPP},
	{SERVER("'address':'224.1.0.2','port':80"), "services[0].servers[1].address", "unicast",
	 -EINVAL},
	{SERVICE(",'local_addresses':[{'address':'10.2.0.1'}]"),
	 "services[0].local_addresses[0].interface", "is missing", -EINVAL},
	{SERVICE(",'local_addresses':[{'address':'10.2.0.1','interface':'eth9'}]"),
	 "services[0].local_addresses[0].interface", "no interface \"eth9\"", -EINVAL},
	{SERVICE(",'local_addresses':[{'address':'10.2.0.1','interface':'an interface of a long "
		 "name'}]"),
	 "services[0].local_addresses[0].interface", "too long", -EINVAL},
	{"{'local_addresses':[{'address':'10.2.0.1','interface':'dpdk0'},"
	 "{'address':'10.2.0.2','interface':'dpdk0'},{'address':'10.2.0.1','interface':'dpdk1'}]}",
	 "local_addresses[2]", "entry [0]", -EINVAL},
	{"{'services':[{'vip':'10.0.0.1','port':80},{'vip':'10.0.0.1','port':80,'protocol':'udp'},"
	 "{'vip':'10.0.0.1','port':80,'protocol':'TCP'}]}",
	 "services[2]", "services[0]", -EINVAL},
	{"{'timeouts':{'fin_wait':true}}", "timeouts.fin_wait", "whole number", -EINVAL},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct error error = {0};

		if (decode(refusals[i].text, &error) == 0)
			fail_msg("taken: %s", refusals[i].text);
		if (strcmp(error.field, refusals[i].field) != 0 ||
		    strstr(error.text, refusals[i].sentence) == NULL ||
		    error.code != refusals[i].code)
			fail_msg("%s:\n\"%s\" %s (%d)", refusals[i].text, error.field, error.text,
				 error.code);
	}
}

/* What only says "off", what listings add, and empty sections are no reason to refuse. */
static void test_harmless(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{'services':null,'local_addresses':null,'timeouts':null}",
		"{'services':[],'local_addresses':[],'timeouts':{}}",
		"{'timeouts':{'close':null}}",
		SERVICE(",'syn_proxy':false,'persistent':0,'allow':[],'limits':{},'quic':null,"
			"'proxy_protocol':'disable'"),
		SERVICE(",'origin':'rest','overridden':true,'connections':5,'active':1,'bytes_in':"
			"7"),
		SERVER("'address':'10.1.0.2','port':80,'origin':'file','packets_in':3,'inhibit':"
		       "false"),
		SERVICE(",'servers':null,'local_addresses':null,'timeouts':null"),
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error error = {0};

		if (decode(texts[i], &error) < 0)
			fail_msg("%s: %s: %s", texts[i], error.field, error.text);
	}
}

static void test_values(void **state)
{
	struct document d = document_of(
		"{'timeouts':{'established':600},'local_addresses':[{'address':'10.2.0.9','"
		"interface':"
		"'dpdk1.kni'}],'services':[{'vip':'fd00::1','port':53,'protocol':'udp','conn_"
		"timeout':7,"
		"'mss':1400,'unknown_tcp':'drop','scheduler':'wrr','servers':["
		"{'address':'fd00::3','port':53,'weight':0},{'address':'fd00::2','port':53}]}]}");
	const struct model_service *s = d.services[0];

	assert_int_equal(d.timeouts.seconds[STATE_ESTABLISHED], 600);
	assert_int_equal(d.timeouts.seconds[STATE_SYN_RECV], 30);
	assert_int_equal(d.pool_count, 1);
	assert_string_equal(d.pool[0].iface, "dpdk1.kni");
	assert_int_equal(d.service_count, 1);
	assert_int_equal(s->key.protocol, IPPROTO_UDP);
	assert_int_equal(s->timeouts.seconds[STATE_UDP_NORMAL], 7);
	assert_int_equal(s->timeouts.seconds[STATE_UDP_ONE_WAY], 7);
	assert_int_equal(s->timeouts.seconds[STATE_ESTABLISHED], 0);
	assert_int_equal(s->mss, 1400);
	assert_int_equal(s->unknown_tcp, UNKNOWN_DROP);
	assert_string_equal(s->scheduler, "wrr");
	// Sorted, whatever the order of the document.
	assert_int_equal(s->servers[0].addr.bytes[15], 2);
	assert_int_equal(s->servers[0].weight, 1);
	assert_int_equal(s->servers[1].weight, 0);
	document_free(&d);
}

/* What is written is read back the same. */
static void test_round_trip(void **state)
{
	struct document d = document_of(
		"{'services':[{'vip':'10.0.0.1','port':80,'scheduler':'rr','mss':1200,'timeouts':"
		"{'close':9},'unknown_tcp':'drop','local_addresses':[{'address':'10.2.0.1','"
		"interface':"
		"'dpdk0'}],'servers':[{'address':'10.1.0.1','port':81,'weight':0},{'address':"
		"'10.1.0.1','port':80,'weight':65535}]}]}");
	struct model_service *again;
	struct error error = {0};
	json_t *json = document_service_json(d.services[0], true);

	assert_int_equal(
		document_decode_service(json, &d.services[0]->key, ORIGIN_REST, &again, &error), 0);
	assert_true(model_service_equal(d.services[0], again));
	assert_int_equal(again->origin, ORIGIN_REST);
	model_service_free(again);
	json_decref(json);
	document_free(&d);
}

static void test_bodies(void **state)
{
	struct service_key key = key_of("tcp", "10.0.0.1", 80);
	struct model_server server = {.port = 80, .weight = 3};
	struct model_service *service;
	struct error error = {0};
	json_t *body = json_of("{'vip':'10.0.0.2'}");

	// The key of the body must be that of the path.
	assert_int_equal(document_decode_service(body, &key, ORIGIN_REST, &service, &error),
			 -EINVAL);
	json_decref(body);
	body = json_of("{'servers':[{'address':'10.1.0.1','port':80}],'scheduler':'rr'}");
	assert_int_equal(document_decode_service(body, &key, ORIGIN_REST, &service, &error), 0);
	json_decref(body);
	body = json_of("{'mss':1000}");
	assert_int_equal(document_patch_service(body, ORIGIN_REST, service, &error), 0);
	json_decref(body);
	// Fields that are judged once all are there, where nothing stands before their names.
	body = json_of("{'syn_proxy':true}");
	assert_int_equal(document_patch_service(body, ORIGIN_REST, service, &error), 0);
	json_decref(body);
	body = json_of("{'timeouts':{'close':5,'fin_wait':6}}");
	assert_int_equal(document_patch_service(body, ORIGIN_REST, service, &error), 0);
	json_decref(body);
	body = json_of("{'timeouts':{'close':null,'last_ack':7}}");
	assert_int_equal(document_patch_service(body, ORIGIN_REST, service, &error), 0);
	json_decref(body);
	assert_int_equal(service->timeouts.seconds[STATE_CLOSE], 0);
	assert_int_equal(service->timeouts.seconds[STATE_FIN_WAIT], 6);
	assert_int_equal(service->timeouts.seconds[STATE_LAST_ACK], 7);
	assert_int_equal(service->mss, 1000);
	assert_string_equal(service->scheduler, "rr");
	assert_int_equal(service->server_count, 1);
	body = json_of("{'syn_proxy':true,'unknown_tcp':'hash'}");
	assert_int_equal(document_patch_service(body, ORIGIN_REST, service, &error), -EINVAL);
	assert_string_equal(error.field, "syn_proxy");
	json_decref(body);
	model_service_free(service);
	// An address of the path is checked like one of a body.
	addr_parse("224.0.0.1", &key.vip);
	body = json_of("{}");
	assert_int_equal(document_decode_service(body, &key, ORIGIN_REST, &service, &error),
			 -EINVAL);
	assert_string_equal(error.field, "vip");
	key = key_of("tcp", "10.0.0.1", 80);
	addr_parse("10.1.0.1", &server.addr);
	assert_int_equal(document_decode_server(body, &key, &server, &error), 0);
	assert_int_equal(server.weight, 3);
	addr_parse("fd00::1", &server.addr);
	assert_int_equal(document_decode_server(body, &key, &server, &error), 0);
	json_decref(body);
}

static void test_keys_of_paths(void **state)
{
	struct service_key key, expected = key_of("udp", "fd00::1", 53);
	struct error error = {0};

	assert_int_equal(document_decode_key("udp", "fd00::1", "53", &key, &error), 0);
	assert_memory_equal(&key, &expected, sizeof(key));
	assert_int_equal(document_decode_key("UDP", "[fd00::1]", "53", &key, &error), 0);
	assert_memory_equal(&key, &expected, sizeof(key));
	assert_int_equal(document_decode_key("tcp", "fd00::1", "0", &key, &error), 0);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "80-90", &key, &error), 0);
	assert_int_equal(key.port_end, 90);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "80-80", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "80-", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "0-80", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("fwmark", "ipv6", "7", &key, &error), 0);
	assert_int_equal(key.kind, SERVICE_MARK);
	assert_int_equal(key.mark, 7);
	assert_int_equal(key.vip.family, AF_INET6);
	assert_int_equal(document_decode_key("fwmark", "ipv6", "0", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("fwmark", "10.0.0.1", "5", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "65536", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "80x", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("tcp", "fd00::1", " 80", &key, &error), -EINVAL);
	assert_int_equal(document_decode_key("tcp", "fd00::1", "", &key, &error), -EINVAL);
	assert_string_equal(error.field, "port");
	assert_int_equal(document_decode_key("tcp", "[]", "80", &key, &error), -EINVAL);
	assert_string_equal(error.field, "vip");
	assert_int_equal(document_decode_key("icmp", "fd00::1", "80", &key, &error), -EINVAL);
	assert_string_equal(error.field, "protocol");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_values),	 cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bodies),	 cmocka_unit_test(test_keys_of_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
