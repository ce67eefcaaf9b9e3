# SPDX-License-Identifier: BSD-3-Clause
"""More than one worker: right on every device, whoever a packet comes to."""

import pytest

from lab import VIP, VIP6, TwoArm, Keep


@pytest.fixture(scope="module", params=[1, 2], ids=["one queue", "two queues"])
def lab(make_lab, request):
    lab = make_lab(TwoArm, queues=request.param)
    lab.queues = request.param
    for server in lab.servers:  # each weir begins without knowing what they hold in TIME_WAIT
        server.sysctl("net.ipv4.tcp_max_tw_buckets", 0)
    return lab


@pytest.mark.parametrize("driver", ["automatic", "net_af_packet"])
def test_two_workers(lab, driver):
    """With as many queues as workers, and with one for both, so that one worker hands on for the other."""
    devices = {} if driver == "automatic" else {
        f"device{n}": f"{driver}{n},iface={name},qpairs={lab.queues}" for n, name in enumerate(("in0", "out0"))}
    weir = lab.weir(workers=2, **devices).start()
    try:
        for vip in (VIP, VIP6):
            # A frame that a busy machine lost costs its connection a second, and is not lost again the next
            # time; a port that a server still holds would cost it each time.
            for _ in range(3):
                figures = lab.client.connections(vip, 80, 5000, 64)
                assert figures["done"] == 5000, figures
                if figures["slow"] == 0:
                    break
            assert figures["slow"] == 0, figures
            for _ in range(20):
                assert lab.client.udp_ask(vip, 5353, "x", tries=1), "an echo was lost"
            assert " 3 received" in lab.client.out("ping", "-c", 3, "-i", 0.1, vip)
        workers = weir.table("worker")
        assert len(workers) == 2
        assert all(worker["packets"] + worker["taken_over"] > 1000 for worker in workers), workers
        kept = [Keep(lab.client, VIP) for _ in range(20)]
        assert len(weir.sessions(state="established")) >= 20
        assert all(keep.ask() == keep.name for keep in kept)
        counted = weir.service("tcp", VIP, 80)
        assert counted["connections"] == sum(server["connections"] for server in counted["servers"])
        # A little more when the machine stands still for seconds and SYNs are sent again.
        assert 5020 <= counted["connections"] <= 5100
    finally:
        lab.end(weir.process)
        lab.weirs.clear()
