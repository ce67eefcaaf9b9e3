# SPDX-License-Identifier: BSD-3-Clause
"""SCTP through FullNAT, with a stack in user space on both ends: this kernel may have none."""

import subprocess
from pathlib import Path

import pytest

from lab import LIP, VIP, TwoArm, wait_for

PROGRAMS = Path("/usr/lib/usrsctp")  # of libusrsctp-examples


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm, servers=1, echo=False)
    lab.w = lab.weir(services=[{"vip": VIP, "port": 7, "protocol": "sctp", "scheduler": "rr",
                                "servers": [{"address": "192.168.100.2", "port": 7}]}]).start()
    lab.echo = lab.servers[0].start(PROGRAMS / "echo_server", log=lab.folder / "echo.log")
    return lab


def test_echo(lab):
    client = lab.client.start(PROGRAMS / "client", VIP, 7, stdin=subprocess.PIPE, log=lab.folder / "client.log")
    wait_for(lambda: lab.w.sessions(protocol="sctp", state="established"), 10, what="an association")
    for line in ("hello", "a" * 1000, "world"):
        client.stdin.write(f"{line}\n".encode())
        client.stdin.flush()
        wait_for(lambda: line in (lab.folder / "client.log").read_text(errors="replace"), 10, what=f"the echo of {line[:5]}")
    (session,) = lab.w.sessions(protocol="sctp")
    assert session["local"] == LIP and session["vip"] == VIP
    assert lab.w.service("sctp", VIP, 7)["connections"] == 1
    client.stdin.close()
    wait_for(lambda: not lab.w.sessions(protocol="sctp", state="established"), 10, what="the end of the association")
