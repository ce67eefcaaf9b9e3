# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the end-to-end tests. Labs live as long as the module that asks for them."""

import os
import signal
import threading
import time

import pytest

import lab as labs

# Hours of load are no part of a test run: `make soak` asks for them.
collect_ignore = [] if os.environ.get("WEIR_SOAK") else ["test_soak.py"]


def pytest_sessionstart(session):
    if os.geteuid():
        pytest.exit("the end-to-end tests make network namespaces and need root", 2)
    for program in ("weir", "cli/weirctl", "checker/weir-checker", "test/e2e/connections"):
        if not (labs.BUILD / program).exists():
            pytest.exit(f"{labs.BUILD / program} is missing: build first (make)", 2)

    def ended(number, frame):
        raise KeyboardInterrupt  # so that fixtures are torn down

    signal.signal(signal.SIGTERM, ended)
    labs.sweep_stale_labs()


open_labs = []


class Pauses:
    """When this machine ran nobody, and for how long: a thread that sleeps 20 ms, and when it woke."""

    LONG = 0.1

    def __init__(self):
        self.seen = []
        threading.Thread(target=self.body, daemon=True).start()

    def body(self):
        before = time.time()
        while True:
            time.sleep(0.02)
            now = time.time()
            if now - before > self.LONG:
                self.seen.append((before, now))
            before = now

    def longest_ms(self, begin, end):
        return int(max((1000 * (b - a) for a, b in self.seen if a < end and b > begin), default=0))


pauses = Pauses()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for lab in open_labs:
            report.sections.append(("weir", lab.report()))
        # Whether the machine had its processors: the load, and the ticks of each kind since it began.
        paused = pauses.longest_ms(call.start, call.stop)
        item.user_properties.append(("pause_ms", paused))
        report.sections.append(("machine", f"longest pause {paused} ms, load {os.getloadavg()}, "
                                           f"{open('/proc/stat').readline()}"))


@pytest.fixture(scope="module")
def make_lab():
    """Call with a class and its arguments; closed when the module is over."""
    made = []

    def make(kind, *arguments, **keywords):
        # Known before it is built, so that half a lab is cleaned up too.
        lab = kind.__new__(kind)
        made.append(lab)
        open_labs.append(lab)
        lab.__init__(*arguments, **keywords)
        return lab

    yield make
    for lab in reversed(made):
        open_labs.remove(lab)
        if hasattr(lab, "hosts"):
            lab.close()


@pytest.fixture(scope="module")
def two_arm(make_lab):
    """The lab that most tests use, with weir running in it as `two_arm.w`."""
    lab = make_lab(labs.TwoArm)
    lab.w = lab.weir().start()
    return lab


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    """A folder with a file of 20 MB."""
    folder = tmp_path_factory.mktemp("big")
    (folder / "file").write_bytes(bytes(range(251)) * 80000)
    return folder


@pytest.fixture(scope="session")
def big_files(tmp_path_factory):
    """A folder with a file of 100 MB without pattern."""
    folder = tmp_path_factory.mktemp("big")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    labs.run("dd", "if=/dev/urandom", f"of={folder}/big", "bs=1M", "count=100")
    return folder
