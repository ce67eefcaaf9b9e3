# SPDX-License-Identifier: BSD-3-Clause
"""What follows BFD sessions: a real server, and the announcement of VIPs. BIRD is the peer on s1 and on the client.

  br0 -- client, [weir] dpdk0, s1, s2
"""

import signal
import socket
import time

import pytest
from lab import VIP, VIP6, OneArm, Refused, Weir, wait_for

WEIR, S1, CLIENT = "10.0.0.1", "10.0.0.11", "10.0.0.2"
INTERVAL = 500  # milliseconds: what a pause of the machine does not reach is 3 of them


def bird_text(local):
    return f"""
router id {local};
protocol device {{ scan time 1; }}
protocol bfd {{
  interface "eth0" {{ min rx interval 100 ms; min tx interval 100 ms; idle tx interval 100 ms;
    multiplier 3; }};
  neighbor {WEIR} dev "eth0" local {local};
}}
"""


class GateLab(OneArm):
    def __init__(self):
        super().__init__()
        self.birds = {S1: self.bird(self.servers[0], bird_text(S1)), CLIENT: self.bird(self.client, bird_text(CLIENT))}

    def gated(self, quorum=1):
        config = self.config()
        for service in config["services"]:
            service["announce"] = True
            for server in service["servers"]:
                if server["address"] == S1:
                    server["bfd"] = S1
        config["ports"][0]["addresses"] = [f"{WEIR}/24", "fd00:a::1/64"]
        config["bfd"] = {"sessions": [{"peer": peer, "interval": INTERVAL} for peer in (S1, CLIENT)]}
        config["announce"] = {"linger": 0, "bfd": {"sessions": [S1, f"single_hop/{CLIENT}"], "quorum": quorum}}
        return config

    def state(self, peer):
        return self.w.get(f"/v1/bfd/sessions/single_hop/{peer}")["state"]

    def server(self, number, *arguments):
        if arguments:
            return super().server(number, *arguments)
        servers = self.w.get(f"/v1/services/tcp/{VIP}/80")["servers"]
        return next(row for row in servers if row["address"] == f"10.0.0.{10 + number}")

    def announced(self):
        rows = self.w.get("/v1/announcements")["announcements"]
        return {row["vip"] for row in rows if row["state"] == "announced"}, rows[0]["reason"]


@pytest.fixture(scope="module")
def gate(make_lab):
    lab = make_lab(GateLab)
    lab.w = Weir(lab, lab.balancer, lab.gated()).start()
    wait_for(lambda: lab.state(S1) == lab.state(CLIENT) == "up", what="both sessions are up")
    wait_for(lambda: lab.announced()[0] == {VIP, VIP6}, what="the VIPs are announced")
    return lab


def test_server_follows(gate):
    """BIRD on s1 stands still, nginx does not: no check would see it. The server goes, and comes back."""
    assert set(gate.client.names(VIP, count=6)) == {"s1", "s2"}
    assert gate.server(1)["bfd"] == f"single_hop/{S1}" and gate.server(1)["bfd_state"] == "up"
    gate.birds[S1].process.send_signal(signal.SIGSTOP)
    wait_for(lambda: gate.server(1).get("health") == "down", what="s1 is down")
    assert gate.client.names(VIP, count=6) == ["s2"] * 6
    row = next(row for row in gate.w.table("check") if row["address"] == S1)
    assert row["state"] == "down" and "control detection time expired" in row["reason"]
    assert f'weir_server_up{{protocol="tcp",vip="{VIP}",port="80",server="{S1}",server_port="80"}} 0' in \
        gate.w.get("/metrics")
    assert "health" not in gate.server(2)
    gate.birds[S1].process.send_signal(signal.SIGCONT)
    wait_for(lambda: gate.server(1).get("health") != "down", what="s1 is up")
    assert set(gate.client.names(VIP, count=6)) == {"s1", "s2"}


def test_a_check_that_succeeds_brings_nothing_up(gate):
    """What the session says and what a check says are two words, and both have to be good."""
    gate.birds[S1].process.send_signal(signal.SIGSTOP)
    wait_for(lambda: gate.server(1)["bfd_state"] == "down", what="s1 is down")
    gate.w.put(f"/v1/services/tcp/{VIP}/80/servers/{S1}/80/health", {"state": "up", "reason": "by hand"})
    assert gate.server(1)["health"] == "down" and gate.client.names(VIP, count=6) == ["s2"] * 6
    gate.birds[S1].process.send_signal(signal.SIGCONT)
    wait_for(lambda: gate.server(1)["bfd_state"] == "up", what="s1 is up")
    assert set(gate.client.names(VIP, count=6)) == {"s1", "s2"}


def test_drain_says_nothing_of_servers(gate):
    """A drained node is administratively down to its peers, and serves what still comes, by all servers."""
    gate.w.ctl("drain")
    wait_for(lambda: gate.state(S1) == "admin-down", what="the session is down by this end")
    assert gate.announced()[0] == set()
    assert set(gate.client.names(VIP, count=6)) == {"s1", "s2"}
    gate.w.ctl("undrain")
    assert gate.server(1)["bfd_state"] == "up"
    wait_for(lambda: gate.announced()[0] == {VIP, VIP6}, what="the VIPs are announced again")


def test_announcement_follows(gate):
    """Both sessions are asked for by a new file: one that goes takes the VIPs with it, until it is back."""
    applied = gate.w.ctl("apply", "-f", gate.w.write({**gate.w.config, **gate.gated(quorum=2)})).stdout
    assert "announce" in applied
    wait_for(lambda: gate.announced()[0] == {VIP, VIP6}, what="both sessions are up")
    gate.birds[CLIENT].process.send_signal(signal.SIGSTOP)
    wait_for(lambda: gate.announced()[0] == set(), what="the VIPs are withdrawn")
    reason = f"1 of 2 BFD sessions are up, 2 are needed: single_hop/{CLIENT} is not"
    wait_for(lambda: gate.announced()[1] == reason, what=lambda: gate.announced()[1])
    assert VIP not in gate.balancer.ip("-br", "address", "show", "dev", "weir.vip")
    wait_for(lambda: any(reason in text for text in gate.w.get("/v1/status")["reasons"]), what="it is degraded")
    # The gate does not isolate the node: its own sessions go on, or none would ever come up again.
    assert gate.state(S1) == "up"
    gate.birds[CLIENT].process.send_signal(signal.SIGCONT)
    wait_for(lambda: gate.announced()[0] == {VIP, VIP6}, what="the VIPs are back")
    assert VIP in gate.balancer.ip("-br", "address", "show", "dev", "weir.vip")


def test_flood(gate):
    """
    Small packets without pause into the queue that a session's packets come by, at 3 x 300 ms: it does not flap.
    So many at a time as the queue holds, so that none is lost before weir has seen it.
    """
    gate.w.put(f"/v1/bfd/sessions/single_hop/{S1}", {"interval": 300})
    session = wait_for(lambda: (s := gate.w.get(f"/v1/bfd/sessions/single_hop/{S1}"))["interval_us"] == 300000 and
                       s["state"] == "up" and s, what="the interval was agreed on")
    flooder = gate.client.socket(kind=socket.SOCK_DGRAM)

    def received():
        return gate.w.table("worker")[0]["packets"]

    sent, begin = 0, time.monotonic()
    # Ten detection times, however slow the machine is.
    while time.monotonic() < begin + 9 * 0.3 or sent < 20000:
        before = received()
        for _ in range(1000):
            flooder.sendto(b"x", (WEIR, 9))
        sent += 1000
        wait_for(lambda: received() >= before + 1000, what="weir has seen them all")
    flooder.close()
    after = gate.w.get(f"/v1/bfd/sessions/single_hop/{S1}")
    assert after["state"] == "up" and after["changes"] == session["changes"]
    assert after["received"] > session["received"] and after["sent"] > session["sent"]
    gate.w.put(f"/v1/bfd/sessions/single_hop/{S1}", {"interval": INTERVAL})


def test_doors(gate):
    """By weirctl and REST; a name that is none is refused with its field; a session that is not there is down."""
    gate.w.ctl("server", "set", "tcp", f"{VIP}:80", "10.0.0.12:80", "--bfd", "multihop/192.0.2.9")
    wait_for(lambda: gate.server(2)["bfd_state"] == "down", what="no such session")
    row = next(row for row in gate.w.table("check") if row["address"] == "10.0.0.12")
    assert row["reason"] == "there is no BFD session multihop/192.0.2.9"
    gate.w.patch(f"/v1/services/tcp/{VIP}/80/servers/10.0.0.12/80", {"bfd": None})
    wait_for(lambda: "bfd" not in gate.server(2), what="it follows none")
    assert set(gate.client.names(VIP, count=6)) == {"s1", "s2"}
    for bfd in ("nobody", "echo/10.0.0.11", "multihop/10.0.0.11@5", 5):
        with pytest.raises(Refused) as refused:
            gate.w.patch(f"/v1/services/tcp/{VIP}/80/servers/10.0.0.12/80", {"bfd": bfd})
        assert refused.value.error["field"] == "bfd"
    for gates, field in (({"sessions": [S1], "quorum": 2}, "announce.bfd.quorum"),
                         ({"sessions": [S1, S1]}, "announce.bfd.sessions[1]"),
                         ({"sessions": [None]}, "announce.bfd.sessions[0]"), ({}, "announce.bfd.sessions")):
        kept = gate.w.config
        file = gate.w.write({**kept, "announce": {"bfd": gates}})
        refused = gate.w.ctl("apply", "-f", file, check=False)
        gate.w.write(kept)
        assert refused.returncode and field in refused.stderr
