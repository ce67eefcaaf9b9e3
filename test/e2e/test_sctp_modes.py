# SPDX-License-Identifier: BSD-3-Clause
"""SCTP in every mode but FullNAT over IPv4, which test_sctp.py has, with a stack in user space on both ends."""

import subprocess

import pytest

from lab import CLIENT, CLIENT6, LIP, LIP6, VIP, VIP6, TwoArm, server_address, server_address6, wait_for
from one_way_lab import BACK, BACK6, OneWayTwoArm
from test_sctp import PROGRAMS
from test_tunnel import decapsulate

WAN = "192.168.100.50"


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm, servers=1, echo=False)
    lab.w = lab.weir(services=[]).start()
    lab.servers[0].start(PROGRAMS / "echo_server", log=lab.folder / "echo.log")
    return lab


ONE_WAY = ("dr", "tunnel")


def converse(lab, name, to, counts, mode):
    """An association, three lines and their echoes, and its end; the session as it stood."""
    log = lab.folder / f"client-{name}.log"
    client = lab.client.start(PROGRAMS / "client", to, 7, stdin=subprocess.PIPE, log=log)
    wait_for(lambda: lab.w.sessions(protocol="sctp", state="established"), 10, what="an association")
    for line in ("hello", "a" * 1000, "world"):
        client.stdin.write(f"{line}\n".encode())
        client.stdin.flush()
        wait_for(lambda: line in log.read_text(errors="replace"), 10, what=f"the echo of {line[:5]}")
    # The handshake takes two packets each way, the second of which may carry the first line; then one for each line.
    ways = ["packets_in"] if mode in ONE_WAY else ["packets_in", "packets_out"]
    wait_for(lambda: all(counts()[way] >= 4 for way in ways), 10, what="packets are counted")
    assert mode not in ONE_WAY or counts()["packets_out"] == 0
    [session] = lab.w.sessions(protocol="sctp", state="established")
    client.stdin.close()
    wait_for(lambda: not lab.w.sessions(protocol="sctp", state="established"), 10, what="the end of the association")
    return session


def echo(lab, name, vip, mode, server, **more):
    place = f"/v1/services/sctp/{vip}/7"
    lab.w.put(place, {"mode": mode, "servers": [{"address": server, "port": 7, **more}]})
    session = converse(lab, name, vip, lambda: lab.w.service("sctp", vip, 7), mode)
    lab.w.delete(place)
    return session


def test_fullnat6(lab):
    session = echo(lab, "fullnat6", VIP6, "fullnat", server_address6(1))
    assert session["local"] == LIP6


@pytest.mark.parametrize("name, vip, server, lip", [("nat64", VIP6, server_address(1), LIP),
                                                    ("nat46", VIP, server_address6(1), LIP6)], ids=["nat64", "nat46"])
def test_between_families(lab, name, vip, server, lip):
    session = echo(lab, name, vip, "fullnat", server)
    assert session["local"] == lip and session["server"] == server


def test_snat(lab):
    """A host inside reaches a server outside as a WAN address."""
    place = "/v1/services/match/sctp,from=10.0.0.0-10.0.0.255:0-0,oif=dpdk1/0"
    lab.balancer.ip("address", "add", f"{WAN}/32", "dev", "dpdk1.kni")
    lab.w.put(place, {"servers": [{"address": WAN}]})
    session = converse(lab, "snat", server_address(1), lambda: lab.w.get(f"{place}?fresh=1"), "snat")
    assert session["local"] == WAN and session["client"] == CLIENT
    lab.w.delete(place)


def test_nat(lab):
    lab.servers[0].ip("route", "replace", f"{CLIENT}/32", "via", "192.168.100.1")
    session = echo(lab, "nat", VIP, "nat", server_address(1))
    assert session["client"] == session["local"] == CLIENT


def without_weir(make_lab):
    """A lab whose server answers the client by itself."""
    lab = make_lab(OneWayTwoArm, servers=1)
    # usrsctp does not speak from addresses of lo; nobody but weir asks for the VIPs on this link.
    for family, vip in (("-4", f"{VIP}/32"), ("-6", f"{VIP6}/128")):
        lab.servers[0].ip(family, "address", "del", vip, "dev", "lo")
        lab.servers[0].ip(family, "address", "add", vip, "dev", "eth0", *(["nodad"] if ":" in vip else []))
    # What it says over IPv6 has the source that Linux chooses.
    for client in (CLIENT6, BACK6):
        lab.servers[0].ip("-6", "route", "replace", f"{client}/128", "via" if client == CLIENT6 else "dev",
                          BACK6 if client == CLIENT6 else "eth0", "src", VIP6)
    lab.w = lab.weir(services=[], local_addresses=[]).start()
    return lab


def test_one_way(make_lab):
    """Direct routing, and a tunnel of each IP version around either."""
    lab = without_weir(make_lab)
    lab.servers[0].start(PROGRAMS / "echo_server", log=lab.folder / "echo.log")
    session = echo(lab, "dr", VIP, "dr", server_address(1))
    assert session["client"] == session["local"] == BACK
    decapsulate(lab.servers[0], "gre")
    for name, vip, server in (("4in4", VIP, server_address(1)), ("6in4", VIP6, server_address(1)),
                              ("4in6", VIP, server_address6(1)), ("6in6", VIP6, server_address6(1))):
        session = echo(lab, name, vip, "tunnel", server, tunnel="gre")
        assert session["server"] == server and session["client"] == session["local"], session
