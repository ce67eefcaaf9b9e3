# SPDX-License-Identifier: BSD-3-Clause
"""The case modes: what modes.c measures, against FullNAT of the same process."""
import figures
from turns import FORWARDED, Turns

CASE = "modes"
FLOWS, VMS = 1000, 100_000
ROUNDS_PER_SECOND = 60  # about


def rows(options, folder, hugepages):
    """One row for each mode and direction."""
    turns = Turns(options, folder, hugepages, "modes", ROUNDS_PER_SECOND, FLOWS, VMS)
    return [row_of(turns, name) for name in turns.found if not name.startswith(FORWARDED)]


def row_of(turns, name):
    """Net of what sending alone costs, as make bench does it."""
    mode, direction = name.rsplit("-", 1)
    fullnat, ceiling = f"fullnat-{direction}", turns.summary[FORWARDED]["median"]
    mine = turns.summary[name]
    net, base = mine["median"] - ceiling, turns.summary[fullnat]["median"] - ceiling
    return {
        "case": CASE, "mode": mode, "flows": FLOWS, "direction": direction + "bound",
        "cycles_per_packet": round(mine["median"], 1), "ceiling_cycles": round(ceiling, 1),
        "net_cycles": round(net, 1), "against_fullnat": round(net / base, 3),
        "spread": round(mine["spread"], 3), "samples": mine["count"],
        "quiet": turns.undisturbed(name, fullnat, FORWARDED),
    }


def print_rows(found):
    """For people."""
    if found:
        print(f"\nmodes in turns in one process, {FLOWS:,} flows each, without a device "
              "(net of sending alone):")
    for row in found:
        allowed = figures.MODES.get(row["mode"])
        verdict = ""
        if allowed:
            verdict = f"  allowed {allowed:.0%}, " + (
                "reached" if row["against_fullnat"] <= allowed else "MISSED")
        print(f"  {row['mode']:9} {row['direction']:9} {row['net_cycles']:6.1f} net cycles, "
              f"{row['against_fullnat']:5.0%} of FullNAT's, spread {row['spread']:.0%}"
              f"{verdict}{'' if row['quiet'] else ' (disturbed: compares with nothing)'}")
