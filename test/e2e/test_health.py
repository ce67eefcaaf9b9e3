# SPDX-License-Identifier: BSD-3-Clause
"""weir-checker: real servers go down and come back, and the traffic with them."""

import re
import signal
import socket
import time
from collections import Counter

import pytest

from lab import BUILD, VIP, VIP6, Keep, Refused, TwoArm, server_address, server_address6, wait_for

FAST = {"interval": 0.3}


def check_rows(weir, **wanted):
    """Rows of /v1/checks that have these values."""
    return [row for row in weir.get("/v1/checks")["checks"]
            if all(row.get(name) == value for name, value in wanted.items())]


def row_of(weir, protocol, port, number, vip=VIP):
    address = server_address6(number) if ":" in vip else server_address(number)
    rows = check_rows(weir, protocol=protocol, vip=vip, port=port, address=address)
    return rows[0] if rows else {}


def wait_state(weir, state, protocol, port, number, vip=VIP, timeout=15):
    wait_for(lambda: row_of(weir, protocol, port, number, vip).get("state") == state, timeout,
             what=lambda: f"{state}: {row_of(weir, protocol, port, number, vip)}")
    return row_of(weir, protocol, port, number, vip)


def checker_start(lab, weir, name="checker"):
    return lab.balancer.start(BUILD / "checker/weir-checker", "-s", weir.socket, log=lab.folder / f"{name}.log")


def path(protocol, port, number=None, vip=VIP):
    text = f"/v1/services/{protocol}/{vip}/{port}"
    if number:
        text += f"/servers/{server_address6(number) if ':' in vip else server_address(number)}/{port}"
    return text


def set_check(weir, check, protocol="tcp", port=80, vip=VIP):
    weir.patch(path(protocol, port, vip=vip), {"check": check})


class Faults:
    """What can happen to the programs of one server, and be repaired again."""

    def __init__(self, net, host):
        self.net = net
        self.host = host
        self.nginx = self.find(f"nginx-{host.role}")
        self.echo = self.find("udp_echo.py")
        self.repairs = []

    def find(self, word):
        return next(process for process in self.net.processes
                    if self.host.ns in process.args and any(word in argument for argument in process.args))

    def end(self, name):
        """End one of its programs: its ports refuse."""
        process = getattr(self, name)
        self.net.end(process)
        words = process.args[process.args.index(self.host.ns) + 1:]
        self.repairs.append(lambda: setattr(self, name, self.host.start(*words)))

    def mute(self):
        """It answers no echo request any more, and is well."""
        for name in ("net.ipv4.icmp_echo_ignore_all", "net.ipv6.icmp.echo_ignore_all"):
            self.host.sysctl(name, 1)
            self.repairs.append(lambda name=name: self.host.sysctl(name, 0))

    def happen(self, kind):
        self.mute() if kind == "ping" else self.end("echo" if kind == "udp" else "nginx")

    def repair(self):
        while self.repairs:
            self.repairs.pop()()


@pytest.fixture(scope="module")
def net(make_lab):
    made = make_lab(TwoArm)
    made.w = made.weir().start()
    made.faults = [Faults(made, host) for host in made.servers]
    made.checker = checker_start(made, made.w)
    wait_for(lambda: made.w.get("/v1/checks")["checker"]["state"] == "running", what="the checker is there")
    return made


@pytest.fixture(autouse=True)
def clean(net):
    yield
    if net.checker.poll() is not None:
        net.checker = checker_start(net, net.w, "again")
    for fault in net.faults:
        fault.repair()
    for service in net.w.get("/v1/services")["services"]:
        net.w.patch(path(service["protocol"], service["port"], vip=service["vip"]), {"check": None})


KINDS = {
    "tcp": ("tcp", 80, "connection refused"),
    "http": ("tcp", 81, "connection refused"),
    "udp": ("udp", 5353, "ICMP port unreachable"),
    "ping": ("tcp", 80, "no answer within 0.3 s"),
}


def names(net, protocol, port, vip, count=8):
    if protocol == "tcp":
        return set(net.client.names(vip, port, count))
    answers = [net.client.udp_ask(vip, port) for _ in range(count)]
    return {answer.split()[0] for answer in answers if answer}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_down_and_up(net, kind, vip):
    protocol, port, reason = KINDS[kind]
    set_check(net.w, {"type": kind, **FAST}, protocol, port, vip)
    wait_state(net.w, "up", protocol, port, 1, vip)
    wait_state(net.w, "up", protocol, port, 2, vip)
    assert names(net, protocol, port, vip) == {"s1", "s2"}
    net.faults[1].happen(kind)
    row = wait_state(net.w, "down", protocol, port, 2, vip)
    assert row["reason"] == reason and row["check"]["type"] == kind
    if kind == "ping":  # nginx is alive: only the weight keeps traffic away
        assert net.client.names(vip, port, 8) == ["s1"] * 8
    else:
        assert names(net, protocol, port, vip) == {"s1"}
    assert row_of(net.w, protocol, port, 1, vip)["state"] == "up"
    net.faults[1].repair()
    wait_state(net.w, "up", protocol, port, 2, vip)
    assert names(net, protocol, port, vip) == {"s1", "s2"}


@pytest.mark.parametrize("on_failure", ["inhibit", "remove"])
def test_sessions_go_on(net, on_failure):
    """A server that fails its checks gets nothing new; who is on it stays."""
    set_check(net.w, {"type": "ping", "on_failure": on_failure, **FAST})
    wait_state(net.w, "up", "tcp", 80, 2)
    kept = {}
    for _ in range(8):
        keep = Keep(net.client, VIP)
        kept.setdefault(keep.name, keep)
    assert set(kept) == {"s1", "s2"}
    net.faults[1].mute()
    wait_state(net.w, "down", "tcp", 80, 2)
    assert net.client.names(VIP, 80, 8) == ["s1"] * 8
    assert kept["s2"].ask() == "s2"
    server = net.w.get(path("tcp", 80, 2))
    assert server["health"] == "down" and server["weight"] == 1 and not server.get("overridden")
    assert server.get("removed", False) == (on_failure == "remove")
    metrics = net.w.get("/metrics")
    assert re.search(rf'weir_server_up{{.*port="80",server="{server_address(2)}".*}} 0', metrics)
    assert re.search(rf'weir_server_up{{.*port="80",server="{server_address(1)}".*}} 1', metrics)
    net.faults[1].repair()
    wait_state(net.w, "up", "tcp", 80, 2)
    assert kept["s2"].ask() == "s2"
    assert set(net.client.names(VIP, 80, 8)) == {"s1", "s2"}


def test_all_down(net):
    """No fail open: new connections are dropped by name."""
    set_check(net.w, {"type": "ping", **FAST})
    for fault in net.faults:
        fault.mute()
    for number in (1, 2):
        wait_state(net.w, "down", "tcp", 80, number)
    before = net.w.drops().get("no_server", 0)
    net.client.curl("--connect-timeout", 1, f"http://{VIP}/", check=False)
    assert net.w.drops()["no_server"] > before


def test_rise_and_fall(net):
    """The state changes with the n-th result, and the counts are shown on the way."""
    set_check(net.w, {"type": "tcp", "interval": 0.5, "rise": 4, "fall": 3})
    wait_state(net.w, "up", "tcp", 80, 2)
    net.faults[1].end("nginx")
    row = wait_for(lambda: next((r for r in [row_of(net.w, "tcp", 80, 2)] if r.get("streak")), None))
    assert row["state"] == "up" and row["streak"] in (1, 2) and row["result"] == "connection refused"
    wait_state(net.w, "down", "tcp", 80, 2)
    net.faults[1].repair()
    row = wait_for(lambda: next((r for r in [row_of(net.w, "tcp", 80, 2)] if r.get("streak")), None))
    assert row["state"] == "down" and row["streak"] in (1, 2, 3)
    wait_state(net.w, "up", "tcp", 80, 2)


def test_http_judges_the_answer(net):
    set_check(net.w, {"type": "http", "path": "/file/none", **FAST}, port=80)
    assert wait_state(net.w, "down", "tcp", 80, 1)["reason"] == "HTTP status 404, 200-299 expected"
    set_check(net.w, {"status": [200, "404-405"]})
    wait_state(net.w, "up", "tcp", 80, 1)
    wait_state(net.w, "up", "tcp", 80, 2)
    set_check(net.w, {"path": "/", "status": 200, "expect": "s1 "})
    assert wait_state(net.w, "down", "tcp", 80, 2)["reason"] == "the body lacks the expected text"
    assert row_of(net.w, "tcp", 80, 1)["state"] == "up"
    set_check(net.w, {"expect": "s", "host": "www.example.org"})
    wait_state(net.w, "up", "tcp", 80, 2)


def test_udp_expects(net):
    set_check(net.w, {"type": "udp", "send": "hello", "expect": "hello", **FAST}, "udp", 5353)
    wait_state(net.w, "up", "udp", 5353, 1)
    wait_state(net.w, "up", "udp", 5353, 2)
    set_check(net.w, {"expect": "s1 "}, "udp", 5353)
    assert wait_state(net.w, "down", "udp", 5353, 2)["reason"] == "the answer lacks the expected text"
    assert row_of(net.w, "udp", 5353, 1)["state"] == "up"


def test_override(net):
    """A server with its own check: another port, or none."""
    set_check(net.w, {"type": "tcp", **FAST})
    wait_state(net.w, "up", "tcp", 80, 2)
    net.w.patch(path("tcp", 80, 2), {"check": {"port": 9}})
    assert wait_state(net.w, "down", "tcp", 80, 2)["reason"] == "connection refused"
    assert row_of(net.w, "tcp", 80, 1)["state"] == "up"
    net.w.patch(path("tcp", 80, 2), {"check": None})
    wait_for(lambda: set(net.client.names(VIP, 80, 8)) == {"s1", "s2"}, what="one that is not checked is up")
    net.w.patch(path("tcp", 80, 2), {"check": {}})
    wait_state(net.w, "up", "tcp", 80, 2)
    assert "check" not in net.w.get(path("tcp", 80, 2))


def test_edits_keep_health(net):
    set_check(net.w, {"type": "ping", **FAST})
    net.faults[1].mute()
    since = wait_state(net.w, "down", "tcp", 80, 2)["since"]
    net.w.patch(path("tcp", 80), {"scheduler": "wlc"})
    net.w.patch(path("tcp", 80, 2), {"weight": 7})
    assert net.w.get(path("tcp", 80, 2))["health"] == "down"
    net.w.put("/v1/config", net.w.get("/v1/config"))
    assert net.w.get(path("tcp", 80, 2))["health"] == "down"
    assert net.client.names(VIP, 80, 6) == ["s1"] * 6
    assert row_of(net.w, "tcp", 80, 2)["since"] == since
    net.w.patch(path("tcp", 80), {"scheduler": "rr"})
    net.w.patch(path("tcp", 80, 2), {"weight": 1})


def test_report_without_checker(net):
    """Whoever checks by other means says so; the checker's own servers are the checker's."""
    health = path("tcp", 81, 2) + "/health"
    net.w.put(health, {"state": "down", "reason": "the disk is full"})
    assert set(net.client.names(VIP, 81, 6)) == {"s1"}
    assert row_of(net.w, "tcp", 81, 2)["reason"] == "the disk is full"
    net.w.put(health, {"state": "up", "reason": "cleaned up"})
    assert set(net.client.names(VIP, 81, 6)) == {"s1", "s2"}
    for body, field in (({"state": "dead", "reason": "x"}, "state"), ({"state": "up"}, "reason"),
                        ({"state": "up", "reason": "x", "weight": 1}, "weight")):
        with pytest.raises(Refused) as refused:
            net.w.put(health, body)
        assert refused.value.status == 400 and refused.value.error["field"] == field
    with pytest.raises(Refused) as refused:
        net.w.put(path("tcp", 81) + "/servers/192.168.100.77/81/health", {"state": "up", "reason": "x"})
    assert refused.value.status == 404
    set_check(net.w, {"type": "tcp", **FAST}, port=81)
    with pytest.raises(Refused) as refused:
        net.w.put(health, {"state": "down", "reason": "x"})
    assert refused.value.status == 409


def test_checker_killed(net):
    """The last state stays; the next checker goes on from it."""
    set_check(net.w, {"type": "ping", **FAST})
    net.faults[1].mute()
    wait_state(net.w, "down", "tcp", 80, 2)
    second = checker_start(net, net.w, "second")
    assert second.wait(10) == 1
    assert f"another one is at work, pid {net.checker.pid}" in (net.folder / "second.log").read_text()
    net.checker.kill()
    net.checker.wait(5)
    wait_for(lambda: net.w.get("/v1/status")["checker"]["state"] == "gone", what="weir sees that it is gone")
    assert f"weir-checker (pid {net.checker.pid}) is gone since" in net.w.ctl("check").stdout
    assert net.client.names(VIP, 80, 6) == ["s1"] * 6
    changes = row_of(net.w, "tcp", 80, 2)["changes"]
    net.checker = checker_start(net, net.w, "third")
    wait_for(lambda: net.w.get("/v1/status")["checker"]["state"] == "running")
    wait_for(lambda: row_of(net.w, "tcp", 80, 1).get("result"), what="it checks")
    assert row_of(net.w, "tcp", 80, 2)["changes"] == changes, "the state did not flap"
    net.faults[1].repair()
    wait_state(net.w, "up", "tcp", 80, 2)
    net.checker.send_signal(signal.SIGTERM)
    assert net.checker.wait(5) == 0
    assert net.w.get("/v1/status")["checker"]["state"] == "gone"


def test_weir_restarted(net):
    """What was down stays down until its next check; the checker finds weir again by itself."""
    set_check(net.w, {"type": "ping", **FAST})
    net.faults[1].mute()
    wait_state(net.w, "down", "tcp", 80, 2)
    net.w.stop()
    net.w.start()
    assert net.w.get(path("tcp", 80, 2))["health"] == "down"
    wait_for(lambda: net.w.get("/v1/status")["checker"]["state"] == "running", what="the checker is back")
    assert net.checker.poll() is None
    assert row_of(net.w, "tcp", 80, 1)["state"] == "up"
    net.faults[1].repair()
    wait_state(net.w, "up", "tcp", 80, 2)
    assert wait_for(lambda: set(net.client.names(VIP, 80, 8)) == {"s1", "s2"})


def test_same_address_is_checked_once(net):
    set_check(net.w, {"type": "tcp", "interval": 1})
    servers = [{"address": server_address(1), "port": 80}]
    for port in (8090, 8091, 8092):
        net.w.put(path("tcp", port), {"servers": servers, "check": {"type": "tcp", "interval": 1}})
    wait_for(lambda: len([row for row in check_rows(net.w, state="up") if row["address"] == server_address(1)]) >= 4)
    tap = net.servers[0].raw("eth0")
    tap.settimeout(0.2)
    seen, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        try:
            frame = tap.recv(100)
        except TimeoutError:
            continue
        # SYN without ACK to port 80
        seen += frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[36:38] == b"\0\x50" and frame[47] & 0x12 == 2
    assert 1 <= seen <= 5, "one check a second, whatever names the server"
    for port in (8090, 8091, 8092):
        net.w.delete(path("tcp", port))


def test_a_thousand_servers(net):
    """Spread over the interval, and all of them known."""
    host = net.servers[0]
    host.ip("route", "add", "local", "10.77.0.0/16", "dev", "lo")
    net.balancer.ip("route", "add", "10.77.0.0/16", "via", server_address(1))
    count = 1200
    servers = [{"address": f"10.77.{n >> 8}.{n & 255}", "port": 80} for n in range(1, count + 1)]
    net.w.put(path("tcp", 8095), {"servers": servers, "check": {"type": "tcp", "interval": 2, "timeout": 1}})
    wait_for(lambda: len(check_rows(net.w, port=8095, state="up")) == count, 30, 0.2,
             what=lambda: Counter(row["state"] for row in check_rows(net.w, port=8095)))
    tap = host.raw("eth0")
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    tap.settimeout(0.2)
    # How many begin in each quarter of a second of two intervals, once all have begun.
    buckets, seen, begin = Counter(), Counter(), time.monotonic()
    while time.monotonic() < begin + 4:
        try:
            frame = tap.recv(100)
        except TimeoutError:
            continue
        if frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[30:32] == b"\x0a\x4d" and frame[47] & 0x12 == 2:
            buckets[int((time.monotonic() - begin) * 4)] += 1
            seen[frame[30:34]] += 1
    assert len(seen) == count and 1 <= min(seen.values()) and max(seen.values()) <= 4
    assert max(buckets.values()) < 3 * count / 8, f"not spread: {sorted(buckets.items())}"
    host.ip("route", "del", "local", "10.77.0.0/16", "dev", "lo")
    wait_for(lambda: len(check_rows(net.w, port=8095, state="down")) == count, 30, 0.2,
             what="all of them are found to be down")
    net.w.delete(path("tcp", 8095))
    net.balancer.ip("route", "del", "10.77.0.0/16")
