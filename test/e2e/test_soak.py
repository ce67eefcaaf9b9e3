# SPDX-License-Identifier: BSD-3-Clause
"""
Only by `make soak`: an hour (WEIR_SOAK_SECONDS) of traffic while everything is changed all the time.
Nothing may fail, and nothing may grow.
"""

import os
import random
import re
import threading
import time
from pathlib import Path

import pytest

from lab import VIP, VIP6, Keep, TwoArm, server_address, server_address6, wait_for

SECONDS = int(os.environ.get("WEIR_SOAK_SECONDS", 3600))


def resident(weir):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{weir.pid}/status").read_text())[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_hours_of_change(make_lab, workers):
    lab = make_lab(TwoArm, servers=3)
    w = lab.weir(workers=workers, timeouts={"udp_one_way": 20, "udp_normal": 20}).start()
    kept = [Keep(lab.client, vip) for vip in (VIP, VIP6) for _ in range(20)]
    end = time.monotonic() + SECONDS / 2
    failures, totals = [], {"connections": 0, "changes": 0, "echoes": 0}

    def load(vip):
        while time.monotonic() < end:
            figures = lab.client.connections(vip, random.choice((80, 81)), 5000, 32)
            totals["connections"] += figures["done"]
            if figures["failed"] or figures["slow"]:
                failures.append(figures)

    def echoes():
        while time.monotonic() < end:
            for vip in (VIP, VIP6):
                if not lab.client.udp_ask(vip, 5353, "x"):
                    failures.append(f"no echo from {vip}")
                totals["echoes"] += 1

    def change():
        while time.monotonic() < end:
            vip, address = random.choice(((VIP, server_address), (VIP6, server_address6)))
            server = f"/v1/services/tcp/{vip}/80/servers/{address(3)}/80"
            w.patch(server, {"weight": random.choice((0, 1, 5))})
            w.patch(f"/v1/services/tcp/{vip}/80", {"scheduler": random.choice(("rr", "wrr", "wlc"))})
            w.delete(server)
            time.sleep(random.random() / 10)
            w.put(server, {"weight": 1})
            w.ctl("apply", "-f", w.file)
            lab.balancer.ip("route", "replace", f"10.66.{random.randrange(256)}.0/24", "via", "192.168.100.2",
                            "dev", "dpdk1.kni")
            totals["changes"] += 5

    def guarded(function, *arguments):
        try:
            function(*arguments)
        except BaseException as error:  # shown by the assertion below
            failures.append(repr(error))

    threads = [threading.Thread(target=guarded, args=entry)
               for entry in ((load, VIP), (load, VIP6), (echoes,), (change,))]
    for thread in threads:
        thread.start()
    time.sleep(min(60, SECONDS / 10))
    settled = resident(w)
    while time.monotonic() < end and not failures:
        for keep in kept:
            assert keep.ask() == keep.name
        time.sleep(5)
    for thread in threads:
        thread.join()
    print(totals, f"resident {settled} kB, then {resident(w)} kB")
    assert not failures, failures[:5]
    assert resident(w) < settled * 1.2 + 20000
    for keep in kept:
        keep.close()
    wait_for(lambda: sum(row["sessions"] + row["sessions_wide"] for row in w.table("worker")) == 0, 150, 1,
             what="all sessions are over")
