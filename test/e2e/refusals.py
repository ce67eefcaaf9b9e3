# SPDX-License-Identifier: BSD-3-Clause
"""
What is refused: command lines and files, with the exit code and the message that each gets.  test_refusals.py
runs every row against one weir and looks after each whether anything was changed.

A row names what is run:

  face    a face of the client: the words, and what it reads from standard input (`stdin`).  "{file}" in a word
          is the path of a file that holds `file`
  config  keys that replace those of a weir.yaml that is right; the file is handed to `weir -c FILE --check` and
          to `weirctl apply -f FILE`

Any part of a message will do.

Each area has a list of its own; ROWS is all of them.
"""

from dataclasses import dataclass, field


@dataclass
class Row:
    face: str
    words: list
    code: int
    message: str  # a part of what stands on standard error
    stdin: str = ""
    file: str | None = None
    files: dict = field(default_factory=dict)  # further files in the same folder, by name

    @property
    def name(self):
        return " ".join([self.face, *self.words])[:100]


@dataclass
class Config:
    change: dict
    message: str

    @property
    def name(self):
        return f"weir.yaml {self.change}"[:100]


def rows(face, *table):
    """(words as one text, code, message[, standard input]) for words without spaces in them."""
    return [Row(face, line[0].split(), line[1], line[2], *line[3:]) for line in table]


VIP = "10.0.0.100:80"  # exists, with two real servers 192.168.100.2:80 and .3:80
NEW = "10.0.0.100:8000"  # does not exist
MATCH = "proto=tcp,src-range=192.168.7.0-192.168.7.9"  # does not exist

IPVSADM = rows(
    "ipvsadm",
    # the command
    ("nonsense", 255, "\"nonsense\" is no command"),
    ("-t 10.0.0.1:80", 255, "is no command"),
    ("-K", 255, "is no command"),
    ("--nonsense", 255, "is no command"),
    ("-", 255, "is no command"),
    ("--", 255, "is no command"),
    ("--list=x", 2, "--list takes no value"),
    # what is missing
    ("-A", 2, "-A (--add-service) needs a service"),
    ("-D", 2, "-D (--delete-service) needs a service"),
    (f"-a -t {VIP}", 2, "needs -r (--real-server)"),
    (f"-P -t {VIP} -z 192.168.100.210", 2, "needs -F (--ifname)"),
    (f"-P -t {VIP} -F dpdk1", 2, "needs -z (--laddr)"),
    (f"-U -t {VIP}", 2, "needs -k (--blklst)"),
    ("-A -t", 2, "-t (--tcp-service) needs a value"),
    (f"-a -t {VIP} -r 192.168.100.4 -b -w", 2, "-w (--weight) needs a value"),
    ("--set 1 2", 2, "--set needs TCP TCPFIN UDP"),
    ("--start-daemon", 2, "needs master|backup"),
    # what does not belong together
    (f"-A -t {NEW} -r 192.168.100.2", 2, "-r (--real-server) is no option of -A (--add-service)"),
    (f"-D -t {VIP} -s rr", 2, "-s (--scheduler) is no option of -D (--delete-service)"),
    (f"-d -t {VIP} -r 192.168.100.2:80 -w 1", 2, "-w (--weight) is no option of -d"),
    (f"-D -t {VIP} --conn-timeout 5", 2, "--conn-timeout is no option of -D"),
    (f"-d -t {VIP} -r 192.168.100.2:80 --quic", 2, "--quic is no option of -d"),
    (f"-Z -t {VIP} --proxy-protocol v1", 2, "--proxy-protocol is no option of -Z"),
    (f"-a -t {VIP} -r 192.168.100.4 -b --dest-check default", 2, "--dest-check is no option of -a"),
    ("-C -n", 2, "-n (--numeric) is no option of -C (--clear)"),
    (f"-A -t {NEW} -t {NEW}", 2, "-t (--tcp-service) is given twice"),
    (f"-A -t {NEW} -s rr -s wrr", 2, "-s (--scheduler) is given twice"),
    (f"-A -t {NEW} --conn-timeout 5 --conn-timeout=6", 2, "--conn-timeout is given twice"),
    (f"-A -t {NEW} -u {NEW}", 2, "-t (--tcp-service) and -u (--udp-service) exclude each other"),
    (f"-a -t {VIP} -r 192.168.100.4 -b -g", 2, "-b (--fullnat) and -g (--gatewaying) exclude each other"),
    ("-ln --stats --rate", 2, "--stats and --rate exclude each other"),
    ("-lnc --stats", 2, "--connection and --stats exclude each other"),
    (f"-A -t {NEW} -6", 2, "-6 (--ipv6) is only for -f"),
    (f"-A -t {NEW} -s rr --hash-target sip", 2, "--hash-target is only for -s conhash"),
    (f"-A -t {NEW} -s conhash --hash-target qid", 2, "--hash-target qid is only for -u"),
    (f"-A -t {NEW} -o", 2, "-o (--ops) is only for -u"),
    (f"-A -t {NEW} -M 24", 2, "-M (--netmask) is only for -p"),
    ("-ln --sockpair tcp:1.2.3.4:5:6.7.8.9:80", 2, "--sockpair is only for -c"),
    # words that nothing takes
    (f"-A -t {NEW} nonsense", 2, "\"nonsense\" belongs to no option"),
    (f"-A -t {NEW} --nonsense", 2, "there is no option --nonsense"),
    (f"-A -t {NEW} -K", 2, "there is no option -K"),
    ("-lnK", 2, "there is no option -K"),
    ("-ln --stats=yes", 2, "--stats takes no value"),
    # values
    ("-A -t 80", 2, "\"80\" is no ADDRESS:PORT"),
    ("-A -t 10.0.0:80", 2, "is no ADDRESS:PORT"),
    ("-A -t 10.0.0.300:80", 2, "is no ADDRESS:PORT"),
    ("-A -t 10.0.0.100:70000", 2, "is no ADDRESS:PORT"),
    ("-A -t 10.0.0.100:", 2, "is no ADDRESS:PORT"),
    ("-A -t 10.0.0.100:nonsense", 2, "no such host or service is known"),
    ("-A -t [fd00:a::100:80", 2, "is no ADDRESS:PORT"),
    ("-A -t [10.0.0.100]:80", 2, "is no ADDRESS:PORT"),
    ("-A -t fd00:a::zz", 2, "is no ADDRESS:PORT"),
    (f"-a -t {VIP} -r 192.168.100.4:0 -b", 2, "names port 0; leave the port out"),
    (f"-a -t {VIP} -r 192.168.100.4 -b -w 65536", 2, "\"65536\" is no weight, 0 to 65535"),
    (f"-a -t {VIP} -r 192.168.100.4 -b -w -1", 2, "\"-1\" is no weight"),
    (f"-a -t {VIP} -r 192.168.100.4 -b -w 1x", 2, "\"1x\" is no weight"),
    (f"-a -t {VIP} -r 192.168.100.4 -b -x ten", 2, "\"ten\" is no number of connections"),
    (f"-A -t {NEW} -j enablefoo", 2, "\"enablefoo\" is neither enable nor disable"),
    (f"-A -t {NEW} --proxy-protocol v3", 2, "\"v3\" is none of disable, v1, v2"),
    (f"-A -t {NEW} --conn-timeout 0x10", 2, "is no number of seconds"),
    (f"-A -t {NEW} -p 0", 2, "is no number of seconds, 1 to 2678400"),
    (f"-A -t {NEW} -p 60 -M 255.0.255.0", 2, "is no mask"),
    (f"-A -t {NEW} --dest-check 1,3", 2, "--dest-check: \"1,3\" is none of"),
    (f"-A -t {NEW} --dest-check disable --dest-check 1,2", 2, "--dest-check: \"1,2\" is none of"),
    (f"-A -t {NEW} --dest-check 1,1,3s,60-5s", 2, "is none of"),
    (f"-A -t {NEW} --settings nonsense", 2, "is no JSON object"),
    ("-A -f 0", 2, "is no mark"),
    # SNAT by match
    ("-A -H proto=tcp", 2, "-H (--match): src-range: is missing: a match has at least a source"),
    ("-A -H oif=dpdk0", 2, "-H (--match): src-range: is missing: a match has at least a source"),
    ("-A -H proto=tcp,src-range=192.168.0.1-10", 2, "src-range: \"10\" is no IPv4 or IPv6 address"),
    ("-A -H proto=tcp,src-range=192.168.0.9-192.168.0.1", 2, "src-range: the range 192.168.0.9-192.168.0.1 is the wrong way"),
    ("-A -H proto=icmp,src-range=192.168.0.1:80", 2, "src-range: names ports, which icmp does not have"),
    ("-A -H proto=icmp,af=ipv6", 2, "proto: icmp is not of IPv6"),
    ("-A -H proto=tcp,af=ipv4,oif=nonsense", 1, "match.out: there is no interface \"nonsense\""),
    (f"-A -H {MATCH} -o", 2, "-o (--ops) is only for"),
    (f"-D -H {MATCH}", 1, "there is no service match tcp,from=192.168.7.0-192.168.7.9:0-0"),
    (f"-a -H {MATCH} -r 10.0.0.1:0 -J", 1, "there is no service match tcp,from="),
    (f"-a -H {MATCH} -r 10.0.0.1:80 -J", 2, "SNAT chooses the ports of a WAN address; write 0 or none"),
    (f"-a -H {MATCH} -r 10.0.0.1:0 -b", 2, "needs -J (--snat)"),
    (f"-a -t {VIP} -r 192.168.100.4 -J", 1, "snat is for a service by match"),
    (f"-P -H {MATCH} -z 10.0.0.1 -F dpdk0", 2, "has WAN addresses (-r) and no local ones"),
    (f"-Lnc -H {MATCH}", 2, "-H (--match) is no filter of connections"),
    ("-lnc --sockpair dccp:1.2.3.4:5:6.7.8.9:80", 2, "is not of the form tcp:CLIENT:PORT:VIP:PORT"),
    (f"-lnc --sockpair tcp:1.2.3.4:5:6.7.8.9:80 -t {VIP}", 2, "--sockpair names the service itself"),
    (f"-P -t {VIP} -z nonsense.invalid -F dpdk1", 2, "no such host or service is known"),
    ("-G --cpu 2", 2, "there is no such worker"),
    ("-lnc --sockpair tcp:1.2.3.4:5", 2, "is not of the form tcp:CLIENT:PORT:VIP:PORT"),
    ("--set 1 2 x", 2, "\"x\" is no number of seconds"),
    ("--set 1 2 2678401", 2, "is no number of seconds, 0 to 2678400"),
    ("--start-daemon both", 2, "\"both\" is neither master nor backup"),
    ("-ln --cpu 100", 2, "there is no such worker"),
    ("-ln --cpu x", 2, "is no number of a worker"),
    # direct routing and tunnels
    (f"-a -t {VIP} -r 192.168.100.4:81 -g", 1, "the real server must listen on the service's port"),
    (f"-a -t {VIP} -r 192.168.100.4:81 -i", 1, "the real server must listen on the service's port"),
    (f"-a -t {VIP} -r 172.31.9.9", 1, "172.31.9.9 is on no subnet of an interface: the mode dr"),
    (f"-a -t {VIP} -r fd00:b::9 -g", 1, "is IPv6 and the VIP IPv4: the mode dr does not change the packet"),
    (f"-a -t {VIP} -r 192.168.100.4 -g --tun-type gre", 2, "--tun-type is only for -i (--ipip)"),
    (f"-a -t {VIP} -r 192.168.100.4 -i --tun-type gue", 2, "--tun-type gue needs --tun-port PORT"),
    (f"-a -t {VIP} -r 192.168.100.4 -i --tun-type gue --tun-port 0", 2, "is no port, 1 to 65535"),
    (f"-a -t {VIP} -r 192.168.100.4 -i --tun-type gre --tun-port 6080", 2, "--tun-port is only for --tun-type gue"),
    (f"-a -t {VIP} -r 192.168.100.4 -i --tun-type gre --tun-remcsum", 2, "--tun-remcsum is only for --tun-type gue"),
    (f"-a -t {VIP} -r 192.168.100.4 -i --tun-csum", 2, "--tun-csum is only for --tun-type gue and gre"),
    (f"-a -t {VIP} -r 192.168.100.4 -i --tun-type vxlan", 2, "is none of ipip, gue, gre"),
    # what is not available yet
    (f"-a -t {VIP} -r 192.168.100.4 -b -x 10 -y 11", 1, "must be at most the upper_threshold, which is 10"),
    (f"-A -t {NEW} -j on", 2, "is neither enable nor disable"),
    (f"-A -u {NEW} -j enable", 1, "is only for TCP"),
    (f"-A -t {NEW} --quic", 1, "quic: is only for UDP"),
    (f"-A -u {NEW} --proxy-protocol v1", 1, "proxy_protocol: v1 is for TCP only"),
    (f"-A -t {NEW} --dest-check 1,1,3s,5-3600s", 2, "is not available yet"),
    (f"-A -t {NEW} --dest-check tcp --dest-check disable", 2, "is not available yet"),
    (f"-A -t {NEW} -s lblc", 1, "\"lblc\" is none of"),
    (f"-A -t {NEW} -s lblcr", 1, "\"lblcr\" is none of"),
    ("-A --sctp-service 10.0.0.100:x", 2, "no such host or service is known"),
    (f"-U -t {VIP} -k ipset:nobody", 1, "deny[0]: service tcp 10.0.0.100:80: there is no set \"nobody\""),
    (f"-V -t {VIP} -k 10.0.0.77", 1, "10.0.0.77 is not on the list"),
    (f"-O -t {VIP} -2 ipset:", 2, "is no address and no ipset:NAME"),
    ("--start-daemon master --syncid 5", 2, "is not available yet"),
    # what the daemon refuses
    (f"-A -t {VIP} -s rr", 1, f"service tcp {VIP} exists already"),
    (f"-A -t {NEW} -s nonsense", 1, "\"nonsense\" is none of"),
    (f"-A -t {NEW} --conn-timeout 64800 --settings {{\"nonsense\":1}}", 1, "nonsense"),
    ("-A -t 127.0.0.1:80", 1, "is no unicast address"),
    ("-A -t 224.0.0.1:80", 1, "is no unicast address"),
    (f"-E -t {NEW} -s rr", 1, f"there is no service tcp {NEW}"),
    (f"-D -t {NEW}", 1, f"there is no service tcp {NEW}"),
    (f"-D -u {VIP}", 1, f"there is no service udp {VIP}"),
    (f"-Z -t {NEW}", 1, f"there is no service tcp {NEW}"),
    (f"-ln -t {NEW}", 1, f"there is no service tcp {NEW}"),
    (f"-G -t {NEW}", 1, f"there is no service tcp {NEW}"),
    (f"-B -t {NEW}", 1, f"there is no service tcp {NEW}"),
    (f"-a -t {NEW} -r 192.168.100.2 -b", 1, f"there is no service tcp {NEW}"),
    (f"-a -t {VIP} -r 192.168.100.2 -b", 1, "real server 192.168.100.2:80 exists already"),
    (f"-a -t {VIP} -r [fd00:b::2]:80 -m", 1, "nat cannot translate, fullnat can"),
    (f"-e -t {VIP} -r 192.168.100.2:81 -w 5", 1, "has no real server 192.168.100.2:81"),
    (f"-d -t {VIP} -r 192.168.100.9", 1, "has no real server 192.168.100.9:80"),
    (f"-P -t {VIP} -z 192.168.100.210 -F nonsense", 1, "there is no interface \"nonsense\"; there is:"),
    (f"-Q -t {VIP} -z 192.168.100.210 -F dpdk1", 1, "there is no local address 192.168.100.210 of this service"),
    ("-lnc --sockpair tcp:10.0.0.9:999:10.0.0.100:80", 1, "connection specified not found"),
    # what -R reads
    ("-R", 1, "ipvsadm: line 2: real server 192.168.100.2:80 exists already",
     f"# a comment\n-a -t {VIP} -r 192.168.100.2 -b\n"),
    ("-R", 1, "line 1: \"nonsense\" is no command", "ipvsadm nonsense\n"),
    ("-R", 1, "line 1: \"weirctl\" is no command", "weirctl\n"),
    ("-R", 1, "line 1: has a zero byte in it", "\0\n"),
    ("-R", 1, "line 1: has too many words", "-A " * 200 + "\n"),
    ("-R", 1, "line 1: a quotation mark is not closed", f"-A -t '{NEW}\n"),
    ("-R", 1, "line 3: -R (--restore) cannot stand in what -R reads", "\n\n-R\n"),
    ("-R", 1, "line 2: there is no service", f"\n-a -t {NEW} -r 192.168.100.2 -b"),
)

WEIRCTL = rows(
    "weirctl",
    ("nonsense", 2, "no command \"nonsense\""),
    ("service nonsense", 2, "service has no \"nonsense\""),
    ("-o xml status", 2, "takes json or table"),
    ("--nonsense status", 2, "unknown option --nonsense"),
    ("service add tcp", 2, "missing argument"),
    ("service add dccp 10.0.0.100:8000", 2, "\"dccp\" is not a protocol: tcp, udp, sctp"),
    ("service add match tcp", 2, "src-range: is missing"),
    ("service add match tcp,from=10.1.0.0/33", 2, "src-range: \"10.1.0.0/33\" is no network A/LENGTH"),
    ("service add match tcp,from=10.1.0.0/16 --mode fullnat", 1, "a service by match has the mode snat"),
    ("service add match tcp,from=10.1.0.0/16 --server 10.0.0.1:80", 1, "servers[0].port: must be 0 or left out"),
    ("service add match tcp,from=10.1.0.0/16 --local-address 10.0.0.1@dpdk0", 1, "is not for a service by match"),
    ("service delete match tcp,from=10.1.0.0/16", 1, "there is no service match tcp,from=10.1.0.0-10.1.255.255"),
    ("server add match tcp,from=10.1.0.0/16 10.0.0.1", 1, "there is no service match"),
    ("service add tcp 10.0.0.100", 2, "10.0.0.100"),
    ("service add tcp 10.0.0.100:70000", 2, "70000"),
    ("service add tcp 10.0.0.100:8000 --nonsense", 2, "unknown option --nonsense"),
    ("service add tcp 10.0.0.100:8000 more", 2, "\"more\" is too much"),
    ("service add tcp 10.0.0.100:8000 --scheduler", 2, "--scheduler needs a value"),
    ("service add tcp 10.0.0.100:8000 --scheduler nonsense", 1, "scheduler: \"nonsense\" is none of"),
    ("service add tcp 10.0.0.100:8000 --mss x", 2, "\"x\" is not a whole number"),
    ("service add tcp 10.0.0.100:8000 --mss 70000", 1, "mss"),
    ("service add tcp 10.0.0.100:8000 --timeout nonsense=5", 1, "nonsense"),
    ("service add tcp 10.0.0.100:8000 --timeout established", 2, "is not of the form"),
    (f"service add tcp {VIP}", 1, "exists"),
    (f"service set tcp {NEW} --scheduler rr", 1, f"there is no service tcp {NEW}"),
    (f"service delete tcp {NEW}", 1, f"there is no service tcp {NEW}"),
    (f"server add tcp {NEW} 192.168.100.2:80", 1, f"there is no service tcp {NEW}"),
    (f"server add tcp {VIP} 192.168.100.2:80", 1, "exists"),
    (f"server add tcp {VIP} 192.168.100.4:80 --weight 65536", 1, "weight"),
    (f"server add tcp {VIP} [fd00:b::2]:80 --mode nat", 1, "nat cannot translate, fullnat can"),
    (f"server set tcp {VIP} 192.168.100.9:80 --weight 1", 1, "has no real server"),
    (f"server delete tcp {VIP} 192.168.100.9:80", 1, "has no real server"),
    ("local-address add 192.168.100.210 --interface nonsense", 1, "there is no interface \"nonsense\""),
    ("local-address delete 192.168.100.210", 1, "there is no local address 192.168.100.210"),
    ("session list --state nonsense", 1, "\"nonsense\" is no state"),
    ("trace --address nonsense", 1, "address"),
    ("mark add nonsense", 2, "\"nonsense\" is not a firewall mark, a number"),
    ("mark add 5", 1, "a rule names at least one of source, destination and interface"),
    ("mark add 0 --interface dpdk0", 1, "mark: 0 is out of range"),
    ("mark add 5 --source 10.0.0.300", 1, "source: must be an address, or a network"),
    ("mark add 5 --interface nonsense", 1, "interface: there is no interface \"nonsense\""),
    ("mark add 5 --interface dpdk0 --at 7", 1, "at"),
    ("mark delete 0", 1, "there is no rule 0; there are 0"),
    ("service add fwmark nonsense", 2, "\"nonsense\" is not a firewall mark, a number"),
    ("service add fwmark 0", 1, "fwmark: must be a firewall mark"),
    ("service add tcp 10.0.0.100:8010-8000", 1, "port: \"8010-8000\" is no port"),
    ("service add tcp 10.0.0.100:8000 --one-packet yes", 1, "one_packet: is only for UDP"),
    ("service add tcp 10.0.0.100:8000 --netmask 24", 1, "netmask: is only for persistent services"),
    ("service add tcp 10.0.0.100:8000 --persistent 60 --netmask 33", 1, "netmask: 33 is out of range"),
    ("service add tcp 10.0.0.100:8000 --persistent 2678401", 1, "persistent: 2678401 is out of range"),
    ("service add udp 10.0.0.100:8000 --hash-target qid", 1, "hash_target: qid is only for the scheduler conhash"),
    ("service add udp 10.0.0.100:8000 --quic quic-lb", 1, "quic_lb: is missing"),
    ("service add udp 10.0.0.100:8000 --quic quic-lb --quic-lb 7=4", 1, "quic_lb"),
    ("service add tcp 10.0.0.100:8000 --client-address nonsense", 1, "is none of: toa, none"),
    ("service add tcp 10.0.0.100:8000 --removed-servers nonsense", 1, "is none of: keep, reset, reschedule"),
    (f"server add tcp {VIP} 192.168.100.4:0", 1, "port: is missing, or 0"),
    (f"server drain tcp {VIP} 192.168.100.2:80 --deadline 0", 1, "deadline: is out of range, 1 to 604800"),
    (f"server drain tcp {VIP} 192.168.100.9:80", 1, "has no real server"),
    ("session list --service tcp", 1, "is not of the form PROTOCOL/VIP/PORT"),
    (f"template list tcp {NEW}", 1, f"there is no service tcp {NEW}"),
    ("apply -f /nonexistent", 2, "/nonexistent"),
)

COUNTERS = rows(
    "weirctl",
    ("zero tcp", 2, "give PROTOCOL VIP:PORT"),
    ("zero tcp 10.0.0.100", 2, "10.0.0.100"),
    (f"zero tcp {NEW}", 1, "there is no service"),
    ("nat-log set", 2, "nothing to set"),
    ("nat-log set --rate 100001", 1, "rate: 100001 is out of range, 0 to 100000"),
    ("timeout set established", 2, "is not STATE=SECONDS"),
    ("timeout set established=soon", 2, "is no number of seconds"),
    ("timeout set nonsense=5", 1, "nonsense"),
    ("timeout set established=0", 1, "established: 0 is out of range, 1 to 64800"),
    ("timeout set established=100 close=70000", 1, "close: 70000 is out of range"),
)

# keepalived.conf of DPVS: what is refused, with its line; weir-run --check reads it as a start would.
def keepalived(text, message, files=None):
    return Row("weir-run", ["--check", "keepalived", "-f", "{file}"], 1, message, file=text, files=files or {})


def in_service(line):
    return f"virtual_server 10.0.0.1 80 {{\n    {line}\n}}\n"


KEEPALIVED = [
    keepalived(in_service("lb_kind SNAT"), "file:2: error: lb_kind SNAT: it is for virtual_server match"),
    keepalived(in_service("lb_kind nonsense"), "file:2: error: lb_kind nonsense: there is FNAT"),
    keepalived(in_service("lb_algo nonsense"), "file:2: error: lb_algo: \"nonsense\" is no scheduler"),
    keepalived(in_service("protocol DCCP"), "file:2: error: protocol DCCP: there is TCP, UDP and SCTP"),
    keepalived(in_service("proxy_protocol v3"), "file:2: error: proxy_protocol v3: there is v1, v2"),
    keepalived(in_service("daddr_group_name deny"), "file:2: error: there is no deny_address_group \"deny\""),
    keepalived(in_service("limit_proportion 50"), "file:2: error: limit_proportion: dropping packets at random"),
    keepalived(in_service("establish_timeout soon"), "file:2: error: establish_timeout soon: it takes a number"),
    keepalived(in_service("laddr_group_name nonsense"), "file:2: error: there is no local_address_group \"nonsense\""),
    keepalived(in_service("vip_bind_dev nonsense"), "file:2: error: weir has no port \"nonsense\"; it has: dpdk0, dpdk1"),
    keepalived("virtual_server match x {\n    oif dpdk1\n}\n", "file:1: error: src-range: is missing: a match has at least a source"),
    keepalived("virtual_server match x {\n    protocol TCP\n    src-range 10.0.0.1-9\n}\n",
               "file:3: error: src-range: \"9\" is no IPv4 or IPv6 address"),
    keepalived("virtual_server match x {\n    protocol TCP\n    real_server 10.0.0.1 80 {\n    }\n}\n",
               "file:3: error: the port 80 of a WAN address must be 0"),
    keepalived("virtual_server nonsense 80 {\n}\n", "file:1: error: \"nonsense\" is no address"),
    keepalived("tunnel_group t {\n    tunnel_entry x {\n    }\n}\n", "file:2: error: the tunnel x has no kind"),
    keepalived("tunnel_group t {\n    tunnel_entry x {\n        kind gre\n        remote 10.0.0.9\n        if dpdk9\n"
               "    }\n}\n", "file:5: error: weir has no port \"dpdk9\"; it has: dpdk0, dpdk1"),
    keepalived("local_address_group g {\n    10.1.0.9-3 dpdk0\n}\n", "file:2: error: \"10.1.0.9-3\" is no address"),
    keepalived("local_address_group g {\n    10.1.0.9 eth7\n}\n", "file:2: error: weir has no port \"eth7\""),
    keepalived("global_defs {\n", "file:1: the \"{\" of global_defs has no \"}\""),
    keepalived("global_defs {\n}\n}\n", "file:3: \"}\" without a \"{\" before it"),
    keepalived("include nonsense\n", "file:1: there is no file"),
    keepalived("include file\n", "includes itself"),
    keepalived("\ninclude other\n", "other:2: error: lb_kind SNAT: it is for virtual_server match",
               {"other": in_service("lb_kind SNAT")}),
    Row("weir-run", ["--check", "keepalived", "-f", "/nonexistent"], 1, "cannot read /nonexistent"),
    Row("weir-run", ["--check", "ipvsadm"], 2, "--check and --print are for keepalived"),
    Row("weir-run", ["--wait", "soon", "ipvsadm"], 2, "--wait takes a number of seconds"),
    Row("weir-run", ["--nonsense", "ipvsadm"], 2, "there is no option --nonsense"),
    Row("weir-run", [], 2, "the program to run is missing"),
    Row("weir-run", ["--library", "/nonexistent", "ipvsadm", "-C"], 2, "cannot read /nonexistent"),
    Row("weir-run", ["/nonexistent/keepalived", "-n"], 127, "there is no program /nonexistent/keepalived"),
    Row("weirctl", ["import"], 2, "the command needs FILE"),
    Row("weirctl", ["import", "{file}"], 2, "file:2: the \"{\" of ipvs_defs has no \"}\"", file="\nipvs_defs {\n"),
    Row("weirctl", ["import", "{file}", "--map", "dpdk0"], 2, "--map takes PORT=DEVICE", file="sa_pool {\n}\n"),
    Row("weirctl", ["import", "{file}", "--map", "dpdk0=eth0"], 2, "the file has no device of that name",
        file="sa_pool {\n}\n"),
]

DPIP = rows(
    "dpip",
    ("link set dpdk1 promisc maybe", 1, "parse: promisc: \"maybe\" is neither on nor off"),
    ("link set dpdk1 forward2kni on", 1, "weirctl capture"),
    ("link set dpdk1 tc-egress maybe", 1, "parse: tc-egress: \"maybe\" is neither on nor off"),
    ("link set dpdk1 bond-mode 4", 1, "there is no bond \"dpdk1\""),
    ("link set dpdk1 bond-mode 9", 1, "parse: bond-mode: 9 is out of range, 0 to 6"),
    ("link set dpdk1 bond-colour 4", 1, "parse: no item \"bond-colour\""),
    ("link set dpdk1 colour blue", 1, "no item \"colour\""),
    ("link set dpdk1 addr 01:00:5e:00:00:01", 1, "mac: 01:00:5e:00:00:01 is not the address of one interface"),
    ("link set dpdk9 up", 1, "there is no interface \"dpdk9\"; there are: dpdk0, dpdk1"),
    ("link show dpdk1 nonsense", 1, "unknown word \"nonsense\""),
    ("link add bond0 bond-slave dpdk0", 1, "there is no interface \"bond0\""),
    ("link add dpdk1 bond-slave dpdk0", 1, "there is no bond \"dpdk1\""),
    ("link add dpdk1 bond-slave", 1, "parse: missing words"),
    ("neigh add 10.0.0.7 dev dpdk1", 1, "parse: missing MAC"),
    ("neigh add 10.0.0.7 lladdr nonsense dev dpdk1", 1, "mac: \"nonsense\" is no MAC address"),
    ("vlan add link dpdk9 proto 802.1q id 100", 1, "there is no interface \"dpdk9\""),
    ("vlan add dpdk0 link dpdk0 id 100", 1, "there is an interface \"dpdk0\" already"),
    ("vlan add link dpdk0 id 0", 1, "parse: id: 0 is out of range"),
    ("vlan add link dpdk0 proto 802.1x id 100", 1, "is none of: 802.1q, 802.1ad, vlan, QinQ"),
    ("vlan add link dpdk0 id 5000", 1, "parse: id: 5000 is out of range"),
    ("vlan del dpdk0.100", 1, "there is no VLAN device dpdk0.100"),
    ("tunnel add tun1 mode gre remote any local any", 1, "remote: must be the address of one host"),
    ("tunnel add tun1 mode ipip remote 10.0.0.1 seq", 1, "sequence: is only for a tunnel of kind gre"),
    ("tunnel add tun1 mode gre remote 10.0.0.1 dev dpdk9", 1, "there is no interface \"dpdk9\""),
    ("tunnel add tun1 mode ipip remote 10.0.0.1 local fd00::1", 1, "local: is of another IP version than remote"),
    ("tunnel add tun1 mode ipip remote 10.0.0.1 key 5", 1, "key: is only for a tunnel of kind gre"),
    ("tunnel add tun1 mode vxlan remote 10.0.0.1", 1, "vni: is missing"),
    ("tunnel add tun1 mode geneve", 1, "parse: mode: \"geneve\" is none of: ipip, gre, vxlan"),
    ("tunnel add dpdk0 mode ipip remote 10.0.0.1", 1, "there is an interface \"dpdk0\" already"),
    ("tunnel del tun9", 1, "there is no tunnel tun9"),
    ("ipset create foo hash:ip maxelem 0", 1, "maxelem: 0 is out of range"),
    ("ipset create foo bitmap:ip range 10.0.0.0/8", 1, "\"10.0.0.0/8\" has more than 65536 addresses"),
    ("ipset create foo/bar hash:ip", 1, "name: \"foo/bar\" is no name of a set"),
    ("ipset destroy foo", 1, "there is no set \"foo\""),
    ("ipset create foo hash:nonsense", 1, "parse: type"),
    ("ipset add foo 1.2.3.4", 1, "there is no set \"foo\""),
    ("qsch add dev dpdk0 root tbf rate 800m burst 1000 latency 10", 1, "burst: must be at least 1522 bytes here"),
    ("qsch add dev dpdk0 root tbf rate 99999g burst 100000 latency 10", 1, "rate: must be a rate in bit/s"),
    ("qsch add dev dpdk0 root tbf rate 8m burst 10000 latency 10 peakrate 4m mtu 2000", 1,
     "peakrate: must be above rate"),
    ("qsch add dev dpdk0 ingress tbf rate 8m burst 10000 latency 10 peakrate 16m mtu 2000", 1,
     "peakrate: is only for egress"),
    ("qsch add dev dpdk0 handle 1: parent root pfifo limit 10", 1, "parent: there is no queue root on dpdk0"),
    ("qsch change dev dpdk0 root tbf rate 8m burst 10000 latency 10", 1, "there is no queue root on dpdk0"),
    ("qsch del dev dpdk0 handle 1:", 1, "there is no queue 1: on dpdk0"),
    ("qsch add dev dpdk0 root handle 1: pfifo limit 10", 1, "parse: root is the name of the first queue itself"),
    ("qsch add dev dpdk9 root pfifo limit 10", 1, "there is no interface \"dpdk9\""),
    ("qsch add dev dpdk0 root tbf rate fast burst 1 latency 1", 1, "parse: rate"),
    ("cls add dev dpdk0 match pattern tcp,from=1.2.3.4 target drop", 1, "queue: there is no queue root on dpdk0"),
    ("cls add dev dpdk0 match pattern tcp,from=fd00::1 target drop", 1, "match.family: is ipv4, and the range"),
    ("cls add dev dpdk0 match pattern tcp,to=nonsense target drop", 1, "destination:"),
    ("cls add dev dpdk0 ipset match foo,src target drop", 1, "set: there is no set \"foo\""),
    ("cls del dev dpdk0 handle 1:", 1, "there is no classifier 1: on dpdk0"),
    ("ipv6 show cpu 77", 1, "there is no worker 77"),
    ("eal-mem show nonsense", 1, "is none of: seg, ring, zone, pool"),
    ("nonsense show", 1, "parse: no object \"nonsense\""),
    ("addr nonsense", 1, "parse: no command \"nonsense\""),
    ("-c 3 link show", 1, "parse: -c needs -i"),
    ("-4 -6 addr show", 1, "parse: -4 and -6 exclude each other"),
    ("addr add 10.0.0.5/24 dev eth0", 1, "there is no interface \"eth0\"; there are: dpdk0, dpdk1"),
    ("addr add 10.0.0.1/24 dev dpdk0", 1, "10.0.0.1/24 is on dpdk0 already"),
    ("route add 10.0.0.1/16 dev dpdk0", 1, "the network is 10.0.0.0/16"),
    ("route add 20.0.0.0/8 via 30.0.0.1 dev dpdk0", 1, "via: 30.0.0.1 cannot be reached on the link of dpdk0"),
    ("route del 20.0.0.0/8", 1, "there is no such route to 20.0.0.0/8"),
)

CONFIG = [
    Config({"nonsense": 1}, "nonsense"),
    Config({"workers": 0}, "workers"),
    Config({"workers": 2, "tunnels": [{"name": "tun1", "kind": "gre", "remote": "10.0.0.9", "sequence": True}]},
           "tunnels[0].output_sequence: needs one worker and there are 2"),
    Config({"ports": [{"name": "dpdk0"}]}, "ports[0].device"),
    Config({"timeouts": {"established": 0}}, "timeouts.established"),
    Config({"nat_log": {"rate": "many"}}, "nat_log.rate: must be a number, not the text"),
    Config({"nat_log": {"file": "x"}}, "nat_log.file"),
    Config({"services": [{"match": {"protocol": "tcp", "source": "10.0.0.1", "out": "nonsense"}}]},
           "services[0].match.out: there is no interface"),
    Config({"services": [{"vip": "10.0.0.100"}]}, "services[0].port"),
    Config({"services": [{"vip": "10.0.0.300", "port": 80}]}, "services[0].vip"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "servers": [{"address": "192.168.100.2", "port": 80,
                                                                        "weight": 70000}]}]},
           "services[0].servers[0].weight"),
    Config({"marks": [{"mark": 5}]}, "marks[0]: a rule names at least one of"),
    Config({"marks": [{"mark": 5, "source": "10.0.0.0/8", "port_end": 5}]}, "marks[0].port: is missing"),
    Config({"marks": [{"mark": 5, "interface": "nonsense"}]}, "marks[0].interface: there is no interface"),
    Config({"marks": [{"mark": 5, "interface": "dpdk0"}, {"mark": 5, "interface": "dpdk0"}]}, "is the same as marks[0]"),
    Config({"services": [{"fwmark": 5, "vip": "10.0.0.100", "port": 80}]}, "services[0].fwmark"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "port_end": 70}]}, "services[0].port_end: must be above"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "port_end": 90},
                         {"vip": "10.0.0.100", "port": 85, "port_end": 95}]}, "overlap"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80}, {"vip": "10.0.0.100", "port": 80}]},
           "is the same service as services[0]"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "mode": "dr",
                          "servers": [{"address": "192.168.100.2", "port": 81}]}]}, "services[0].servers[0].port"),
    Config({"services": [{"vip": "10.0.0.100", "servers": [{"mode": "dr", "tunnel": "gre",
                                                            "address": "192.168.100.2"}], "port": 80}]},
           "services[0].servers[0].tunnel"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "mode": "tunnel",
                          "servers": [{"address": "192.168.100.2", "tunnel": {"type": "gre", "port": 5}}]}]},
           "services[0].servers[0].tunnel.port"),
    Config({"local_addresses": [{"address": "192.168.100.200", "interface": "dpdk1"}],
            "services": [{"vip": "10.0.0.100", "port": 80,
                          "servers": [{"address": "fd00:b::2", "port": 80}]}]},
           "NAT46 needs an IPv6 local address"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "mode": "nat",
                          "servers": [{"address": "fd00:b::2", "port": 80}]}]},
           "nat cannot translate, fullnat can"),
    Config({"local_addresses": [{"address": "192.168.100.200", "interface": "nonsense"}]}, "nonsense"),
]

ANNOUNCE = rows(
    "weirctl",
    ("drain --deadline 0", 1, "deadline: is out of range, 1 to 604800 seconds"),
    ("drain --deadline soon", 2, "--deadline: \"soon\" is not a whole number"),
    ("drain now", 2, "\"now\" is too much"),
    ("undrain --force", 2, "unknown option --force"),
    ("announcement add", 2, "announcement has no \"add\""),
    (f"service set tcp {VIP} --announce perhaps", 2, "--announce takes yes or no"),
    (f"service set tcp {VIP} --quorum 0", 1, "quorum: 0 is out of range"),
    (f"service set tcp {VIP} --quorum 2 --hysteresis 2", 1, "hysteresis: must be less than the quorum, which is 2"),
) + [
    Config({"announce": {"interface": "dpdk0.kni"}}, "announce.interface: \"dpdk0.kni\" is the TAP of port dpdk0"),
    Config({"announce": {"interface": "a/b"}}, "announce.interface: must not hold"),
    Config({"announce": {"isolate": {"links": ["eth0"]}}}, "announce.isolate.links[0]: there is no port \"eth0\""),
    Config({"announce": {"isolate": {"servers": "all"}}}, "announce.isolate.servers: must be true or false"),
    Config({"announce": {"linger": "1s"}}, "announce.linger: must be a number of seconds"),
    Config({"announce": {"shared": "some"}}, "announce.shared: \"some\" is none of: all, any"),
    Config({"services": [{"vip": "10.0.0.100", "port": 80, "announce": 1}]}, "services[0].announce: must be true or false"),
]


def check_row(message, **check):
    return Config({"services": [{"vip": "10.0.0.100", "port": 80, "check": check}]}, message)


CHECKS = [
    check_row("services[0].check.type", type="smtp"),
    check_row('did you mean \"interval\"', intervall=5),
    check_row("services[0].check.interval", interval=0),
    check_row("0.1 to 3600", interval=4000),
    check_row("longer than the interval, 2 s", interval=2, timeout=3),
    check_row("services[0].check.rise", rise=0),
    check_row("services[0].check.fall", fall=101),
    check_row("a check of type ping has no port", type="ping", port=80),
    check_row("only a check of type http has this", type="tcp", path="/"),
    check_row("must begin with", type="http", path="index.html"),
    check_row("blanks or control characters", type="http", host="a b"),
    check_row("HTTP statuses from 100 to 599", type="http", status=[200, 600]),
    check_row("only a check of type udp sends something", type="http", send="x"),
    check_row("inhibit, remove", on_failure="ignore"),
    Config({"services": [{"servers": [{"address": "192.168.100.2", "port": 80, "check": {"port": 81}}],
                          "vip": "10.0.0.100", "port": 80}]},
        "services[0].servers[0].check.type"),
    Config({"checks": [{"type": "tcp"}]}, "is not available yet"),
]

ROWS = IPVSADM + DPIP + WEIRCTL + COUNTERS + KEEPALIVED + ANNOUNCE + CONFIG + CHECKS
