# SPDX-License-Identifier: BSD-3-Clause
"""Running a program of turns.c, and rows out of the lines that it writes."""
import collections
import statistics
import subprocess
import time

import figures
import lab

MEGABYTES = 256  # of hugepages
FORWARDED, DROPPED = "ceiling", "ceiling-drop"
LINES = 10  # of each kind in a round, as in turns.c
ENOUGH = 10  # rounds in which two kinds were quiet

# One kind of packets. `base`: the kind that it is compared with. `ceiling`: what alone is taken off.
Kind = collections.namedtuple("Kind", "name what base ceiling", defaults=("", FORWARDED))


def read(text):
    """Lines of turns.c to lists as of figures.intervals(), by name; and the figures among them."""
    found, single = {}, {}
    for line in text.splitlines():
        name, *values = line.split()
        if name.startswith("@"):
            single[name[1:]] = float(values[0])
            continue
        packets, cycles, probe = map(int, values)
        found.setdefault(name, []).append({"n": packets, "cycles": cycles, "ticks": cycles,
                                           "probe": probe})
    return found, single


class Turns:
    """What one run of a program has found."""

    def __init__(self, options, folder, hugepages, program, rounds_per_second, *numbers):
        hugepages.want(MEGABYTES)
        since, path = time.monotonic(), f"{folder}/{program}"
        rounds = max(1, int(options.seconds * rounds_per_second))
        done = subprocess.run([f"{options.build}/bench/{program}", str(options.cpu), str(rounds),
                               path, *map(str, numbers)],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise lab.Failed(f"{program} ended with {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
        with open(path, encoding="ascii") as file:
            self.found, self.figures = read(file.read())
        # All programs have the same probe, but the arithmetic of bench.py's has another compiler call.
        self.quiet = figures.Quiet(f"{options.build}/bench/probes-turns.json")
        for some in self.found.values():
            self.quiet.learn(some)
        self.chosen = {name: self.quiet.choose(some) for name, some in self.found.items()}
        self.summary = {name: figures.summary(good) for name, (good, _) in self.chosen.items()}
        self.tsc_hz = self.figures["tsc_hz"]
        print(f"{program}: {time.monotonic() - since:.0f} s", flush=True)

    def undisturbed(self, *names):
        """Were there enough quiet lines of all of these?"""
        return all(self.chosen[name][1] for name in names)

    def more(self, name, base):
        """Cycles that a packet takes beyond one of another kind, of each round; the median of the
        rounds and how far their quartiles are apart. Of quiet lines alone where these are enough;
        whether they were."""
        for limit in (self.quiet.limit(), float("inf")):
            rounds = self.differences(name, base, limit)
            if len(rounds) >= ENOUGH:
                break
        if len(rounds) < 2:
            rounds = 2 * [self.summary[name]["median"] - self.summary[base]["median"]]
        low, _, high = statistics.quantiles(rounds, n=4)
        return statistics.median(rounds), high - low, limit < float("inf")

    def differences(self, name, base, limit):
        """Of each round that has lines of both kinds beside no slower probe."""
        rounds = []
        for at in range(0, len(self.found[name]), LINES):
            pair = [[one["cycles"] / one["n"] for one in self.found[kind][at:at + LINES]
                     if one["probe"] <= limit] for kind in (name, base)]
            if all(pair):
                rounds.append(statistics.median(pair[0]) - statistics.median(pair[1]))
        return rounds

    def row(self, case, kind):
        """One kind of packets as a row."""
        mine, ceiling = self.summary[kind.name], self.summary[kind.ceiling]["median"]
        net = mine["median"] - ceiling
        row = {
            "case": case, "kind": kind.name, "what": kind.what,
            "cycles_per_packet": round(mine["median"], 1), "ceiling_cycles": round(ceiling, 1),
            "net_cycles": round(net, 1), "net_ns": round(net / self.tsc_hz * 1e9, 1),
            "net_mpps": round(self.tsc_hz / net / 1e6, 2),
            "mpps": round(self.tsc_hz / mine["median"] / 1e6, 2),
            "spread": round(mine["spread"], 3), "samples": mine["count"],
            "quiet": self.undisturbed(kind.name, kind.ceiling), "tsc_hz": self.tsc_hz,
            "dropped": kind.ceiling == DROPPED,
        }
        if kind.base:
            more, apart, quiet = self.more(kind.name, kind.base)
            row |= {"against": kind.base, "more_cycles": round(more, 1),
                    "more_spread": round(apart, 1), "quiet": quiet}
        return row


def bounds(row):
    """What a row has to keep: text, and whether it does."""
    allowed = figures.MORE.get((row["case"], row["kind"]))
    if allowed is not None:
        yield f"allowed {allowed:+.0f}", row["more_cycles"] <= allowed
    fewest = figures.MPPS.get((row["case"], row["kind"]))
    if fewest is not None:
        # Freeing what is dropped is weir's own work, sending what goes on is not.
        found = row["mpps"] if row["dropped"] else row["net_mpps"]
        yield f"at least {fewest:.0f} Mpps{' with freeing' if row['dropped'] else ''}", \
            found >= fewest


def print_rows(title, rows):
    """For people."""
    if not rows:
        return
    print(f"\n{title}, in turns in one process, TSC of {rows[0]['tsc_hz'] / 1e9:.2f} GHz "
          "(net of sending, or of freeing what is dropped):")
    for row in rows:
        shown = row["mpps"] if row["dropped"] else row["net_mpps"]
        text = f"  {row['what']:44} {row['net_cycles']:7.1f} net cycles, {shown:5.1f} Mpps"
        if "against" in row:
            text += f", {row['more_cycles']:+6.1f} (+-{row['more_spread'] / 2:.1f})"
        for bound, kept in bounds(row):
            text += f", {bound}: {'reached' if kept else 'MISSED'}"
        print(text + ("" if row["quiet"] else " (disturbed: compares with nothing)"))
