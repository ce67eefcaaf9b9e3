# SPDX-License-Identifier: BSD-3-Clause
"""The packages are tried in the labs of the end-to-end tests, whose fixtures are used here too."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import lab as labs  # noqa: E402


def pytest_sessionstart(session):
    if os.geteuid():
        pytest.exit("installing packages into a root of their own needs root", 2)
    labs.sweep_stale_labs()


@pytest.fixture(scope="module")
def lab():
    """client -- [the namespace for weir] -- two real servers; weir is started from its package."""
    made = labs.TwoArm.__new__(labs.TwoArm)
    try:
        made.__init__()
        yield made
    finally:
        if hasattr(made, "hosts"):
            made.close()
