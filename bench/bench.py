#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make bench: replayed traffic through the running weir, and the figures. See README.md."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import acl
import check
import client_address
import control
import cookies
import figures
import handover
import lab
import limits
import modes
import peers
import traffic

FLOWS = [1, 1_000, 100_000, 1_000_000, 10_000_000]
TCP, UDP = 6, 17
SLICES = 5
SKIP = 0.15      # of a slice: caches are cold after the other program's slice
CEILING = 0.4    # of the time of a slice
PATIENCE = 3     # times as long when too few samples are quiet
IN_TURNS = (modes, cookies, acl, client_address, limits, traffic)  # programs with turns.c
STEADY = 4.0     # seconds of new connections until as many expire as are made


def cases():
    """Name of a case: (arguments of lab.Plan, flows by default)."""
    return {
        "fullnat": ([{}], FLOWS),
        "fullnat-udp": ([{"protocol": UDP}], [1_000, 100_000, 1_000_000]),
        "fullnat6": ([{"family": 6}], [1_000, 100_000, 1_000_000]),
        "nat64": ([{"family": 6, "server_family": 4}], [1_000, 100_000, 1_000_000]),
        "nat46": ([{"family": 4, "server_family": 6}], [1_000, 100_000, 1_000_000]),
        "nat": ([{"mode": "nat"}], [1_000, 100_000, 1_000_000]),
        "snat": ([{"mode": "snat"}], [1_000, 100_000, 1_000_000]),
        "dr": ([{"mode": "dr"}], [1_000, 100_000, 1_000_000]),
        "tunnel": ([{"mode": "tunnel"}], [1_000, 100_000, 1_000_000]),
        "vxlan": ([{"vxlan": True}], [1_000, 1_000_000]),
        "untold": ([{"told": False}], [1_000_000]),
        "syn-proxy": ([{"syn_proxy": True}], [1_000_000]),
        "zipf": ([{"zipf": 1.0}], [100_000, 1_000_000]),
        "services": ([{"services": n} for n in (1, 1_000, 100_000)], [1_000_000]),
        "connections": ([{"connections": True}], [1_000_000]),
        peers.CASE: ([{"peers": peers.SESSIONS}], [1_000]),
    }


def known_cases():
    """Those that replay traffic through weir, and those that need no device."""
    return [*cases(), *(one.CASE for one in (*IN_TURNS, handover))]


class Run:
    """weir and the forwarder side by side on the same traffic, measured in turns."""

    def __init__(self, options, folder, plan, quiet):
        self.options, self.plan, self.quiet = options, plan, quiet
        self.expect = plan.expect()
        self.checked, self.faults = 0, []
        self.bytes_per_session = None
        self.programs, self.controls = [], []
        try:
            self.start(folder)
        except BaseException:
            self.stop()
            raise

    def start(self, folder):
        """Start both programs and set up all flows in both."""
        for name in ("weir", "ceiling"):
            self.controls.append(control.Control(
                f"{folder}/control-{name}", self.plan.ends(), **self.plan.traffic))
        self.weir, self.ceiling = self.controls
        build, cpu = self.options.build, self.options.cpu
        self.programs.append(lab.Forwarder(build, folder, cpu, self.ceiling.path))
        self.ceiling.check_alive = self.programs[0].check_alive
        self.ceiling.wait(lambda state: state["tsc_hz"], 120, "the forwarder")
        self.set_up(self.ceiling)
        self.daemon = lab.Weir(build, folder, cpu, self.plan, self.weir.path)
        self.programs.append(self.daemon)
        self.weir.check_alive = self.daemon.check_alive
        self.weir.enter(control.IDLE)
        pid = self.daemon.process.pid
        before, _ = lab.memory_resident(pid)
        self.set_up(self.weir)
        after, huge = lab.memory_resident(pid)
        self.hugepages = huge > 0
        # With few flows the pages weigh more than the sessions; a table with room for many more
        # than it holds is touched all over.
        if self.plan.flows >= 100_000 and not self.plan.connections:
            self.bytes_per_session = (after - before) / self.plan.flows
        self.verify("set-up")

    def set_up(self, block):
        """Every flow once, and as many sessions as flows."""
        block.wait(lambda state: state["tsc_hz"], 120, "the device")
        block.enter(control.SETUP)
        flows = self.plan.flows
        try:
            packets = self.plan.traffic["packets"]
            block.wait(lambda state: state["built"] == packets, 5, "the set-up")
        except control.Stalled as error:
            drops = self.daemon.drops() if block is self.weir else ""
            raise lab.Failed(f"{error}\nweir dropped: {drops}") from None
        state = block.rest()
        if not flows == state["learnt"] == state["established"]:
            raise lab.Failed(f"{flows} flows, but {state}")
        if not self.plan.syn_proxy:  # it says more to clients than their servers do
            self.balance(block, dict.fromkeys(state, 0), state)

    def balance(self, block, before, after):
        """sent == received, in both directions."""
        moved = {name: after[name] - before[name] for name in after}
        for here, there in (("client", "server"), ("server", "client")):
            given, got = moved[f"received_{here}"], moved[f"sent_{there}"]
            if given != got:
                name = "weir" if block is self.weir else "io_forward"
                drops = self.daemon.drops() if block is self.weir else ""
                raise lab.Failed(f"{name} got {given} frames from the {here}s and sent {got} to "
                                 f"the {there}s; it dropped {drops}")
        if moved["no_buffer"]:
            raise lab.Failed(f"no packet buffers {moved['no_buffer']} times")

    def verify(self, when):
        """Checksums and rewriting of what was captured."""
        inbound, outbound, faults = check.check(self.expect, self.weir.new_captures())
        self.checked += inbound + outbound
        if faults:
            raise lab.Failed(f"wrong frames ({when}), {len(faults)} of {inbound + outbound}:\n" +
                             "\n".join(faults[:8]))
        return inbound, outbound

    def slice(self, block, phase, seconds):
        """Play one phase for a while; the samples."""
        before = block.rest()
        block.new_samples()
        block.enter(phase)
        time.sleep(seconds)
        if phase == control.CONNECTIONS:
            block.enter(control.DRAIN)
            block.wait(lambda s: s["ended"] == s["begun"], 5, "the last connections to end")
        after = block.rest()
        self.balance(block, before, after)
        return block.new_samples()

    def measure(self, phase):
        """In turns, weir and the ceiling: the intervals of both."""
        seconds = self.options.seconds / SLICES
        found = {"weir": [], "ceiling": []}
        for turn in range(SLICES * PATIENCE):
            if turn >= SLICES and all(self.quiet.enough(some) for some in found.values()):
                break
            for name, block, share in (("weir", self.weir, 1), ("ceiling", self.ceiling, CEILING)):
                samples = self.slice(block, phase, seconds * share)
                some = figures.intervals(samples, phase, SKIP * seconds * share,
                                         block.state()["tsc_hz"])
                found[name] += some
                self.quiet.learn(some)
        inbound, outbound = self.verify("inbound" if phase == control.INBOUND else "outbound")
        if not (inbound if phase == control.INBOUND else outbound):
            raise lab.Failed("no frame was captured")
        return found

    def measure_connections(self):
        """New connections until as many expire as are made, then on. By connection."""
        tsc_hz = self.weir.state()["tsc_hz"]
        found = {}
        for name, block, skip in (("ceiling", self.ceiling, 0.2), ("weir", self.weir, STEADY)):
            samples = self.slice(block, control.CONNECTIONS, skip + self.options.seconds)
            for counted in ("received", "ended"):
                found[name, counted] = figures.intervals(samples, control.CONNECTIONS, skip,
                                                         tsc_hz, counted)
                self.quiet.learn(found[name, counted])
        self.verify("connections")
        since = time.monotonic()
        while self.daemon.sessions() > self.plan.flows and time.monotonic() - since < 15:
            time.sleep(0.2)
        left = self.daemon.sessions()
        if left != self.plan.flows:
            raise lab.Failed(f"{left} sessions are left, {self.plan.flows} are alive")
        return found

    def stop(self):
        """In reverse order."""
        for program in reversed(self.programs):
            program.stop()
        for block in self.controls:
            block.close()


def row_of(run, case, direction, found, ceiling):
    """Intervals to one row."""
    plan, tsc_hz = run.plan, run.weir.state()["tsc_hz"]
    good, undisturbed = run.quiet.choose(found)
    under, ceiling_undisturbed = run.quiet.choose(ceiling)
    total, base = figures.summary(good), figures.summary(under)
    if not total or not base:
        raise lab.Failed("too few samples: more SECONDS")
    net = total["median"] - base["median"]
    return {
        "case": case, "flows": plan.flows, "direction": direction, "services": plan.services,
        "family": plan.families[0], "server_family": plan.families[1],
        "mpps_per_cpu_s": round(tsc_hz / total["median"] / 1e6, 3),
        "cycles_per_packet": round(total["median"], 1),
        "ceiling_cycles": round(base["median"], 1),
        "net_cycles": round(net, 1), "net_ns": round(net / tsc_hz * 1e9, 1),
        "spread": round(total["spread"], 3), "best_tenth_cycles": round(total["low"], 1),
        "samples": total["count"], "quiet": undisturbed and ceiling_undisturbed,
        "cpu_share": round(total["cpu_share"], 3),
        "bytes_per_session": run.bytes_per_session and round(run.bytes_per_session, 1),
        "frames_checked": run.checked, "sent_equals_received": True,
        "hugepages": run.hugepages, "tsc_hz": tsc_hz,
    }


def rows_of(run, case):
    """All rows of a run."""
    if case == "connections":
        with Profile(run, f"{case} {run.plan.flows}"):
            found = run.measure_connections()
        row = row_of(run, case, "both", found["weir", "received"], found["ceiling", "received"])
        each, ceiling = (figures.summary(run.quiet.choose(found[name, "ended"])[0])["median"]
                         for name in ("weir", "ceiling"))
        row["ceiling_cycles_per_connection"] = round(ceiling, 1)
        row["cycles_per_connection"] = round(each, 1)
        row["connections_mps"] = round(row["tsc_hz"] / each / 1e6, 3)
        yield row
        return
    if case == peers.CASE:
        yield peers.measure(run)
        return
    for direction, phase in (("inbound", control.INBOUND), ("outbound", control.OUTBOUND)):
        if direction == "outbound" and run.plan.one_way:
            continue
        with Profile(run, f"{case} {run.plan.flows} {run.plan.services} {direction}"):
            found = run.measure(phase)
        yield row_of(run, case, direction, found["weir"], found["ceiling"])


class Profile:
    """perf record of the worker, when asked for."""

    def __init__(self, run, name):
        self.run, self.name, self.process = run, name, None

    def __enter__(self):
        if self.run.options.profile:
            self.data = f"{self.run.options.build}/bench/{self.name.replace(' ', '-')}.perf"
            self.process = subprocess.Popen(
                ["perf", "record", "-q", "-F", "5000", "-e", "cpu-clock", "-o", self.data, "-t",
                 str(self.run.weir.state()["thread"])], stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        if not self.process:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        text = subprocess.run(["perf", "report", "-i", self.data, "--stdio", "--no-children",
                               "--percent-limit", "1", "-g", "none", "--sort", "symbol"],
                              capture_output=True, text=True, check=False).stdout
        print(f"profile, {self.name} (times of this row include perf):")
        print("\n".join(line for line in text.splitlines() if "%" in line))


COLUMNS = (("case", "{case}"), ("flows", "{flows:,}"), ("services", "{services:,}"),
           ("direction", "{direction}"), ("Mpps/CPU-s", "{mpps_per_cpu_s:.2f}"),
           ("cycles", "{cycles_per_packet:.0f}"), ("ceiling", "{ceiling_cycles:.0f}"),
           ("net", "{net_cycles:.0f}"), ("net ns", "{net_ns:.0f}"), ("spread", "{spread:.0%}"),
           ("B/session", "{bytes}"), ("quiet", "{quiet}"))


def print_table(rows):
    """For people."""
    lines = [[title for title, _ in COLUMNS]]
    for row in rows:
        shown = dict(row, bytes="" if row["bytes_per_session"] is None
                     else f"{row['bytes_per_session']:.0f}")
        lines.append([form.format(**shown) for _, form in COLUMNS])
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    print()
    for line in lines:
        print("  ".join(cell.ljust(width) if i in (0, 3) else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def print_targets(rows):
    """Reached or missed, and by how much."""
    judged = [(row, one) for row in rows for one in figures.judge(row)]
    judged += [(None, one) for one in figures.judge_services(rows) + figures.judge_modes(rows)]
    for row in rows:
        if row["case"] == "connections":
            print(f"\nnew connections at {row['flows']:,} live sessions: "
                  f"{row['connections_mps']:.2f} M per CPU-second, "
                  f"{row['cycles_per_connection']:.0f} cycles each, all four packets and expiry")
    if not judged:
        return
    print(f"\nTargets. Cycles are of this machine's TSC ({rows[0]['tsc_hz'] / 1e9:.2f} GHz); the "
          f"targets were set with one of {figures.TARGET_GHZ} GHz,\nso the same figure is also "
          "given in nanoseconds, which is the stricter reading on a slower TSC.")
    for row, (name, figure, target, aim, unit, ratio) in judged:
        verdict = "reached" if ratio <= 1 else "MISSED"
        if ratio <= 1 and abs(target - aim) > 1e-9 and (figure >= aim) == (aim > target):
            verdict = "aim reached"
        print(f"  {name:42} {figure:9.1f} {unit:4} target {target:7.1f}  aim {aim:7.1f}  "
              f"{verdict}, {ratio:.2f} of what is allowed")
        if row is not None:
            row.setdefault("targets", []).append({
                "name": name, "figure": round(figure, 2), "target": round(target, 2),
                "aim": round(aim, 2), "ratio": round(ratio, 3), "reached": ratio <= 1})


def machine(folder):
    """What every row carries."""
    commit = subprocess.run(["git", "-C", folder, "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    model = next((line.split(":", 1)[1].strip() for line in
                  pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"commit": commit, "cpu": model, "kernel": platform.release(),
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def parse_options():
    """The command line; make passes its variables, which may be empty."""
    top = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=str(top / "build"), help="folder with weir in it")
    parser.add_argument("--cases", default="", help=" ".join(known_cases()))
    parser.add_argument("--flows", default="", help="instead of those of each case")
    parser.add_argument("--services", default="", help="only these of the case services")
    parser.add_argument("--seconds", default="", help="for each row, default 3")
    parser.add_argument("--cpu", default="", help="of the worker, default the last one")
    parser.add_argument("--held", type=int, default=0,
                        help="transmitted buffers kept before they are freed, as by a NIC's ring")
    parser.add_argument("--profile", action="store_true", help="perf of each row")
    parser.add_argument("--output", default="", help="default BUILD/bench.json")
    options = parser.parse_args()
    options.top = str(top)
    options.build = str(pathlib.Path(options.build).resolve())
    known = known_cases()
    options.cases = options.cases.replace(",", " ").split() or known
    options.flows = [int(n) for n in options.flows.replace(",", " ").split()]
    options.services = [int(n) for n in options.services.replace(",", " ").split()]
    options.seconds = float(options.seconds or 3)
    options.cpu = int(options.cpu or max(os.sched_getaffinity(0)))
    options.output = options.output or f"{options.build}/bench.json"
    unknown = set(options.cases) - set(known)
    if unknown:
        parser.error(f"no such case: {' '.join(sorted(unknown))}")
    return options


def plans(options):
    """(case, plan) of all that was asked for."""
    for case in options.cases:
        if case not in cases():
            continue
        variants, flows = cases()[case]
        for count in options.flows or flows:
            for variant in variants:
                if options.services and variant.get("services", 1) not in options.services:
                    continue
                yield case, lab.Plan(flows=count, held=options.held, **variant)


def run_all(options, hugepages, folder):
    """Every plan; the rows, those without a device, and whether all of them came about."""
    rows, bare, complete, shared = [], {peers.CASE: []}, True, machine(options.top)
    quiet = figures.Quiet(f"{options.build}/bench/probes.json")
    for case, plan in plans(options):
        what = f"{case}, {plan.flows:,} flows, {plan.services:,} services"
        need = plan.megabytes_huge() + 2 * plan.megabytes_device() + 512
        if need > lab.memory_available_mb():
            print(f"{what}: left out, needs {need} MB of memory and "
                  f"{lab.memory_available_mb()} are free")
            continue
        there = hugepages.want(plan.megabytes_huge())
        if there < plan.megabytes_huge():
            print(f"{what}: only {there} of {plan.megabytes_huge()} MB of hugepages")
        run = None
        since = time.monotonic()
        try:
            run = Run(options, tempfile.mkdtemp(dir=folder), plan, quiet)
            for row in rows_of(run, case):
                bare.get(case, rows).append(row | shared)
        except (lab.Failed, control.Stalled) as error:
            complete = False
            print(f"{what}: FAILED: {error}")
            if run:
                print(run.daemon.tail())
        finally:
            if run:
                run.stop()
        print(f"{what}: {time.monotonic() - since:.0f} s", flush=True)
    others = sorted(os.sched_getaffinity(0) - {options.cpu})
    bare_cases = [(one.CASE, lambda one=one: one.rows(options, folder, hugepages))
                  for one in IN_TURNS]
    bare_cases.append((handover.CASE,
                       lambda: handover.rows(options, folder, hugepages, others)))
    for case, measure in bare_cases:
        try:
            bare[case] = [row | shared for row in measure()] if case in options.cases else []
        except lab.Failed as error:
            complete, bare[case] = False, []
            print(f"{case}: FAILED: {error}")
    return rows, bare, complete


def main():
    """Exit code 1 when a row failed; a missed target is no failure."""
    options = parse_options()
    lab.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))
    hugepages = lab.Hugepages()
    folder = tempfile.mkdtemp(prefix="weir-bench-", dir="/dev/shm")
    try:
        rows, bare, complete = run_all(options, hugepages, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        hugepages.restore()
    if rows:
        print_table(rows)
        print_targets(rows)
    peers.print_rows(bare[peers.CASE])
    for one in (*IN_TURNS, handover):
        one.print_rows(bare[one.CASE])
    everything = rows + [row for some in bare.values() for row in some]
    pathlib.Path(options.output).write_text(json.dumps(everything, indent=1) + "\n")
    print(f"\nrows: {options.output}")
    return 0 if complete and everything else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failed as failure:
        sys.exit(f"bench: {failure}")
