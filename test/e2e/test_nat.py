# SPDX-License-Identifier: BSD-3-Clause
"""NAT: real servers see the client's own address, and answer through weir, their gateway."""

import json
import re

import pytest

from lab import (CLIENT, CLIENT6, VIP, VIP6, OneArm, Refused, TwoArm, server_address, server_address6, url,
                 services)

BOTH = pytest.mark.parametrize("vip, client", [(VIP, CLIENT), (VIP6, CLIENT6)], ids=["ipv4", "ipv6"])


class NatTwoArm(TwoArm):
    """The servers reach the clients by weir."""

    def __init__(self):
        super().__init__()
        for host in self.servers:
            host.ip("route", "add", "10.0.0.0/24", "via", "192.168.100.1")
            host.ip("-6", "route", "add", "fd00:a::/64", "via", "fd00:b::1")
        self.iperf(self.servers[0])
        made = services(2, mode="nat")
        made.append({"vip": VIP, "port": 5201, "protocol": "tcp", "mode": "nat",
                     "servers": [{"address": server_address(1), "port": 5201}]})
        self.w = self.weir(local_addresses=[], services=made).start()


class NatOneArm(OneArm):
    """Clients and servers on one link; to the client the servers go by weir, as if it were behind it."""

    def __init__(self):
        super().__init__()
        for host in self.servers:
            host.ip("route", "add", f"{CLIENT}/32", "via", "10.0.0.1")
            host.ip("-6", "route", "add", f"{CLIENT6}/128", "via", "fd00:a::1")
        config = self.config()
        self.w = self.weir(local_addresses=[],
                           services=[{**service, "mode": "nat"} for service in config["services"]]).start()


@pytest.fixture(scope="module")
def two(make_lab):
    return make_lab(NatTwoArm)


@pytest.fixture(scope="module")
def one(make_lab):
    return make_lab(NatOneArm)


@pytest.fixture(params=["two-arm", "one-arm"])
def lab(request):
    return request.getfixturevalue("two" if request.param == "two-arm" else "one")


@BOTH
def test_http(lab, vip, client):
    answers = [lab.client.curl("-g", url(vip)).stdout.split() for _ in range(4)]
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {seen for _, seen, _ in answers} == {client}
    # A server that closes first, and one port of the client after the other.
    assert {name for name in lab.client.names(vip, 81, count=10)} == {"s1", "s2"}


@BOTH
def test_udp(lab, vip, client):
    name, seen, port, text = lab.client.udp_ask(vip, 5353, "hello").split()
    assert name in ("s1", "s2") and seen == client and text == "hello"


def test_counters_and_sessions(two):
    before = two.w.service("tcp", VIP, 80)
    two.client.names(VIP, count=6)
    after = two.w.service("tcp", VIP, 80)
    assert after["mode"] == "nat"
    assert after["connections"] - before["connections"] == 6
    assert after["packets_in"] > before["packets_in"] and after["bytes_out"] > before["bytes_out"]
    session = two.w.sessions(vip=VIP)[0]
    assert session["local"] == session["client"] == CLIENT
    assert session["local_port"] == session["client_port"]


def test_iperf(two):
    done = two.client.run("iperf3", "-c", VIP, "-t", "1", "-J", "-N", timeout=30)
    assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 1_000_000


def test_path_mtu(two):
    """Towards a client behind a narrow link: the server hears from weir what fits."""
    two.client.ip("link", "set", "eth0", "mtu", "1400")
    two.balancer.ip("route", "replace", f"{CLIENT}/32", "dev", "dpdk0.kni", "mtu", "1400")
    try:
        text = two.client.curl("-o", "/dev/null", "-w", "%{size_download}", url(VIP) + "file/nginx.conf").stdout
        assert int(text) > 500
    finally:
        two.balancer.ip("route", "del", f"{CLIENT}/32")
        two.client.ip("link", "set", "eth0", "mtu", "1500")


def test_unreachable_reaches_the_client(two):
    two.w.put(f"/v1/services/udp/{VIP}/7", {"mode": "nat", "servers": [{"address": server_address(1), "port": 7}]})
    with pytest.raises(ConnectionRefusedError):
        with two.client.socket(kind=2, timeout=1.0) as flow:
            flow.connect((VIP, 7))
            for _ in range(3):
                flow.send(b"x")
                try:
                    flow.recv(10)
                except TimeoutError:
                    pass
    two.w.delete(f"/v1/services/udp/{VIP}/7")


def test_what_a_server_begins_is_dropped_by_name(two):
    before = two.w.drops().get("not_for_us", 0)
    with two.servers[0].socket(kind=2) as flow:
        flow.sendto(b"x", (CLIENT, 9999))
    assert two.client.udp_ask(VIP, 5353)  # the same path, later
    assert two.w.drops()["not_for_us"] == before + 1


def test_modes_of_single_servers(two):
    """The mode stands at the real server, as in LVS: one by FullNAT, one by NAT; and it can be changed."""
    path = f"/v1/services/tcp/{VIP}/8080"
    servers = [{"address": server_address(n), "port": 8080} for n in (1, 2)]
    servers[0]["mode"] = "nat"
    two.w.put(path, {"scheduler": "rr", "local_addresses": [{"address": "192.168.100.201", "interface": "dpdk1"}],
                     "servers": servers})
    seen = {tuple(two.client.curl(url(VIP, 8080)).stdout.split()[:2]) for _ in range(4)}
    assert seen == {("s1", CLIENT), ("s2", "192.168.100.201")}
    two.w.patch(f"{path}/servers/{server_address(2)}/8080", {"mode": "nat"})
    seen = {tuple(two.client.curl(url(VIP, 8080)).stdout.split()[:2]) for _ in range(4)}
    assert seen == {("s1", CLIENT), ("s2", CLIENT)}
    two.w.delete(path)


def test_doors(two):
    """ipvsadm as DPVS has it: -m is NAT, said in listings and saved; weirctl has the mode of both."""
    face = ["env", f"WEIR_SOCKET={two.w.socket}", two.w.lab.folder / "ipvsadm"]
    if not face[2].exists():
        import lab as labs
        face[2].symlink_to(labs.BUILD / "cli/weirctl")
    run = two.balancer.run
    run(*face, "-A", "-t", f"{VIP}:8081", "-s", "rr")
    run(*face, "-a", "-t", f"{VIP}:8081", "-r", f"{server_address(1)}:8080", "-m")
    assert re.search(rf"-> {server_address(1)}:8080 +Masq +1 ", run(*face, "-ln").stdout)
    saved = run(*face, "-Sn").stdout
    assert f"-a -t {VIP}:8081 -r {server_address(1)}:8080 -m -w 1\n" in saved
    assert two.client.curl(url(VIP, 8081)).stdout.split()[:2] == ["s1", CLIENT]
    run(*face, "-D", "-t", f"{VIP}:8081")
    two.w.ctl("service", "add", "tcp", f"[{VIP6}]:8081", "--mode", "nat")
    two.w.ctl("server", "add", "tcp", f"[{VIP6}]:8081", f"[{server_address6(1)}]:8080", "--mode", "nat")
    assert two.client.curl("-g", url(VIP6, 8081)).stdout.split()[:2] == ["s1", CLIENT6]
    two.w.ctl("service", "delete", "tcp", f"[{VIP6}]:8081")


def test_refusals(two):
    with pytest.raises(Refused) as refused:
        two.w.put(f"/v1/services/tcp/{VIP}/8082", {"mode": "nat", "servers": [{"address": server_address6(1), "port": 80}]})
    assert refused.value.error["field"] == "servers[0].address"
