#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What weir-checker costs: bench/checker.py [SERVERS [SECONDS]] (10,000 and 20), as root.

A weir in a network namespace, SERVERS addresses on that namespace's loopback with one nginx for them all, and a TCP
check of each in 5 seconds. Prints the processor time of the checker and of weir as a share of one CPU. The checker
pays here for the server's half of each connection too: packets on a loopback are handled by whoever sends them.
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("WEIR_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "test/e2e"))

import lab as labs  # noqa: E402  (its folder is known only now)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:13]]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    lab = labs.Lab()
    try:
        host, peer = lab.host("weir"), lab.host("peer")
        lab.link(peer, "eth0", host, "in0")
        lab.nginx(host)
        host.ip("route", "add", "local", "10.77.0.0/16", "dev", "lo")
        services = [{"vip": "10.0.0.100", "port": port, "check": {"type": "tcp"}, "servers": [
            {"address": f"10.77.{n >> 8}.{n & 255}", "port": 80}
            for n in range(1 + 4000 * port, 1 + min(4000 * (port + 1), count))]}
            for port in range(0, (count + 3999) // 4000)]
        for service in services:
            service["port"] += 1
        weir = labs.Weir(lab, host, {
            "ports": [{"name": "dpdk0", "device": "in0", "addresses": ["10.0.0.1/24"]}],
            "local_addresses": [{"address": "10.0.0.200", "interface": "dpdk0"}], "services": services}).start()
        checker = host.start(labs.BUILD / "checker/weir-checker", "-s", weir.socket, log=lab.folder / "checker.log")
        known = sum(len(service["servers"]) for service in services)
        labs.wait_for(lambda: sum(row["state"] == "up" for row in weir.get("/v1/checks")["checks"]) == known, 60, 1,
                      what=lambda: Counter((row["state"], row.get("result")) for row in weir.get("/v1/checks")["checks"]))
        was, was_weir, begin = cpu_seconds(checker.pid), weir.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        spent = time.monotonic() - begin
        user, system = ((now - then) / spent for now, then in zip(cpu_seconds(checker.pid), was))
        print(json.dumps({
            "servers": known, "checks_per_second": known / 5, "checker_percent": round(100 * (user + system), 2),
            "of_it_user": round(100 * user, 2),
            "weir_percent": round(100 * (weir.cpu_seconds() - was_weir) / spent, 2)}))
    finally:
        lab.close()


if __name__ == "__main__":
    main()
