# SPDX-License-Identifier: BSD-3-Clause
"""Frames of 9,000 bytes."""

import hashlib
import socket

import pytest

from lab import BUILD, VIP, VIP6, TwoArm, wait_for

MTU, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DO = 9000, 10, 23, 2
BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])


class Jumbo(TwoArm):
    """All links carry 9,000 bytes; those of weir because its file says so."""

    def __init__(self, big):
        super().__init__(big=big)
        for host, names in ((self.client, ["eth0"]), (self.sw, ["up0", "p1", "p2", "br0"]),
                            *((server, ["eth0"]) for server in self.servers)):
            for name in names:
                host.ip("link", "set", "dev", name, "mtu", MTU)

    def config(self, **extra):
        made = super().config(**extra)
        for port in made["ports"]:
            port["mtu"] = MTU
        return made


@pytest.fixture(scope="module")
def lab(make_lab, big):
    lab = make_lab(Jumbo, big)
    lab.w = lab.weir(memory={"hugepages": "never", "megabytes": 256, "data_room": 9216}).start()
    return lab


@BOTH
def test_datagrams_that_may_not_be_cut(lab, vip):
    family, level, option = ((socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) if ":" in vip
                             else (socket.AF_INET, socket.IPPROTO_IP, IP_MTU_DISCOVER))
    with lab.client.socket(family, socket.SOCK_DGRAM, timeout=1.0) as flow:
        flow.setsockopt(level, option, PMTUDISC_DO)
        text = "x" * (MTU - (48 if ":" in vip else 28) - 60)  # the echo says more than it was told
        assert lab.client.udp_ask(vip, 5353, text, sock=flow).split(" ", 3)[3] == text


@BOTH
def test_transfers_take_large_frames(lab, big, vip):
    before = lab.w.service("tcp", vip, 80)
    sent = hashlib.sha256((big / "file").read_bytes()).hexdigest()
    host = f"[{vip}]" if ":" in vip else vip
    got = lab.client.run("sh", "-c", f"curl -gsS -m 20 http://{host}/file/file | sha256sum").stdout.split()[0]
    assert got == sent
    # Sessions are counted in once a second.
    size = (big / "file").stat().st_size
    wait_for(lambda: lab.w.service("tcp", vip, 80)["bytes_out"] - before["bytes_out"] > size, what="bytes are counted")
    after = lab.w.service("tcp", vip, 80)
    frame = (after["bytes_out"] - before["bytes_out"]) / (after["packets_out"] - before["packets_out"])
    assert frame > 6000, f"packets of {frame:.0f} bytes on average"


def test_linux_behind_the_tap(lab):
    for address in ("10.0.0.1", "fd00:a::1"):
        size = MTU - (48 if ":" in address else 28)
        assert " 0% packet loss" in lab.client.out("ping", "-M", "do", "-s", size, "-c", 2, "-i", 0.2, "-w", 10, address)


def test_without_room_is_refused(lab):
    """An MTU of the file, and one of a device that nobody has told a smaller one."""
    lab.w.stop()
    rows = (({}, ("ports[0].mtu: an MTU of 9000", "memory.data_room of at least 9184")),
            ({"ports": [{"name": "dpdk0", "device": "net_tap0,iface=tap0"}],
              "memory": {"hugepages": "never", "megabytes": 256, "data_room": 1024}, "local_addresses": []},
             ("ports[0].mtu: is missing", "has 1500, which needs memory.data_room of at least 1522")))
    try:
        for number, (change, texts) in enumerate(rows):
            small = lab.weir(f"small{number}")
            done = lab.balancer.run(BUILD / "weir", "-c", small.write({**small.config, **change}), check=False,
                                    timeout=20)
            assert done.returncode not in (0, -11, -6)
            assert all(text in done.stderr for text in texts), done.stderr
    finally:
        lab.w.start()
