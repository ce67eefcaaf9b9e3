# SPDX-License-Identifier: BSD-3-Clause
"""Wrong command lines and files: each is refused with its message and exit code, and changes nothing."""

import json
import os
import subprocess

import pytest
import refusals

from lab import BUILD, TwoArm, yaml_text


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm, servers=2, echo=False)
    lab.w = lab.weir().start()
    return lab


def model(lab):
    return lab.w.get("/v1/config"), lab.w.get("/v1/timeouts")


def linux(lab):
    """What Linux has of it; only asked for before and after all rows."""
    return [[(link["ifname"], sorted(a["local"] for a in link["addr_info"]))
             for link in json.loads(lab.balancer.ip("-j", "address", "show"))], lab.balancer.ip("route", "show")]


def run_face(lab, row, folder):
    file = folder / "file"
    if row.file is not None:
        file.write_text(row.file)
    for name, text in row.files.items():
        (folder / name).write_text(text)
    words = [word.replace("{file}", str(file)) for word in row.words]
    environment = {**os.environ, "WEIR_SOCKET": str(lab.w.socket),
                   "WEIR_IPVS_LIBRARY": str(BUILD / "shim/libweir-ipvs.so")}
    if row.face == "weirctl":
        words = ["-s", str(lab.w.socket), *words]
    return subprocess.run([BUILD / "cli" / row.face, *words], input=row.stdin, capture_output=True, text=True,
                          env=environment, timeout=30)


def check_row(lab, row, folder, before):
    if isinstance(row, refusals.Config):
        file = folder / "weir.yaml"
        file.write_text(yaml_text({**lab.w.config, **row.change}))
        results = [subprocess.run([BUILD / "weir", "-c", file, "--check"], capture_output=True, text=True, timeout=30),
                   lab.w.ctl("apply", "-f", file, check=False)]
        wrong = [f"exit {done.returncode}: {done.stderr.strip()}" for done in results
                 if done.returncode not in (1, 2) or row.message not in done.stderr]
    else:
        done = run_face(lab, row, folder)
        wrong = []
        if done.returncode != row.code or row.message not in done.stderr or not done.stderr.startswith(row.face):
            wrong.append(f"exit {done.returncode} instead of {row.code}: {done.stderr.strip() or '(nothing said)'}")
    if model(lab) != before:
        wrong.append("something was changed: " + json.dumps(lab.w.get("/v1/config")["services"])[:500])
    return wrong


def groups():
    found = {}
    for row in refusals.ROWS:
        found.setdefault(getattr(row, "face", "config"), []).append(row)
    return found.items()


@pytest.mark.parametrize("rows", [rows for _, rows in groups()], ids=[name for name, _ in groups()])
def test_refusals(lab, rows, tmp_path):
    """One test for each face; all rows are run, and all that fail are told."""
    before, outside = model(lab), linux(lab)
    failures = []
    for number, row in enumerate(rows):
        folder = tmp_path / str(number)
        folder.mkdir()
        failures += [f"{row.name}: {wrong}" for wrong in check_row(lab, row, folder, before)]
    assert not failures, "\n".join(failures)
    assert linux(lab) == outside


def test_the_table_is_long_enough():
    assert len(refusals.ROWS) >= 60
    names = [(row.name, getattr(row, "stdin", ""), getattr(row, "file", "")) for row in refusals.ROWS]
    assert len(set(names)) == len(names), "a row stands there twice"


def test_no_daemon():
    """Every face says whom it wanted to talk to, with an exit code of its own."""
    environment = {**os.environ, "WEIR_SOCKET": "/nonexistent"}
    for face, code, words in (("ipvsadm", 2, ["-ln"]), ("ipvsadm", 2, ["-R"]), ("dpip", 1, ["addr", "show"]),
                              ("weirctl", 3, ["-s", "/nonexistent", "status"])):
        done = subprocess.run([BUILD / "cli" / face, *words], input="-A -t 10.0.0.100:80\n", capture_output=True,
                              text=True, env=environment, timeout=30)
        assert done.returncode == code, (face, words, done)
        assert f"{face}" in done.stderr and "cannot talk to weir at /nonexistent" in done.stderr, done.stderr
