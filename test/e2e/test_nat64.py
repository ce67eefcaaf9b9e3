# SPDX-License-Identifier: BSD-3-Clause
"""NAT64 and NAT46: services whose real servers are of the other IP version."""

import errno
import hashlib
import socket

import pytest

from lab import CLIENT, CLIENT6, LIP, LIP6, VIP, VIP6, OneArm, TwoArm, Weir, server_address, server_address6, wait_for
from test_transfer import MtuLab

FAMILIES = pytest.mark.parametrize("vip, lip", [(VIP6, LIP), (VIP, LIP6)], ids=["nat64", "nat46"])
SO_NO_CHECK = 11


def swapped(config):
    """The servers of the IPv4 services for the IPv6 ones, and the other way round."""
    four = [s for s in config["services"] if ":" not in s["vip"]]
    six = [s for s in config["services"] if ":" in s["vip"]]
    for a, b in zip(four, six):
        a["servers"], b["servers"] = b["servers"], a["servers"]
    return config


def host_of(vip):
    return f"[{vip}]" if ":" in vip else vip


@pytest.fixture(scope="module")
def lab(make_lab, big):
    made = make_lab(TwoArm, 2, None, big)
    made.w = Weir(made, made.balancer, swapped(made.config())).start()
    return made


@FAMILIES
def test_http(lab, vip, lip):
    answers = [lab.client.curl("-g", "-m", "5", f"http://{host_of(vip)}/").stdout.split() for _ in range(4)]
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {peer for _, peer, _ in answers} == {lip}


@FAMILIES
def test_large_transfers(lab, big, vip, lip):
    sent = hashlib.sha256((big / "file").read_bytes()).hexdigest()
    got = lab.client.run("sh", "-c", f"curl -gsS -m 20 http://{host_of(vip)}/file/file | sha256sum").stdout.split()[0]
    assert got == sent
    lab.client.curl("-g", "-m", "20", "-T", big / "file", f"http://{host_of(vip)}/put/{lip}")
    kept = [lab.folder / f"nginx-s{n}" / "www/put" / lip for n in (1, 2)]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in kept if path.exists()] == [sent]


@FAMILIES
def test_udp(lab, vip, lip):
    name, peer, _, text = lab.client.udp_ask(vip, 5353, "hello").split()
    assert name in ("s1", "s2") and peer == lip and text == "hello"


@FAMILIES
@pytest.mark.parametrize("size", [4000, 20000])
def test_large_datagrams(lab, vip, lip, size):
    """In fragments there and back, which are translated one by one."""
    text = "".join(chr(ord("a") + i % 26) for i in range(size))
    name, peer, _, answer = lab.client.udp_ask(vip, 5353, text).split(" ", 3)
    assert name in ("s1", "s2") and peer == lip and answer == text


def test_udp_without_checksum_gets_one(lab):
    """From IPv4 to IPv6, where Linux drops a datagram that has none."""
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1.0) as flow:
        flow.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        assert lab.client.udp_ask(VIP, 5353, "bare", sock=flow).split()[3] == "bare"


@FAMILIES
def test_port_unreachable_is_refused(lab, vip, lip):
    """The real server has nothing on that port: its ICMP error reaches the client's socket."""
    servers = [server_address(1) if ":" in vip else server_address6(1)]
    lab.w.put(f"/v1/services/udp/{vip}/7777", {"servers": [{"address": a, "port": 7777} for a in servers]})
    with lab.client.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM, timeout=2.0) as flow:
        flow.connect((vip, 7777))
        flow.send(b"anybody?")
        with pytest.raises(OSError) as refused:
            flow.recv(100)
        assert refused.value.errno == errno.ECONNREFUSED
    lab.w.delete(f"/v1/services/udp/{vip}/7777")


@FAMILIES
def test_listing_and_removal(lab, vip, lip):
    flow = lab.client.connect(vip, 80)
    # The client's ACK may still be on its way.
    shown = wait_for(lambda: [s for s in lab.w.sessions() if s["vip"] == vip and s["vip_port"] == 80
                              and s["state"] == "ESTABLISHED"], what="the session is established")
    assert all(s["client"] == (CLIENT6 if ":" in vip else CLIENT) and s["local"] == lip for s in shown), shown
    before = lab.w.get(f"/v1/services/tcp/{vip}/80")
    server = next(s for s in before["servers"] if s["address"] == shown[-1]["server"])
    # The server goes, its connection stays.
    lab.w.delete(f"/v1/services/tcp/{vip}/80/servers/{server['address']}/80")
    flow.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = b""
    while piece := flow.recv(4096):
        answer += piece
    flow.close()
    assert lip.encode() in answer
    lab.w.put(f"/v1/services/tcp/{vip}/80/servers/{server['address']}/80", {"weight": 1})


def test_without_local_address_is_a_named_drop(lab):
    body = lab.w.get(f"/v1/services/tcp/{VIP6}/81")
    lab.w.ctl("local-address", "delete", LIP)
    before = lab.w.drops().get("no_local_address", 0)
    assert lab.client.curl("-g", "-m", "1", f"http://[{VIP6}]:81/", check=False).returncode != 0
    assert lab.w.drops()["no_local_address"] > before
    lab.w.ctl("local-address", "add", LIP, "--interface", "dpdk1")
    assert lab.client.curl("-g", "-m", "5", f"http://[{VIP6}]:81/").stdout
    assert body["servers"]


@FAMILIES
def test_one_arm(make_lab, vip, lip):
    lab = make_lab(OneArm)
    Weir(lab, lab.balancer, swapped(lab.config())).start()
    answers = [lab.client.curl("-g", "-m", "5", f"http://{host_of(vip)}/").stdout.split() for _ in range(4)]
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {peer for _, peer, _ in answers} == {lab.LIP6 if vip == VIP else lab.LIP}


def test_two_workers(make_lab):
    lab = make_lab(TwoArm, 2, 2)
    lab.w = Weir(lab, lab.balancer, swapped(lab.config(workers=2))).start()
    for vip in (VIP, VIP6):
        answers = [lab.client.curl("-g", "-m", "5", f"http://{host_of(vip)}/").stdout.split()[0] for _ in range(12)]
        assert set(answers) == {"s1", "s2"}
        assert lab.client.udp_ask(vip, 5353, "x")
        for _ in range(8):
            assert lab.client.udp_ask(vip, 5353, "x" * 4000).endswith("x" * 4000)


@FAMILIES
def test_path_mtu_discovery(make_lab, big, vip, lip):
    """A client and a server behind links of 1300 bytes, which announce a larger MSS: only ICMP tells."""
    lab = make_lab(MtuLab, big)
    sent = hashlib.sha256((big / "file").read_bytes()).hexdigest()
    changed = {"10.8.0.2": "fd00:8::2", "fd00:8::2": "10.8.0.2", "192.168.100.2": "fd00:b::2", "fd00:b::2": "192.168.100.2"}
    for port in (80, 8080):
        service = lab.w.get(f"/v1/services/tcp/{vip}/{port}")
        servers = [{"address": changed[s["address"]], "port": 80, "weight": 1} for s in service["servers"]]
        lab.w.patch(f"/v1/services/tcp/{vip}/{port}", {"servers": servers})
    # From a server to a client behind the small link, and from a client to a server behind it.
    got = lab.c2.run("sh", "-c", f"curl -gsS -m 20 http://{host_of(vip)}/file/file | sha256sum").stdout.split()[0]
    assert got == sent
    lab.client.curl("-g", "-m", "20", "-T", big / "file", f"http://{host_of(vip)}:8080/put/{lip}")
    kept = lab.folder / "nginx-s2/www/put" / lip
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == sent
