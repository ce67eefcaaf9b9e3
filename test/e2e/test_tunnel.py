# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels to real servers: every family in every other, IPIP, GRE and GUE."""

import subprocess

import pytest

from lab import (CLIENT, CLIENT6, HERE, VIP, VIP6, Keep, Refused, run, server_address, server_address6,
                 wait_for)
from one_way_lab import OneWayOneArm, OneWayTwoArm, one_way_services

FAMILIES = pytest.mark.parametrize("vip, client, address", [
    (VIP, CLIENT, 4), (VIP6, CLIENT6, 6), (VIP6, CLIENT6, 4), (VIP, CLIENT, 6)],
    ids=["4in4", "6in6", "6in4", "4in6"])


def decapsulate(host, kind, port=0):
    process = host.start("/usr/bin/python3", HERE / "decapsulate.py", kind, port, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


class TunnelTwoArm(OneWayTwoArm):
    def __init__(self):
        super().__init__()
        self.ends = []
        self.kind = None
        self.w = self.weir(local_addresses=[], services=[]).start()

    def speak(self, kind):
        """All servers take off headers of this kind."""
        if self.kind == kind:
            return
        for process in self.ends:
            self.end(process)
        self.ends = [decapsulate(host, kind, 6080 if kind == "gue" else 0) for host in self.servers]
        self.kind = kind


class TunnelOneArm(OneWayOneArm):
    def __init__(self):
        super().__init__()
        for host in self.servers:
            decapsulate(host, "ipip")
        self.w = self.weir(local_addresses=[], services=one_way_services(self, "tunnel")).start()


@pytest.fixture(scope="module")
def two(make_lab):
    return make_lab(TunnelTwoArm)


def place(vip, port=80, protocol="tcp"):
    return f"/v1/services/{protocol}/{vip}/{port}"


def servers(address, **more):
    chosen = server_address if address == 4 else server_address6
    return [{"address": chosen(n), **more} for n in (1, 2)]


def answers(lab, vip, count=4):
    host = f"[{vip}]" if ":" in vip else vip
    return [lab.client.curl("-g", f"http://{host}/").stdout.split() for _ in range(count)]


@pytest.mark.parametrize("tunnel", ["ipip", "gre", "gre+full", "gue", "gue+full", "gue+remote"])
@FAMILIES
def test_tunnels(two, tunnel, vip, client, address):
    two.speak(tunnel.split("+")[0])
    two.w.put(place(vip), {"mode": "tunnel", "scheduler": "rr", "servers": servers(address, tunnel=tunnel)})
    seen = answers(two, vip, 2)
    assert {name for name, _, _ in seen} == {"s1", "s2"}
    assert {peer for _, peer, _ in seen} == {client}
    counts = two.w.service("tcp", vip, 80)
    assert counts["connections"] == 2 and counts["packets_in"] > 4 and counts["packets_out"] == 0
    two.w.delete(place(vip))


def test_one_arm(make_lab):
    lab = make_lab(TunnelOneArm)
    for vip, client in ((VIP, CLIENT), (VIP6, CLIENT6)):
        seen = answers(lab, vip)
        assert {name for name, _, _ in seen} == {"s1", "s2"} and {peer for _, peer, _ in seen} == {client}
        name, peer, _, text = lab.client.udp_ask(vip, 5354, "hello").split()
        assert name in ("s1", "s2") and peer == client and text == "hello"


def test_path_mtu(two):
    """What does not fit with the outer header: the client is told what does, and sends that."""
    two.speak("ipip")
    two.w.put(place(VIP), {"mode": "tunnel", "servers": servers(4)})
    body = two.folder / "body"
    body.write_bytes(b"x" * 100_000)
    before = two.w.drops().get("too_big", 0)
    done = two.client.curl("-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{body}", f"http://{VIP}/")
    assert done.stdout in ("200", "405")
    assert two.w.drops().get("too_big", 0) > before
    assert "mtu 1480" in two.client.ip("route", "get", VIP)
    two.w.delete(place(VIP))


def test_sessions_and_listings(two):
    two.speak("gue")
    two.w.put(place(VIP), {"mode": "tunnel", "servers": servers(6, tunnel={"type": "gue", "port": 6080})})
    keep = Keep(two.client, VIP)
    try:
        [session] = two.w.sessions(vip=VIP, state="ESTABLISHED")
        assert session["server"] in (server_address6(1), server_address6(2))
        path = f"{place(VIP)}/servers/{session['server']}/80"
        two.w.delete(path)
        assert keep.ask() == keep.name  # what it has goes on, by the tunnel that it has
        two.w.put(path, {"tunnel": "gre"})
        assert keep.ask() == keep.name
    finally:
        keep.close()
    two.w.delete(place(VIP))


def test_stock_tool(two):
    two.speak("gue")

    def tool(*words, check=True):
        return run("ipvsadm", *words, env=two.w.preload, check=check)

    tool("-A", "-t", f"{VIP}:80", "-s", "rr")
    tool("-a", "-t", f"{VIP}:80", "-r", server_address(1), "-i", "--tun-type", "gue", "--tun-port", "6080", "--tun-csum")
    tool("-a", "-t", f"{VIP}:80", "-r", server_address(2), "-i", "--tun-type", "gue", "--tun-port", "6080")
    assert {name for name, _, _ in answers(two, VIP)} == {"s1", "s2"}
    assert "Tunnel" in tool("-ln").stdout
    saved = tool("-Sn").stdout
    assert f"-r {server_address(1)}:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum" in saved
    assert two.w.service("tcp", VIP, 80)["servers"][0]["tunnel"] == {"type": "gue", "port": 6080, "checksum": "full"}
    tool("-D", "-t", f"{VIP}:80")


def test_bad_input(two):
    with pytest.raises(Refused, match="listen on the service's port"):
        two.w.put(place(VIP), {"mode": "tunnel", "servers": [{"address": server_address(1), "port": 81}]})
    with pytest.raises(Refused, match="only a tunnel of type gue has a port"):
        two.w.put(place(VIP), {"mode": "tunnel", "servers": servers(4, tunnel={"type": "gre", "port": 5})})
    with pytest.raises(Refused, match="only for the mode tunnel"):
        two.w.put(place(VIP), {"mode": "dr", "servers": servers(4, tunnel="gre")})
