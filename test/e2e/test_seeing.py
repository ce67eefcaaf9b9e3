# SPDX-License-Identifier: BSD-3-Clause
"""Counters, drops, sessions, trace and capture."""

import re
import socket
import subprocess
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import BUILD, CLIENT, VIP, VIP6, Keep, run, server_address, wait_for


def test_counters_are_exact_after_a_fresh_pass(two_arm):
    """Ten datagrams of 100 bytes there and their echoes back, counted as IP sees them."""
    before = two_arm.w.service("udp", VIP, 5353)
    with two_arm.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1.0) as flow:
        for _ in range(10):
            answer = two_arm.client.udp_ask(VIP, 5353, "x" * 100, tries=1, sock=flow)
            assert answer
    after = two_arm.w.service("udp", VIP, 5353)
    assert after["connections"] - before["connections"] == 1
    assert after["packets_in"] - before["packets_in"] == 10
    assert after["packets_out"] - before["packets_out"] == 10
    assert after["bytes_in"] - before["bytes_in"] == 10 * (20 + 8 + 100)
    assert after["bytes_out"] - before["bytes_out"] == 10 * (20 + 8 + len(answer))
    total = sum(server["packets_in"] for server in after["servers"])
    assert total == after["packets_in"]


def test_counters_of_servers_add_up(two_arm):
    before = two_arm.w.service("tcp", VIP, 80)
    two_arm.client.connections(VIP, 80, 500, 8)
    after = two_arm.w.service("tcp", VIP, 80)
    assert after["connections"] - before["connections"] == 500
    for field in ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out"):
        assert sum(server[field] for server in after["servers"]) == after[field], field


def test_rates(two_arm):
    load = two_arm.client.start(BUILD / "test/e2e/connections", VIP, 80, 30000, 8)
    wait_for(lambda: re.search(r"[1-9]", two_arm.w.ctl("rate").stdout), 8, what="rates above zero")
    two_arm.end(load)


def test_sessions_are_listed_and_filtered(two_arm):
    kept = [Keep(two_arm.client, VIP) for _ in range(6)]
    port = kept[0].socket.getsockname()[1]
    one, = two_arm.w.sessions(client=f"{CLIENT}:{port}")
    assert one["client"] == CLIENT and one["client_port"] == port
    assert one["vip"] == VIP and one["vip_port"] == 80
    assert len(two_arm.w.sessions(client=CLIENT, state="established", vip=f"{VIP}:80")) >= 6
    assert len(two_arm.w.sessions(client=CLIENT, limit=3)) == 3
    assert two_arm.w.sessions(client="10.11.12.13") == []
    by_server = [len(two_arm.w.sessions(server=server_address(n), state="established")) for n in (1, 2)]
    assert min(by_server) >= 3
    text = two_arm.w.ctl("session", "list", "--client", f"{CLIENT}:{port}").stdout
    assert f"{CLIENT}:{port}" in text and f"{VIP}:80" in text
    for keep in kept:
        keep.close()


# What weir must drop, built by hand, and by which name.

def bad_frames(two_arm):
    ether = Ether(src=two_arm.client.mac("eth0"), dst=two_arm.balancer.mac("dpdk0.kni"))
    syn = TCP(sport=1234, dport=80, flags="S")
    ip = IP(src=CLIENT, dst=VIP)
    return {
        "ipv4_checksum": ether / IP(src=CLIENT, dst=VIP, chksum=0x1234) / syn,
        "ipv4_version": ether / IP(src=CLIENT, dst=VIP, version=5) / syn,
        "ipv4_header_length": ether / IP(src=CLIENT, dst=VIP, ihl=3, chksum=0) / syn,
        "ipv4_total_length": ether / IP(src=CLIENT, dst=VIP, len=1400) / syn,
        "ipv4_short": Ether(src=ether.src, dst=ether.dst, type=0x800) / Raw(b"\x45\x00\x00\x14\x00"),
        "ipv4_source": ether / IP(src="224.0.0.5", dst=VIP) / syn,
        "tcp_short": ether / IP(src=CLIENT, dst=VIP, proto=6) / Raw(b"\x04\xd2\x00\x50\x00\x00"),
        "tcp_header_length": ether / ip / TCP(sport=1234, dport=80, flags="S", dataofs=3),
        "udp_short": ether / IP(src=CLIENT, dst=VIP, proto=17) / Raw(b"\x04\xd2\x14"),
        "udp_length": ether / ip / UDP(sport=1234, dport=5353, len=2000) / Raw(b"x"),
        "ipv6_version": Ether(src=ether.src, dst=ether.dst, type=0x86dd) / Raw(b"\x50" + bytes(60)),
        "ipv6_payload_length": ether / IPv6(src="fd00:a::2", dst=VIP6, plen=1000) / syn,
        "ipv6_source": ether / IPv6(src="ff02::1", dst=VIP6) / syn,
        "ttl_exceeded": ether / IP(src=CLIENT, dst=VIP, ttl=1) / syn,
        "vip_no_service": ether / ip / TCP(sport=1234, dport=12345, flags="S"),
        "icmp_error_no_session": (ether / IP(src=CLIENT, dst="10.0.0.77") / ICMP(type=3, code=4)
                                  / IP(src="10.0.0.77", dst=CLIENT) / TCP(sport=80, dport=999)),
    }


REASONS = ["ipv4_checksum", "ipv4_version", "ipv4_header_length", "ipv4_total_length", "ipv4_short", "ipv4_source",
           "tcp_short", "tcp_header_length", "udp_short", "udp_length", "ipv6_version", "ipv6_payload_length",
           "ipv6_source", "ttl_exceeded", "vip_no_service", "icmp_error_no_session"]


@pytest.mark.parametrize("reason", REASONS)
def test_drop_is_named(two_arm, reason):
    frame = bytes(bad_frames(two_arm)[reason])
    before = two_arm.w.drops().get(reason, 0)
    wire = two_arm.client.raw("eth0")
    wire.send(frame)
    wire.close()
    wait_for(lambda: two_arm.w.drops().get(reason, 0) == before + 1, 3,
             what=f"{reason}; drops: {two_arm.w.drops()}")


def test_drops_have_sentences(two_arm):
    text = two_arm.w.ctl("drop", "--all").stdout
    assert "ethtool -K PEER tso off gso off" in text
    for line in text.splitlines()[1:]:
        assert len(line.split()) > 3, line


def traced(two_arm, words, action):
    process = subprocess.Popen([str(BUILD / "cli/weirctl"), "-s", str(two_arm.w.socket), "trace", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(0.4)
    action()
    try:
        return process.communicate(timeout=10)[0]
    finally:
        process.kill()


def test_trace_shows_stages_and_fate(two_arm):
    text = traced(two_arm, ["--packets", "4", "--port", "80", "--address", CLIENT],
                  lambda: two_arm.client.names(VIP))
    assert len([line for line in text.splitlines() if line.strip()]) >= 4, text
    for stage in ("input", "lookup", "balance", "forward", "output"):
        assert stage in text, text
    assert VIP in text and CLIENT in text


@pytest.mark.parametrize("reason", ["ipv4_checksum", "tcp_header_length", "ttl_exceeded", "vip_no_service"])
def test_trace_of_a_drop(two_arm, reason):
    frame = bytes(bad_frames(two_arm)[reason])

    def send():
        wire = two_arm.client.raw("eth0")
        wire.send(frame)
        wire.close()

    text = traced(two_arm, ["--packets", "1", "--drop", reason], send)
    assert "dropped" in text and reason in text, text


def test_trace_of_an_unknown_reason_is_refused(two_arm):
    done = two_arm.w.ctl("trace", "--drop", "nonsense", check=False)
    assert done.returncode == 1 and "nonsense" in done.stderr


def test_capture_can_be_read_by_tcpdump(two_arm):
    target = two_arm.folder / "c.pcapng"
    process = subprocess.Popen([str(BUILD / "cli/weirctl"), "-s", str(two_arm.w.socket), "capture", "--packets", "10",
                                "--port", "80", "-w", str(target)], stderr=subprocess.PIPE)
    time.sleep(0.4)
    two_arm.client.names(VIP, count=2)
    try:
        process.wait(10)
    finally:
        process.kill()
    text = run("tcpdump", "-nn", "-r", target).stdout
    assert len(text.splitlines()) == 10, text
    assert f"{CLIENT}." in text and f"{VIP}.80" in text
    comments = re.findall(rb"[ -~]{6,}", target.read_bytes())
    assert any(b"sent" in text or b"forward" in text or b"output" in text for text in comments), comments
