# SPDX-License-Identifier: BSD-3-Clause
"""SCTP by NAT, by direct routing and over IPv6, with a stack in user space on both ends."""

import subprocess

import pytest

from lab import CLIENT, LIP6, VIP, VIP6, TwoArm, server_address, server_address6, wait_for
from one_way_lab import BACK, OneWayTwoArm
from test_sctp import PROGRAMS


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm, servers=1, echo=False)
    lab.w = lab.weir(services=[]).start()
    lab.servers[0].start(PROGRAMS / "echo_server", log=lab.folder / "echo.log")
    return lab


def echo(lab, name, vip, mode, server, **more):
    """An association, three lines and their echoes, and its end; the session as it stood."""
    place = f"/v1/services/sctp/{vip}/7"
    lab.w.put(place, {"mode": mode, "servers": [{"address": server, "port": 7}], **more})
    log = lab.folder / f"client-{name}.log"
    client = lab.client.start(PROGRAMS / "client", vip, 7, stdin=subprocess.PIPE, log=log)
    wait_for(lambda: lab.w.sessions(protocol="sctp", vip=vip, state="established"), 10, what="an association")
    for line in ("hello", "a" * 1000, "world"):
        client.stdin.write(f"{line}\n".encode())
        client.stdin.flush()
        wait_for(lambda: line in log.read_text(errors="replace"), 10, what=f"the echo of {line[:5]}")
    # The handshake takes two packets each way, the second of which may carry the first line; then one for each line.
    ways = ["packets_in"] if mode == "dr" else ["packets_in", "packets_out"]
    wait_for(lambda: all(lab.w.service("sctp", vip, 7)[way] >= 4 for way in ways), 10, what="packets are counted")
    assert mode != "dr" or lab.w.service("sctp", vip, 7)["packets_out"] == 0
    [session] = lab.w.sessions(protocol="sctp", vip=vip)
    client.stdin.close()
    wait_for(lambda: not lab.w.sessions(protocol="sctp", vip=vip, state="established"), 10, what="the end of the association")
    lab.w.delete(place)
    return session


def test_fullnat6(lab):
    session = echo(lab, "fullnat6", VIP6, "fullnat", server_address6(1))
    assert session["local"] == LIP6


def test_nat(lab):
    lab.servers[0].ip("route", "replace", f"{CLIENT}/32", "via", "192.168.100.1")
    session = echo(lab, "nat", VIP, "nat", server_address(1))
    assert session["client"] == session["local"] == CLIENT


def test_direct_routing(make_lab):
    lab = make_lab(OneWayTwoArm, servers=1)
    # usrsctp does not speak from addresses of lo; nobody but weir asks for the VIP on this link.
    lab.servers[0].ip("address", "del", f"{VIP}/32", "dev", "lo")
    lab.servers[0].ip("address", "add", f"{VIP}/32", "dev", "eth0")
    lab.w = lab.weir(services=[], local_addresses=[]).start()
    lab.servers[0].start(PROGRAMS / "echo_server", log=lab.folder / "echo.log")
    session = echo(lab, "dr", VIP, "dr", server_address(1))
    assert session["client"] == session["local"] == BACK
