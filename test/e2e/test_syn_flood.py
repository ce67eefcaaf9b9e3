# SPDX-License-Identifier: BSD-3-Clause
"""A flood of SYNs: the SYN proxy comes on by itself, clients go on, and it goes off again."""

import pytest

from flood_lab import FloodLab
from lab import VIP, Refused, wait_for
from routing_lab import RequestProbe

SERVICE = f"/v1/services/tcp/{VIP}/80"
RATE = 5000


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab(FloodLab, 20_000, syn_proxy={"service_rate": 500, "node_rate": 100_000, "quiet": 1})


def counter(lab, name):
    return lab.w.table("worker")[0][name]


def test_automatic(lab):
    """No cookie in peace; on above the rate, off when it is over; clients do not notice any of it."""
    lab.w.patch(SERVICE, {"syn_proxy": "auto"})
    assert lab.w.get(SERVICE)["syn_proxy"] == "auto" and lab.w.get(SERVICE)["syn_proxy_on"] is False
    probe = RequestProbe(lab.client, VIP, 80, interval=0.02, timeout=5.0)
    probe.wait(20)
    assert counter(lab, "syn_cookies_sent") == 0
    flood = lab.flood(rate=RATE)
    wait_for(lambda: lab.w.get(SERVICE)["syn_proxy_on"], what="the SYN proxy is on")
    cookies = counter(lab, "syn_cookies_sent")
    probe.wait(50)
    wait_for(lambda: counter(lab, "syn_cookies_sent") > cookies + RATE / 2, what="cookies")
    accepted = counter(lab, "syn_cookies_accepted")
    assert accepted > 0
    lab.flood_end(flood)
    wait_for(lambda: not lab.w.get(SERVICE)["syn_proxy_on"], 20, what="the SYN proxy is off again")
    probe.wait(20)
    lost = probe.stop().lost()
    assert not lost, [r.error for r in lost]
    log = lab.w.log.read_text()
    assert "SYN proxy of tcp 10.0.0.100:80: on" in log and "SYN proxy of tcp 10.0.0.100:80: off" in log, log


def test_full(lab):
    """A node's rate that is never reached: the worker's own share of half-open sessions is enough."""
    lab.w.patch(SERVICE, {"syn_proxy": "auto"})
    lab.w.put("/v1/config", {**lab.w.get("/v1/config"),
                             "syn_proxy": {"service_rate": 1_000_000, "node_rate": 1_000_000, "quiet": 1}})
    flood = lab.flood(rate=4 * RATE)
    wait_for(lambda: counter(lab, "half_open") >= 10_000, 20, what="half-open sessions have their share")
    cookies = counter(lab, "syn_cookies_sent")
    wait_for(lambda: counter(lab, "syn_cookies_sent") > cookies + RATE, what="cookies")
    assert not lab.w.get(SERVICE)["syn_proxy_on"]
    probe = RequestProbe(lab.client, VIP, 80, interval=0.02, timeout=5.0)
    probe.wait(50)
    lost = probe.stop().lost()
    lab.flood_end(flood)
    assert not lost, [r.error for r in lost]


def test_refused(lab):
    config = lab.w.get("/v1/config")
    for settings, wrong in (({"service_rate": 1}, "syn_proxy.service_rate.*10 to"), ({"quiet": 0}, "syn_proxy.quiet"),
                            ({"rate": 5}, "syn_proxy.rate")):
        with pytest.raises(Refused, match=wrong):
            lab.w.put("/v1/config", {**config, "syn_proxy": settings})
    with pytest.raises(Refused, match="syn_proxy.*true, false or"):
        lab.w.patch(SERVICE, {"syn_proxy": "sometimes"})
