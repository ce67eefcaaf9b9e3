# SPDX-License-Identifier: BSD-3-Clause
"""The command sequences of DPVS's tutorial and of an overview of DPVS, as they are printed there.

SEQUENCES has the printed text. SUBSTITUTIONS is the one table of what is changed before it is run,
and why; every row must still be needed.
"""

import re

SEQUENCES = {}

# --- tutorial: simple FullNAT, two arms -----------------------------------------------------------

SEQUENCES["fullnat"] = """\
#!/bin/sh -
# add VIP to WAN interface
./dpip addr add 10.0.0.100/32 dev dpdk1
# route for WAN/LAN access
# add routes for other network or default route if needed.
./dpip route add 10.0.0.0/16 dev dpdk1
./dpip route add 192.168.100.0/24 dev dpdk0
# add service <VIP:vport> to forwarding, scheduling mode is RR.
# use ipvsadm --help for more info.
./ipvsadm -A -t 10.0.0.100:80 -s rr
# add two RS for service, forwarding mode is FNAT (-b)
./ipvsadm -a -t 10.0.0.100:80 -r 192.168.100.2 -b
./ipvsadm -a -t 10.0.0.100:80 -r 192.168.100.3 -b
# add at least one Local-IP (LIP) for FNAT on LAN interface
./ipvsadm --add-laddr -z 192.168.100.200 -t 10.0.0.100:80 -F dpdk0
"""

SEQUENCES["fullnat check"] = """\
$ ./dpip addr show
inet 10.0.0.100/32 scope global dpdk1
valid_lft forever preferred_lft forever
inet 192.168.100.200/32 scope global dpdk0
valid_lft forever preferred_lft forever sa_used 0 sa_free 1032176 sa_miss 0
$ ./dpip route show
inet 10.0.0.100/32 via 0.0.0.0 src 0.0.0.0 dev dpdk1 mtu 1500 tos 0 scope host metric 0 proto auto
inet 192.168.100.200/32 via 0.0.0.0 src 0.0.0.0 dev dpdk0 mtu 1500 tos 0 scope host metric 0 proto auto
inet 192.168.100.0/24 via 0.0.0.0 src 0.0.0.0 dev dpdk0 mtu 1500 tos 0 scope link metric 0 proto auto
inet 10.0.0.0/16 via 0.0.0.0 src 0.0.0.0 dev dpdk1 mtu 1500 tos 0 scope link metric 0 proto auto
$ ./ipvsadm -ln
IP Virtual Server version 0.0.0 (size=0)
Prot LocalAddress:Port Scheduler Flags
-> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP 10.0.0.100:80 rr
-> 192.168.100.2:80 FullNat 1 0 0
-> 192.168.100.3:80 FullNat 1 0 0
$ ./ipvsadm -G
VIP:VPORT TOTAL SNAT_IP CONFLICTS CONNS
10.0.0.100:80 1
192.168.100.200 0 0
"""

SEQUENCES["fullnat client"] = """\
client$ curl 10.0.0.100
Your ip:port : 10.0.0.48:37177
"""

# --- tutorial: FullNAT with OSPF ------------------------------------------------------------------

SEQUENCES["ospf"] = """\
#!/bin/sh -
# routes for LAN access
./dpip route add 192.168.100.0/24 dev dpdk0
# add service <VIP:vport> to forwarding, scheduling mode is RR.
# use ipvsadm --help for more info.
./ipvsadm -A -t 123.1.2.3:80 -s rr
# add two RS-es for service, forwarding mode is FNAT (-b)
./ipvsadm -a -t 123.1.2.3:80 -r 192.168.100.2 -b
./ipvsadm -a -t 123.1.2.3:80 -r 192.168.100.3 -b
# add at Local-IPs (LIPs) for FNAT on LAN interface
./ipvsadm --add-laddr -z 192.168.100.200 -t 123.1.2.3:80 -F dpdk0
./ipvsadm --add-laddr -z 192.168.100.201 -t 123.1.2.3:80 -F dpdk0
# add route to kni device.
./dpip route add 172.10.0.2/32 dev dpdk1 scope kni_host
"""

SEQUENCES["ospf addresses"] = """\
$ ip link set dpdk1.kni up
$ ip addr add 172.10.0.2/30 dev dpdk1.kni
$ ip addr add 123.1.2.3/32 dev dpdk1.kni # add VIP to kni for ospfd
$ ip route add default via 172.10.0.1 dev dpdk1.kni
"""

SEQUENCES["ospf ping"] = """\
$ ping 172.10.0.1
PING 172.10.0.1 (172.10.0.1) 56(84) bytes of data.
64 bytes from 172.10.0.1: icmp_seq=1 ttl=255 time=2.19 ms
"""

SEQUENCES["zebra.conf"] = """\
! -*- zebra -*-
!
! zebra sample configuration file
!
! Id: zebra.conf.sample,v 1.1 2002/12/13 20:15:30 paul Exp $
!
hostname localhost.localdomain # change to it real hostname
password ****
enable password ****
log file /var/log/quagga/zebra.log
service password-encryption
"""

SEQUENCES["ospfd.conf"] = """\
log file /var/log/quagga/ospf.log
log stdout
log syslog
password ****
enable password ****
interface dpdk1.kni # should be wan-side kni device
ip ospf hello-interval 10
ip ospf dead-interval 40
router ospf
ospf router-id 192.168.100.200 # just use LAN IP
log-adjacency-changes
auto-cost reference-bandwidth 1000
network 172.10.0.0/30 area 0.0.0.0 # announce inter-connection network
network 123.1.2.3/32 area 0.0.0.0 # announce VIP
"""

SEQUENCES["ospf client"] = """\
client: curl 123.1.2.3
"""

# --- tutorial: FullNAT with keepalived -------------------------------------------------------------

SEQUENCES["keepalived.conf"] = """\
! Configuration File for keepalived
global_defs {
notification_email {
[email protected]
}
notification_email_from [email protected]
smtp_server 1.2.3.4
smtp_connect_timeout 60
router_id DPVS_DEVEL
}
local_address_group laddr_g1 {
192.168.100.200 dpdk0 # use DPDK interface
192.168.100.201 dpdk0 # use DPDK interface
}
#
# VRRP section
#
vrrp_instance VI_1 {
state MASTER # master
interface dpdk0.kni # should be kni interface
dpdk_interface dpdk0 # should be DPDK interface
virtual_router_id 123 # VID should be unique in network
priority 100 # master's priority is bigger than worker
advert_int 1
authentication {
auth_type PASS
auth_pass ****
}
virtual_ipaddress {
192.168.100.254
}
}
#
# Virtual Server Section
#
virtual_server_group 192.168.100.254-80 {
192.168.100.254 80
}
virtual_server group 192.168.100.254-80 {
delay_loop 3
lb_algo rr # scheduling algorithm Round-Robin
lb_kind FNAT # Forwarding Mode Full-NAT
protocol TCP # Protocol TCP
laddr_group_name laddr_g1 # Local IP group-ID
real_server 192.168.100.2 80 { # real-server
weight 100
inhibit_on_failure
TCP_CHECK { # health check
nb_sock_retry 2
connect_timeout 3
connect_port 80
}
}
real_server 192.168.100.3 80 { # real-server
weight 100
inhibit_on_failure
TCP_CHECK { # health check
nb_sock_retry 2
connect_timeout 3
connect_port 80
}
}
}
"""

# On the backup the file is the same but for these lines.
SEQUENCES["keepalived.conf backup"] = """\
vrrp_instance VI_1 {
state BACKUP
priority 80
... ...
}
"""

SEQUENCES["keepalived"] = """\
./keepalived -f /etc/keepalived/keepalived.conf
"""

SEQUENCES["keepalived by hand"] = """\
./dpip addr add 192.168.100.254/32 dev dpdk0
./dpip route add 192.168.100.0/24 dev dpdk0
"""

SEQUENCES["keepalived check"] = """\
$ ./ipvsadm -ln
IP Virtual Server version 0.0.0 (size=0)
Prot LocalAddress:Port Scheduler Flags
-> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP 192.168.100.254:80 rr
-> 192.168.100.2:80 FullNat 100 0 0
-> 192.168.100.3:80 FullNat 100 0 0
$ ./dpip addr show
inet 192.168.100.254/32 scope global dpdk0
valid_lft forever preferred_lft forever
inet 192.168.100.201/32 scope global dpdk0
valid_lft forever preferred_lft forever sa_used 0 sa_free 1032176 sa_miss 0
inet 192.168.100.200/32 scope global dpdk0
valid_lft forever preferred_lft forever sa_used 0 sa_free 1032176 sa_miss 0
$ ./dpip route show
inet 192.168.100.200/32 via 0.0.0.0 src 0.0.0.0 dev dpdk0 mtu 1500 tos 0 scope host metric 0 proto auto
inet 192.168.100.201/32 via 0.0.0.0 src 0.0.0.0 dev dpdk0 mtu 1500 tos 0 scope host metric 0 proto auto
inet 192.168.100.0/24 via 0.0.0.0 src 0.0.0.0 dev dpdk0 mtu 1500 tos 0 scope link metric 0 proto auto
$ ./ipvsadm -G
VIP:VPORT TOTAL SNAT_IP CONFLICTS CONNS
192.168.100.254:80 2
192.168.100.200 0 0
192.168.100.201 0 0
"""

SEQUENCES["keepalived client"] = """\
client$ curl 192.168.100.254
Your ip:port : 192.168.100.146:42394
"""

# --- overview: IPv6 FullNAT -----------------------------------------------------------------------

SEQUENCES["ipv6"] = """\
``` ./bin/dpip -6 addr add 2001:db8::1/64 dev eth1            # VIP
./bin/dpip -6 addr add 2001:db8:10::141/64 dev eth1        # local IP
 ./bin/ipvsadm -At [2001:db8::1]:80 -j enable            # TCP
./bin/ipvsadm -Pt [2001:db8::1]:80 -z 2001:db8:10::141 -F eth0 ./bin/ipvsadm -at [2001:db8::1]:80 -r \
[2001:db8:11::51]:80 -b ./bin/ipvsadm -at [2001:db8::1]:80 -r [2001:db8:11::52]:80 -b ./bin/ipvsadm -at \
[2001:db8::1]:80 -r [2001:db8:11::53]:80 -b \n\
./bin/ipvsadm -Au [2001:db8::1]:80                        # UDP
./bin/ipvsadm -Pu [2001:db8::1]:80 -z 2001:db8:10::141 -F eth0 ./bin/ipvsadm -au [2001:db8::1]:80 -r \
[2001:db8:11::51]:6000 -b ./bin/ipvsadm -au [2001:db8::1]:80 -r [2001:db8:11::52]:6000 -b ./bin/ipvsadm -au \
[2001:db8::1]:80 -r [2001:db8:11::53]:6000 -b
"""

# The overview prints what the command showed, not the command.
SEQUENCES["ipv6 check"] = """\
Prot LocalAddress:Port Scheduler Flags  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  [2001:db8::1]:80 wlc synproxy  -> [2001:db8:11::51]:80         FullNat 1      0          0           -> \
[2001:db8:11::52]:80         FullNat 1      0          0           -> [2001:db8:11::53]:80         FullNat 1      \
0          0         UDP  [2001:db8::1]:80 wlc  -> [2001:db8:11::51]:6000       FullNat 1      0          \
0           -> [2001:db8:11::52]:6000       FullNat 1      0          0           -> [2001:db8:11::53]:6000       \
FullNat 1      0          0
"""

# --- overview: NAT64 --------------------------------------------------------------------------------

SEQUENCES["nat64"] = """\
./bin/dpip -6 addr add 2001:db8::1/64 dev eth1    # VIP
./bin/dpip addr add 192.168.88.141/24 dev eth0    # local IP
./bin/dpip addr add 192.168.88.142/24 dev eth0    # local IP
 ./bin/ipvsadm -At [2001:db8::1]:80 -j enable    # TCP
./bin/ipvsadm -Pt [2001:db8::1]:80 -z 192.168.88.141 -F eth0 ./bin/ipvsadm -Pt [2001:db8::1]:80 -z \
192.168.88.142 -F eth0 ./bin/ipvsadm -at [2001:db8::1]:80 -r 192.168.12.51:80 -b ./bin/ipvsadm -at \
[2001:db8::1]:80 -r 192.168.12.53:80 -b ./bin/ipvsadm -at [2001:db8::1]:80 -r 192.168.12.54:80 -b \n\
./bin/ipvsadm -Au [2001:db8::1]:80        # UDP
./bin/ipvsadm -Pu [2001:db8::1]:80 -z 192.168.88.141 -F eth0 ./bin/ipvsadm -Pu [2001:db8::1]:80 -z \
192.168.88.142 -F eth0 ./bin/ipvsadm -au [2001:db8::1]:80 -r 192.168.12.51:6000 -b ./bin/ipvsadm -au \
[2001:db8::1]:80 -r 192.168.12.53:6000 -b ./bin/ipvsadm -au [2001:db8::1]:80 -r 192.168.12.54:6000 -b
"""

# The overview prints what the command showed, not the command.
SEQUENCES["nat64 check"] = """\
Prot LocalAddress:Port Scheduler Flags  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn TCP \
 [2001:db8::1]:80 wlc synproxy  -> 192.168.12.51:80             FullNat 1      0          0           -> \
192.168.12.53:80             FullNat 1      0          0           -> 192.168.12.54:80             FullNat 1    \
  0          0         UDP  [2001:db8::1]:80 wlc  -> 192.168.12.51:6000           FullNat 1      0          0   \
        -> 192.168.12.53:6000           FullNat 1      0          0           -> 192.168.12.54:6000           \
FullNat 1      0          0
"""

# --- tutorial: direct routing ----------------------------------------------------------------------

SEQUENCES["direct routing"] = """\
# on DPVS
# add LAN IP for DPVS, it must be different from VIP
# and must be added before VIP.
./dpip addr add 192.168.100.1/24 dev dpdk0
# add VIP and the route will generate automatically.
./dpip addr add 192.168.100.254/32 dev dpdk0
# route for LAN network, just a hint.
#./dpip route add 192.168.100.0/24 dev dpdk0
# add service <VIP:vport> to forwarding, scheduling mode is RR.
# use ipvsadm --help for more info.
./ipvsadm -A -t 192.168.100.254:80 -s rr
# add two RS for service, forwarding mode is DR
./ipvsadm -a -t 192.168.100.254:80 -r 192.168.100.2 -g
./ipvsadm -a -t 192.168.100.254:80 -r 192.168.100.3 -g
"""

SEQUENCES["direct routing servers"] = """\
rs$ ip addr add 192.168.100.254/32 dev lo # add VIP to each RS's lo
rs$ sysctl -w net.ipv4.conf.lo.arp_ignore=1 # ignore ARP on lo
net.ipv4.conf.lo.arp_ignore = 1
"""

SEQUENCES["direct routing client"] = """\
client$ curl 192.168.100.254
Your ip:port : 192.168.100.46:13862
"""

# --- tutorial: SNAT ---------------------------------------------------------------------------------

SEQUENCES["snat"] = """\
#!/bin/sh -
WAN_IP=123.1.2.3 # WAN IP can access Internet.
WAN_PREF=24 # WAN side network prefix length.
GATEWAY=123.1.2.1 # WAN side gateway
LAN_IP=192.168.100.1
LAN_PREF=24
# add WAN-side IP with sapool
./dpip addr add $WAN_IP/$WAN_PREF dev dpdk1 sapool # must add sapool for WAN-side IP
# add LAN-side IP as well as LAN route (generated)
./dpip addr add $LAN_IP/$LAN_PREF dev dpdk0
# add default route for WAN interface
./dpip route add default via $GATEWAY dev dpdk1
# SNAT section
# -H MATCH SNAT uses -H for "match" service instead of -t or -u
# MATCH support "proto", "src-range", "oif" and "iif".
# -r <WIP:0> used to specify the WAN IP after SNAT translation,
# the "port" part must be 0.
# -J for "SNAT" forwarding mode.
MATCH0='proto=tcp,src-range=192.168.100.0-192.168.100.254,oif=dpdk1'
MATCH1='proto=icmp,src-range=192.168.100.0-192.168.100.254,oif=dpdk1'
./ipvsadm -A -s rr -H $MATCH0
./ipvsadm -a -H $MATCH0 -r $WAN_IP:0 -w 100 -J
./ipvsadm -A -s rr -H $MATCH1
./ipvsadm -a -H $MATCH1 -r $WAN_IP:0 -w 100 -J
"""

SEQUENCES["snat host"] = """\
host$ ip route add default via 192.168.100.1 dev eth0
"""

SEQUENCES["snat client"] = """\
host$ ping www.iqiyi.com
host$ curl www.iqiyi.com
"""

# --- overview: SNAT ---------------------------------------------------------------------------------

SEQUENCES["overview snat"] = """\
./bin/dpip addr add 192.168.88.1/24 dev dpdk0               # VIP
./bin/dpip addr add 101.227.17.140/25 dev bond1             # WLAN IP
./bin/dpip route add default via 101.227.17.254 dev bond1   # default Gateway

# TCP Rule
./bin/ipvsadm -A -H proto=tcp,src-range=192.168.88.1-192.168.88.253,oif=bond1 -s rr ./bin/ipvsadm -a -H \
proto=tcp,src-range=192.168.88.1-192.168.88.253,oif=bond1 -r 101.227.17.140:0 -J
# UDP Rule
./bin/ipvsadm -A -H proto=udp,src-range=192.168.88.1-192.168.88.253,oif=bond1 -s rr ./bin/ipvsadm -a -H \
proto=udp,src-range=192.168.88.1-192.168.88.253,oif=bond1 -r 101.227.17.140:0 -J
# ICMP Rule
./bin/ipvsadm -A -H proto=icmp,src-range=192.168.88.1-192.168.88.253,oif=bond1 -s rr ./bin/ipvsadm -a -H \
proto=icmp,src-range=192.168.88.1-192.168.88.253,oif=bond1 -r 101.227.17.140:0 -J
"""

# The overview prints what the command showed, not the command.
SEQUENCES["overview snat check"] = """\
Prot LocalAddress:Port Scheduler Flags  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn MATCH \
icmp,from=192.168.88.1-192.168.88.253:0-0,oif=bond1 rr  -> 101.227.17.140:0             SNAT    1      0          0\
         MATCH tcp,from=192.168.88.1-192.168.88.253:0-0,oif=bond1 rr  -> 101.227.17.140:0             SNAT    1     \
 0          0         MATCH udp,from=192.168.88.1-192.168.88.253:0-0,oif=bond1 rr  -> 101.227.17.140:0             \
SNAT    1      0          0
"""

# --- tutorial: VLAN devices -------------------------------------------------------------------------

SEQUENCES["vlan"] = """\
./dpip vlan add dpdk0.100 link dpdk0 proto 802.1q id 100
./dpip vlan add link dpdk0 proto 802.1q id 101 # auto generate dev name
./dpip vlan add link dpdk1 id 102
./dpip vlan add link bond1 id 103
"""

# (sequences, what is printed, what stands there instead, why)
SUBSTITUTIONS = [
    ("fullnat check|keepalived check", r"IP Virtual Server version 0\.0\.0", "IP Virtual Server version {version}",
     "the version is the daemon's"),
    ("fullnat check|keepalived check", r"sa_free 1032176", "sa_free {free}",
     "DPVS counts 16 pools of 64,511 ports; weir has 64,512 ports for each real server and says how many are free"),
    ("fullnat client", r"10\.0\.0\.48:37177", "10.0.0.48:{port}", "the port is any"),
    ("direct routing servers", r"^rs\$ ", "$ ", "it is run in each real server's network namespace"),
    ("direct routing servers", r"conf\.lo\.arp_ignore", "conf.all.arp_ignore",
     "Linux asks the interface by which a request comes, which is never lo"),
    ("fullnat client|keepalived client|direct routing client", r"^client\$ ", "", "it is run in the client's network namespace"),
    ("ospf client", r"^client: ", "", "it is run in the client's network namespace"),
    ("ospf ping", r"ping 172", "ping -c 1 172", "it has to end by itself"),
    ("ospf ping", r"ttl=255 time=2\.19 ms", "ttl=64 time={time} ms", "the switch is a Linux host, and nearer"),
    ("zebra.conf|ospfd.conf", r" +# .*$", "", "comments of the author: no such comments in quagga's or FRR's files"),
    ("zebra.conf|ospfd.conf", r"/var/log/quagga/", "{folder}/", "FRR's zebra and ospfd, as quagga is called today"),
    ("ospfd.conf", r"hello-interval 10", "hello-interval 1", "nobody waits 40 s in a test; the switch is told the same"),
    ("ospfd.conf", r"dead-interval 40", "dead-interval 4", "nobody waits 40 s in a test; the switch is told the same"),
    ("keepalived client", r"192\.168\.100\.146:42394", "192.168.100.146:{port}", "the port is any"),
    ("keepalived.conf", r"\[email protected\]", "admin@example.com", "the page hides the addresses"),
    ("keepalived", r"\./keepalived -f /etc/keepalived/", "./weir-run keepalived -n -P {pids} -f {folder}/",
     "Debian's keepalived, by way of weir-run, with files in the lab's folder"),
    ("keepalived by hand", r"^\./dpip addr add .*\n", "", "keepalived itself puts the VIP where weir sees it"),
    ("keepalived check", r"(?s)(?<=dpdk0 mtu 1500 tos 0 scope link metric 0 proto auto\n)",
     "inet 192.168.100.254/32 via 0.0.0.0 src 0.0.0.0 dev dpdk0 mtu 1500 tos 0 scope host metric 0 proto auto\n",
     "the page leaves out the VIP's route, which it shows in the first example"),
    ("ipv6", r"^``` ", "", "a mark of the page that the text was taken from"),
    ("ipv6|nat64|overview snat", r" (?=\./bin/ipvsadm)", "\n", "the page lost its line ends"),
    ("snat host|snat client", r"^host\$ ", "$ ", "it is run in the network namespace of a host in the LAN"),
    ("snat client", r"www\.iqiyi\.com", "{internet}", "the Internet of the test is one host behind the gateway"),
    ("snat client", r"ping ", "ping -c 2 -i 0.1 ", "it has to end by itself"),
]

# What the texts do not print but show in a figure or say in a sentence.
BESIDE = {
    "direct routing": ("sysctl -w net.ipv4.conf.all.arp_announce=2",
                       "a real server asks for the client with the VIP as the sender, and so takes the VIP over"),
    "nat64": ("./bin/dpip route add 192.168.12.0/24 dev eth0",
              "the figure has the real servers in a network behind the local address; here they are on its link"),
    "ipv6": ("./bin/dpip -6 route add 2001:db8:11::/64 dev eth1",
             "the figure has the real servers in a network behind the local address; here they are on its link"),
    "ospf": ("service restart zebra; service restart ospfd",
             "the lab starts both programs in weir's network namespace"),
}

BESIDE["keepalived"] = (
    "ip addr add 192.168.100.{node}/32 dev dpdk0.kni",
    "VRRP and the health checks need an address of the node on the interface; the page does not say which it has")

# What the programs say on standard error besides doing it.
REMARKS = {
    "ospf": r"dpip: note: 172\.10\.0\.2 is no address of Linux yet.*\n",
    "ipv6": r"(ipvsadm: warning: 2001:db8:10::141 is an address of eth1, so -F eth0 is taken as -F eth1\n){2}",
}

used = set()


def undone(text):
    """What takes back the commands that add something, the last first."""
    lines = [line.replace(" add ", " del ").replace(" sapool", "") if "dpip" in line
             else re.sub(r" -s \w+$", "", line.replace(" -A", " -D")) for line in text.splitlines()]
    return "\n".join(reversed(lines))


def printed(name, **values):
    """A sequence with what SUBSTITUTIONS has for it; `values` fill in what only the lab knows."""
    text = SEQUENCES[name]
    for number, (names, pattern, instead, _) in enumerate(SUBSTITUTIONS):
        if name not in names.split("|"):
            continue
        instead = re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), instead)
        text, count = re.subn(pattern, lambda _, instead=instead: instead, text, flags=re.M)
        if count:
            used.add(number)
    return text


def transcript(text):
    """[(command, what it printed)] of a text in which commands stand behind `$ `."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def records(text):
    """
    Each record as a list of words. The page lost spaces at the beginning of lines; a record of `dpip addr`
    has two lines. The order of dpip's tables is that of hashes in DPVS and means nothing.
    """
    lines = []
    for line in text.splitlines():
        if line.split()[:1] == ["valid_lft"]:
            lines[-1] += line.split()
        elif line.split():
            lines.append(line.split())
    return sorted(lines) if text.startswith("inet") else lines


def same(shown, expected):
    """Compare two records; {name} in what is expected stands for any number."""
    one, other = records(shown), records(expected)
    return len(one) == len(other) and all(
        len(a) == len(b) and all(re.fullmatch(re.sub(r"\\\{\w+\\\}", r"[0-9.]+", re.escape(y)), x) for x, y in zip(a, b))
        for a, b in zip(one, other))
