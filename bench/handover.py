# SPDX-License-Identifier: BSD-3-Clause
"""The case hand-over: what handover.c measures, as rows."""
import subprocess
import time

import figures
import lab

CASE = "hand-over"
FLOWS, MEGABYTES = 1000, 256
ROUNDS_PER_SECOND = 2000  # about
MORE = 60  # cycles that a packet handed over may take beyond one of the worker's own


def intervals(text):
    """Lines of handover.c to two lists as of figures.intervals(), by kind."""
    found = {"own": [], "handed": []}
    for line in text.splitlines():
        kind, packets, first, second, probe = line.split()
        cycles = int(first) + int(second)
        found[kind].append({"n": int(packets), "cycles": cycles, "ticks": cycles,
                            "probe": int(probe)})
    return found


def row_of(options, folder, quiet, cpus):
    """Both workers on these CPUs, which may be the same."""
    path = f"{folder}/handover-{cpus[0]}-{cpus[1]}"
    rounds = int(options.seconds * ROUNDS_PER_SECOND)
    done = subprocess.run([f"{options.build}/bench/handover", str(cpus[0]), str(cpus[1]),
                           str(rounds), str(FLOWS), path],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise lab.Failed(f"handover ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    with open(path, encoding="ascii") as file:
        found = intervals(file.read())
    for some in found.values():
        quiet.learn(some)
    chosen = {kind: quiet.choose(some) for kind, some in found.items()}
    own, handed = (figures.summary(chosen[kind][0]) for kind in ("own", "handed"))
    return {
        "case": CASE, "flows": FLOWS, "cpus": len(set(cpus)),
        "own_cycles": round(own["median"], 1), "handed_cycles": round(handed["median"], 1),
        "more_cycles": round(handed["median"] - own["median"], 1),
        "own_spread": round(own["spread"], 3), "handed_spread": round(handed["spread"], 3),
        "samples": min(own["count"], handed["count"]),
        "quiet": all(undisturbed for _, undisturbed in chosen.values()),
    }


def rows(options, folder, hugepages, others):
    """With both workers on one CPU in turns, and on two. `others`: CPUs that may be used."""
    hugepages.want(MEGABYTES)
    since = time.monotonic()
    # The arithmetic of its probe is compiled by another compiler call: not the same figures.
    quiet = figures.Quiet(f"{options.build}/bench/probes-handover.json")
    found = [row_of(options, folder, quiet, (options.cpu, options.cpu))]
    if others:
        found.append(row_of(options, folder, quiet, (options.cpu, others[0])))
    print(f"{CASE}: {time.monotonic() - since:.0f} s", flush=True)
    return found


def print_rows(found):
    """For people."""
    for row in found:
        verdict = "reached" if row["more_cycles"] <= MORE else "MISSED"
        where = "one CPU in turns" if row["cpus"] == 1 else "two CPUs"
        print(f"\nhand-over, {where}: {row['own_cycles']:.0f} cycles a packet of the worker's own, "
              f"{row['handed_cycles']:.0f} of both\nwhere it is another's: "
              f"{row['more_cycles']:.0f} more, target {MORE}, {verdict}"
              f"{'' if row['quiet'] else ' (disturbed: compares with nothing)'}")
