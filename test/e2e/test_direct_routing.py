# SPDX-License-Identifier: BSD-3-Clause
"""Direct routing: real servers have the VIP on lo and answer the client by themselves."""

import json
import os

import pytest

from lab import BUILD, CLIENT, CLIENT6, VIP, VIP6, Keep, Refused, run, server_address, url, wait_for
from one_way_lab import OneWayOneArm, OneWayTwoArm, one_way_services

BOTH = pytest.mark.parametrize("vip, client", [(VIP, CLIENT), (VIP6, CLIENT6)], ids=["ipv4", "ipv6"])


class DirectTwoArm(OneWayTwoArm):
    def __init__(self):
        super().__init__()
        self.iperf(self.servers[0])
        made = one_way_services(self, "dr")
        made.append({"vip": VIP, "port": 5201, "protocol": "tcp", "mode": "dr",
                     "servers": [{"address": server_address(1)}]})
        self.w = self.weir(local_addresses=[], services=made).start()


class DirectOneArm(OneWayOneArm):
    def __init__(self):
        super().__init__()
        self.w = self.weir(local_addresses=[], services=one_way_services(self, "dr")).start()


@pytest.fixture(scope="module")
def two(make_lab):
    return make_lab(DirectTwoArm)


@pytest.fixture(scope="module")
def one(make_lab):
    return make_lab(DirectOneArm)


@pytest.fixture(params=["two-arm", "one-arm"])
def lab(request):
    return request.getfixturevalue("two" if request.param == "two-arm" else "one")


@BOTH
def test_http(lab, vip, client):
    answers = [lab.client.curl("-g", url(vip)).stdout.split() for _ in range(4)]
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {seen for _, seen, _ in answers} == {client}
    assert {name for name in lab.client.names(vip, 81, count=10)} == {"s1", "s2"}


@BOTH
def test_udp(lab, vip, client):
    name, seen, port, text = lab.client.udp_ask(vip, 5354, "hello").split()
    assert name in ("s1", "s2") and seen == client and text == "hello"


def test_counters_count_one_direction(two):
    before = two.w.service("tcp", VIP, 80)
    two.client.names(VIP, count=6)
    after = two.w.service("tcp", VIP, 80)
    assert after["connections"] - before["connections"] == 6
    assert after["packets_in"] > before["packets_in"] and after["bytes_in"] > before["bytes_in"]
    assert after["packets_out"] == 0 and after["bytes_out"] == 0


def test_sessions_and_listings(two):
    keep = Keep(two.client, VIP)
    try:
        [session] = [s for s in two.w.sessions(vip=VIP, state="ESTABLISHED") if s["vip_port"] == 80]
        assert session["server"] in (server_address(1), server_address(2)) and session["server_port"] == 80
        assert session["client"] == CLIENT and session["packets_in"] > 0 and session["packets_out"] == 0
        listing = run("ipvsadm", "-ln", env=two.w.preload).stdout
        assert f"  -> {server_address(1)}:80             Route   1" in listing
        connections = run("ipvsadm", "-lnc", env=two.w.preload).stdout
        assert session["server"] + ":80" in connections
    finally:
        keep.close()
    # The client's FIN is all that is seen of the end.
    wait_for(lambda: not two.w.sessions(vip=VIP, state="ESTABLISHED"), what="the session is over")


def test_iperf(two):
    done = two.client.run("iperf3", "-c", VIP, "-t", "1", "-J", "-N", timeout=30)
    assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 1_000_000


def test_path_mtu_of_answers_reaches_the_server(two):
    """A router behind the client's side says "too big" to the VIP: the server that sent it hears it."""
    two.client.ip("link", "set", "eth0", "mtu", "1400")
    try:
        size = two.client.curl("-o", "/dev/null", "-w", "%{size_download}", url(VIP) + "file/nginx.conf").stdout
        assert int(size) > 500
    finally:
        two.client.ip("link", "set", "eth0", "mtu", "1500")


def test_a_server_leaves_and_comes_back(two):
    keep = [Keep(two.client, VIP) for _ in range(2)]
    try:
        assert {k.name for k in keep} == {"s1", "s2"}
        path = f"/v1/services/tcp/{VIP}/80/servers/{server_address(1)}/80"
        two.w.delete(path)
        assert [k.ask() for k in keep] == [k.name for k in keep]  # what it has goes on
        assert set(two.client.names(VIP, count=4)) == {"s2"}
        two.w.put(path, {"weight": 1})
        assert set(two.client.names(VIP, count=4)) == {"s1", "s2"}
    finally:
        for k in keep:
            k.close()


def test_unknown_mid_stream_is_reset(two):
    """As in every mode: a connection that weir does not know ends at once."""
    keep = Keep(two.client, VIP)
    two.w.stop()
    two.w.start()
    with pytest.raises(OSError):
        keep.ask()
    keep.close()
    assert set(two.client.names(VIP, count=4)) == {"s1", "s2"}


def test_unknown_mid_stream_by_hash(two):
    """With a scheduler that goes by the client, connections outlive a weir that is killed."""
    service = {"mode": "dr", "scheduler": "mh", "scheduler_flags": ["port"], "unknown_tcp": "hash",
               "servers": [{"address": server_address(n)} for n in (1, 2)]}
    two.w.put(f"/v1/services/tcp/{VIP}/8080", service)
    two.w.wait_saved("hash")
    keep = []
    try:
        # A hash of the client's port: how many it takes until both have been chosen is chance.
        while len({k.name for k in keep}) < 2 and len(keep) < 60:
            keep.append(Keep(two.client, VIP, 8080))
        assert {k.name for k in keep} == {"s1", "s2"}
        two.w.kill()
        two.w.start()
        assert [k.ask() for k in keep] == [k.name for k in keep]
    finally:
        for k in keep:
            k.close()
    with pytest.raises(Refused, match="the other modes need a session"):
        two.w.patch(f"/v1/services/tcp/{VIP}/8080", {"mode": "fullnat"})
    two.w.delete(f"/v1/services/tcp/{VIP}/8080")


def test_routes_that_change(two):
    """Behind a gateway all of a sudden: dropped by name, and right again when the route is."""
    path = f"/v1/services/tcp/{VIP}/80/servers/{server_address(1)}/80"
    two.w.patch(path, {"weight": 0})
    two.balancer.ip("route", "add", f"{server_address(2)}/32", "via", server_address(1), "dev", "dpdk1.kni")
    try:
        def dropped():
            two.client.curl("-m", "0.2", url(VIP), check=False)
            return two.w.drops().get("server_off_link")
        wait_for(dropped, what="server_off_link is counted")
    finally:
        two.balancer.ip("route", "del", f"{server_address(2)}/32")
    assert set(two.client.names(VIP, count=2)) == {"s2"}
    two.w.patch(path, {"weight": 1})


def refused(w, path, body, field, text):
    with pytest.raises(Refused) as caught:
        w.put(path, body)
    assert caught.value.error.get("field", "") == field and text in str(caught.value), caught.value


def test_bad_input(two):
    service = f"/v1/services/tcp/{VIP}/80"
    refused(two.w, f"{service}/servers/172.31.0.1/80", {}, "servers", "on no subnet of an interface")
    refused(two.w, f"{service}/servers/{server_address(1)}/81", {}, "port", "listen on the service's port")
    two.balancer.ip("route", "add", "172.31.0.0/16", "via", server_address(1), "dev", "dpdk1.kni")
    try:
        refused(two.w, f"{service}/servers/172.31.0.1/80", {}, "servers",
                f"behind the gateway {server_address(1)}")
        done = run("ipvsadm", "-a", "-t", f"{VIP}:80", "-r", "172.31.0.1", "-g", env=two.w.preload, check=False)
        assert done.returncode != 0
        assert "behind the gateway" in two.w.log_tail()
    finally:
        two.balancer.ip("route", "del", "172.31.0.0/16")
    refused(two.w, f"/v1/services/tcp/{VIP}/90",
            {"mode": "dr", "servers": [{"address": server_address(1)}, {"address": "fd00:b::2"}]},
            "servers[1].address", "the VIP IPv4")


def test_stock_tool(two):
    """The lines of everybody's scripts; -g is what stock ipvsadm does without a word."""
    def tool(*words):
        return run("ipvsadm", *words, env=two.w.preload).stdout

    tool("-A", "-t", f"{VIP}:8080", "-s", "rr")
    tool("-a", "-t", f"{VIP}:8080", "-r", server_address(1))
    tool("-a", "-t", f"{VIP}:8080", "-r", server_address(2), "-g", "-w", "3")
    assert set(two.client.names(VIP, 8080, count=4)) == {"s1", "s2"}
    saved = tool("-Sn")
    assert f"-a -t {VIP}:8080 -r {server_address(2)}:8080 -g -w 3" in saved
    tool("-d", "-t", f"{VIP}:8080", "-r", server_address(1))
    tool("-D", "-t", f"{VIP}:8080")


def test_own_tool(two):
    environment = {**os.environ, "WEIR_SOCKET": str(two.w.socket)}

    def tool(*words):
        return run(BUILD / "cli/ipvsadm", *words, env=environment).stdout

    tool("-A", "-t", f"{VIP}:8080", "-s", "rr")
    tool("-a", "-t", f"{VIP}:8080", "-r", server_address(1))
    tool("-a", "-t", f"{VIP}:8080", "-r", f"{server_address(2)}:8080", "-g")
    assert set(two.client.names(VIP, 8080, count=4)) == {"s1", "s2"}
    assert "Route   1" in tool("-ln")
    saved = tool("-S")
    assert f"-a -t {VIP}:8080 -r {server_address(2)}:8080 -g -w 1" in saved
    tool("-D", "-t", f"{VIP}:8080")
