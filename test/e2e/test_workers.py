# SPDX-License-Identifier: BSD-3-Clause
"""More than one worker: right on every device, whoever a packet comes to."""

import ipaddress
import socket

import pytest

from lab import HERE, LIP, VIP, VIP6, Keep, TwoArm, run


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
            assert " 3 received" in lab.client.out("ping", "-c", 3, "-i", 0.1, "-w", 10, vip)
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


def handed_over(weir, host, flows=128, each=20):
    """Of UDP flows with so many echoes each: the share of all packets that one worker handed to the other."""
    before = sum(worker["handed_over"] for worker in weir.table("worker"))
    for _ in range(flows):
        with host.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
            for _ in range(each):
                assert host.udp_ask(VIP, 5353, "x", sock=sock), "an echo was lost"
    return (sum(worker["handed_over"] for worker in weir.table("worker")) - before) / (2 * flows * each)


def test_rules_bring_replies_home(make_lab):
    """
    AF_XDP with a queue for each worker: hand-over of one packet in two, whose place is taken for the
    servers' packets by rules on their way in, as `ethtool -N` or rte_flow would make them.
    """
    lab = make_lab(TwoArm, queues=2)
    weir = lab.weir(workers=2).start()
    ports = weir.table("port")
    assert [port["driver"] for port in ports] == ["net_af_xdp"] * 2, ports
    assert all(port["steering"] == "hand-over" and "queue" in port["steering_why"] for port in ports), ports
    assert "hand-over" in weir.ctl("port", "list").stdout
    program = lab.folder / "steer_ports.o"
    run("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu",
        f"-DLOCAL={int(ipaddress.ip_address(LIP))}u", "-c", HERE / "steer_ports.c", "-o", program)
    lab.sw.run("tc", "qdisc", "add", "dev", "up0", "clsact")
    lab.sw.run("tc", "filter", "add", "dev", "up0", "egress", "bpf", "da", "obj", program, "sec", "classifier")
    # Of the clients' packets a half is handed over still, give or take four standard deviations.
    assert handed_over(weir, lab.client) < 0.35
    lab.sw.run("tc", "qdisc", "del", "dev", "up0", "clsact")
    figures = lab.client.connections(VIP, 80, 500, 16)
    assert figures["done"] == 500, figures


def test_nat_on_two_workers(make_lab):
    """With NAT both directions have only the client in common, and belong to one worker all the same."""
    lab = make_lab(TwoArm, queues=2)
    for server in lab.servers:
        server.ip("route", "replace", "10.0.0.0/24", "via", "192.168.100.1")
    config = lab.config()
    for service in config["services"]:
        if ":" not in service["vip"]:
            service["mode"] = "nat"
    weir = lab.weir(workers=2, services=config["services"]).start()
    figures = lab.client.connections(VIP, 80, 1000, 16)
    assert figures["done"] == 1000, figures
    workers = weir.table("worker")
    assert all(worker["handed_over"] > 100 for worker in workers), workers
    assert {session["worker"] for session in weir.sessions()} == {0, 1}


def test_steering_that_cannot_be(make_lab):
    """What a device cannot do is refused at the start, by the name of the field."""
    lab = make_lab(TwoArm, queues=2, echo=False)
    config = lab.config()
    config["ports"][1]["steering"] = "flow"
    weir = lab.weir(workers=2, ports=config["ports"])
    with pytest.raises(AssertionError, match=r"ports\[1\].steering: flow cannot be: it takes no rules"):
        weir.start()
    lab.weirs.clear()
