# SPDX-License-Identifier: BSD-3-Clause
"""TCP as a state machine: ports used again at once, packets that belong to nothing, timeouts."""

import errno
import socket
import struct
import threading
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from lab import CLIENT, CLIENT6, VIP, VIP6, Keep, TwoArm, server_address, wait_for

FAMILIES = pytest.mark.parametrize("vip, own", [(VIP, CLIENT), (VIP6, CLIENT6)], ids=["ipv4", "ipv6"])


def fetch(host, vip, source, abort=False, port=81):
    """One request from a given port; how long it took. The server closes first, unless we abort."""
    def connect():
        try:
            return time.monotonic(), host.connect(vip, port, source=source, timeout=3)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return None  # our own kernel still waits for the last acknowledgement

    started, sock = wait_for(connect, 2, 0.001, what="the port is free here")
    with sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in sock.recv(4096)
        if abort:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            while sock.recv(4096):
                pass
    return time.monotonic() - started


@FAMILIES
def test_port_used_again_after_the_server_closed(two_arm, vip, own):
    times = [fetch(two_arm.client, vip, (own, 34567)) for _ in range(50)]
    assert max(times) < 0.8, times


@FAMILIES
def test_port_used_again_after_a_reset(two_arm, vip, own):
    times = [fetch(two_arm.client, vip, (own, 34568), abort=True, port=80) for _ in range(50)]
    assert max(times) < 0.8, times


def segment(two_arm, flags, sport, port=80, seq=1000, ack=2000):
    """A TCP segment to the VIP on the wire, and what comes back to its port within half a second."""
    wire = two_arm.client.raw("eth0")
    wire.settimeout(0.5)
    frame = (Ether(src=two_arm.client.mac("eth0"), dst=two_arm.balancer.mac("dpdk0.kni"))
             / IP(src=CLIENT, dst=VIP) / TCP(sport=sport, dport=port, flags=flags, seq=seq, ack=ack))
    try:
        wire.send(bytes(frame))
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            answer = Ether(wire.recv(2048))
            if TCP in answer and answer[IP].src == VIP and answer[TCP].dport == sport:
                return answer
    except TimeoutError:
        return None
    finally:
        wire.close()


def test_unknown_segment_is_reset(two_arm):
    before = two_arm.w.drops().get("tcp_reset_sent", 0)
    answer = segment(two_arm, "A", 40001)
    assert answer and answer[TCP].flags == "R" and answer[TCP].seq == 2000
    assert two_arm.w.drops()["tcp_reset_sent"] == before + 1
    answer = segment(two_arm, "FA", 40002)
    assert answer and "R" in str(answer[TCP].flags)


def test_unknown_reset_is_not_answered(two_arm):
    assert segment(two_arm, "R", 40003) is None


def test_unknown_segment_is_dropped_where_the_service_says_so(two_arm):
    two_arm.w.patch(f"/v1/services/tcp/{VIP}/80", {"unknown_tcp": "drop"})
    try:
        before = two_arm.w.drops().get("tcp_not_syn", 0)
        assert segment(two_arm, "A", 40004) is None
        assert two_arm.w.drops()["tcp_not_syn"] == before + 1
    finally:
        two_arm.w.patch(f"/v1/services/tcp/{VIP}/80", {"unknown_tcp": "reset"})


def test_states_as_a_connection_goes(two_arm):
    keep = Keep(two_arm.client, VIP)
    port = keep.socket.getsockname()[1]
    session, = two_arm.w.sessions(client=f"{CLIENT}:{port}")
    assert session["state"].lower() == "established" and 80 <= session["expires"] <= 90
    keep.close()

    def closing():
        found = two_arm.w.sessions(client=f"{CLIENT}:{port}")
        return not found or found[0]["state"].lower() not in ("established", "syn_recv")

    wait_for(closing, 3, what="the session leaves ESTABLISHED")


def test_timeout_of_a_service(two_arm):
    """An idle connection of a service with a short timeout is forgotten, and then reset."""
    two_arm.w.put(f"/v1/services/tcp/{VIP}/8083", {
        "scheduler": "rr", "timeouts": {"established": 2},
        "servers": [{"address": server_address(1), "port": 80, "weight": 1}]})
    keep = Keep(two_arm.client, VIP, 8083)
    assert len(two_arm.w.sessions(vip=f"{VIP}:8083")) == 1
    wait_for(lambda: not two_arm.w.sessions(vip=f"{VIP}:8083"), 6, what="the session is over")
    with pytest.raises(ConnectionResetError):
        keep.ask()
        keep.ask()
    two_arm.w.delete(f"/v1/services/tcp/{VIP}/8083")


def syn_flood(lab, count, first=0):
    """SYNs to port 80 of VIP, each from another client that never answers."""
    wire = lab.client.raw("eth0")
    header = Ether(src=lab.client.mac("eth0"), dst=lab.balancer.mac("dpdk0.kni"))
    base = bytes(header / IP(src=CLIENT, dst=VIP) / TCP(sport=1, dport=80, flags="S"))
    for n in range(first, first + count):
        source = bytes([10, 0, 1 + n // 250 % 250, n % 250 + 1])
        frame = bytearray(base)
        frame[26:30] = source
        # One's complement: the sums change by the difference of the address words.
        for at in (24, 50):
            old = struct.unpack_from(">HHH", base, 26)[:2]
            new = struct.unpack(">HH", source)
            total = (~struct.unpack_from(">H", base, at)[0] & 0xFFFF) + sum(new) + sum(~o & 0xFFFF for o in old)
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            struct.pack_into(">H", frame, at, ~total & 0xFFFF)
        wire.send(bytes(frame))
        if n % 100 == 99:
            time.sleep(0.005)
    wire.close()


def test_syn_flood_is_capped(make_lab):
    """Half-open sessions take at most their share of the table; who is established stays."""
    lab = make_lab(TwoArm, echo=False)
    w = lab.weir(sessions={"ipv4": 4000, "ipv6": 2000, "half_open_percent": 50}).start()
    keep = Keep(lab.client, VIP)
    lab.servers[0].ip("link", "set", "eth0", "down")
    lab.servers[1].ip("link", "set", "eth0", "down")
    syn_flood(lab, 8000)
    drops = w.drops()
    assert drops.get("half_open_full", 0) > 0, drops
    worker, = w.table("worker")
    assert worker["half_open"] <= 3100
    lab.servers[0].ip("link", "set", "eth0", "up")
    lab.servers[1].ip("link", "set", "eth0", "up")
    keep.socket.settimeout(10)
    assert keep.ask() in ("s1", "s2")


def test_full_table_under_syn_flood(make_lab):
    """In a full table the oldest half-open session gives way: clients go on to connect, the connected stay."""
    lab = make_lab(TwoArm, echo=False)
    w = lab.weir(sessions={"ipv4": 1024, "ipv6": 1024, "half_open_percent": 100}).start()
    kept = [Keep(lab.client, VIP) for _ in range(20)]
    syn_flood(lab, 1100)
    flooding = threading.Event()

    def flood():
        first = 1100
        while not flooding.is_set():
            syn_flood(lab, 1000, first)
            first += 1000

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        wait_for(lambda: w.table("worker")[0]["half_open_evicted"] > 0, what="a half-open session gave way")
        # In turns, so that the handshake is over before the flood has gone round the table.
        figures = lab.client.connections(VIP, 80, 200, 4, timeout=20)
        assert figures["done"] == 200, figures
        assert all(keep.ask() == keep.name for keep in kept)
    finally:
        flooding.set()
        thread.join()
    worker, = w.table("worker")
    assert worker["sessions"] <= 1024 and worker["half_open_evicted"] > 200, worker
    # Now and then the oldest is not found in a few steps, and a SYN has to come again.
    assert w.drops().get("session_table_full", 0) < worker["half_open_evicted"] / 10, w.drops()
    assert f'weir_worker_half_open_evicted_total{{worker="0"}} ' in w.request("GET", "/metrics")
    assert "EVICTED" in w.ctl("worker", "list").stdout
