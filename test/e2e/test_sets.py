# SPDX-License-Identifier: BSD-3-Clause
"""Named sets as a whole: a file that is refused, a million prefixes at once, and a weir that is killed."""

import copy
import json
import threading

import pytest

from lab import CLIENT, VIP, Refused, TwoArm, Unix, wait_for
from test_acl import BAD, admitted, lists

FILE_SETS = [{"name": "bad", "type": "hash:net", "comment": True, "entries": [{"entry": BAD, "comment": "noisy"}]},
             {"name": "ports", "type": "hash:ip,port", "entries": [f"{BAD},tcp:40000"]}]


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm)
    lab.address(lab.client, "eth0", f"{BAD}/24")
    lab.w = lab.weir(sets=FILE_SETS).start()
    return lab


def entries(lab, name):
    return sorted(lab.w.get(f"/v1/sets/{name}")["entries"], key=lambda one: one["entry"])


def test_refused_file_changes_nothing(lab):
    """What a file says of sets does not hold when something behind it is refused."""
    lists(lab, VIP, deny=["ipset:bad", "ipset:ports"])
    lab.w.request("POST", "/v1/sets/bad/entries", {"entries": ["198.51.100.0/24"]})
    before = {name: entries(lab, name) for name in ("bad", "ports")}
    settings = lab.w.get("/v1/sets")
    wanted = copy.deepcopy(lab.w.get("/v1/config"))
    wanted["sets"] = [{"name": "bad", "type": "hash:net", "maxelem": 99, "entries": [CLIENT, "192.0.2.0/24"]},
                      {"name": "ports", "type": "hash:ip,port", "entries": []}, {"name": "new", "type": "hash:ip"}]
    wanted["local_addresses"].append({"address": "10.0.0.1", "interface": "dpdk1"})
    wanted["deny"] = ["ipset:new"]
    for _ in range(2):  # what was undone can be asked for again
        with pytest.raises(Refused, match="10.0.0.1 is an address of dpdk0"):
            lab.w.put("/v1/config", wanted)
        assert {name: entries(lab, name) for name in before} == before
        assert [{**one, "bytes": 0} for one in lab.w.get("/v1/sets")["sets"]] == \
            [{**one, "bytes": 0} for one in settings["sets"]]
        assert not admitted(lab, BAD) and admitted(lab, CLIENT)
    with pytest.raises(Refused, match=r"sets\[0\].entries.*more than maxelem, 1"):
        lab.w.put("/v1/config", {**wanted, "deny": [], "sets": [{**wanted["sets"][0], "maxelem": 1}]})
    del wanted["local_addresses"][-1], wanted["deny"]
    wanted["sets"][0]["entries"] = ["192.0.2.0/24"]
    for service in wanted["services"]:
        if service["vip"] == VIP and service["port"] == 80 and service["protocol"] == "tcp":
            service["deny"] = ["ipset:bad", "ipset:new"]
    lab.w.put("/v1/config", wanted)
    assert [one["entry"] for one in entries(lab, "bad")] == ["192.0.2.0/24", "198.51.100.0/24"]  # of the file, of REST
    assert admitted(lab, BAD) and admitted(lab, CLIENT)


def load(lab, method, path, body):
    """A request that takes long: its thread, and where its answer will be."""
    answer = []

    def ask():
        try:
            answer.append(lab.w.request(method, path, body, timeout=120))
        except Refused as refused:
            answer.append(refused)
    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answer


def during(loading, *asks):
    """Ask again and again until the load is answered; how often all were answered before it was."""
    thread, answer = loading
    rounds = 0
    while thread.is_alive():
        for ask in asks:
            ask()
        rounds += not answer
    thread.join()
    if isinstance(answer[0], Exception):
        raise answer[0]
    return rounds, answer[0]


def test_a_million(lab):
    """Others are answered, from what was there before, while a million prefixes are loaded; then it is as a whole."""
    million = json.dumps({"entries": [f"{20 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24" for i in range(1_000_000)] +
                          [f"{BAD}/32"]})
    lab.w.put("/v1/sets/many", {"type": "hash:net", "maxelem": 2_000_000, "entries": ["192.0.2.0/24"]})
    lists(lab, VIP, deny=["ipset:many"])
    counts = set()

    def look():
        counts.update(one["count"] for one in lab.w.get("/v1/sets")["sets"] if one["name"] == "many")
    rounds, answer = during(load(lab, "POST", "/v1/sets/many/entries", million), look, lambda: lab.w.get("/v1/status"))
    assert rounds > 0 and answer["count"] == 1_000_002
    assert counts <= {1, 1_000_002} and 1 in counts, counts
    assert not admitted(lab, BAD) and admitted(lab, CLIENT)
    smaller = json.dumps({"entries": [f"30.{i // 256}.{i % 256}.0/24" for i in range(60_000)]})
    assert lab.w.put("/v1/sets/many/entries", smaller)["count"] == 60_000
    assert admitted(lab, BAD)
    with pytest.raises(Refused, match=r"entries\[1\].*is in set"):
        lab.w.request("POST", "/v1/sets/many/entries", {"entries": ["40.0.0.0/8", "30.0.0.0/24"]})
    with pytest.raises(Refused, match=r"entries\[59999\].*is not in set"):
        lab.w.request("POST", "/v1/sets/many/delete",
                      json.dumps({"entries": json.loads(smaller)["entries"][:-1] + ["1.0.0.0/8"]}))
    # A listing that has begun goes on with what there was.
    listing = Unix(lab.w.socket, 30)
    listing.request("GET", "/v1/sets/many")
    answer = listing.getresponse()
    begun = answer.read(1000)
    assert lab.w.put("/v1/sets/many/entries", {"entries": [f"31.0.{i}.0/24" for i in range(200)]})["count"] == 200
    assert len(json.loads(begun + answer.read())["entries"]) == 60_000
    listing.close()
    lab.w.request("POST", "/v1/sets/many/entries", {"entries": [BAD]})
    assert not admitted(lab, BAD)
    assert lab.w.request("POST", "/v1/sets/many/flush")["count"] == 0
    assert admitted(lab, BAD)
    lists(lab, VIP, deny=[])
    lab.w.delete("/v1/sets/many")


def test_killed(lab):
    """Nothing that was acknowledged is lost when weir is killed right behind the answer."""
    lab.w.put("/v1/sets/large", {"type": "hash:ip", "maxelem": 10_000,
                                 "entries": [f"50.0.{i // 256}.{i % 256}" for i in range(5_000)]})
    lab.w.request("POST", "/v1/sets/large/entries", {"entries": ["192.0.2.1", "192.0.2.2"]})
    lab.w.put("/v1/sets/small", {"type": "hash:net", "comment": True})
    for last in range(2):
        lab.w.request("POST", "/v1/sets/small/entries", {"entries": [{"entry": f"10.{last}.0.0/16", "comment": "x y"}]})
        lab.w.request("POST", "/v1/sets/large/delete", {"entries": [f"50.0.0.{last}"]})
        lab.w.kill()
        lab.w.start()
        assert [one["entry"] for one in entries(lab, "small")] == [f"10.{n}.0.0/16" for n in range(last + 1)]
        assert entries(lab, "small")[-1]["comment"] == "x y"
        large = [one["entry"] for one in entries(lab, "large")]
        assert len(large) == 5_001 - last and f"50.0.0.{last}" not in large and "192.0.2.2" in large
    lab.w.delete("/v1/sets/small")
    lab.w.request("POST", "/v1/sets/large/flush")
    lab.w.kill()
    # Half of a change, as a machine that died may leave it, is left out as a whole.
    with open(lab.w.folder / "state" / "sets.journal", "a") as journal:
        journal.write("put large 1 0 1.1.1.1\t\ngroup 60\nput large 1 0 2.2.2.2\t\n")
    lab.w.start()
    wait_for(lambda: [one["entry"] for one in entries(lab, "large")] == ["1.1.1.1"], what="what was whole")
    assert "small" not in [one["name"] for one in lab.w.get("/v1/sets")["sets"]]


def test_journal_written_anew(lab):
    """A journal that has grown is written anew while changes go on, and a weir that is killed then reads the same."""
    path, size, shrunk = lab.w.folder / "state" / "sets.journal", 0, 0
    lab.w.put("/v1/sets/kept", {"type": "hash:ip", "entries": [f"50.1.{i // 256}.{i % 256}" for i in range(5_000)]})
    lab.w.put("/v1/sets/noted", {"type": "hash:ip", "family": "inet6", "comment": True})
    for turn in range(2_000):
        rows = [{"entry": f"2001:db8:1111:2222:3333:4444:5555:{i + 0x1000:x}", "comment": f"{turn:031}"} for i in range(500)]
        lab.w.request("POST", "/v1/sets/noted/entries", {"entries": rows, "force": True})
        lab.w.request("POST", "/v1/sets/kept/entries", {"entries": [f"70.0.{turn // 250}.{turn % 250}"]})
        lab.w.request("POST", "/v1/sets/kept/delete", {"entries": [f"50.1.{turn // 256}.{turn % 256}"]})
        before, size = size, path.stat().st_size
        shrunk += size < before
        if shrunk:
            break
    assert shrunk and size < 20_000_000 < before, (turn, before, size)
    kept, noted = entries(lab, "kept"), entries(lab, "noted")
    assert len(kept) == 5_000 and {one["comment"] for one in noted} == {f"{turn:031}"}
    lab.w.kill()
    lab.w.start()
    assert entries(lab, "kept") == kept and entries(lab, "noted") == noted
