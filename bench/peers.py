# SPDX-License-Identifier: BSD-3-Clause
"""The case bfd: many BFD sessions on a worker that is nearly as busy as it can be."""
import time

import control
import figures
import lab

CASE = "bfd"
SESSIONS, LOAD, FLOWS = 1000, 0.9, 1000
MULTIPLIER = 3
UP_SECONDS = 30


def measure(run):
    """At first the load that is all, then LOAD of it beside the sessions, and what these did."""
    found = figures.intervals(run.slice(run.weir, control.INBOUND, 1.0), control.INBOUND, 0.2,
                              run.weir.state()["tsc_hz"])
    full = figures.summary(found)
    run.weir.pace(full["median"] / LOAD)  # CPU time: neighbours may leave less
    run.weir.enter(control.PEERS)
    since = time.monotonic()
    while run.weir.state()["peers_up"] < SESSIONS or sessions_up(run) < SESSIONS:
        run.weir.check_alive()
        if time.monotonic() - since > UP_SECONDS:
            raise lab.Failed(f"only {run.weir.state()['peers_up']} of {SESSIONS} sessions came up "
                             f"in {UP_SECONDS} s; {run.daemon.drops()}")
        time.sleep(0.05)
    came_up = time.monotonic() - since
    run.weir.mark()
    events = changes(run)
    before, begin = run.weir.state(), time.monotonic()
    time.sleep(max(5.0, run.options.seconds))
    after, seconds = run.weir.state(), time.monotonic() - begin
    row = row_of(run, before, after, seconds, full, changes(run) - events)
    row["up_seconds"] = round(came_up, 2)
    run.weir.rest()
    return row


def changes(run):
    """How often a session of weir has changed its state."""
    return sum(session["changes"] for session in run.daemon.get("/v1/bfd")["sessions"])


def sessions_up(run):
    """Both ends have to say so."""
    return sum(session["state"] == "up" for session in run.daemon.get("/v1/bfd")["sessions"])


def row_of(run, before, after, seconds, full, changed):
    """Times in milliseconds."""
    hz = after["tsc_hz"]
    packets = after["received_client"] - before["received_client"]
    return {
        "case": CASE, "flows": FLOWS, "sessions": SESSIONS, "interval_ms": run.plan.PEER_MS,
        "multiplier": MULTIPLIER, "seconds": round(seconds, 1),
        "flaps": after["peers_flaps"], "weir_changes": changed, "up": after["peers_up"],
        "longest_gap_ms": round(after["peers_gap"] / hz * 1000, 1),
        "longest_stall_ms": round(after["peers_stall"] / hz * 1000, 1),
        "bfd_in_per_second": round((after["peers_given"] - before["peers_given"]) / seconds),
        "bfd_out_per_second": round((after["peers_got"] - before["peers_got"]) / seconds),
        "mpps": round(packets / seconds / 1e6, 2),
        "load": round(packets / seconds * full["median"] / hz, 3),
        "tsc_hz": hz,
    }


def print_rows(found):
    """For people."""
    for row in found:
        flaps = max(row["flaps"], row["weir_changes"])
        verdict = "reached" if flaps == 0 and row["up"] == row["sessions"] else "MISSED"
        print(f"\nBFD, {row['sessions']:,} sessions at {row['multiplier']} x {row['interval_ms']} ms "
              f"for {row['seconds']:.0f} s beside {row['mpps']:.2f} Mpps of FullNAT "
              f"({row['load']:.0%} of what the worker can):\n  {flaps} flaps ({verdict}), longest "
              f"gap between two packets of a session {row['longest_gap_ms']:.1f} ms of "
              f"{row['multiplier'] * row['interval_ms']},\n  the worker had no CPU for at most "
              f"{row['longest_stall_ms']:.1f} ms; {row['bfd_out_per_second']:,} packets of BFD a second "
              f"out, {row['bfd_in_per_second']:,} in")
