# SPDX-License-Identifier: BSD-3-Clause
"""From samples to figures."""
import json
import pathlib
import statistics

QUIET = 1.10  # a probe at most this much slower than the fastest of the run


def intervals(samples, phase, skip_seconds, tsc_hz, counted="received"):
    """What happened between neighbouring samples of one phase, without its first seconds.

    Each: n (packets or connections), cycles (of CPU time, in TSC ticks), ticks (wall), probe."""
    out = []
    start = None
    for a, b in zip(samples, samples[1:]):
        if a["phase"] != phase or b["phase"] not in (phase, 0):
            start = None
            continue
        if start is None:
            start = a["tsc"]
        n = b[counted] - a[counted]
        cpu = b["cpu"] - a["cpu_end"]
        if n <= 0 or cpu <= 500_000 or a["tsc"] - start < skip_seconds * tsc_hz:
            continue
        out.append({"n": n, "cycles": cpu * tsc_hz / 1e9, "ticks": b["tsc"] - a["tsc_end"],
                    "probe": max(a["probe"], b["probe"])})
    return out


class Quiet:
    """Which intervals no neighbour disturbed: judged by the fastest probe of this machine so far,
    which is kept in a file, since a whole bench may be disturbed."""

    ENOUGH = 40

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.probes = json.loads(self.path.read_text()) if self.path.exists() else []

    def learn(self, found):
        """Take the probes of some intervals into account."""
        self.probes = sorted(self.probes + [one["probe"] for one in found])[:100]
        self.path.write_text(json.dumps(self.probes))

    def limit(self):
        """The slowest probe that is quiet."""
        # The very fastest may be an outlier: the tenth of all.
        return QUIET * self.probes[min(10, len(self.probes) - 1)] if self.probes else 0

    def choose(self, found):
        """The quiet ones; all of them, and False, when there are too few to speak of."""
        limit = self.limit()
        good = [one for one in found if one["probe"] <= limit]
        return (good, True) if len(good) >= 10 else (found, False)

    def enough(self, found):
        """Are there so many that more would not change the median?"""
        good, quiet = self.choose(found)
        return quiet and len(good) >= self.ENOUGH


def summary(found):
    """Median cycles of one packet, and how far the 10th and 90th percentiles are apart."""
    if not found:
        return None
    each = sorted(one["cycles"] / one["n"] for one in found)
    median = statistics.median(each)
    low, high = each[len(each) // 10], each[len(each) * 9 // 10]
    busy = sum(one["cycles"] for one in found) / sum(one["ticks"] for one in found)
    return {"median": median, "spread": (high - low) / median, "low": low, "count": len(each),
            "cpu_share": busy}


# At most so many net cycles of a 2.7 GHz TSC for FullNAT over TCP, by flows.
NET_CYCLES = {1_000: (85, 60), 100_000: (120, 90), 1_000_000: (185, 120)}
TARGET_GHZ = 2.7
CONNECTIONS = (2.0, 4.0)  # millions a second, at a million live sessions
SESSION_BYTES = 110
SERVICES_SPREAD = 0.15
# Net cycles as a multiple of those of FullNAT over IPv4, same flows, direction and run.
MODES = {"nat": 1.2, "dr": 1.2, "tunnel": 1.2, "snat": 1.2, "nat64": 1.4, "vxlan": 1.5}
IPV6 = 1.4  # at a million flows
# Of what turns.c measures, by case and kind: at least so many millions of packets a second of one
# worker, at the clock of this machine; and at most so many cycles more than the same without.
MPPS = {("cookies", "syn"): 10, ("cookies", "syn-ipv6"): 10,
        ("cookies", "ack"): 10, ("cookies", "ack-ipv6"): 10,
        ("acl", "denied-to-24"): 20, ("acl", "denied-beyond-24"): 20, ("acl", "denied-ipv6"): 20}
NOTHING = 2  # cycles that differ between two kinds with the same code, on a quiet machine
MORE = {("cookies", "syn-proxy-in"): 25, ("cookies", "syn-proxy-out"): 25,
        ("acl", "new-to-24"): 50, ("acl", "new-beyond-24"): 100, ("acl", "new-ipv6-list"): 200,
        ("client-address", "toa-in"): NOTHING, ("client-address", "toa-out"): NOTHING,
        ("client-address", "proxy-in"): NOTHING, ("client-address", "proxy-out"): NOTHING}
CHANGE_MS = 10  # one prefix of an access list


def judge(row):
    """Targets that apply to a row: name, figure, target, aim, unit, ratio above 1 when missed."""
    out = []
    if row["case"] == "fullnat" and row["flows"] in NET_CYCLES and row["net_cycles"]:
        target, aim = NET_CYCLES[row["flows"]]
        name = f"{row['flows']} flows {row['direction']}"
        out.append((f"net cycles, {name}", row["net_cycles"], target, aim, "",
                    row["net_cycles"] / target))
        out.append((f"net time, {name}", row["net_ns"], target / TARGET_GHZ, aim / TARGET_GHZ,
                    "ns", row["net_ns"] / (target / TARGET_GHZ)))
    if row["case"] == "connections" and row["flows"] == 1_000_000:
        target, aim = CONNECTIONS
        out.append(("new connections", row["connections_mps"], target, aim, "M/s",
                    target / row["connections_mps"]))
    if row["bytes_per_session"] and row["case"].startswith(("fullnat", "zipf")) \
            and row["family"] == 4 and row["flows"] >= 1_000_000 and row["direction"] == "inbound":
        out.append((f"bytes per session, {row['case']} {row['flows']}", row["bytes_per_session"],
                    SESSION_BYTES, SESSION_BYTES, "B", row["bytes_per_session"] / SESSION_BYTES))
    return out


def judge_services(rows):
    """Flat over the number of services: slowest against fastest, by direction."""
    out = []
    for direction in ("inbound", "outbound"):
        cycles = [row["cycles_per_packet"] for row in rows if row["case"] == "services"
                  and row["direction"] == direction and row["cycles_per_packet"]]
        if len(cycles) > 1:
            found = max(cycles) / min(cycles) - 1
            out.append((f"spread over services, {direction}", 100 * found, 100 * SERVICES_SPREAD,
                        100 * SERVICES_SPREAD, "%", found / SERVICES_SPREAD))
    return out


def judge_modes(rows):
    """Every mode against FullNAT of the same run, where neither row was disturbed."""
    rows = [row for row in rows if row["quiet"]]
    base = {(row["flows"], row["direction"]): row["net_cycles"] for row in rows
            if row["case"] == "fullnat" and row["net_cycles"] > 0}
    out = []
    for row in rows:
        allowed = MODES.get(row["case"])
        if row["case"] == "fullnat6" and row["flows"] == 1_000_000:
            allowed = IPV6
        against = base.get((row["flows"], row["direction"]))
        if allowed and against:
            found = row["net_cycles"] / against
            out.append((f"{row['case']} against fullnat, {row['flows']} {row['direction']}",
                        100 * found, 100 * allowed, 100 * allowed, "%", found / allowed))
    return out
