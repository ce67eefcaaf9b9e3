# SPDX-License-Identifier: BSD-3-Clause
"""The SYN proxy in the modes NAT, NAT64 and NAT46, over a link that loses frames."""

import hashlib
import socket

import pytest

from lab import (CLIENT, CLIENT6, HERE, LIP, LIP6, VIP, VIP6, TwoArm, server_address, server_address6, url, wait_for)
from realserver_lab import RealServers
from test_syn_proxy import LossyLab, counts, is_over, recoveries, rose, transfers

BIG = 2 << 20
MODES = pytest.mark.parametrize("mode, vip, server, peer", [
    ("nat", VIP, server_address(1), CLIENT),
    ("nat", VIP6, server_address6(1), CLIENT6),
    ("fullnat", VIP6, server_address(1), LIP),
    ("fullnat", VIP, server_address6(1), LIP6),
], ids=["nat-ipv4", "nat-ipv6", "nat64", "nat46"])


class ModesLab(RealServers, LossyLab):
    """The server reaches clients by weir."""

    def __init__(self, **options):
        super().__init__(**options)
        host = self.servers[0]
        host.ip("route", "add", "10.0.0.0/24", "via", "192.168.100.1")
        host.ip("-6", "route", "add", "fd00:a::/64", "via", "fd00:b::1")
        host.start("/usr/bin/python3", HERE / "peer_server.py", 8090, "6")
        wait_for(lambda: host.out("ss", "-Hltn", "sport = :8090"), 10, what="peer_server listens")


@pytest.fixture(scope="module")
def lab(make_lab, tmp_path_factory):
    big = tmp_path_factory.mktemp("big")
    (big / "big").write_bytes(hashlib.shake_128(b"modes").digest(BIG))
    lab = make_lab(ModesLab, servers=1, big=big, echo=False)
    lab.big = big / "big"
    lab.w = lab.weir().start()
    return lab


def service(lab, mode, vip, server, port=80, **more):
    lab.w.put(f"/v1/services/tcp/{vip}/{port}", {"scheduler": "rr", "mode": mode, "syn_proxy": True,
                                                 "servers": [{"address": server, "port": port}], **more})


@MODES
def test_transfers(lab, mode, vip, server, peer):
    """
    Large, in both directions, with loss: byte by byte the same, and recovered by SACK. Nobody is told that a
    packet is too big: the MSS of weir's SYN-ACK leaves room for the header and the option for the server.
    """
    service(lab, mode, vip, server)
    before, cookies = [recoveries(host) for host in (lab.client, lab.servers[0])], counts(lab)
    assert lab.client.curl("-g", url(vip)).stdout.split()[:2] == ["s1", peer]
    transfers(lab, vip)
    after = [recoveries(host) for host in (lab.client, lab.servers[0])]
    assert all(a > b for a, b in zip(after, before)), (before, after)
    rose(lab, cookies, "syn_cookies_accepted", 3)
    assert "too_big" not in lab.w.drops()


@MODES
def test_server_refuses(lab, mode, vip, server, peer):
    service(lab, mode, vip, server, port=9)
    before = counts(lab)
    with pytest.raises(ConnectionResetError):
        with lab.client.connect(vip, 9, timeout=5) as connection:
            connection.sendall(b"x")
            connection.recv(1)
    rose(lab, before, "syn_proxy_refused")


@MODES
def test_port_is_used_again(lab, mode, vip, server, peer):
    service(lab, mode, vip, server, timeouts={"time_wait": 600, "close": 600})
    before = counts(lab)
    for _ in range(3):
        with lab.client.connect(vip, 80, source=("", 4713)) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"200 OK" in connection.makefile("rb").read()
        is_over(lab, vip, 4713, "TIME_WAIT")
    rose(lab, before, "syn_cookies_accepted", 3)


def greeting(lab, vip):
    """What peer_server says of its peer, and the client's own port."""
    def talk():
        with socket.create_connection((vip, 8090), 5) as connection:
            return connection.makefile().readline().split()[:2], connection.getsockname()[1]
    return lab.client.inside(talk)


@pytest.mark.parametrize("vip, server, client", [(VIP6, server_address(1), CLIENT6)], ids=["nat64"])
def test_client_address(lab, vip, server, client):
    """TOA: the server, which speaks first, sees who the client is."""
    lab.attach(LIP, LIP6)
    service(lab, "fullnat", vip, server, port=8090)
    for _ in range(5):
        (told, told_port), mine = greeting(lab, vip)
        assert (told, int(told_port)) == (client, mine)
    for host in lab.servers:
        lab.realserver("detach", host=host)
