# SPDX-License-Identifier: BSD-3-Clause
"""The case modes: what modes.c measures, against FullNAT of the same process."""
import statistics
import subprocess
import time

import figures
import lab

CASE = "modes"
FLOWS, VMS, MEGABYTES = 1000, 100_000, 256
ROUNDS_PER_SECOND = 60  # about


def intervals(text):
    """Lines of modes.c to lists as of figures.intervals(), by name."""
    found = {}
    for line in text.splitlines():
        name, packets, cycles, probe = line.split()
        found.setdefault(name, []).append({"n": int(packets), "cycles": int(cycles),
                                           "ticks": int(cycles), "probe": int(probe)})
    return found


def rows(options, folder, hugepages):
    """One row for each mode and direction."""
    hugepages.want(MEGABYTES)
    since, path = time.monotonic(), f"{folder}/modes"
    rounds = int(options.seconds * ROUNDS_PER_SECOND)
    done = subprocess.run([f"{options.build}/bench/modes", str(options.cpu), str(rounds),
                           str(FLOWS), str(VMS), path],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise lab.Failed(f"modes ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    with open(path, encoding="ascii") as file:
        found = intervals(file.read())
    quiet = figures.Quiet(f"{options.build}/bench/probes-modes.json")
    for some in found.values():
        quiet.learn(some)
    chosen = {name: quiet.choose(some) for name, some in found.items()}
    figure = {name: figures.summary(good) for name, (good, _) in chosen.items()}
    ceiling = figure.pop("ceiling")["median"]
    print(f"{CASE}: {time.monotonic() - since:.0f} s", flush=True)
    return [row_of(name, figure, ceiling, chosen) for name in figure]


def row_of(name, figure, ceiling, chosen):
    """Net of what sending alone costs, as make bench does it."""
    mode, direction = name.rsplit("-", 1)
    net, base = figure[name]["median"] - ceiling, figure[f"fullnat-{direction}"]["median"] - ceiling
    return {
        "case": CASE, "mode": mode, "flows": FLOWS, "direction": direction + "bound",
        "cycles_per_packet": round(figure[name]["median"], 1), "ceiling_cycles": round(ceiling, 1),
        "net_cycles": round(net, 1), "against_fullnat": round(net / base, 3),
        "spread": round(figure[name]["spread"], 3), "samples": figure[name]["count"],
        "quiet": all(chosen[one][1] for one in (name, f"fullnat-{direction}", "ceiling")),
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
