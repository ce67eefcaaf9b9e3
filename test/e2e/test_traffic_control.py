# SPDX-License-Identifier: BSD-3-Clause
"""Traffic control: what a client gets through a shaped or policed port, by every door.

That a rate is never exceeded is asked of weir's counters, over the time that the reader of them saw,
so that no pause of the machine matters; that it is reached, of the best of several tries.
"""

import json
import os
import re
import time

import pytest

from lab import BUILD, VIP, Refused, TwoArm, run, url, wait_for

SECONDS = 1
FRAME = 1514


class Shaped(TwoArm):
    """iperf3 on the first server, at two ports, so that there are two services to tell apart."""

    def __init__(self, workers):
        super().__init__(servers=1, queues=workers)
        for port in (5201, 5202):
            self.servers[0].start("iperf3", "-s", "-p", port)
            wait_for(lambda: self.servers[0].out("ss", "-Hltn", f"sport = :{port}"), 10, what="iperf3 listens")
        config = self.config(workers=workers)
        for protocol, port in (("tcp", 5201), ("tcp", 5202), ("udp", 5201)):
            config["services"].append({"protocol": protocol, "vip": VIP, "port": port, "scheduler": "rr", "servers": [
                {"address": "192.168.100.2", "port": port, "weight": 1}]})
        self.w = self.weir()
        self.w.config.update(config)
        self.w.start()
        self.workers = workers

    def mbit(self, port=5201, *words):
        """Of one run of iperf3, as the end that receives has it."""
        done = self.client.run("iperf3", "-c", VIP, "-p", port, "-t", SECONDS, "-J", *words, timeout=60, check=False)
        answer = json.loads(done.stdout)
        return answer["end"]["sum_received"]["bits_per_second"] / 1e6 if "sum_received" in answer.get("end", {}) else 0

    def queue(self, interface, handle):
        rows = self.w.get(f"/v1/traffic-control/{interface}")["queues"]
        return next(row for row in rows if row["handle"] == handle)

    def set(self, interface, *queues, classifiers=(), **more):
        self.w.put(f"/v1/traffic-control/{interface}",
                   {"queues": list(queues), "classifiers": list(classifiers), **more})

    def clear(self):
        for entry in self.w.get("/v1/traffic-control")["traffic_control"]:
            self.w.delete(f"/v1/traffic-control/{entry['interface']}")

    def measure(self, interface, handle, mbit, burst, *words, port=5201, low=0.75, high=1.0):
        """The rate is never exceeded, and the best of some tries comes near it."""
        seen = []
        for _ in range(5):
            begun = time.monotonic()
            before = self.queue(interface, handle)["bytes"]
            seen.append(self.mbit(port, *words))
            passed = self.queue(interface, handle)["bytes"] - before
            most = burst + mbit * 1e6 / 8 * (time.monotonic() - begun)
            assert passed <= most + FRAME, f"{passed} bytes, at most {most}"
            if low * mbit <= seen[-1] <= high * mbit:
                return
        raise AssertionError(f"none of {seen} Mbit/s is near {mbit}")


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def lab(make_lab, request):
    return make_lab(Shaped, request.param)


@pytest.fixture(autouse=True)
def clean(lab):
    yield
    lab.clear()


def tbf(mbit, burst, handle="root", **more):
    return {"handle": handle, "kind": "tbf", "rate": f"{mbit}m", "burst": burst, "latency": 50, **more}


def test_rate(lab):
    """Shaped towards the servers, the same for any number of workers; changed at run time."""
    lab.set("dpdk1", tbf(20, 20000))
    lab.measure("dpdk1", "root", 20, 20000, "-P", 2)
    lab.w.put("/v1/traffic-control/dpdk1/queues/root?change=1", {"rate": "80m", "burst": 80000, "latency": 50})
    lab.measure("dpdk1", "root", 80, 80000, "-P", 2)
    lab.w.delete("/v1/traffic-control/dpdk1")
    assert wait_for(lambda: lab.mbit() > 100, 30, what="the full rate")


def test_ingress(lab):
    """Policed where clients come in: what is above the rate is dropped, in whichever worker it is."""
    lab.set("dpdk0", tbf(20, 60000, "ingress"))
    lab.measure("dpdk0", "ingress", 20, 60000, "-P", 2, "-u", "-b", "20M", "-l", 1400)
    assert lab.w.drops()["traffic_policed"] > 0


def test_classes(lab):
    """One port of the service goes to the slow queue, the other is not slowed; then it is dropped."""
    lab.set("dpdk1", {"handle": "root", "kind": "pfifo_fast"},
            tbf(20, 20000, "1:"), classifiers=[{"queue": "root", "match": "tcp,to=0.0.0.0:5202", "target": "1:"}])
    lab.measure("dpdk1", "1:", 20, 20000, "-P", 2, port=5202)
    assert wait_for(lambda: lab.mbit() > 100, 30, what="a rate that is not slowed")
    lab.w.put("/v1/sets/slow", {"type": "hash:ip,port", "entries": ["192.168.100.2,tcp:5202"]})
    lab.set("dpdk1", {"handle": "root", "kind": "pfifo_fast"},
            classifiers=[{"queue": "root", "set": "slow,dst", "target": "drop"}])
    assert lab.mbit(5202, "--connect-timeout", "500") == 0 and lab.mbit() > 0
    with pytest.raises(Refused, match="referred to"):
        lab.w.delete("/v1/sets/slow")
    lab.clear()
    lab.w.delete("/v1/sets/slow")
    lab.set("dpdk1", {"handle": "root", "kind": "pfifo_fast"},
            classifiers=[{"queue": "root", "match": "tcp,to=0.0.0.0:5202,oif=dpdk1", "target": "drop"}])
    assert lab.mbit(5202, "--connect-timeout", "500") == 0
    assert lab.w.drops()["traffic_refused"] > 0 and lab.mbit() > 0


def test_input_interface(lab):
    """What leaves by one port is told apart by where it came in; frames of Linux came in nowhere."""
    fast = {"handle": "root", "kind": "pfifo_fast"}
    lab.set("dpdk1", fast, {"handle": "1:", "parent": "root", "kind": "pfifo", "limit": 1000},
            classifiers=[{"queue": "root", "match": "tcp,iif=dpdk0", "target": "1:"}])
    assert lab.mbit() > 0
    assert lab.queue("dpdk1", "1:")["packets"] > 100
    lab.set("dpdk1", fast, classifiers=[{"queue": "root", "match": "tcp,to=0.0.0.0:5202,iif=dpdk0", "target": "drop"}])
    assert lab.mbit(5202, "--connect-timeout", "500") == 0 and lab.mbit() > 0
    lab.set("dpdk1", fast, classifiers=[{"queue": "root", "match": "tcp,iif=dpdk1", "target": "drop"}])
    assert lab.mbit(5202) > 0
    with pytest.raises(Refused, match=r"classifiers\[0\].match.in.*there is no interface"):
        lab.set("dpdk1", fast, classifiers=[{"queue": "root", "match": "tcp,iif=dpdk9", "target": "drop"}])
    with pytest.raises(Refused, match=r"classifiers\[0\].match.out.*only for egress"):
        lab.set("dpdk1", {"handle": "ingress", "kind": "pfifo", "limit": 9},
                classifiers=[{"queue": "ingress", "match": "tcp,oif=dpdk1", "target": "drop"}])


def test_limit(lab):
    """A pfifo of three packets in front of a slow parent: more does not wait, and is counted."""
    lab.set("dpdk1", tbf(1, 2000), {"handle": "1:", "parent": "root", "kind": "pfifo", "limit": 3},
            classifiers=[{"queue": "root", "match": "udp", "target": "1:"}])
    before = lab.w.drops().get("traffic_queue_full", 0)
    sock = lab.client.socket(kind=2)
    most = 0

    def full():
        nonlocal most
        for _ in range(50):
            sock.sendto(b"x" * 1400, (VIP, 5353))
        row = lab.queue("dpdk1", "1:")
        most = max(most, row["backlog_packets"])
        return row["dropped"] >= 20
    with sock:
        wait_for(full, 20, what="packets beyond the limit")
    assert 1 <= most <= 3
    assert lab.w.drops()["traffic_queue_full"] - before >= 20
    wait_for(lambda: lab.queue("dpdk1", "1:")["backlog_packets"] == 0, 20, what="the queue is empty")


def test_doors_and_restart(lab):
    """By dpip, listed as DPVS lists it; over a restart; by the file."""
    def dpip(*words, code=0):
        done = run(BUILD / "cli/dpip", *words, check=False, env={**os.environ, "WEIR_SOCKET": str(lab.w.socket)})
        assert done.returncode == code, done.stderr
        return done.stdout

    dpip("link", "set", "dpdk1", "tc-egress", "on")
    dpip("qsch", "add", "dev", "dpdk1", "root", "pfifo_fast")
    dpip("qsch", "add", "dev", "dpdk1", "handle", "1:", "parent", "root", "tbf", "rate", "5g", "burst", "200000",
         "latency", "2ms")
    dpip("cls", "add", "dev", "dpdk1", "qsch", "root", "match", "pattern", "tcp,to=:80,oif=dpdk1", "target", "1:")
    listed = ("qsch pfifo_fast root dev dpdk1 parent 0: flags 0x0 cls 1 bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1\n"
              "qsch tbf 1: dev dpdk1 parent root flags 0x0 cls 0 rate 5.00Gbps burst 200000B limit 1250000B\n")
    assert dpip("qsch", "show", "dev", "dpdk1") == listed
    classifier = ("cls match 8001: dev dpdk1 qsch root pkttype 0x0800 prio 0 "
                  "TCP,to=0.0.0.0-0.0.0.0:80-80,oif=dpdk1 target 1:\n")
    assert dpip("cls", "show", "dev", "dpdk1", "qsch", "root") == classifier
    assert " tc-egress" in dpip("link", "show", "dpdk1")
    assert lab.client.curl(url(VIP)).returncode == 0
    assert lab.queue("dpdk1", "1:")["packets"] > 0
    sent = dpip("qsch", "-s", "show", "dev", "dpdk1", "handle", "1:").splitlines()[1]
    assert re.fullmatch(r" Sent \d+ bytes [1-9]\d* pkts \(dropped 0, overlimits 0 requeues 0\)", sent)
    assert 'weir_traffic_packets_total{interface="dpdk1",queue="1:"}' in lab.w.get("/metrics")
    assert dpip("link", "set", "dpdk1", "tc-egress", "off") == ""
    assert " tc-egress" not in dpip("link", "show", "dpdk1")
    dpip("link", "set", "dpdk1", "tc-egress", "on")
    lab.w.stop()
    lab.w.start()
    assert dpip("qsch", "show", "dev", "dpdk1") == listed and dpip("cls", "show", "dev", "dpdk1") == classifier
    dpip("qsch", "del", "dev", "dpdk1", "root")
    assert dpip("qsch", "show", "dev", "dpdk1") == dpip("cls", "show", "dev", "dpdk1") == ""
    config = {**lab.w.config, "traffic_control": [{"interface": "dpdk0", "queues": [tbf(3, 30000)]}]}
    lab.w.put("/v1/config", config)
    assert lab.queue("dpdk0", "root")["rate"] == 3000000
    with pytest.raises(Refused, match=r"traffic_control\[0\].queues\[0\].burst"):
        lab.w.put("/v1/config", {**config, "traffic_control": [{"interface": "dpdk0", "queues": [tbf(3, 30)]}]})
    lab.w.put("/v1/config", {**config, "traffic_control": []})
    assert lab.w.get("/v1/traffic-control") == {"traffic_control": []}
