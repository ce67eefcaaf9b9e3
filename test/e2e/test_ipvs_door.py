# SPDX-License-Identifier: BSD-3-Clause
"""Stock ipvsadm, unmodified, with libweir-ipvs.so: what it says is what weir does."""

from collections import Counter

import pytest

from lab import VIP, TwoArm, run, server_address

IPVSADM = "/usr/sbin/ipvsadm"


@pytest.fixture(scope="module")
def lab(make_lab):
    made = make_lab(TwoArm)
    made.w = made.weir(services=[]).start()
    return made


@pytest.fixture(autouse=True)
def empty_table(lab):
    adm(lab, "-C")
    yield


def adm(lab, *words, check=True, text=None, timeout=60):
    given = {"stdin": None, "input": text} if text is not None else {}
    return run(IPVSADM, *words, check=check, env=lab.w.preload, timeout=timeout, **given)


def out(lab, *words):
    return adm(lab, *words).stdout


def test_service_made_by_ipvsadm_alone(lab):
    adm(lab, "-A", "-t", f"{VIP}:80", "-s", "rr")
    for n in (1, 2):
        adm(lab, "-a", "-t", f"{VIP}:80", "-r", f"{server_address(n)}:80", "-m")
    assert Counter(lab.client.names(VIP, count=10)) == {"s1": 5, "s2": 5}
    assert out(lab, "-ln").splitlines()[3].split() == ["TCP", f"{VIP}:80", "rr"]
