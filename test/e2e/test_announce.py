# SPDX-License-Identifier: BSD-3-Clause
"""Announced VIPs: BIRD and FRR beside weir, and a router that spreads flows over two nodes."""

import re
import time

import pytest

from lab import Lab, Refused, Weir, best, run, wait_for
from routing_lab import ROUTER, SLOW_BFD, VIP, VIP6, EcmpLab, RequestProbe, example

# Sessions that are over shall be gone soon, so that a drain ends within a test.
TIMEOUTS = {"fin_wait": 1, "close_wait": 1, "last_ack": 1, "time_wait": 1, "close": 1,
            "udp_one_way": 1, "udp_normal": 1}


@pytest.fixture(scope="module")
def labs(make_lab):
    """All of them at once: routing protocols take their time to come up."""
    made = {
        "bgp": make_lab(EcmpLab, bfd=SLOW_BFD, timeouts=TIMEOUTS,
                        announce={"isolate": {"links": ["dpdk1"], "servers": True}}),
        "ospf": make_lab(EcmpLab, "ospf", servers=1, bfd=SLOW_BFD, timeouts=TIMEOUTS, announce={"linger": 3}),
        "frr": make_lab(EcmpLab, nodes=1, servers=1, bfd=SLOW_BFD, timeouts=TIMEOUTS),
    }
    nodes = [node for lab in made.values() for node in lab.nodes]
    for node in nodes:
        node.w.launch()
    for node in nodes:
        wait_for(node.w.ready, 30, what="weir answers")
    for lab, text in ((made["bgp"], "bird-bgp"), (made["ospf"], "bird-ospf")):
        for node in lab.nodes:
            node.bird(text)
    made["frr"].nodes[0].start_frr("frr-zebra", "frr-bgpd", "frr-bfdd")
    return made


@pytest.fixture(scope="module")
def lab(labs):
    wait_both(labs["bgp"])
    return labs["bgp"]


def wait_both(lab):
    for vip in (VIP, VIP6):
        lab.wait_legs(1, 2, vip=vip)


class Load:
    """Requests without end over TCP and UDP, IPv4 and IPv6."""

    def __init__(self, lab, **options):
        wait_both(lab)
        self.lab = lab
        self.probes = [RequestProbe(lab.client, vip, port, protocol, interval=0.02, **options)
                       for vip in (VIP, VIP6) for protocol, port in (("tcp", 80), ("udp", 5353))]
        for probe in self.probes:
            probe.wait(5)

    def go_on(self, count=20):
        for probe in self.probes:
            probe.wait(count)

    def stop(self):
        for probe in self.probes:
            probe.running = False
        for probe in self.probes:
            probe.stop()
            print(probe.told())
        return self

    def gap(self):
        return max(probe.gap() for probe in self.probes)

    def lost_new(self):
        """
        Lost requests, without connections that were under way when the router changed its route,
        and whose packets may have gone to another node since: those are not new.
        """
        moments = {vip: self.lab.route_changes(vip) for vip in (VIP, VIP6)}
        return [(probe.target, r.error, r.begin) for probe in self.probes for r in probe.lost()
                if not (probe.tcp and any(r.begin <= moment + 0.05 and r.end >= moment and moment - r.begin < 0.5
                                          for moment in moments[probe.target[0]]))]


def announcement(node, vip=VIP):
    return next((row for row in node.w.table("announcement") if row["vip"] == vip), {"state": "unknown"})


def test_both_nodes_are_used(lab):
    for node in lab.nodes:
        assert node.vips() == {VIP} and node.vips(True) == {VIP6}
        row = announcement(node)
        assert row["state"] == "announced" and row["reason"] == "2 of 2 services have a quorum"
        text = node.w.request("GET", "/metrics")
        assert f'weir_announced{{vip="{VIP}"}} 1' in text and "weir_drained 0" in text
    before = [node.w.service("tcp", VIP, 80)["connections"] for node in lab.nodes]
    assert set(lab.client.names(VIP, count=40)) == {"s1", "s2"}
    assert set(lab.client.names(VIP6, count=10)) == {"s1", "s2"}
    for node, count in zip(lab.nodes, before):
        assert node.w.service("tcp", VIP, 80)["connections"] > count, "a node was not used"


def test_ospf_kill_9(labs):
    """
    BIRD computes OSPF's routes once a second, so a router needs up to two to turn away; and nobody
    may say something new about a route within five seconds of having said something else.
    """
    lab = labs["ospf"]
    node = lab.nodes[0]

    def kill():
        lab.wait_legs(1, 2)
        with lab.quick_bfd() as disturbed:
            probe = RequestProbe(lab.client, VIP, 5353, "udp")
            probe.wait()
            node.w.process.kill()
            lab.wait_legs(2)
            probe.wait()
            print(probe.stop().told())
            assert probe.lost(), "nothing was lost: was the node killed?"
            gap = probe.gap() if not disturbed() else None
        node.w.process.wait(10)
        node.w.start()  # it is back when the last test comes
        return gap

    best(2.5, kill)


def test_stop(lab):
    """A stop withdraws first, and serves until routers have turned away."""
    node = lab.nodes[0]

    def stop():
        load = Load(lab, timeout=2.0)
        node.w.process.terminate()
        took = lab.wait_legs(2)
        assert node.w.process.wait(15) == 0
        assert node.w.folder.joinpath(f"{node.w.config['instance']}.drain").read_text() == "1\n"
        load.go_on()
        node.w.start()
        wait_both(lab)
        load.go_on()
        assert not load.stop().lost_new()
        return took

    best(1.0, stop)


def test_on_link(lab):
    """ARP and neighbour discovery for a VIP are answered on the port whose network it is in."""
    node = lab.nodes[0]
    vips = {"10.0.0.77": "192.168.100.11", "fd00:a::77": "fd00:b::b"}
    for vip, server in vips.items():
        node.w.put(f"/v1/services/tcp/{vip}/80", {"announce": True, "servers": [{"address": server, "port": 80}]})
    try:
        for vip in vips:
            wait_for(lambda: announcement(node, vip)["state"] == "announced", 5, what=f"{vip} is announced")
            wait_for(lambda: lab.router.names(vip) == ["s1"], 5, what=f"an answer from {vip}")
            assert lab.router.run("ping", "-c", 1, "-W", 3, vip)
        # The router may know the way by BGP before neighbour discovery is answered.
        wait_for(lambda: announcement(node, "fd00:a::77").get("also_on") == "dpdk0.kni", 5, what="it stands on the TAP")
        # A VIP in the port's own network does not become the source of Linux's connections.
        assert "src fd00:a::1 " in node.host.ip("-6", "route", "get", "fd00:a::fe") + " "
    finally:
        for vip in vips:
            node.w.delete(f"/v1/services/tcp/{vip}/80")
    wait_for(lambda: "fd00:a::77" not in node.host.ip("-6", "address", "show"), 5, what="it is gone from everywhere")


@pytest.fixture
def undrained(lab):
    """Whatever becomes of a test: the next one finds all nodes at work."""
    yield
    for node in lab.nodes:
        node.w.ctl("undrain", check=False)


def test_drain(lab, undrained):
    """No new request is lost; what still comes is served; sessions are counted down."""
    node = lab.nodes[0]
    file = node.w.folder / f"{node.w.config['instance']}.drain"
    assert file.read_text() == "0\n"

    def drain():
        if node.w.get("/v1/drain")["drained"]:
            node.w.ctl("undrain")
        load = Load(lab, timeout=2.0)
        begin = time.monotonic()
        shown = node.w.ctl("drain").stdout
        lab.wait_legs(2)
        took = time.monotonic() - begin
        assert "drained:  yes" in shown and node.vips() == set() == node.vips(True)
        load.go_on(50)
        assert not load.stop().lost_new()
        return took

    best(1.0, drain)
    assert file.read_text() == "1\n"
    status = node.w.get("/v1/status")
    assert status["state"] in ("draining", "drained") and "the node is drained since" in status["reasons"][0]
    # For a router that has not heard of it, this node serves as ever.
    lab.router.ip("route", "add", f"{VIP}/32", "via", "10.0.0.1", "metric", 1)
    try:
        before = node.w.service("tcp", VIP, 80)["connections"]
        kept = lab.client.connect(VIP, 80)
        assert len(lab.client.names(VIP, count=5)) == 5
        assert node.w.service("tcp", VIP, 80)["connections"] == before + 6
        wait_for(lambda: node.w.get("/v1/drain")["sessions"] == 1, 10, what="only the kept session is left")
        done = node.w.ctl("drain", "--deadline", 2, "--wait", check=False)
        assert done.returncode == 1 and "the deadline has passed, 1 sessions are left" in done.stderr
        assert re.search(r"draining: [1-9]\d* sessions left, [0-2] s until the deadline", done.stdout)
        kept.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in kept.recv(4096), "the session was cut"
        kept.close()
    finally:
        lab.router.ip("route", "del", f"{VIP}/32", "via", "10.0.0.1", "metric", 1)
    done = node.w.ctl("drain", "--wait", timeout=30)
    assert done.stdout.splitlines()[-1] == "drained: no session is left"
    # It lasts over a restart, and a stop has nothing to wait for.
    begin = time.monotonic()
    node.w.stop()
    node.w.start()
    assert node.w.get("/v1/drain")["drained"] and node.vips() == set()
    node.w.ctl("undrain")
    assert node.vips() == {VIP}
    assert file.read_text() == "0\n" and node.w.get("/v1/status")["state"] == "serving"


def test_wrong_requests(lab):
    w = lab.nodes[0].w
    for body in ({"deadline": 0}, {"deadline": "soon"}, {"deadlin": 5}, {"deadline": 1e9}, [], {"deadline": -1}):
        with pytest.raises(Refused) as refused:
            w.request("POST", "/v1/drain", body)
        assert refused.value.status == 400 and refused.value.error["text"]
    config = w.get("/v1/config")
    for announce, field, text in (
            ({"isolate": {"links": ["dpdk7"]}}, "announce.isolate.links[0]", 'no port "dpdk7"'),
            ({"interface": "dpdk0.kni"}, "announce.interface", "the TAP of port dpdk0"),
            ({"linger": 61}, "announce.linger", "0 to 60"),
            ({"shared": "most"}, "announce.shared", "none of: all, any"),
            ({"isolate": {"link": []}}, "announce.isolate.link", 'did you mean "links"'),
            ({"isolate": {"links": ["dpdk0", "dpdk0"]}}, "announce.isolate.links[1]", "the same as entry [0]")):
        with pytest.raises(Refused) as refused:
            w.put("/v1/config", {**config, "announce": announce})
        assert refused.value.error["field"] == field and text in refused.value.error["text"]
    answer = w.put("/v1/config?dry_run=1", {**config, "announce": {**config["announce"], "interface": "other"}})
    assert any("announce" in text and "restart" in text for text in answer["restart"])
    assert w.get("/v1/config") == config and announcement(lab.nodes[0])["state"] == "announced"


def test_kill_9(lab):
    """The device goes with the process, whatever ends it."""
    node = lab.nodes[0]

    def kill():
        wait_both(lab)
        with lab.quick_bfd() as disturbed:
            load = Load(lab)
            node.w.process.kill()
            left = lab.wait_legs(2)
            node.w.process.wait(10)
            assert "weir.vip" not in node.host.ip("link", "show")
            load.go_on(25)
            gap = load.stop().gap()
            assert gap, "nothing was lost: was the node killed?"
            took = max(left, gap) if not disturbed() else None
        node.w.start()
        return took

    best(1.0, kill)


def test_linux_tampered_with(lab):
    """An address that somebody takes from the device is put back, the device too."""
    node = lab.nodes[0]
    wait_for(lambda: node.vips() == {VIP}, 5, what="the VIP stands in Linux")
    node.host.ip("address", "delete", f"{VIP}/32", "dev", "weir.vip")
    wait_for(lambda: node.vips() == {VIP}, 5, what="the VIP is back")
    node.host.ip("link", "delete", "weir.vip")
    wait_for(lambda: node.vips() == {VIP} and node.vips(True) == {VIP6}, 5, what="the device is back")
    assert announcement(node)["reason"] == "2 of 2 services have a quorum"


def withdrawn(lab, node, cause, back, reason):
    """`cause` withdraws the VIP of the node within a second, without a lost request; `back` brings it back."""
    statuses = []

    def withdraw():
        wait_both(lab)
        begin = time.monotonic()
        cause()
        wait_for(lambda: node.vips() == set(), 5, what="the VIP is gone from Linux")
        gone = time.monotonic() - begin
        lab.wait_legs(2)
        row = announcement(node)
        assert row["state"] == "withdrawn" and reason in row["reason"], row
        assert len(lab.client.names(VIP, count=10)) == 10
        wait_for(lambda: node.w.get("/v1/status")["reasons"], 5, what="the status says so")
        statuses.append(node.w.get("/v1/status"))
        back()
        lab.wait_legs(1, 2)
        assert announcement(node)["state"] == "announced"
        return gone

    best(1.0, withdraw)
    return statuses[-1]


def test_quorum(lab):
    node = lab.nodes[0]
    path = f"/v1/services/tcp/{VIP}/80"
    servers = node.w.service("tcp", VIP, 80)["servers"]

    def weights(weight):
        for server in servers:
            node.w.patch(f"{path}/servers/{server['address']}/80", {"weight": weight})

    status = withdrawn(lab, node, lambda: weights(0), lambda: weights(1),
                       f"service tcp {VIP}:80 has no quorum: its servers weigh 0 of 1")
    assert status["state"] == "degraded" and "1 of 4 services have no real server" in str(status["reasons"])
    # With hysteresis, it takes more to come back than to stay.
    node.w.patch(path, {"quorum": 2, "hysteresis": 1})
    assert announcement(node)["state"] == "announced"
    withdrawn(lab, node, lambda: node.w.patch(path, {"servers": []}),
              lambda: node.w.patch(path, {"servers": [{**server, "weight": 2} for server in servers]}),
              "its servers weigh 0, it is gained at 3")
    node.w.patch(path, {"servers": [{**servers[0], "weight": 1}]})
    assert announcement(node)["state"] == "announced", "one is left: quorum less hysteresis"
    node.w.patch(path, {"quorum": 1, "hysteresis": 0, "servers": servers})


def test_quorum_through_other_doors(lab):
    """keepalived's way, by stock ipvsadm's door, and a checker's."""
    node = lab.nodes[0]
    vip, server = "10.10.0.200", "192.168.100.11:80"

    def adm(*words):
        run("/usr/sbin/ipvsadm", *words, env=node.w.preload)

    def follows(state):
        wait_for(lambda: announcement(node, vip)["state"] == state, 5, what=f"it is {state}")
        assert (vip in node.vips()) == (state == "announced")

    settings = node.w.get("/v1/ipvs")
    node.w.put("/v1/ipvs", {"services": [{"protocol": "tcp", "vip": vip, "port": 80, "announce": True}]})
    adm("-A", "-t", f"{vip}:80", "-s", "rr")
    follows("withdrawn")
    adm("-a", "-t", f"{vip}:80", "-r", server, "-m")
    follows("announced")
    adm("-e", "-t", f"{vip}:80", "-r", server, "-m", "-w", "0")
    follows("withdrawn")
    adm("-e", "-t", f"{vip}:80", "-r", server, "-m", "-w", "5")
    follows("announced")
    adm("-d", "-t", f"{vip}:80", "-r", server)
    follows("withdrawn")
    adm("-D", "-t", f"{vip}:80")
    node.w.put("/v1/ipvs", settings)

    path = f"/v1/services/tcp/{vip}/81"
    node.w.put(path, {"announce": True, "check": {"type": "tcp", "interval": 600},
                      "servers": [{"address": "192.168.100.11", "port": 80}]})
    follows("announced")
    for state, then in (("down", "withdrawn"), ("up", "announced")):
        node.w.request("POST", "/v1/checks", {"checker": "test", "ends": state == "up", "results": [
            {"protocol": "tcp", "vip": vip, "port": 81, "address": "192.168.100.11", "server_port": 80,
             "state": state, "reason": "because"}]})
        follows(then)
    node.w.delete(path)


def test_isolates_itself(lab):
    node = lab.nodes[0]
    file = node.w.folder / f"{node.w.config['instance']}.drain"

    def cut():
        lab.sw2.ip("link", "set", "dev", "n1", "down")

    def mend():
        assert file.read_text() == "1\n"
        lab.sw2.ip("link", "set", "dev", "n1", "up")

    status = withdrawn(lab, node, cut, mend, "the node is isolated: port dpdk1 has no link")
    assert status["state"] == "isolated"
    wait_for(lambda: file.read_text() == "0\n", 5, what="the file says so")
    servers = [(row["protocol"], row["vip"], row["vip_port"], row["address"], row["port"])
               for row in node.w.table("server")]

    def weights(weight):
        for protocol, vip, port, address, server_port in servers:
            node.w.patch(f"/v1/services/{protocol}/{vip}/{port}/servers/{address}/{server_port}", {"weight": weight})

    withdrawn(lab, node, lambda: weights(0), lambda: weights(1), "")
    assert any("no service has a real server left" in event["reason"] or "no quorum" in event["reason"]
               for event in node.w.get("/v1/announcements/history")["events"])
    assert any(event["reason"].startswith("the node is isolated: port") for event in node.w.table("announcement", "history"))


def test_node_dies(lab):
    """BGP with BFD at 100 ms x 3: a client misses a node for less than 0.6 s."""
    node = lab.nodes[0]

    def die():
        wait_both(lab)
        with lab.quick_bfd() as disturbed:
            load = Load(lab)
            node.kill()
            lab.wait_legs(2)
            load.go_on(25)
            gap = load.stop().gap()
            assert gap, "nothing was lost: was the node killed?"
            gap = gap if not disturbed() else None
        node.w.start()
        node.bird("bird-bgp")
        return gap

    best(0.6, die)


def test_keepalived_follows(lab):
    """The file that weir keeps for track_file makes stock keepalived give up its address."""
    node = lab.nodes[0]
    folder = lab.folder / "keepalived"
    folder.mkdir()
    track = example("keepalived-track").replace("/run/weir/weir.drain",
                                                str(node.w.folder / f"{node.w.config['instance']}.drain"))
    (folder / "keepalived.conf").write_text(f"""
global_defs {{ router_id n1 }}
{track}
vrrp_instance one {{
  interface dpdk0.kni
  virtual_router_id 9
  priority 100
  advert_int 0.1
  version 3
  track_file {{ weir }}
  virtual_ipaddress {{ 10.0.0.88/32 }}
}}
""")
    process = node.host.start("keepalived", "-n", "-P", "-l", "-D", "-f", folder / "keepalived.conf", "-p",
                              folder / "pid", "-r", folder / "vrrp.pid", log=folder / "log")

    def has():
        return "10.0.0.88" in node.host.ip("address", "show", "dev", "dpdk0.kni")

    wait_for(has, 15, what=lambda: "keepalived is master\n" + (folder / "log").read_text())
    node.w.ctl("drain")
    wait_for(lambda: not has(), 5, what="keepalived gives up")
    node.w.ctl("undrain")
    wait_for(has, 15, what="keepalived is back")
    lab.end(process)


def test_cable_of_a_node(lab):
    node = lab.nodes[0]

    def cut():
        wait_both(lab)
        with lab.quick_bfd() as disturbed:
            load = Load(lab)
            node.cut()
            lab.wait_legs(2)
            load.go_on(25)
            gap = load.stop().gap()
            assert gap, "nothing was lost: was the cable cut?"
            gap = gap if not disturbed() else None
        node.mend()
        return gap

    best(0.6, cut)


def test_linux_goes_on_as_ever(lab):
    """The VIP answers ping, its other ports are silent, and the node's own sockets are not touched."""
    node = lab.nodes[0]
    for vip in (VIP, VIP6):
        assert " 0% packet loss" in lab.client.out("ping", "-c", 2, "-i", 0.2, "-w", 10, vip)
    node.host.start("/usr/bin/python3", "-m", "http.server", "8000", "--bind", "0.0.0.0")
    wait_for(lambda: node.host.out("ss", "-Hltn", "sport = :8000"), 10, what="a program of the node listens")
    assert lab.router.curl("-o", "/dev/null", "-w", "%{http_code}", "http://10.0.0.1:8000/").stdout == "200"
    drops = node.w.drops().get("vip_no_service", 0)
    lab.router.ip("route", "add", f"{VIP}/32", "via", "10.0.0.1", "metric", 1)
    try:
        with pytest.raises(TimeoutError):
            lab.client.connect(VIP, 8000, timeout=1)
    finally:
        lab.router.ip("route", "del", f"{VIP}/32", "via", "10.0.0.1", "metric", 1)
    assert node.w.drops()["vip_no_service"] > drops
    # Linux does not speak from a VIP by itself.
    assert " src 10.0.0.1 " in node.host.ip("route", "get", ROUTER) + " "
    assert "src fd00:a::1" in node.host.ip("-6", "route", "get", "fd00:a::fe")


# Other routing protocols and daemons


def test_ospf_stop(labs):
    lab = labs["ospf"]
    lab.wait_legs(1, 2)
    node = lab.nodes[1]
    probe = RequestProbe(lab.client, VIP, 5353, "udp", timeout=2.0)
    probe.wait()
    node.w.process.terminate()
    lab.wait_legs(1)
    assert node.w.process.poll() is None, "it has stopped before the router had turned away"
    assert node.w.process.wait(15) == 0
    probe.wait()
    assert not probe.stop().lost(), probe.told()


def test_frr(labs):
    frr = labs["frr"]
    node = frr.nodes[0]
    frr.wait_legs(1)
    for vip in (VIP, VIP6):
        wait_for(lambda: frr.client.names(vip) == ["s1"], 30, what=f"an answer from {vip}")

    def drain():
        node.w.ctl("drain")
        took = frr.wait_legs()
        node.w.ctl("undrain")
        frr.wait_legs(1)
        return took

    def kill():
        with frr.quick_bfd():
            node.w.process.kill()
            took = frr.wait_legs()
        node.w.process.wait(10)
        node.w.start()
        frr.wait_legs(1)
        return took

    best(1.0, drain)
    best(1.0, kill)
    assert frr.client.names(VIP) == ["s1"]
    assert " 0% packet loss" in frr.client.out("ping", "-c", 1, "-W", 3, VIP)


def lldpd(lab, host, interface):
    folder = lab.folder / f"lldpd-{host.role}"
    folder.mkdir()
    socket = folder / "socket"
    host.start("lldpd", "-d", "-u", socket, "-I", interface, "-S", f"weir lab {host.role}", log=folder / "log")

    def ask(*words):
        return host.run("lldpcli", "-u", socket, "-f", "keyvalue", *words, check=False).stdout

    wait_for(lambda: socket.exists() and interface in ask("show", "interfaces"), 15,
             what=lambda: f"lldpd looks at {interface}: {(folder / 'log').read_text()[-2000:]}")

    def neighbours():
        ask("update")  # send now, not at the end of half a minute
        return ask("show", "neighbors")

    return neighbours


def test_lldp(make_lab):
    """Frames to 01:80:c2:00:00:0e pass both ways between the wire and the TAP."""
    lab = make_lab(Lab)
    peer, host = lab.host("peer"), lab.host("weir")
    lab.link(peer, "eth0", host, "in0")
    lab.peer_offloads(peer, "eth0")
    Weir(lab, host, {"ports": [{"name": "dpdk0", "device": "in0", "addresses": ["10.0.0.1/24"]}]}).start()
    at_weir, at_peer = lldpd(lab, host, "dpdk0.kni"), lldpd(lab, peer, "eth0")


    def seen():
        return [here for here, there in (("peer", at_weir()), ("weir", at_peer())) if f"weir lab {here}" in there]

    wait_for(lambda: seen() == ["peer", "weir"], 20, interval=0.2, what=lambda: f"both are seen, only {seen()}")
    assert "dpdk0.kni" in at_peer()
