# SPDX-License-Identifier: BSD-3-Clause
"""SNAT: hosts that nobody outside has a route to go out by weir, with its WAN addresses."""

import json
import os
import re
import socket

import pytest

from keepalived_lab import Keepalived
from lab import (BUILD, CLIENT, CLIENT6, OneArm, Refused, TwoArm, run, server_address, server_address6, url, wait_for)
from test_devices import Vlans, tagger  # noqa: F401

INSIDE_B = "10.0.0.3"
WAN, WAN_B, WAN6 = "192.168.100.50", "192.168.100.51", "fd00:b::50"
FAR, FAR6 = "203.0.113.2", "2001:db8:9::2"  # behind a router outside, by a narrow link

PROTOCOLS = [("tcp", False), ("udp", False), ("icmp", False), ("tcp", True), ("udp", True), ("icmpv6", True)]


def matches(ends, wan, wan6, **parts):
    """A service for each protocol and family."""
    return [{"match": {"protocol": name, "source": ends[ipv6], **parts}, "scheduler": "rr",
             "servers": [{"address": address} for address in (wan6 if ipv6 else wan)]} for name, ipv6 in PROTOCOLS]


class SnatTwoArm(TwoArm):
    """client -- dpdk0 [weir] dpdk1 -- br0 -- s1, s2, and a router to `far`. Nothing outside knows of 10.0.0.0/24."""

    wan, wan6 = {WAN, WAN_B}, {WAN6}
    inside, outside, outside6 = (CLIENT, CLIENT6), server_address(1), server_address6(1)

    def __init__(self, **extra):
        super().__init__(queues=extra.pop("queues", None))
        self.address(self.client, "eth0", f"{INSIDE_B}/24")
        self.make_far()
        config = self.config()
        ports = config["ports"]
        ports[1]["addresses"] += [f"{WAN}/32", f"{WAN_B}/32", f"{WAN6}/128"]
        made = matches(("10.0.0.2", "fd00:a::2"), sorted(self.wan), sorted(self.wan6), out="dpdk1")
        self.w = self.weir(**{"ports": ports, "services": made, "local_addresses": [], **extra}).start()
        for n, gateway in ((1, "203.0.113.0/24"), (2, "2001:db8:9::/64")):
            self.balancer.ip("route", "add", gateway, "via", "192.168.100.9" if n == 1 else "fd00:b::9", "dev", "dpdk1.kni")

    def make_far(self):
        router, far = self.host("router"), self.host("far")
        self.plug(self.sw, "p9", router, "eth0")
        self.link(router, "eth1", far, "eth0")
        self.address(router, "eth0", "192.168.100.9/24", "fd00:b::9/64")
        self.address(router, "eth1", "203.0.113.1/24", "2001:db8:9::1/64")
        self.address(far, "eth0", f"{FAR}/24", f"{FAR6}/64")
        # `far` says that it takes 1,500 bytes, and the router finds that they do not fit.
        router.ip("link", "set", "eth1", "mtu", "1300")
        for host in (router, far):
            self.peer_offloads(host, "eth0")
        self.peer_offloads(router, "eth1")
        router.sysctl("net.ipv4.ip_forward", 1)
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        far.ip("route", "add", "default", "via", "203.0.113.1")
        far.ip("-6", "route", "add", "default", "via", "2001:db8:9::1")
        self.nginx(far)
        self.far = far


class SnatOneArm(OneArm):
    """All on one link; the client reaches the servers by weir, and they answer a WAN address of weir."""

    wan, wan6 = {"10.0.0.50"}, {"fd00:a::50"}
    inside, outside, outside6 = (CLIENT, CLIENT6), "10.0.0.11", "fd00:a::b"

    def __init__(self):
        super().__init__()
        config = self.config()
        ports = config["ports"]
        ports[0]["addresses"] += ["10.0.0.50/32", "fd00:a::50/128"]
        for n in (1, 2):
            self.client.ip("route", "add", f"10.0.0.{10 + n}/32", "via", "10.0.0.1")
            self.client.ip("-6", "route", "add", f"fd00:a::{10 + n:x}/128", "via", "fd00:a::1")
        made = matches(("10.0.0.0/28", "fd00:a::/124"), self.wan, self.wan6, **{"in": "dpdk0", "out": "dpdk0"})
        self.w = self.weir(ports=ports, services=made, local_addresses=[]).start()


@pytest.fixture(scope="module")
def two(make_lab):
    return make_lab(SnatTwoArm)


@pytest.fixture(scope="module")
def one(make_lab):
    return make_lab(SnatOneArm)


@pytest.fixture(params=["two-arm", "one-arm"])
def lab(request):
    return request.getfixturevalue("two" if request.param == "two-arm" else "one")


FAMILIES = pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])


def ends(lab, ipv6):
    return (lab.outside6, lab.wan6) if ipv6 else (lab.outside, lab.wan)


def seen(lab, address, *words, count=1):
    """As whom `count` connections come to a server."""
    text = lab.client.curl("-g", "-H", "Connection: close", *words, *[url(address)] * count).stdout
    return [line.split()[1] for line in text.splitlines()]


@FAMILIES
def test_http(lab, ipv6):
    outside, wan = ends(lab, ipv6)
    wait_for(lambda: lab.client.curl("-g", "-m", "2", url(outside), check=False).stdout, what="an answer")
    assert set(seen(lab, outside, count=10)) == wan
    before = {tuple(s["match"].items()): s["connections"] for s in lab.w.get("/v1/services?fresh=1")["services"]}
    seen(lab, outside, count=4)
    after = lab.w.get("/v1/services?fresh=1")["services"]
    made = {s["match"]["protocol"]: s for s in after if s["connections"] > before[tuple(s["match"].items())]}
    assert list(made) == ["tcp"]
    assert made["tcp"]["packets_in"] > 20 and made["tcp"]["bytes_out"] > 1000


@FAMILIES
def test_udp(lab, ipv6):
    outside, wan = ends(lab, ipv6)
    name, source, _, text = lab.client.udp_ask(outside, 5353, "hello").split()
    assert name == "s1" and source in wan and text == "hello"


@FAMILIES
def test_ping(lab, ipv6):
    outside, wan = ends(lab, ipv6)
    assert " 5 received" in lab.client.out("ping", "-c", 5, "-w", "10", "-i", 0.05, outside)
    [session] = [s for s in lab.w.sessions(state="icmp_normal") if s["vip"] == outside]
    assert session["local"] in wan and session["client"] == lab.inside[ipv6]
    assert session["protocol"] == ("icmpv6" if ipv6 else "icmp")
    # To weir itself, and from weir outwards, pings go on as ever.
    assert " 2 received" in lab.client.out("ping", "-c", 2, "-w", "10", "-i", 0.05, "fd00:a::1" if ipv6 else "10.0.0.1")
    assert " 2 received" in lab.balancer.out("ping", "-c", 2, "-w", "10", "-i", 0.05, "-I", sorted(wan)[0], outside)


@FAMILIES
def test_large_pings(lab, ipv6):
    """In fragments both ways; and as ever where they are for weir's host or come from it."""
    outside, wan = ends(lab, ipv6)
    wait_for(lambda: lab.client.run("ping", "-c", 1, "-W", 1, outside, check=False).returncode == 0, what="an answer")
    for size in (4000, 20000):
        said = lab.client.out("ping", "-c", 3, "-w", "10", "-i", 0.05, "-s", size, outside)
        assert " 3 received" in said and f"{size + 8} bytes from {outside}" in said, said
    assert " 2 received" in lab.client.out("ping", "-c", 2, "-w", "10", "-i", 0.05, "-s", 4000, "fd00:a::1" if ipv6 else "10.0.0.1")
    assert " 2 received" in lab.client.out("ping", "-c", 2, "-w", "10", "-i", 0.05, "-s", 4000, sorted(wan)[0])
    assert " 2 received" in lab.balancer.out("ping", "-c", 2, "-w", "10", "-i", 0.05, "-s", 4000, "-I", sorted(wan)[0], outside)


def test_pings_at_once(two):
    pings = [two.client.start("ping", "-c", "20", "-w", "10", "-i", "0.02", "-s", size, "-q", server_address(n),
                              log=two.folder / f"ping{n}-{size}") for n in (1, 2) for size in ("56", "1472", "4000")]
    for ping in pings:
        assert ping.wait(20) == 0
    for file in two.folder.glob("ping*"):
        assert " 20 received" in file.read_text(), file.read_text()


def test_sources_that_no_match_takes(two):
    """A host beside the range, in each protocol: dropped by its name."""
    before = two.w.drops().get("not_for_us", 0)
    assert two.client.curl("-m", "1", "--interface", INSIDE_B, url(server_address(1)), check=False).returncode == 28
    with two.client.socket(kind=socket.SOCK_DGRAM, timeout=0.2) as flow:
        flow.bind((INSIDE_B, 0))
        assert two.client.udp_ask(server_address(1), 5353, tries=1, sock=flow) is None
    two.client.run("ping", "-c", 1, "-W", 1, "-I", INSIDE_B, server_address(1), check=False)
    assert two.w.drops()["not_for_us"] >= before + 3


def test_narrow_matches_and_interfaces(two):
    """Whoever comes by another interface or leaves by another is not taken; the narrower match comes first."""
    other = {"match": {"protocol": "tcp", "source": f"{INSIDE_B}", "out": "dpdk0"}, "servers": [{"address": WAN}]}
    path = f"/v1/services/match/tcp,from={INSIDE_B},oif=dpdk0/0"
    wide = "/v1/services/match/tcp,from=10.0.0.0-10.0.0.7,iif=dpdk0/0"
    body = {"scheduler": "rr", "servers": [{"address": WAN_B}]}

    def reached():
        return two.client.curl("-m", "1", "--interface", INSIDE_B, url(server_address(2)), check=False).stdout.split()[1:2]

    two.w.put(path, {"servers": other["servers"]})
    assert reached() == []
    two.w.put(path.replace("oif=dpdk0", "iif=dpdk1"), {"servers": other["servers"]})
    assert reached() == []
    two.w.put(wide, body)
    assert reached() == [WAN_B]
    # The one that was there is narrower, and has both.
    assert set(seen(two, server_address(2), count=4)) == {WAN, WAN_B}
    two.w.patch(f"{wide}/servers/{WAN_B}/0", {"weight": 0})
    assert reached() == []
    for one in (path, path.replace("oif=dpdk0", "iif=dpdk1"), wide):
        two.w.delete(one)
    with pytest.raises(Refused, match="there is no service match tcp"):
        two.w.get(wide)


@FAMILIES
def test_path_mtu(two, ipv6):
    """Behind a narrow link: the router's error about what came from a WAN address reaches the inside host."""
    far = FAR6 if ipv6 else FAR
    (two.folder / "body").write_bytes(b"x" * 200000)
    wait_for(lambda: two.client.curl("-g", "-m", "2", url(far), check=False).stdout, what="an answer")
    two.client.curl("-g", "-T", two.folder / "body", url(far) + f"put/{int(ipv6)}")
    route = two.client.ip("-6" if ipv6 else "-4", "route", "get", far)
    assert "mtu 1300" in route, route
    assert len((two.folder / f"nginx-far/www/put/{int(ipv6)}").read_bytes()) == 200000


@FAMILIES
def test_errors_reach_the_inside(two, ipv6):
    family, address = (socket.AF_INET6, server_address6(1)) if ipv6 else (socket.AF_INET, server_address(1))
    with pytest.raises(ConnectionRefusedError):
        with two.client.socket(family, socket.SOCK_DGRAM, timeout=1.0) as flow:
            flow.connect((address, 7))
            for _ in range(3):
                flow.send(b"x")
                try:
                    flow.recv(10)
                except TimeoutError:
                    pass
    # The router outside ends a ping whose hop limit is too small, and the host that pings hears of it from that router.
    said = two.client.run("ping", "-c", 1, "-W", 2, "-t", 2, FAR6 if ipv6 else FAR, check=False).stdout
    router = "fd00:b::9" if ipv6 else "192.168.100.9"
    assert re.search(f"From {router} .*(Time to live exceeded|Hop limit)", said), said


def ipvsadm(lab, *words, check=True, **keywords):
    face = [BUILD / "cli/ipvsadm", *words]
    return run(*face, env={**os.environ, "WEIR_SOCKET": str(lab.w.socket)}, check=check, **keywords).stdout


def test_ipvsadm(two):
    """Every command of the tool for a service by match, with traffic."""
    text = f"proto=tcp,src-range={INSIDE_B},dst-range=192.168.100.2-192.168.100.3:80,oif=dpdk1"
    name = f"MATCH tcp,from={INSIDE_B}-{INSIDE_B}:0-0,to=192.168.100.2-192.168.100.3:80-80,oif=dpdk1"
    ipvsadm(two, "-A", "-s", "rr", "-H", text)
    ipvsadm(two, "-a", "-H", text, "-r", f"{WAN}:0", "-w", "100", "-J")
    ipvsadm(two, "-a", "-H", text, "-r", WAN_B, "-J")
    ipvsadm(two, "-e", "-H", text, "-r", f"{WAN_B}:0", "-w", "100")
    assert seen(two, server_address(1), "--interface", INSIDE_B, count=4).count(WAN) == 2
    listed = ipvsadm(two, "-ln", "-H", text)
    assert listed.splitlines()[2:] == [
        f"{name} rr",
        f"  -> {WAN}:0".ljust(34) + "SNAT    100    0          2         ",
        f"  -> {WAN_B}:0".ljust(34) + "SNAT    100    0          2         "]
    assert [line for line in ipvsadm(two, "-ln").splitlines() if line.startswith("MATCH")][0].startswith("MATCH icmp,from=")
    stats = ipvsadm(two, "-ln", "--stats", "-H", text).splitlines()[2].removeprefix(name).split()
    assert stats[0] == "4" and int(stats[1]) >= 20
    assert ipvsadm(two, "-ln", "--rate", "-H", text).splitlines()[2].startswith(name + "  ")
    saved = ipvsadm(two, "-Sn")
    words = f"proto=tcp,src-range={INSIDE_B}-{INSIDE_B}:0-0,dst-range=192.168.100.2-192.168.100.3:80-80,oif=dpdk1"
    assert f"-A -H {words} -s rr\n-a -H {words} -r {WAN}:0 -J -w 100\n" in saved
    assert "fd00:a::2" in saved and "-H proto=icmpv6,src-range=[fd00:a::2-fd00:a::2]:0-0,oif=dpdk1 -s rr" in saved
    ipvsadm(two, "-Z", "-H", text)
    assert ipvsadm(two, "-ln", "--stats", "-H", text).splitlines()[2].removeprefix(name).split()[:2] == ["0", "0"]
    # Away with all of them, and back again: the same, and it serves.
    ipvsadm(two, "-C")
    assert two.w.get("/v1/config")["services"] == []
    assert two.client.curl("-m", "1", url(server_address(1)), check=False).returncode
    ipvsadm(two, "-R", input=saved, stdin=None)
    assert sorted(ipvsadm(two, "-Sn").splitlines()) == sorted(saved.splitlines())
    assert set(seen(two, server_address(1), count=4)) == {WAN, WAN_B}
    ipvsadm(two, "-d", "-H", text, "-r", f"{WAN}:0")
    assert set(seen(two, server_address(1), "--interface", INSIDE_B, count=3)) == {WAN_B}
    ipvsadm(two, "-D", "-H", text)
    assert len(two.w.get("/v1/config")["services"]) == len(PROTOCOLS)
    two.w.ctl("apply", "-f", two.w.file)


def answers(lab, address=INSIDE_B):
    """As whom a host inside is seen by TCP and UDP, and whether its pings are answered."""
    tcp = lab.client.curl("-m", "1", "--interface", address, url(server_address(1)), check=False).stdout.split()[1:2]
    with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=0.3) as flow:
        flow.bind((address, 0))
        udp = (lab.client.udp_ask(server_address(1), 5353, "x", tries=1, sock=flow) or "").split()[1:2]
    said = lab.client.run("ping", "-c", 1, "-W", 1, "-I", address, server_address(1), check=False).stdout
    return tcp + udp + (["ping"] if " 1 received" in said else [])


def test_match_of_all_protocols(two):
    """Without a protocol a match takes TCP, UDP and pings; every door can say it, and shows it as it was given."""
    def reach(wanted):
        wait_for(lambda: answers(two) == wanted, 20, what=f"{wanted}")

    text, path = f"src-range={INSIDE_B},oif=dpdk1", f"/v1/services/match/from={INSIDE_B}-{INSIDE_B}:0-0,oif=dpdk1/0"
    ipvsadm(two, "-A", "-s", "rr", "-H", text)
    ipvsadm(two, "-a", "-H", text, "-r", f"{WAN_B}:0", "-J")
    reach([WAN_B, WAN_B, "ping"])
    assert f"MATCH from={INSIDE_B}-{INSIDE_B}:0-0,oif=dpdk1 rr" in ipvsadm(two, "-ln").splitlines()
    assert f"-A -H src-range={INSIDE_B}-{INSIDE_B}:0-0,oif=dpdk1 -s rr" in ipvsadm(two, "-Sn").splitlines()
    assert two.w.get(path)["match"] == {"source": f"{INSIDE_B}-{INSIDE_B}:0-0", "out": "dpdk1"}
    assert two.w.get(path + "?fresh=1")["connections"] >= 3
    ipvsadm(two, "-D", "-H", text)
    two.w.ctl("service", "add", "match", f"from={INSIDE_B},oif=dpdk1", "--server", WAN)
    reach([WAN, WAN, "ping"])
    two.w.ctl("service", "delete", "match", f"from={INSIDE_B},oif=dpdk1")
    body = {"match": {"source": INSIDE_B, "out": "dpdk1"}, "scheduler": "rr", "servers": [{"address": WAN_B}]}
    two.w.put(path, {key: body[key] for key in ("scheduler", "servers")})
    reach([WAN_B, WAN_B, "ping"])
    two.w.delete(path)
    two.w.write({**two.w.config, "services": [*two.w.config["services"], {**body, "servers": [{"address": WAN}]}]})
    two.w.ctl("apply", "-f", two.w.file)
    reach([WAN, WAN, "ping"])
    two.w.write({**two.w.config, "services": two.w.config["services"][:-1]})
    two.w.ctl("apply", "-f", two.w.file)
    assert answers(two) == []


def test_weirctl_and_the_file(two):
    ctl = two.w.ctl
    words = ["match", f"udp,from={INSIDE_B}"]
    ctl("service", "add", *words, "--server", f"{WAN},5", "--scheduler", "rr")
    ctl("server", "add", *words, WAN_B)
    ctl("server", "set", *words, WAN_B, "--weight", "0")
    with two.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as flow:
        flow.bind((INSIDE_B, 0))
        assert two.client.udp_ask(server_address(1), 5353, "x", sock=flow).split()[1] == WAN
    listed = ctl("service", "list").stdout
    assert re.search(rf"^match +udp,from={INSIDE_B}-{INSIDE_B}:0-0 +rr +snat +2 ", listed, re.M), listed
    assert re.search(rf"^match +udp,from={INSIDE_B}-{INSIDE_B}:0-0 +{WAN}:0 +5 ", ctl("server", "list").stdout, re.M)
    shown = json.loads(ctl("-o", "json", "service", "show", *words).stdout)
    assert shown["match"]["source"] == f"{INSIDE_B}-{INSIDE_B}:0-0" and shown["mode"] == "snat"
    # Stock ipvsadm has no words for it, and leaves it alone.
    assert "192.168.100.50" not in run("ipvsadm", "-ln", env=two.w.preload).stdout
    ctl("server", "delete", *words, WAN_B)
    # It is there again after a restart, and goes when it is told to.
    two.w.wait_saved(f"{INSIDE_B}-{INSIDE_B}:0-0")
    two.w.stop()
    two.w.start()
    assert json.loads(ctl("-o", "json", "service", "show", *words).stdout)["servers"][0]["weight"] == 5
    assert wait_for(lambda: two.client.curl("-m", "1", url(server_address(1)), check=False).stdout, what="an answer")
    ctl("service", "delete", *words)
    # The file's services are as they were: applying it again has nothing to do.
    assert "nothing" in ctl("apply", "-f", two.w.file).stdout


def test_log(two):
    """Who had which address and port: off at first, at most so many lines a second, what is too much is told."""
    def lines(text):
        return [line[3:] for line in two.w.log.read_text().splitlines() if text in line]

    def metrics():
        rows = re.findall(r"^weir_nat_log_(\w+?)(?:_total)? (\d+)$", two.w.get("/metrics"), re.M)
        return {name: int(value) for name, value in rows}

    def hello():
        with two.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as flow:
            assert two.client.udp_ask(server_address(1), 5353, "x", sock=flow)
            return flow.getsockname()[1]

    hello()
    assert not lines("nat begin") and json.loads(two.w.ctl("-o", "json", "nat-log", "show").stdout)["rate"] == 0
    two.w.ctl("nat-log", "set", "--rate", "1000")
    two.w.ctl("timeout", "set", *[f"{state}=1" for state in ("fin_wait", "time_wait", "last_ack", "close")])
    port = hello()
    wait_for(lambda: lines(f"nat begin udp {CLIENT}:{port} as "), what="the line")
    [session] = [s for s in two.w.sessions(state="udp_normal") if s["client_port"] == port]
    assert lines(f"{CLIENT}:{port} as ") == [
        f"nat begin udp {CLIENT}:{port} as {session['local']}:{session['local_port']} to {server_address(1)}:5353"]
    two.client.curl(url(server_address(1), 81))
    begun = wait_for(lambda: lines("nat begin tcp"), what="the connection's beginning")
    wait_for(lambda: begun[0].replace("begin", "end") in lines("nat end tcp"), 20, what="its end")
    # By the file: two lines a second.
    two.w.write({**two.w.config, "nat_log": {"rate": 2}})
    assert "nat_log: rate 1000 -> 2" in two.w.ctl("apply", "-f", two.w.file).stdout
    wait_for(lambda: hello() and lines("nat: "), 30, 0, what="the line about lines")
    counted = two.w.get("/v1/nat_log")
    assert counted["rate"] == 2 and counted["skipped"] > 0 and counted["lost"] == 0
    wait_for(lambda: two.w.get("/v1/nat_log")["written"] == len(lines("nat begin")) + len(lines("nat end")), what="all lines")
    wait_for(lambda: metrics() == two.w.get("/v1/nat_log"), what="the same in the metrics")
    two.w.ctl("timeout", "set", *[f"{state}=" for state in ("fin_wait", "time_wait", "last_ack", "close")])
    two.w.write({key: value for key, value in two.w.config.items() if key != "nat_log"})
    two.w.ctl("apply", "-f", two.w.file)
    assert two.w.get("/v1/nat_log")["rate"] == 0
    with pytest.raises(Refused, match="-1 is out of range, 0 to 100000"):
        two.w.patch("/v1/nat_log", {"rate": -1})


def test_log_outlives_a_restart(two):
    """What was set without the file stays set, until a file says something else."""
    two.w.ctl("nat-log", "set", "--rate", "7")
    two.w.wait_saved('"nat_log":{"rate":7}')
    two.w.stop()
    two.w.start()
    assert two.w.get("/v1/nat_log")["rate"] == 7
    two.w.stop()
    two.w.write({**two.w.config, "nat_log": {"rate": 5}})
    two.w.start()
    assert two.w.get("/v1/nat_log")["rate"] == 5
    two.w.write({key: value for key, value in two.w.config.items() if key != "nat_log"})
    two.w.ctl("apply", "-f", two.w.file)
    assert two.w.get("/v1/nat_log")["rate"] == 0


def test_two_workers(make_lab):
    """What comes back to a WAN address finds the worker that has the session, with a queue for each and with one."""
    lab = make_lab(SnatTwoArm, queues=2, workers=2)
    wait_for(lambda: lab.client.curl("-m", "2", url(server_address(1)), check=False).stdout, what="an answer")
    figures = lab.client.connections(server_address(1), 80, 1000, 16)
    assert figures["done"] == 1000, figures
    for _ in range(20):
        assert lab.client.udp_ask(server_address6(1), 5353, "x"), "an echo was lost"
    assert " 10 received" in lab.client.out("ping", "-c", 10, "-w", "10", "-i", 0.02, server_address6(2))
    pings = [lab.client.start("ping", "-c", "5", "-w", "10", "-i", "0.02", server_address(2)) for _ in range(8)]
    assert [ping.wait(20) for ping in pings] == [0] * 8
    for address in (server_address(1), server_address6(1)) * 3:
        assert " 5 received" in lab.client.out("ping", "-c", 5, "-w", "10", "-i", 0.02, "-s", 4000, address)
    workers = lab.w.table("worker")
    assert all(worker["packets"] + worker["taken_over"] > 200 for worker in workers), workers
    assert {session["worker"] for session in lab.w.sessions()} == {0, 1}


class SnatVlans(Vlans):
    """The inside on VLAN 100, the outside on VLAN 200 of one port, keepalived beside weir."""

    def __init__(self, tagger):  # noqa: F811
        super().__init__(tagger)
        self.keepaliveds = []
        self.client.ip("route", "add", "default", "via", "10.0.0.1")
        self.w = self.balancer.w = self.weir([
            {"link": "dpdk0", "id": 100, "addresses": ["10.0.0.1/24"]},
            {"link": "dpdk0", "id": 200, "addresses": ["192.168.100.1/24"]}]).start()
        self.keepalived = Keepalived(self, self.balancer)


def virtual_server(protocol, wan):
    return f"""virtual_server match {(protocol or 'all').lower()} {{
delay_loop 3
lb_algo rr
lb_kind SNAT
{protocol and f"protocol {protocol}"}
src-range 10.0.0.1-10.0.0.9
oif dpdk0.200
real_server {wan} 0 {{
weight 4
}}
}}
"""


def keepalived_file(wan):
    return f"""global_defs {{
vrrp_version 3
}}
vrrp_instance VI_1 {{
state MASTER
interface dpdk0.200.kni
dpdk_interface dpdk0.200
virtual_router_id 7
priority 100
advert_int 0.1
virtual_ipaddress {{
{wan}
}}
}}
""" + virtual_server("TCP", wan) + virtual_server("ICMP", wan)


def test_keepalived_and_vlans(tagger, make_lab):  # noqa: F811
    """The WAN address moves with VRRP, the service is there as long as keepalived, and a reload changes it."""
    lab = make_lab(SnatVlans, tagger)

    def answer():
        return lab.client.curl("-m", "1", url(server_address(1)), check=False).stdout.split()[1:2]

    lab.keepalived.start(keepalived_file(WAN))
    wait_for(lambda: answer() == [WAN], 20, what="an answer by the WAN address")
    assert " 3 received" in lab.client.out("ping", "-c", 3, "-w", "10", "-i", 0.05, server_address(2))
    assert [s["servers"][0]["weight"] for s in lab.w.get("/v1/services")["services"]] == [4, 4]
    lab.keepalived.reload(keepalived_file(WAN_B))
    wait_for(lambda: answer() == [WAN_B], 20, what="an answer by the other one")
    # A file that says too little is not used, and what there is goes on.
    lab.keepalived.reload(keepalived_file(WAN).replace("src-range 10.0.0.1-10.0.0.9", ""))
    wait_for(lambda: "src-range: is missing: a match has at least" in lab.keepalived.log_text(), what="the error")
    assert answer() == [WAN_B]
    # One block without a protocol does for both.
    lab.keepalived.reload(keepalived_file(WAN).partition("virtual_server")[0] + virtual_server("", WAN))
    wait_for(lambda: answer() == [WAN], 20, what="an answer by the first one")
    assert " 3 received" in lab.client.out("ping", "-c", 3, "-w", "10", "-i", 0.05, server_address(2))
    assert [s["match"].get("protocol") for s in lab.w.get("/v1/services")["services"]] == [None]
    lab.keepalived.stop()
    assert lab.w.get("/v1/services")["services"] == []
    assert WAN not in lab.balancer.ip("address").split()
