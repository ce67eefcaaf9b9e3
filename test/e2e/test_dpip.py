# SPDX-License-Identifier: BSD-3-Clause
"""dpip: the tutorial's two-arm FullNAT with addresses and routes from dpip only, and its listings."""

import json
import os
import re

import pytest

from lab import BUILD, CLIENT, TwoArm, Weir, run, server_address, server_address6, wait_for

WAN, LAN = "dpdk1", "dpdk0"
VIP, LIP = "10.0.0.100", "192.168.100.200"
VIP6, LIP6 = "fd00:a::100", "fd00:b::200"


class Dpip:
    """A weir with two bare ports, as DPVS starts, and dpip that speaks to it."""

    def __init__(self, lab):
        self.lab = lab
        self.w = Weir(lab, lab.balancer, {"ports": [{"name": LAN, "device": "out0"}, {"name": WAN, "device": "in0"}]})
        self.w.start()

    def run(self, line, code=0, **environment):
        done = run(BUILD / "cli/dpip", *line.split(), check=False,
                   env={**os.environ, "WEIR_SOCKET": str(self.w.socket), **environment})
        assert done.returncode == code, f"dpip {line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def __call__(self, line):
        done = self.run(line)
        assert done.stderr == "", done.stderr
        return done.stdout

    def refused(self, line):
        """What dpip says when it fails; and everything is as it was."""
        before = self.state()
        done = self.run(line, code=1)
        assert done.stdout == "" and done.stderr.startswith("dpip: "), done
        assert self.state() == before, f"dpip {line} changed something"
        return done.stderr

    def state(self):
        """Linux's addresses, routes and links without what changes by itself."""
        listings = [json.loads(self.lab.balancer.ip("-j", *words.split()))
                    for words in ("addr", "route show table all", "-6 route show table all")]
        neighbours = [row for row in self.w.get("/v1/neighbours")["neighbours"] if row["state"] == "permanent"]
        return listings, neighbours, [row["address"] for row in self.w.get("/v1/local_addresses")["local_addresses"]]

    def restart(self):
        self.w.stop()
        self.w.start()


@pytest.fixture(scope="module")
def dpip(make_lab):
    """After the commands of the tutorial's simple FullNAT."""
    made = Dpip(make_lab(TwoArm, servers=2))
    made(f"addr add {VIP}/32 dev {WAN}")
    made(f"route add 10.0.0.0/16 dev {WAN}")
    made(f"route add 192.168.100.0/24 dev {LAN}")
    service(made, VIP, LIP, server_address)
    return made


def words(text):
    """Lines without what differs in white space."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def without_counts(text):
    return re.sub(r"sa_(\w+) \d+", r"sa_\1 N", text)


def service(dpip, vip, lip, address):
    dpip.w.put(f"/v1/services/tcp/{vip}/80", {
        "scheduler": "rr", "servers": [{"address": address(n), "port": 80, "weight": 100} for n in (1, 2)],
        "local_addresses": [{"address": lip, "interface": LAN}]})


LAST = "tos 0 scope {} metric 0 proto auto"
ADDRESSES = [
    f"inet {VIP}/32 scope global {WAN}",
    "valid_lft forever preferred_lft forever",
    f"inet {LIP}/32 scope global {LAN}",
    "valid_lft forever preferred_lft forever sa_used N sa_free N sa_miss N",
]
ROUTES = [
    f"inet {VIP}/32 via 0.0.0.0 src 0.0.0.0 dev {WAN} mtu 1500 " + LAST.format("host"),
    f"inet {LIP}/32 via 0.0.0.0 src 0.0.0.0 dev {LAN} mtu 1500 " + LAST.format("host"),
    f"inet 192.168.100.0/24 via 0.0.0.0 src 0.0.0.0 dev {LAN} mtu 1500 " + LAST.format("link"),
    f"inet 10.0.0.0/16 via 0.0.0.0 src 0.0.0.0 dev {WAN} mtu 1500 " + LAST.format("link"),
]


def test_tutorial(dpip):
    """Traffic, and the listings that the tutorial prints after its commands."""
    assert set(dpip.lab.client.names(VIP, count=6)) == {"s1", "s2"}
    shown = dpip("addr show")
    assert words(without_counts(shown)) == ADDRESSES
    assert shown.splitlines()[1].startswith("    valid_lft")
    assert words(dpip("route show")) == ROUTES


def test_use_of_a_local_address(dpip):
    held = [dpip.lab.client.connect(VIP, 80) for _ in range(5)]
    used, free, missed = map(int, re.search(r"sa_used (\d+) sa_free (\d+) sa_miss (\d+)", dpip("addr show")).groups())
    for connection in held:
        connection.close()
    assert used >= 5 and 64000 < free < 64512 and missed == 0


def test_restart_keeps_what_was_put(dpip):
    dpip.restart()
    assert words(without_counts(dpip("addr show"))) == ADDRESSES
    assert words(dpip("route show")) == ROUTES
    assert set(dpip.lab.client.names(VIP, count=6)) == {"s1", "s2"}


def test_ipv6(dpip):
    """As in the overview, with -6 before and behind; default by its gateway's family."""
    dpip(f"-6 addr add {VIP6}/64 dev {WAN}")
    dpip(f"route add fd00:b::/64 dev {LAN} -6")
    dpip(f"-6 route add default via fd00:a::2 dev {WAN}")
    service(dpip, VIP6, LIP6, server_address6)
    assert set(dpip.lab.client.names(VIP6, count=6)) == {"s1", "s2"}
    assert f"inet6 {VIP6}/64 scope global {WAN}" in words(dpip("-6 addr show"))
    lines = words(dpip("-6 route show"))
    assert f"inet6 default via fd00:a::2 dev {WAN} scope global" in lines
    assert f"inet6 fd00:b::/64 dev {LAN} scope link" in lines
    assert f"inet6 {VIP6}/128 dev {WAN} scope host" in lines
    counts = dict(line.split(": ") for line in words(dpip("ipv6 show")))
    assert len(counts) == 35 and int(counts["InReceives"]) > 0
    wait_for(lambda: int(dict(line.split(": ") for line in words(dpip("ipv6 show")))["OutForwDatagrams"]) > 0, 5,
             what="forwarded IPv6 is counted")
    dpip(f"-6 route del default dev {WAN}")
    assert "default" not in dpip("-6 route show")


def test_words_of_addresses(dpip):
    dpip(f"addr add 10.0.9.1/24 dev {WAN}.kni broadcast 10.0.9.255 scope link valid_lft 1000 prefered_lft 500")
    first, second = words(dpip(f"addr show dev {WAN}"))[:2]
    assert first == f"inet 10.0.9.1/24 scope link {WAN}"
    assert re.fullmatch(r"broadcast 10.0.9.255 valid_lft \d+s preferred_lft \d+s", second)
    dpip(f"addr set 10.0.9.1/24 dev {WAN} scope global valid_lft forever preferred_lft forever")
    assert words(dpip(f"addr show dev {WAN}"))[:2] == [
        f"inet 10.0.9.1/24 scope global {WAN}", "broadcast 10.0.9.255 valid_lft forever preferred_lft forever"]
    assert "10.0.9.1/24 is on dpdk1 already" in dpip.refused(f"addr add 10.0.9.1/24 dev {WAN}")
    assert "is no address of dpdk1" in dpip.refused(f"addr set 10.0.9.2/24 dev {WAN}")
    dpip(f"addr del 10.0.9.1/24 dev {WAN}")
    assert "10.0.9.1" not in dpip("addr show")
    assert "is no address of dpdk1" in dpip.refused(f"addr del 10.0.9.1/24 dev {WAN}")


def test_pool(dpip):
    """`sapool` makes the address one of the pool; taken away with it, but never under a service."""
    dpip(f"addr add 192.168.100.201 dev {LAN} sapool")
    assert re.search(r"inet 192.168.100.201/32 scope global dpdk0\n.* sa_used 0 sa_free 64512 sa_miss 0\n",
                     dpip("addr show"))
    dpip(f"addr del 192.168.100.201 dev {LAN}")
    assert "192.168.100.201" not in dpip("addr show")
    assert "is a local address of tcp 10.0.0.100:80" in dpip.refused(f"addr del {LIP} dev {LAN}")
    assert "is a local address of" in dpip.refused(f"addr flush dev {LAN}")


def test_words_of_routes(dpip):
    dpip(f"route add 20.1.0.0/16 via {CLIENT} dev {WAN} src {VIP} mtu 1400 metric 7")
    assert (f"inet 20.1.0.0/16 via {CLIENT} src {VIP} dev {WAN} mtu 1400 tos 0 scope global metric 7 proto auto"
            in words(dpip(f"route show dev {WAN}")))
    dpip(f"route set 20.1.0.0/16 via {CLIENT} dev {WAN} metric 7")
    assert (f"inet 20.1.0.0/16 via {CLIENT} src 0.0.0.0 dev {WAN} mtu 1500 tos 0 scope global metric 7 proto auto"
            in words(dpip("route show")))
    assert "20.1.0.0" not in dpip(f"route show dev {LAN}")
    dpip("route del 20.1.0.0/16")
    dpip(f"route add default via {CLIENT}")
    assert f"dev {WAN}" in next(line for line in dpip("route show").splitlines() if line.startswith("inet 0.0.0.0/0"))
    dpip("route del default")
    dpip(f"route add 20.2.0.9/32 dev {WAN} local")
    assert words(dpip("route show"))[1].startswith("inet 20.2.0.9/32") and "scope host" in dpip("route show")
    dpip("route del 20.2.0.9/32 scope host")


def test_scope_kni_host(dpip):
    """It says what is so as soon as Linux has the address; until then, dpip says that it is not."""
    done = dpip.run(f"route add 172.10.0.2/32 dev {WAN} scope kni_host")
    assert "172.10.0.2 is no address of Linux yet" in done.stderr
    line = f"inet 172.10.0.2/32 via 0.0.0.0 src 0.0.0.0 dev {WAN} mtu 1500 " + LAST.format("kni_host")
    assert line in words(dpip("route show"))
    dpip.lab.balancer.ip("addr", "add", "172.10.0.2/30", "dev", f"{WAN}.kni")
    dpip.lab.client.ip("addr", "add", "172.10.0.1/30", "dev", "eth0")
    assert " 1 received" in dpip.lab.client.out("ping", "-c", 1, "-W", 3, "172.10.0.2")
    assert [text for text in words(dpip("route show")) if "172.10.0.2/32" in text] == [line]
    assert "the length must be 32" in dpip.refused(f"route add 172.10.1.0/30 dev {WAN} scope kni_host")
    dpip.restart()
    assert line in words(dpip("route show"))
    dpip("route del 172.10.0.2/32 scope kni_host")
    assert "kni_host" not in dpip("route show")


def test_neighbours(dpip):
    dpip(f"neigh add 10.0.3.3 lladdr 02:00:00:00:03:03 dev {WAN}")
    assert re.search(r"^ip: 10.0.3.3 {41}mac: 02:00:00:00:03:03   state: REACHABLE {5}dev: dpdk1  core: 0  static$",
                     dpip(f"neigh show dev {WAN}"), re.M)
    assert "is a neighbour on dpdk1 already" in dpip.refused(f"neigh add 10.0.3.3 lladdr 02:00:00:00:03:04 dev {WAN}")
    dpip.restart()
    assert "10.0.3.3" in dpip.lab.balancer.ip("neigh", "show", "nud", "permanent")
    dpip(f"neigh del 10.0.3.3 dev {WAN}")
    assert "10.0.3.3" not in dpip("neigh show")


def test_link_down_and_up(dpip):
    """Linux drops the routes of a link that goes down; those that dpip put are back when it is up."""
    dpip(f"link set {WAN} down")
    assert re.search(rf": {WAN}: .*\n    DOWN ", dpip(f"link show {WAN}"))
    assert "10.0.0.0/16" not in dpip("route show")
    dpip(f"link set {WAN} link up")
    assert ROUTES[3] in words(dpip("route show"))
    assert f"inet6 {VIP6}/64 scope global {WAN}" in words(dpip("-6 addr show"))
    assert set(dpip.lab.client.names(VIP, count=4)) == {"s1", "s2"}
    # Also when somebody else sets it down and up.
    dpip.lab.balancer.ip("link", "set", f"{WAN}.kni", "down")
    dpip.lab.balancer.ip("link", "set", f"{WAN}.kni", "up")
    wait_for(lambda: ROUTES[3] in words(dpip("route show")), 5, what="the route is put back")


def test_link(dpip):
    shown = dpip(f"link show {WAN}")
    mac = dpip.lab.balancer.mac(f"{WAN}.kni")
    assert re.fullmatch(
        rf"2: {WAN}: socket 0 mtu 1500 rx-queue 1 tx-queue 1\n"
        rf"    UP \d+ Mbps full-duplex auto-nego promisc allmulticast\n    addr {mac}.*\n", shown, re.I), shown
    text = dpip("link show -s")
    assert re.search(r"ipackets +opackets +ibytes +obytes *\n +[1-9]", text) and "mbuf-avail" in text
    assert "max_rx_pktlen" in dpip(f"link show {WAN} -v") and "xstats list:" in dpip(f"-v -s link show {WAN}")
    assert dpip(f"link show {LAN} -s -i 1 -c 1").count("ipackets/pps") == 1
    assert "<< Data Plane >>" in dpip("link show cpu") and "lcore_loop" in dpip("link show cpu0 -s")
    new = "02:00:00:00:00:77"
    dpip(f"link set {WAN} addr {new}")
    assert dpip.lab.balancer.mac(f"{WAN}.kni") == new
    assert new in dpip(f"link show {WAN}").lower()
    dpip.lab.client.ip("neigh", "flush", "dev", "eth0")
    assert set(dpip.lab.client.names(VIP, count=4)) == {"s1", "s2"}


@pytest.mark.parametrize("line, message", [
    ("link set dpdk1 promisc off", "in0 stays promiscuous"),
    ("link set dpdk1 lldp on", "lldpd, which does not run"),
    ("link set dpdk1", "parse: missing item"),
    ("addr add 10.0.0.5/24 dev eth0", "there is no interface \"eth0\"; there are: dpdk0, dpdk1"),
    ("addr add 10.0.0.300 dev dpdk1", "parse: address: \"10.0.0.300\" is no address"),
    ("addr add 10.0.0.5/33 dev dpdk1", "parse: address"),
    ("addr add 224.0.0.5 dev dpdk1", "cannot be an interface's own address"),
    ("addr add 127.0.0.5/8 dev dpdk1", "cannot be an interface's own address"),
    ("addr add 10.0.0.5 dev dpdk1/../..", "is no name of an interface"),
    ("-6 addr add 10.0.0.5 dev dpdk1", "10.0.0.5 is not IPv6"),
    ("addr add 10.0.0.5/24", "parse: missing device"),
    ("addr add dev dpdk1", "parse: missing address"),
    ("addr add 10.0.0.5 dev dpdk1 scope galaxy", "scope: \"galaxy\" is none of"),
    ("addr add 10.0.0.5 dev dpdk1 valid_lft soon", "valid_lft: \"soon\" is no number"),
    ("addr add 10.0.0.5 dev dpdk1 valid_lft 5 preferred_lft 6", "preferred_lifetime: is longer"),
    ("addr add 10.0.0.5 dev dpdk1 nonsense", "unknown word \"nonsense\""),
    ("addr add 10.0.0.100/32 dev dpdk0", "is an address of dpdk1"),
    ("addr create 10.0.0.5 dev dpdk1", "addr has no command \"create\""),
    ("addr flush", "parse: missing device"),
    ("route add 10.0.0.1/16 dev dpdk1", "has bits behind its length; the network is 10.0.0.0/16"),
    ("route add 10.0.0.0/16 dev dpdk1", "there is a route to 10.0.0.0/16 with this metric already"),
    ("route add 20.0.0.0/8 via 30.0.0.1 dev dpdk1", "via: 30.0.0.1 cannot be reached on the link of dpdk1"),
    ("route add 20.0.0.0/8 via 30.0.0.1", "is on the link of no interface of weir"),
    ("route add 20.0.0.0/8", "interface: is missing"),
    ("route add 20.0.0.0/8 dev dpdk1 scope site", "parse: scope: \"site\" is none of"),
    ("route add 20.0.0.0/8 via 10.0.0.2 dev dpdk1 scope link", "scope: link means that there is no gateway"),
    ("route add 20.0.0.0/8 dev dpdk1 src 1.2.3.4", "source: 1.2.3.4 is no address of this host"),
    ("route add 20.0.0.0/8 dev dpdk1 mtu 5", "mtu: 5 is out of range"),
    ("route add 20.0.0.0/8 dev dpdk1 metric many", "parse: metric: \"many\" is no number"),
    ("route add 20.0.0.0/8 dev dpdk1 tos 4", "not available yet"),
    ("route add 20.0.0.0/8 via fd00:a::2 dev dpdk1", "parse: via: fd00:a::2 is not IPv4"),
    ("route del 20.0.0.0/8", "there is no such route to 20.0.0.0/8"),
    ("route set 20.0.0.0/8 dev dpdk1", "there is no route to 20.0.0.0/8"),
    ("neigh del 10.0.0.7 dev dpdk1", "there is no neighbour 10.0.0.7 on dpdk1"),
    ("flow add type kni 10.9.9.9 dev dpdk1", "10.9.9.9 is no address of dpdk1 in Linux"),
    ("flow del type kni 10.0.0.100 dev dpdk1", "goes to Linux as long as it is an address of dpdk1"),
    ("lldp show neigh dev dpdk0", "lldpd, which does not run"),
], ids=lambda value: value if value and " " in value else None)
def test_refusals(dpip, line, message):
    environment = {"WEIR_LLDP_SOCKET": "/nonexistent"} if "lldp" in line else {}
    before = dpip.state()
    done = dpip.run(line, code=1, **environment)
    assert done.stdout == "" and message in done.stderr, done.stderr
    assert done.stderr.startswith("dpip: ")
    assert dpip.state() == before


def test_nothing_there_is_no_failure(dpip):
    for line in ("vlan show", "tunnel show", "ipset show", f"qsch show dev {WAN}", f"cls show dev {WAN}"):
        assert dpip(line) == ""
    assert "dpip addr show" in dpip("addr help") and dpip("-V").startswith("dpip of weir ")


def test_memory(dpip):
    assert dpip("eal-mem show").split()[:4] == ["socket_id", "iova", "virt", "len(KB)"]
    for kind, name in (("zone", "rte_eth_dev_data"), ("pool", "packets"), ("ring", "neigh_request")):
        assert name in dpip(f"eal-mem show {kind}"), kind


def test_groups_and_flows(dpip):
    shown = dpip(f"maddr show dev {WAN}")
    assert shown.startswith(f"{WAN}:\n") and "\tlink 01:00:5e:00:00:01\n" in shown and "\t inet 224.0.0.1\n" in shown
    assert f"kni addr flow {VIP} dev {WAN}\n" in dpip("flow show type kni")
    dpip(f"flow add type kni {VIP} dev {WAN}")
    dpip(f"flow del type kni 10.9.9.9 dev {WAN}")


def test_lldp(dpip):
    """Stock lldpd on both ends of a wire: what weir's side says and hears, and the switch for it."""
    sockets = {}
    # One after the other: they share what they make at start.
    for host, interface in ((dpip.lab.balancer, f"{WAN}.kni"), (dpip.lab.client, "eth0")):
        sockets[host] = dpip.lab.folder / f"lldpd-{host.role}.sock"
        log = dpip.lab.folder / f"lldpd-{host.role}.log"
        host.start("lldpd", "-d", "-u", sockets[host], log=log)
        wait_for(lambda: interface in run("lldpcli", "-u", sockets[host], "show", "interfaces", check=False).stdout, 20,
                 interval=0.3, what=lambda: f"lldpd knows {interface}: {log.read_text()}")
    mine = {"WEIR_LLDP_SOCKET": str(sockets[dpip.lab.balancer])}

    def show(what):
        run("lldpcli", "-u", sockets[dpip.lab.client], "update")
        done = run(BUILD / "cli/dpip", "lldp", "show", what, "dev", WAN, check=False,
                   env={**os.environ, "WEIR_SOCKET": str(dpip.w.socket), **mine})
        return done.stdout

    local = wait_for(lambda: show("local"), 10, interval=0.3, what="lldpd knows the interface")
    assert local.startswith(f"-*-*-*- Local LLDP Message on Port {WAN} -*-*-*-\nChassis ID TLV (1)\n\tMAC: ")
    assert "Time to Live TLV (3)\n\t120\n" in local and local.endswith("End of LLDPDU TLV\n")
    heard = wait_for(lambda: show("neigh"), 20, interval=0.5, what="the client's LLDP is heard")
    assert f"Neighbour LLDP Message on Port {WAN}" in heard and "Port Description TLV (4)\n\teth0\n" in heard
    assert " lldp\n" in dpip.run(f"link show {WAN}", **mine).stdout
    dpip.run(f"link set {WAN} lldp off", **mine)
    assert " lldp\n" not in dpip.run(f"link show {WAN}", **mine).stdout
    assert "lldp is off on dpdk1" in dpip.run(f"lldp show dev {WAN}", code=1, **mine).stderr
    dpip.run(f"link set {WAN} lldp on", **mine)


def test_busiest_flow(dpip):
    """The flow of iperf3 is the first one on its interface, and on the other side the first one, too."""
    done = dpip.run("iftraf show")
    assert done.stdout == "" and "disabled" in done.stderr
    dpip.w.put(f"/v1/services/tcp/{VIP}/5201", {
        "servers": [{"address": server_address(1), "port": 5201}],
        "local_addresses": [{"address": LIP, "interface": LAN}]})
    lab = dpip.lab
    lab.iperf(lab.servers[0])
    busy = lab.client.start("iperf3", "-c", VIP, "-t", 30, "-b", "50M", "--cport", 33333)
    try:
        dpip("iftraf enable")

        def top():
            lines = dpip("iftraf show").splitlines()
            return {device: line for device in (WAN, LAN) for line in lines if line.startswith(f"top1: {device},")}

        def seen():
            lines = top()
            return len(lines) == 2 and f"[{CLIENT}, 33333 -> {VIP}, 5201 | tcp]" in lines[WAN] and lines

        lines = wait_for(seen, 15, interval=0.3, what=lambda: f"the flow of iperf3 in {top()}")
        received = int(re.search(r"\], \[(\d+), \d+\]$", lines[WAN])[1])
        assert received > 1000000, lines
        assert f"[{LIP}, " in lines[LAN] and f"-> {server_address(1)}, 5201 | tcp]" in lines[LAN]
        assert all(WAN in line for line in dpip(f"iftraf show dev {WAN}").splitlines())
    finally:
        lab.end(busy)
    dpip("iftraf disable")
    dpip.w.delete(f"/v1/services/tcp/{VIP}/5201")


def test_verbs_of_weirctl(dpip):
    """The same through weirctl, whose nouns list what they add."""
    ctl = dpip.w.ctl
    ctl("address", "add", WAN, "10.0.9.5/32", "--scope", "link")
    assert f"inet 10.0.9.5/32 scope link {WAN}" in words(dpip("addr show")) and "10.0.9.5/32" in ctl("address").stdout
    ctl("route", "add", "20.4.0.0/16", "-i", WAN, "--via", CLIENT, "--metric", "3")
    assert "20.4.0.0/16" in dpip("route show")
    ctl("neighbour", "add", WAN, "10.0.3.5", "02:00:00:00:03:05")
    assert "02:00:00:00:03:05" in dpip("neigh show")
    ctl("neighbour", "delete", WAN, "10.0.3.5")
    ctl("route", "delete", "20.4.0.0/16", "--metric", "3")
    ctl("address", "delete", WAN, "10.0.9.5/32")
    assert not re.search("10.0.9.5|20.4.0.0|10.0.3.5", dpip("addr show") + dpip("route show") + dpip("neigh show"))
    ctl("port", "set", WAN, "--promiscuous", "on")
    refused = ctl("port", "set", WAN, "--promiscuous", "off", check=False)
    assert refused.returncode == 1 and "stays promiscuous" in refused.stderr
    assert "packets0" in ctl("memory", "pools").stdout
    ctl("top", "enable")
    assert json.loads(ctl("-o", "json", "top").stdout)["enabled"] is True
    ctl("top", "disable")


def test_flush(dpip):
    """Routes that were put, then addresses that no service needs as local ones."""
    dpip(f"route add 20.3.0.0/16 dev {WAN}")
    dpip(f"route flush dev {WAN}")
    assert "/16" not in dpip(f"route show dev {WAN}") and ROUTES[2] in words(dpip("route show"))
    dpip(f"addr add 10.0.9.9/24 dev {WAN}")
    dpip(f"addr flush dev {WAN}")
    assert dpip(f"addr show dev {WAN}") == "" and dpip(f"-6 addr show dev {WAN}").count("inet6 fe80::") == 1
    dpip.restart()
    assert dpip(f"addr show dev {WAN}") == ""
