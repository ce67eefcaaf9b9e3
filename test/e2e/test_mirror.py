# SPDX-License-Identifier: BSD-3-Clause
"""
The rtnetlink mirror alone (test/mirror/mirror.c): whatever is done to Linux, the data path's tables
say the same as Linux's, also where Linux says nothing.

  m0, m1: treated as ours        f0: somebody else's        their peers: p0, p1, q0 in "peer"
"""

import ipaddress
import json
import os
import random
import signal
import subprocess
import time

import pytest

from lab import BUILD, Lab, wait_for

UNICAST, LOCAL, BROADCAST, BLACKHOLE = 1, 2, 3, 6
PROGRAM = os.environ.get("WEIR_MIRROR", BUILD / "test/mirror/mirror")


class Mirror:
    def __init__(self, host, *interfaces):
        self.process = subprocess.Popen(host.command(PROGRAM, *interfaces), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        assert json.loads(self.process.stdout.readline()) == "ready"

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        return json.loads(self.process.stdout.readline())

    def lookup(self, address):
        """MACs (or words) of the sixteen slots, each with its number of slots."""
        count = {}
        for mac, _, _ in self.ask("lookup", address)[0]:
            count[mac] = count.get(mac, 0) + 1
        return count

    def path(self, number):
        count = {}
        for mac in self.ask("path", number)[0]:
            count[mac] = count.get(mac, 0) + 1
        return count

    def sees(self, address, expected, timeout=3):
        wait_for(lambda: self.lookup(address) == expected, timeout,
                 what=lambda: f"{address}: {expected}, but {self.lookup(address)}")

    def goes(self, number, expected, timeout=5):
        wait_for(lambda: self.path(number) == expected, timeout,
                 what=lambda: f"path {number}: {expected}, but {self.path(number)}")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0

    @property
    def closed(self):
        return self.process.stdin.closed


class MirrorLab(Lab):
    def __init__(self):
        super().__init__()
        self.me, self.peer = self.host("me"), self.host("peer")
        for mine, other in (("m0", "p0"), ("m1", "p1"), ("f0", "q0")):
            self.link(self.me, mine, self.peer, other)
        for name in ("m0", "m1"):
            for family in ("ipv4", "ipv6"):
                for key, value in (("base_reachable_time_ms", 1000), ("delay_first_probe_time", 0),
                                   ("retrans_time_ms", 250)):  # as weir sets them
                    self.me.sysctl(f"net.{family}.neigh.{name}.{key}", value)
        self.m = Mirror(self.me, "m0", "m1")

    def close(self):
        try:
            if not self.m.closed:
                self.m.close()
        finally:
            super().close()

    def clean(self):
        """As it was after the start."""
        for name in ("m0", "m1", "f0"):
            self.me.ip("link", "set", name, "down")
            self.me.ip("address", "flush", "dev", name)
            self.me.ip("neigh", "flush", "dev", name)
            self.me.ip("link", "set", name, "mtu", 1500, "up")
        for name in ("p0", "p1", "q0"):
            self.peer.ip("address", "flush", "dev", name)
        for family in ("-4", "-6"):
            self.me.ip(family, "route", "flush", "scope", "global", check=False)
            self.me.ip(family, "route", "flush", "type", "blackhole", check=False)
        self.me.ip("nexthop", "flush", check=False)


@pytest.fixture(scope="module")
def lab_of_module(make_lab):
    return make_lab(MirrorLab)


@pytest.fixture
def lab(lab_of_module):
    lab_of_module.clean()
    return lab_of_module


def mac(number):
    return f"02:00:00:00:00:{number:02X}"


def permanent(lab, address, device, number):
    lab.me.ip("neigh", "replace", address, "lladdr", mac(number), "dev", device, "nud", "permanent")


def two_gateways(lab):
    """10.0.0.9 by m0 is 02:...:09, 10.1.0.9 by m1 is 02:...:19."""
    lab.address(lab.me, "m0", "10.0.0.1/24", "fd00::1/64")
    lab.address(lab.me, "m1", "10.1.0.1/24", "fd01::1/64")
    for address, device, number in (("10.0.0.9", "m0", 9), ("10.1.0.9", "m1", 0x19),
                                    ("fd00::9", "m0", 9), ("fd01::9", "m1", 0x19)):
        permanent(lab, address, device, number)


def test_addresses(lab):
    lab.address(lab.me, "m0", "10.0.0.1/24", "fd00::1/64")
    lab.m.sees("10.0.0.1", {"local": 16})
    lab.m.sees("10.0.0.255", {"local": 16})
    lab.m.sees("fd00::1", {"local": 16})
    lab.m.sees("10.0.0.7", {"unresolved": 16})
    assert lab.m.ask("lookup", "10.0.0.7")[0][0] == ["unresolved", 1, 0]
    lab.me.ip("address", "add", "10.99.0.1/32", "dev", "lo")
    lab.m.sees("10.99.0.1", {"local": 16})
    assert lab.m.ask("owner", "10.0.0.1", "10.99.0.1", "fd00::1") == ["m0", None, "m0"]
    lab.me.ip("address", "delete", "10.99.0.1/32", "dev", "lo")
    lab.m.sees("10.99.0.1", {"none": 16})


def test_add_and_delete_addresses(lab):
    assert lab.m.ask("add", "m1", "192.0.2.1/32") == 0
    assert lab.m.lookup("192.0.2.1") == {"local": 16}
    assert lab.m.ask("owner", "192.0.2.1") == ["m1"]
    assert lab.m.ask("add", "m1", "192.0.2.1/32") == -17
    assert lab.m.ask("add", "m1", "fd00:2::1/128") == 0
    # Linux tells of an IPv6 address a moment after it has taken it.
    rows = wait_for(lambda: (found := {row["address"]: row for row in lab.m.ask("addresses")})
                    and "fd00:2::1/128" in found and found, 3, what="the address is known")
    assert not rows["fd00:2::1/128"]["tentative"] and rows["192.0.2.1/32"]["interface"] == "m1"
    assert lab.m.ask("delete", "m1", "192.0.2.1/32") == 0
    assert lab.m.ask("delete", "m1", "192.0.2.1/32") == -99
    assert lab.m.ask("delete", "m1", "fd00:2::1/128") == 0
    assert lab.m.lookup("192.0.2.1") == {"none": 16}


def test_kinds_of_routes(lab):
    two_gateways(lab)
    lab.address(lab.me, "f0", "10.2.0.1/24")
    lab.me.ip("route", "add", "default", "via", "10.0.0.9")
    lab.me.ip("route", "add", "198.51.100.0/24", "via", "10.2.0.9")  # shadows the default route
    lab.me.ip("route", "add", "198.51.100.64/26", "via", "10.1.0.9")
    lab.me.ip("route", "add", "blackhole", "203.0.113.0/24")
    lab.me.ip("route", "add", "203.0.113.7", "via", "inet6", "fd01::9", "dev", "m1")
    lab.me.ip("-6", "route", "add", "default", "via", "fd00::9", "mtu", 1400)
    lab.me.ip("-6", "route", "add", "unreachable", "2001:db8::/32")
    lab.m.sees("203.0.113.7", {mac(0x19): 16})
    lab.m.sees("203.0.113.8", {"blackhole": 16})
    lab.m.sees("8.8.8.8", {mac(9): 16})
    lab.m.sees("198.51.100.1", {"none": 16})
    lab.m.sees("198.51.100.65", {mac(0x19): 16})
    lab.m.sees("2001:db8::1", {"blackhole": 16})
    lab.m.sees("2001:db9::1", {mac(9): 16})
    assert lab.m.ask("lookup", "2001:db9::1")[0][0][2] == 1400
    assert lab.m.ask("lookup", "8.8.8.8")[0][0][2] == 1500


def test_mtu_of_link_and_on_link_route(lab):
    two_gateways(lab)
    lab.me.ip("route", "add", "default", "via", "10.0.0.9")
    lab.me.ip("route", "add", "10.8.0.0/16", "dev", "m1", "mtu", 1300)
    permanent(lab, "10.8.0.5", "m1", 5)
    lab.m.sees("10.8.0.5", {mac(5): 16})
    wait_for(lambda: lab.m.ask("lookup", "10.8.0.5")[0][0][2] == 1300)
    lab.me.ip("link", "set", "m0", "mtu", 9000)
    wait_for(lambda: lab.m.ask("lookup", "8.8.8.8")[0][0][2] == 9000)


def test_metric_and_table(lab):
    two_gateways(lab)
    lab.me.ip("route", "add", "192.0.2.0/24", "via", "10.1.0.9", "metric", 100)
    lab.m.sees("192.0.2.1", {mac(0x19): 16})
    lab.me.ip("route", "add", "192.0.2.0/24", "via", "10.0.0.9", "metric", 50)
    lab.m.sees("192.0.2.1", {mac(9): 16})
    lab.me.ip("route", "add", "192.0.2.0/24", "via", "10.1.0.9", "table", 77)
    lab.me.ip("route", "delete", "192.0.2.0/24", "metric", 50)
    lab.m.sees("192.0.2.1", {mac(0x19): 16})
    lab.me.ip("route", "append", "192.0.2.0/24", "via", "10.0.0.9", "metric", 100)
    lab.m.sees("192.0.2.1", {mac(0x19): 16})
    lab.me.ip("route", "delete", "192.0.2.0/24", "via", "10.1.0.9", "metric", 100)
    lab.m.sees("192.0.2.1", {mac(9): 16})
    lab.me.ip("route", "flush", "table", 77)


def test_multipath(lab):
    two_gateways(lab)
    legs = ["nexthop", "via", "10.0.0.9", "weight", 3, "nexthop", "via", "10.1.0.9", "weight", 1]
    lab.me.ip("route", "add", "192.0.2.0/24", *legs)
    lab.m.sees("192.0.2.1", {mac(9): 12, mac(0x19): 4})
    path = lab.m.ask("watch", "192.0.2.1")[0]
    lab.m.goes(path, {mac(9): 12, mac(0x19): 4})
    before = lab.m.ask("path", path)[0]
    lab.me.ip("neigh", "delete", "10.1.0.9", "dev", "m1")
    lab.m.sees("192.0.2.1", {mac(9): 16})
    lab.m.goes(path, {mac(9): 16})
    permanent(lab, "10.1.0.9", "m1", 0x19)
    lab.m.goes(path, {mac(9): 12, mac(0x19): 4})
    assert lab.m.ask("path", path)[0] == before
    lab.me.ip("link", "set", "m1", "down")
    lab.m.goes(path, {mac(9): 16})
    lab.m.sees("192.0.2.1", {mac(9): 16})
    lab.me.ip("link", "set", "m0", "down")
    lab.m.goes(path, {"none": 16})
    lab.m.sees("192.0.2.1", {"none": 16})
    lab.m.ask("release", path)


def test_multipath_ipv6_grows_and_shrinks(lab):
    two_gateways(lab)
    lab.me.ip("-6", "route", "add", "2001:db8::/48", "via", "fd00::9", "metric", 10)
    lab.m.sees("2001:db8::1", {mac(9): 16})
    lab.me.ip("-6", "route", "append", "2001:db8::/48", "via", "fd01::9", "metric", 10)
    lab.m.sees("2001:db8::1", {mac(9): 8, mac(0x19): 8})
    assert len([r for r in lab.m.ask("routes") if r["destination"] == "2001:db8::/48"]) == 1
    lab.me.ip("-6", "route", "delete", "2001:db8::/48", "via", "fd00::9", "metric", 10)
    lab.m.sees("2001:db8::1", {mac(0x19): 16})
    lab.me.ip("-6", "route", "replace", "2001:db8::/48", "via", "fd00::9", "metric", 10)
    lab.m.sees("2001:db8::1", {mac(9): 16})
    lab.me.ip("-6", "route", "delete", "2001:db8::/48")
    lab.m.sees("2001:db8::1", {"none": 16})


def test_link_down_is_silent(lab):
    """Linux takes IPv4 routes away without a message; what covers them takes over."""
    two_gateways(lab)
    lab.me.ip("route", "add", "192.0.2.0/24", "via", "10.0.0.9")
    lab.me.ip("route", "add", "192.0.0.0/16", "via", "10.1.0.9")
    lab.me.ip("-6", "route", "add", "2001:db8::/48", "via", "fd00::9")
    lab.m.sees("192.0.2.1", {mac(9): 16})
    lab.me.ip("link", "set", "m0", "down")
    lab.m.sees("192.0.2.1", {mac(0x19): 16}, 1)
    lab.m.sees("2001:db8::1", {"none": 16}, 1)
    lab.m.sees("10.0.0.1", {"local": 16})
    lab.me.ip("link", "set", "m0", "up")
    lab.m.sees("10.0.0.7", {"unresolved": 16})
    assert lab.m.lookup("192.0.2.1") == {mac(0x19): 16}


def test_carrier(lab):
    """Without a carrier routes stay in Linux, but a leg there is of no use."""
    two_gateways(lab)
    legs = ["nexthop", "via", "10.0.0.9", "nexthop", "via", "10.1.0.9"]
    lab.me.ip("route", "add", "192.0.2.0/24", *legs)
    lab.m.sees("192.0.2.1", {mac(9): 8, mac(0x19): 8})
    lab.peer.ip("link", "set", "p1", "down")
    lab.m.sees("192.0.2.1", {mac(9): 16})
    lab.peer.ip("link", "set", "p1", "up")
    lab.m.sees("192.0.2.1", {mac(9): 8, mac(0x19): 8})


@pytest.mark.parametrize("compatible", [1, 0])
def test_next_hop_objects(lab, compatible):
    lab.me.sysctl("net.ipv4.nexthop_compat_mode", compatible)
    two_gateways(lab)
    lab.me.ip("nexthop", "add", "id", 1, "via", "10.0.0.9", "dev", "m0")
    lab.me.ip("nexthop", "add", "id", 2, "via", "10.1.0.9", "dev", "m1")
    lab.me.ip("nexthop", "add", "id", 10, "group", "1,3/2")
    lab.me.ip("route", "add", "192.0.2.0/24", "nhid", 10)
    lab.m.sees("192.0.2.1", {mac(9): 12, mac(0x19): 4})
    lab.me.ip("nexthop", "replace", "id", 10, "group", "1/2")
    lab.m.sees("192.0.2.1", {mac(9): 8, mac(0x19): 8})
    lab.me.ip("nexthop", "replace", "id", 1, "via", "10.1.0.9", "dev", "m1")
    lab.m.sees("192.0.2.1", {mac(0x19): 16})
    lab.me.ip("nexthop", "delete", "id", 10)
    lab.m.sees("192.0.2.1", {"none": 16})
    lab.me.ip("nexthop", "add", "id", 5, "blackhole")
    lab.me.ip("route", "add", "192.0.2.0/24", "nhid", 5)
    lab.m.sees("192.0.2.1", {"blackhole": 16})
    lab.me.ip("nexthop", "delete", "id", 5)
    lab.m.sees("192.0.2.1", {"none": 16})
    lab.me.ip("-6", "nexthop", "add", "id", 6, "via", "fd00::9", "dev", "m0")
    lab.me.ip("-6", "route", "add", "2001:db8::/48", "nhid", 6)
    lab.m.sees("2001:db8::1", {mac(9): 16})
    lab.me.ip("link", "set", "m0", "down")
    lab.m.sees("2001:db8::1", {"none": 16})
    lab.me.sysctl("net.ipv4.nexthop_compat_mode", 1)


def kernel_neighbours(lab, device="m0"):
    return {row["dst"]: row for row in json.loads(lab.me.ip("-j", "neigh", "show", "dev", device))}


@pytest.mark.parametrize("server, length", [("10.0.0.2", 24), ("fd00::2", 64)])
def test_watched_neighbour(lab, server, length):
    """Resolved, missed when it falls silent, found when it returns or moves, deleted at the end."""
    lab.address(lab.me, "m0", "10.0.0.1/24", "fd00::1/64")
    lab.address(lab.peer, "p0", f"{server}/{length}")
    path = lab.m.ask("watch", server)[0]
    lab.m.goes(path, {lab.peer.mac("p0").upper(): 16})
    time.sleep(2)
    lab.peer.ip("address", "delete", f"{server}/{length}", "dev", "p0")
    lab.m.goes(path, {"unresolved": 16}, 3)
    lab.address(lab.peer, "p0", f"{server}/{length}")
    lab.m.goes(path, {lab.peer.mac("p0").upper(): 16}, 3)
    lab.peer.ip("link", "set", "p0", "address", mac(0x42))
    lab.m.goes(path, {mac(0x42): 16}, 10)
    assert server in kernel_neighbours(lab)
    lab.m.ask("release", path)
    wait_for(lambda: server not in kernel_neighbours(lab), 5)
    assert lab.m.ask("state")["paths"] == 0


def test_gateways_are_kept_resolved(lab):
    lab.address(lab.me, "m0", "10.0.0.1/24")
    lab.address(lab.peer, "p0", "10.0.0.2/24", "10.0.0.3/24")
    lab.me.ip("route", "add", "192.0.2.0/24", "via", "10.0.0.2")
    lab.m.sees("192.0.2.1", {lab.peer.mac("p0").upper(): 16})
    lab.me.ip("route", "replace", "192.0.2.0/24", "via", "10.0.0.3")
    lab.m.sees("192.0.2.1", {lab.peer.mac("p0").upper(): 16})
    wait_for(lambda: "10.0.0.2" not in kernel_neighbours(lab), 5)


def test_requested_neighbour(lab):
    lab.address(lab.me, "m0", "10.0.0.1/24")
    lab.address(lab.peer, "p0", "10.0.0.2/24")
    lab.m.sees("10.0.0.2", {"unresolved": 16})
    lab.m.ask("request", "m0", "10.0.0.2")
    lab.m.sees("10.0.0.2", {lab.peer.mac("p0").upper(): 16}, 1)
    lab.m.ask("request", "m0", "10.0.0.77")
    wait_for(lambda: "10.0.0.77" not in kernel_neighbours(lab), 10)
    lab.m.sees("10.0.0.77", {"unresolved": 16})


def test_permanent_neighbour_stays(lab):
    lab.address(lab.me, "m0", "10.0.0.1/24")
    permanent(lab, "10.0.0.2", "m0", 2)
    path = lab.m.ask("watch", "10.0.0.2")[0]
    lab.m.goes(path, {mac(2): 16})
    time.sleep(1.5)
    lab.m.ask("release", path)
    time.sleep(1)
    assert kernel_neighbours(lab)["10.0.0.2"]["state"] == ["PERMANENT"]


def test_path_follows_routes(lab):
    """A watched destination is on the link, then behind a gateway, then local, then nowhere."""
    two_gateways(lab)
    permanent(lab, "10.0.0.5", "m0", 5)
    path = lab.m.ask("watch", "10.0.0.5")[0]
    again = lab.m.ask("watch", "10.0.0.5")[0]
    assert path == again
    lab.m.ask("release", again)
    lab.m.goes(path, {mac(5): 16})
    lab.me.ip("route", "add", "10.0.0.5/32", "via", "10.1.0.9")
    lab.m.goes(path, {mac(0x19): 16})
    lab.me.ip("route", "replace", "blackhole", "10.0.0.5/32")
    lab.m.goes(path, {"blackhole": 16})
    lab.me.ip("route", "delete", "10.0.0.5/32")
    lab.me.ip("address", "add", "10.0.0.5/32", "dev", "lo")
    lab.m.goes(path, {"local": 16})
    lab.me.ip("address", "delete", "10.0.0.5/32", "dev", "lo")
    lab.m.goes(path, {mac(5): 16})
    lab.me.ip("address", "delete", "10.0.0.1/24", "dev", "m0")
    lab.m.goes(path, {"none": 16})
    lab.m.ask("release", path)


def test_nothing_stays_behind(make_lab):
    other = make_lab(MirrorLab)
    other.address(other.me, "m0", "10.0.0.1/24")
    other.address(other.peer, "p0", "10.0.0.2/24")
    path = other.m.ask("watch", "10.0.0.2")[0]
    other.m.goes(path, {other.peer.mac("p0").upper(): 16})
    other.m.close()
    assert "10.0.0.2" not in kernel_neighbours(other)


def test_device_destroyed(lab):
    """Routes by a device that disappears go with it, without a message."""
    two_gateways(lab)
    lab.link(lab.me, "x0", lab.peer, "x1")
    lab.address(lab.me, "x0", "10.5.0.1/24")
    lab.me.ip("route", "add", "10.1.0.128/25", "via", "10.5.0.9")
    lab.m.sees("10.1.0.200", {"none": 16})
    lab.me.ip("link", "delete", "x0")
    lab.m.sees("10.1.0.200", {"unresolved": 16})


def test_overrun(lab):
    """More changes than the socket holds while nobody reads: found by a dump."""
    two_gateways(lab)
    lab.m.sees("10.0.0.9", {mac(9): 16})
    lab.m.process.send_signal(signal.SIGSTOP)
    try:
        for gateway in ("10.0.0.9", "10.1.0.9") * 20:
            lab.me.ip_batch([f"route replace 20.{n // 256}.{n % 256}.0/24 via {gateway}"
                             for n in range(10000)])
    finally:
        lab.m.process.send_signal(signal.SIGCONT)

    def routes():
        return [(row["destination"], row["legs"][0]["via"]) for row in lab.m.ask("routes")
                if row["destination"].startswith("20.")]

    expected = {(f"20.{n // 256}.{n % 256}.0/24", "10.1.0.9") for n in range(10000)}
    wait_for(lambda: set(routes()) == expected, 20, interval=0.2)
    assert len(routes()) == 10000
    lab.m.sees("20.39.15.1", {mac(0x19): 16})
    lab.me.ip_batch([f"route delete 20.{n // 256}.{n % 256}.0/24" for n in range(10000)])
    lab.m.sees("20.39.15.1", {"none": 16}, 10)
    print(lab.m.ask("state"))


def operations(rng, family):
    """A random change of routes, as words for `ip`."""
    if family == 4:
        prefix = f"10.{rng.choice((0, 64, 65))}.{rng.choice((0, 1, 128))}.{rng.choice((0, 64, 128))}"
        lengths, gateways = (8, 9, 16, 17, 24, 25, 26, 32), ("10.0.0.9", "10.1.0.9", "10.2.0.9")
    else:
        prefix = f"2001:{rng.choice(('0', '80', '81'))}:{rng.choice(('0', '1', '8000'))}::"
        lengths, gateways = (16, 17, 32, 33, 48, 49, 64, 128), ("fd00::9", "fd01::9", "fd02::9")
    length = rng.choice(lengths)
    if family == 4:
        number = int.from_bytes(bytes(map(int, prefix.split("."))), "big") >> 32 - length << 32 - length
        prefix = ".".join(map(str, number.to_bytes(4, "big")))
        if prefix in ("10.0.0.0", "10.1.0.0", "10.2.0.0") and length >= 24:
            length = 23 if prefix != "10.0.0.0" else 20
    else:
        prefix = str(ipaddress.ip_network(f"{prefix}/{length}", strict=False).network_address)
    where = [f"{prefix}/{length}"]
    metric = ["metric", rng.choice((10, 20))]
    kind = rng.randrange(10)
    words = ["-6"] if family == 6 else []
    if kind < 3:
        return [*words, "route", "delete", *where, *metric]
    if kind < 4:
        return [*words, "route", rng.choice(("add", "replace")), "blackhole", *where, *metric]
    if kind < 7:
        return [*words, "route", rng.choice(("add", "replace", "append", "prepend")), *where, "via",
                rng.choice(gateways), *metric]
    if kind < 8:
        return [*words, "route", rng.choice(("add", "replace")), *where, "dev",
                rng.choice(("m0", "m1", "f0")), *metric]
    legs = [word for gateway in rng.sample(gateways, 2) for word in ("nexthop", "via", gateway)]
    return [*words, "route", rng.choice(("add", "replace", "append")), *where, *metric, *legs]


def differences(lab, addresses, macs):
    """Where the mirror and Linux do not agree."""
    found = []
    linux = lab.m.ask("get", *addresses)
    ours = lab.m.ask("lookup", *addresses)
    for address, (kind, device, via), slots in zip(addresses, linux, ours):
        seen = {slot[0] for slot in slots}
        if kind == -22:
            fits = seen == {"blackhole"}
        elif kind < 0:
            fits = seen <= {"none", "blackhole"}
        elif kind in (LOCAL, BROADCAST):
            fits = seen == {"local"}
        elif device not in ("m0", "m1"):
            # Of several ways, those by others are left out.
            fits = seen == {"none"} or seen <= set(macs.values())
        elif via:
            fits = macs[via] in seen
        else:
            fits = seen == {"unresolved"}
        if not fits:
            found.append((address, kind, device, via, sorted(seen)))
    return found


@pytest.mark.parametrize("family", [4, 6])
def test_agrees_with_linux(lab, family):
    """Random changes; after each burst, the data path and Linux give the same answers."""
    rng = random.Random(f"{family} {os.environ.get('MIRROR_SEED', 0)}")
    two_gateways(lab)
    lab.address(lab.me, "f0", "10.2.0.1/24", "fd02::1/64")
    macs = {"10.0.0.9": mac(9), "10.1.0.9": mac(0x19), "fd00::9": mac(9), "fd01::9": mac(0x19)}
    if family == 4:
        addresses = [f"10.{a}.{b}.{c}" for a in (64, 65, 70, 128) for b in (0, 1, 128, 200)
                     for c in (1, 65, 129)]
    else:
        addresses = [f"2001:{a}:{b}::{c}" for a in ("0", "80", "81", "9000")
                     for b in ("0", "1", "8000", "9000") for c in ("0", "1")]
    for burst in range(30):
        done = []
        for _ in range(rng.choice((1, 5, 20))):
            words = operations(rng, family)
            result = lab.me.run("ip", *words, check=False)
            done.append((result.returncode, *words))
        if burst % 10 == 9:
            device = rng.choice(("m0", "f0"))
            for state in ("down", "up"):
                lab.me.ip("link", "set", device, state)
            done.append((0, device, "down and up"))
            if family == 6:
                lab.me.ip("address", "replace", "fd00::1/64" if device == "m0" else "fd02::1/64",
                          "dev", device, "nodad")
            for address in ("10.0.0.9", "fd00::9"):
                permanent(lab, address, "m0", 9)
        end = time.monotonic() + 3
        while (found := differences(lab, addresses, macs)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not found, f"burst {burst}: {done}\n{found}\n" + "\n".join(
            [str(row) for row in lab.m.ask("routes") if ":" in row["destination"] or family == 4] +
            [lab.me.ip(f"-{family}", "route", "show")])
