# SPDX-License-Identifier: BSD-3-Clause
"""Floods of what has no session: an established download arrives whole, new clients come in, and each drop has a name."""

import os

import pytest

from flood_lab import FloodLab
from lab import VIP, Keep, server_address, wait_for

RATE = 5000
SIZE = 4_000_000
FLOODS = {  # of each kind of tools/flood, to which port, and what its packets become
    "udp": (53, {"limit_new_connections"}),
    "ack": (80, {"tcp_not_syn", "tcp_reset_sent"}),
    "rst": (80, {"tcp_not_syn", "tcp_reset_sent"}),
    "fragment": (53, {"fragment_table_full", "fragment_expired"}),
}


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(FloodLab, 20_000)
    lab.whole = os.urandom(SIZE)
    for host in lab.servers:
        (lab.folder / f"nginx-{host.role}" / "download").write_bytes(lab.whole)
    lab.w.put(f"/v1/services/udp/{VIP}/53", {"limits": {"new_connections": 100}, "servers": [
        {"address": server_address(1), "port": 53}]})
    return lab


def read(sock, size):
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(min(65536, size - len(data)))
        assert piece, f"the download ended after {len(data)} bytes"
        data += piece
    return data


@pytest.mark.parametrize("kind", FLOODS)
def test_download_beside_a_flood(lab, kind):
    """The download is in its middle while thousands of packets are dropped; then the rest of it comes."""
    port, names = FLOODS[kind]

    def dropped():
        drops = lab.w.drops()
        return sum(drops.get(name, 0) for name in names)

    sock = lab.client.connect(VIP, 80, timeout=20)
    sock.sendall(b"GET /file/download HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += read(sock, 1)
    assert b" 200 " in head.split(b"\r\n")[0], bytes(head)
    data = read(sock, SIZE // 4)
    before, sessions = dropped(), len(lab.w.sessions(vip=f"{VIP}:80"))
    flood = lab.flood(kind, rate=RATE, port=port)
    try:
        wait_for(lambda: dropped() > before + RATE, 20, what=f"{RATE} packets dropped as {names}")
        data += read(sock, SIZE // 4)
        keep = Keep(lab.client, VIP)
        seen = dropped()
        wait_for(lambda: dropped() > seen + RATE, 20, what="it goes on")
        assert keep.ask() == keep.name, "a client that came during the flood"
        assert len(lab.w.sessions(vip=f"{VIP}:80")) <= sessions + 1, "no session was made for it"
        data += read(sock, SIZE - len(data))
    finally:
        lab.flood_end(flood)
    assert data == lab.whole
    keep.close()
    sock.close()
