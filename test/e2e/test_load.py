# SPDX-License-Identifier: BSD-3-Clause
"""Many short connections, none of which may fail or wait."""

import pytest

from lab import SCALE, VIP, VIP6, server_address


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_ten_thousand_short_connections(two_arm, vip):
    figures = two_arm.client.connections(vip, 80, 10000 * SCALE, 64)
    assert figures["done"] == 10000 * SCALE and figures["failed"] == 0, figures
    assert figures["slow"] == 0, figures


def test_hundred_thousand_over_one_local_address(two_arm):
    """
    One local address, one server, which closes first and so keeps each pair of ports for a minute:
    after 64 k connections every local port that is taken again is in TIME_WAIT there. None of the
    connections may wait for its SYN to be sent again.
    """
    two_arm.w.put(f"/v1/services/tcp/{VIP}/8080", {
        "scheduler": "rr", "servers": [{"address": server_address(1), "port": 81, "weight": 1}]})
    two_arm.client.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    figures = two_arm.client.connections(VIP, 8080, 100000 * SCALE, 100)
    print(figures)
    assert figures["done"] == 100000 * SCALE and figures["failed"] == 0, figures
    assert figures["slow"] == 0, figures
    server = two_arm.w.service("tcp", VIP, 8080)["servers"][0]
    assert server["connections"] == 100000 * SCALE
    two_arm.w.delete(f"/v1/services/tcp/{VIP}/8080")


def test_checksums_were_repaired_and_counted(two_arm):
    """Linux leaves half of the checksum to its veth; weir must have noticed."""
    assert sum(worker["repaired_checksums"] for worker in two_arm.w.table("worker")) > 10000


def test_many_at_once(two_arm):
    """Two thousand connections at the same time, held and then all answered."""
    figures = two_arm.client.connections(VIP, 80, 4000, 2000)
    assert figures["done"] == 4000, figures
