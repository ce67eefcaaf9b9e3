# SPDX-License-Identifier: BSD-3-Clause
"""HTTP over FullNAT, IPv4 and IPv6: which server answers, and what it sees of the client."""

from collections import Counter

import pytest

from lab import LIP, LIP6, VIP, VIP6, Keep, OneArm, TwoArm, server_address, server_address6, wait_for

FAMILIES = pytest.mark.parametrize("vip, lip, address", [(VIP, LIP, server_address), (VIP6, LIP6, server_address6)],
                                   ids=["ipv4", "ipv6"])


@pytest.fixture(scope="module")
def three(make_lab):
    lab = make_lab(TwoArm, servers=3)
    lab.w = lab.weir().start()
    return lab


def schedule(lab, vip, address, scheduler, weights):
    lab.w.patch(f"/v1/services/tcp/{vip}/80", {"scheduler": scheduler})
    for number, weight in enumerate(weights, 1):
        lab.w.patch(f"/v1/services/tcp/{vip}/80/servers/{address(number)}/80", {"weight": weight})


@FAMILIES
def test_round_robin_is_exact(three, vip, lip, address):
    schedule(three, vip, address, "rr", [1, 1, 1])
    assert Counter(three.client.names(vip, count=30)) == {"s1": 10, "s2": 10, "s3": 10}


@FAMILIES
def test_weighted_round_robin_is_exact(three, vip, lip, address):
    schedule(three, vip, address, "wrr", [1, 2, 3])
    assert Counter(three.client.names(vip, count=60)) == {"s1": 10, "s2": 20, "s3": 30}


@FAMILIES
def test_least_connection_fills_by_weight(three, vip, lip, address):
    schedule(three, vip, address, "wlc", [1, 1, 2])
    wait_for(lambda: not any(s["active"] for s in three.w.service("tcp", vip, 80)["servers"]), 10,
             what="earlier connections are over")
    kept = [Keep(three.client, vip) for _ in range(24)]
    counts = Counter(keep.name for keep in kept)
    for keep in kept:
        keep.close()
    for name, expected in (("s1", 6), ("s2", 6), ("s3", 12)):
        assert abs(counts[name] - expected) <= 2, counts


@FAMILIES
def test_weight_zero_gets_nothing_new(three, vip, lip, address):
    schedule(three, vip, address, "wrr", [1, 0, 1])
    assert Counter(three.client.names(vip, count=20)) == {"s1": 10, "s3": 10}
    schedule(three, vip, address, "rr", [1, 1, 1])


@FAMILIES
def test_server_sees_the_local_address(three, vip, lip, address):
    host = f"[{vip}]" if ":" in vip else vip
    name, peer, port = three.client.curl("-g", f"http://{host}/").stdout.split()
    assert peer == lip
    assert int(port) >= 1024


@FAMILIES
def test_answers_that_need_many_packets(three, vip, lip, address):
    """Pipelined requests on one connection keep their server and their order."""
    keep = Keep(three.client, vip)
    assert {keep.ask() for _ in range(200)} == {keep.name}
    keep.close()


def test_one_arm(make_lab):
    """Clients and servers in the same network as weir's only port."""
    lab = make_lab(OneArm)
    lab.weir().start()
    for vip in (VIP, VIP6):
        assert Counter(lab.client.names(vip, count=20)) == {"s1": 10, "s2": 10}
        assert lab.client.udp_ask(vip, 5353, "hello").endswith("hello")
