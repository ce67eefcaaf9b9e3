# SPDX-License-Identifier: BSD-3-Clause
"""Persistence, one-packet scheduling, firewall marks, access lists, thresholds and QUIC's connection ID under Debian's keepalived."""

import socket

import pytest

from keepalived_lab import Keepalived
from lab import CLIENT, LIP, VIP, Keep, TwoArm, server_address, wait_for
from test_acl import admitted
from test_limits import close_all, refused
from test_services import dpvs_id, quic

NEIGHBOUR, STRANGER = "10.0.0.21", "10.0.0.23"  # of the client's network
CHECK = "TCP_CHECK {\nconnect_timeout 1\n}"
SERVERS = [server_address(n) for n in (1, 2)]


def virtual(place, protocol, algorithm, port, words="", check=""):
    """A virtual_server of DPVS's grammar over both servers."""
    servers = "".join(f"real_server {address} {port} {{\nweight 1\n{check}\n}}\n" for address in SERVERS)
    return (f"virtual_server {place} {{\ndelay_loop 0.2\nlb_algo {algorithm}\nlb_kind FNAT\nprotocol {protocol}\n"
            f"laddr_group_name lips\nretry 1\n{words}\n{servers}}}\n")


def file(persistent=True, bad=NEIGHBOUR):
    """`bad`: whom one service denies. The other two have sets, which only weir fills."""
    words = "persistence_timeout 300\npersistence_granularity 255.255.255.0" if persistent else ""
    return (f"local_address_group lips {{\n{LIP} dpdk1\n}}\n"
            f"deny_address_group bad {{\n{bad}\n10.0.0.70-79\n}}\ndeny_address_group people {{\nipset:people\n}}\n"
            f"allow_address_group good {{\n{CLIENT}\n{CLIENT}1-22\n}}\n" +
            virtual(f"{VIP} 81", "TCP", "rr", 80, "daddr_group_name bad") +
            virtual(f"{VIP} 82", "TCP", "rr", 80, "waddr_group_name good\ndaddr_group_name people") +
            virtual(f"{VIP} 83", "TCP", "rr", 80, check="uthreshold 2\nlthreshold 1") +
            virtual(f"{VIP} 80", "TCP", "rr", 80, words, CHECK) + virtual(f"{VIP} 5353", "UDP", "rr", 5353, "ops") +
            virtual(f"{VIP} 443", "UDP", "conhash", 5353, "hash_target qid") + virtual(f"{VIP} 4433", "UDP", "rr", 5353, "quic") +
            virtual("fwmark 7", "TCP", "rr", 80))


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm)
    lab.keepaliveds = []
    lab.address(lab.client, "eth0", f"{NEIGHBOUR}/24", f"{STRANGER}/24")
    lab.w = lab.balancer.w = lab.weir(services=[], local_addresses=[]).start()
    lab.w.put("/v1/sets/people", {"type": "hash:net"})
    lab.keepalived = Keepalived(lab, lab.balancer).start(file())
    wait_for(lambda: sorted(len(s["servers"]) for s in lab.w.get("/v1/services")["services"]) == [2] * 8, 20, 0.1,
             what="eight services with two servers each")
    yield lab
    lab.keepalived.stop()


def names(lab, source, port=80):
    """The servers that answer six connections from one of the client's addresses."""
    text = lab.client.curl("-H", "Connection: close", "--interface", source, *[f"http://{VIP}:{port}/"] * 6).stdout
    return {line.split()[0] for line in text.splitlines()}


def test_one_packet(lab):
    """Each datagram of one socket for itself, and no session is left of it."""
    with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
        seen = [lab.client.udp_ask(VIP, 5353, "x", sock=sock).split()[0] for _ in range(6)]
    assert set(seen) == {"s1", "s2"}
    wait_for(lambda: lab.w.sessions(vip=VIP, protocol="udp") == [], what="no session is left")


def test_connection_id(lab):
    """A QUIC client that changes its port stays with its server."""
    chosen = {}
    for number in range(12):
        identifier = bytes([number, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47])
        for turn in range(2):
            with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
                sock.connect((VIP, 443))

                def answer():
                    sock.send(quic(identifier, turn == 0))
                    try:
                        return sock.recv(4096).split()[0]
                    except TimeoutError:
                        return None

                assert chosen.setdefault(number, wait_for(answer, what="an answer")) == wait_for(answer, what="an answer")
    assert set(chosen.values()) == {b"s1", b"s2"}


def test_quic_routing(lab):
    """DPVS's `quic`: the connection ID has the address of the real server."""
    assert lab.w.get(f"/v1/services/udp/{VIP}/4433")["quic"] == "dpvs"
    for n in (1, 2):
        for _ in range(4):
            with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
                sock.connect((VIP, 4433))

                def answer():
                    sock.send(b"\x40" + dpvs_id(server_address(n)))
                    try:
                        return sock.recv(4096).split()[0].decode()
                    except TimeoutError:
                        return None

                assert wait_for(answer, what="an answer") == f"s{n}"


def test_mark(lab):
    """What weir's own rule marks goes to `virtual_server fwmark`."""
    rule = {"mark": 7, "source": CLIENT, "destination": VIP, "protocol": "tcp", "port": 8080}
    lab.w.put("/v1/marks", {"marks": [rule]})
    assert names(lab, CLIENT, 8080) == {"s1", "s2"}
    service, = [s for s in lab.w.get("/v1/services?fresh=1")["services"] if s.get("fwmark") == 7]
    assert service["connections"] == 6
    lab.w.put("/v1/marks", {"marks": []})


def test_access(lab):
    """Groups of denied and allowed addresses, ranges and sets of DPVS's grammar; a reload changes them."""
    assert admitted(lab, CLIENT, port=81) and not admitted(lab, NEIGHBOUR, port=81)
    assert admitted(lab, CLIENT, port=82) and admitted(lab, NEIGHBOUR, port=82) and not admitted(lab, STRANGER, port=82)
    lab.w.request("POST", "/v1/sets/people/entries", {"entries": [f"{NEIGHBOUR}/32"]})
    assert admitted(lab, CLIENT, port=82) and not admitted(lab, NEIGHBOUR, port=82)
    shown = lab.w.get(f"/v1/services/tcp/{VIP}/82")
    assert shown["deny"] == ["ipset:people"] and shown["allow"] == [CLIENT, NEIGHBOUR, "10.0.0.22"], shown
    lab.keepalived.reload(file(bad=CLIENT))
    wait_for(lambda: CLIENT in lab.w.get(f"/v1/services/tcp/{VIP}/81").get("deny", []), 20, 0.1, what="the new file")
    assert not admitted(lab, CLIENT, port=81) and admitted(lab, NEIGHBOUR, port=81)
    lab.keepalived.reload(file(bad="ipset:nobody"))
    wait_for(lambda: 'there is no set "nobody"' in lab.keepalived.log_text(), 20, 0.1, what="a file that is refused")
    assert lab.w.get(f"/v1/services/tcp/{VIP}/81")["deny"][0] == CLIENT
    lab.w.request("POST", "/v1/sets/people/flush")


def test_thresholds(lab):
    """Of each server so many connections and no more; one that was full waits until it is below the lower one."""
    lab.w.patch(f"/v1/services/tcp/{VIP}/83", {"timeouts": {"close": 1}})
    kept = [Keep(lab.client, VIP, 83) for _ in range(4)]
    assert sorted(keep.name for keep in kept) == ["s1", "s1", "s2", "s2"]
    refused(lab, VIP, 83)
    for server in lab.w.get(f"/v1/services/tcp/{VIP}/83")["servers"]:
        assert (server["upper_threshold"], server["lower_threshold"], server["overloaded"]) == (2, 1, True), server
    close_all(kept, lab.w, VIP, 83)
    kept = [Keep(lab.client, VIP, 83) for _ in range(4)]
    assert sorted(keep.name for keep in kept) == ["s1", "s1", "s2", "s2"]
    close_all(kept, lab.w, VIP, 83)


def test_persistence(lab):
    """All connections of one network to one server, until the file no longer says so."""
    first = names(lab, CLIENT)
    assert len(first) == 1 and names(lab, NEIGHBOUR) == first
    assert "10.0.0.0/24" in lab.w.ctl("template").stdout
    lab.keepalived.reload(file(persistent=False))
    wait_for(lambda: not lab.w.get(f"/v1/services/tcp/{VIP}/80").get("persistent"), 20, 0.1, what="the new file")
    assert names(lab, CLIENT) == {"s1", "s2"}
