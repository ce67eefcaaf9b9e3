# SPDX-License-Identifier: BSD-3-Clause
"""Real servers come and go; what runs on the others, and on those that leave, goes on."""

from collections import Counter

import pytest

from lab import VIP, VIP6, Keep, server_address, server_address6, wait_for

FAMILIES = pytest.mark.parametrize("vip, address", [(VIP, server_address), (VIP6, server_address6)],
                                   ids=["ipv4", "ipv6"])


def kept_on_both(lab, vip):
    """Open connections, at least one of them on each server."""
    kept = {}
    for _ in range(8):
        keep = Keep(lab.client, vip)
        kept.setdefault(keep.name, keep)
    assert set(kept) == {"s1", "s2"}
    return kept


@FAMILIES
def test_drain_and_return(two_arm, vip, address):
    kept = kept_on_both(two_arm, vip)
    path = f"/v1/services/tcp/{vip}/80/servers/{address(2)}/80"
    two_arm.w.patch(path, {"weight": 0})
    assert Counter(two_arm.client.names(vip, count=10)) == {"s1": 10}
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2"
    two_arm.w.patch(path, {"weight": 1})
    assert set(two_arm.client.names(vip, count=4)) == {"s1", "s2"}
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2"


@FAMILIES
def test_remove_and_add(two_arm, vip, address):
    kept = kept_on_both(two_arm, vip)
    path = f"/v1/services/tcp/{vip}/80/servers/{address(2)}/80"
    two_arm.w.delete(path)
    assert Counter(two_arm.client.names(vip, count=10)) == {"s1": 10}
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2", "a removed server serves what it has"
    two_arm.w.put(path, {"weight": 1})
    assert set(two_arm.client.names(vip, count=4)) == {"s1", "s2"}
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2"


@FAMILIES
def test_killed_and_returned(two_arm, vip, address):
    kept = kept_on_both(two_arm, vip)
    host = two_arm.servers[1]
    path = f"/v1/services/tcp/{vip}/80/servers/{address(2)}/80"
    host.ip("link", "set", "eth0", "down")
    two_arm.w.patch(path, {"weight": 0})
    assert Counter(two_arm.client.names(vip, count=10)) == {"s1": 10}
    assert kept["s1"].ask() == "s1"
    host.ip("link", "set", "eth0", "up")
    two_arm.w.patch(path, {"weight": 1})

    def both_answer():
        done = two_arm.client.curl("-g", "--connect-timeout", 1, "-H", "Connection: close",
                                   *[f"http://{f'[{vip}]' if ':' in vip else vip}/"] * 4, check=False)
        return set(line.split()[0] for line in done.stdout.splitlines()) == {"s1", "s2"}

    wait_for(both_answer, 15, what="the server serves again")
    assert kept["s1"].ask() == "s1"


def test_other_settings_touch_no_session(two_arm):
    kept = kept_on_both(two_arm, VIP)
    path = f"/v1/services/tcp/{VIP}/80"
    two_arm.w.patch(path, {"scheduler": "wlc", "timeouts": {"established": 300}, "unknown_tcp": "drop"})
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2"
    two_arm.w.patch(path, {"scheduler": "rr", "unknown_tcp": "reset"})
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2"


def test_service_without_server(two_arm):
    """Nobody to send to: the packet is dropped by that name, and a server that comes is used."""
    two_arm.w.put(f"/v1/services/tcp/{VIP}/8081", {"scheduler": "rr"})
    before = two_arm.w.drops().get("no_server", 0)
    two_arm.client.curl("--connect-timeout", 1, f"http://{VIP}:8081/", check=False)
    assert two_arm.w.drops()["no_server"] > before
    two_arm.w.put(f"/v1/services/tcp/{VIP}/8081/servers/{server_address(1)}/80", {"weight": 1})
    assert two_arm.client.names(VIP, 8081) == ["s1"]
    two_arm.w.delete(f"/v1/services/tcp/{VIP}/8081")


def test_removed_service_keeps_its_sessions(two_arm):
    two_arm.w.put(f"/v1/services/tcp/{VIP}/8082", {
        "scheduler": "rr", "servers": [{"address": server_address(1), "port": 80, "weight": 1}]})
    keep = Keep(two_arm.client, VIP, 8082)
    two_arm.w.delete(f"/v1/services/tcp/{VIP}/8082")
    assert keep.ask() == "s1"
    with pytest.raises(OSError):
        two_arm.client.connect(VIP, 8082, timeout=0.5)


@FAMILIES
def test_schedulers(two_arm, vip, address):
    """Each by its name with real connections; those that go by address hold a client to its server."""
    path = f"/v1/services/tcp/{vip}/80"
    both = {"s1", "s2"}
    two_arm.w.patch(f"{path}/servers/{address(1)}/80", {"weight": 2})
    try:
        for name in ["rr", "wrr", "lc", "wlc", "sed", "nq", "p2c"]:
            two_arm.w.patch(path, {"scheduler": name})
            kept = [Keep(two_arm.client, vip) for _ in range(12)]
            assert {keep.name for keep in kept} == both, name
            for keep in kept:
                keep.close()
        for name in ["fo", "sh", "dh", "mh", "conhash"]:
            two_arm.w.patch(path, {"scheduler": name})
            answered = set(two_arm.client.names(vip, count=12))
            assert len(answered) == 1 and (name != "fo" or answered == {"s1"}), name
        two_arm.w.patch(path, {"scheduler": "mh", "scheduler_flags": ["port"]})
        assert set(two_arm.client.names(vip, count=60)) == both, "with its port a client spreads"
    finally:
        two_arm.w.patch(path, {"scheduler": "rr", "scheduler_flags": []})
        two_arm.w.patch(f"{path}/servers/{address(1)}/80", {"weight": 1})
