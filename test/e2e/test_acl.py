# SPDX-License-Identifier: BSD-3-Clause
"""Access lists and named sets: who may begin something, through every door and over restarts."""

import json
import socket

import pytest

from lab import CLIENT, CLIENT6, VIP, VIP6, Keep, Refused, TwoArm, wait_for

BAD, BAD6 = "10.0.0.66", "fd00:a::66"  # more addresses of the client's


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm)
    lab.address(lab.client, "eth0", f"{BAD}/24", f"{BAD6}/64")
    lab.w = lab.weir().start()
    return lab


@pytest.fixture(autouse=True)
def nothing_left(lab):
    """Each test begins without lists and sets."""
    yield
    lab.w.patch("/v1/acl", {"allow": [], "deny": [], "denied_sessions": "end"})
    for vip in (VIP, VIP6):
        for port in (80, 81):
            lists(lab, vip, port, allow=[], deny=[])
    for made in json.loads(lab.w.get("/v1/sets"))["sets"] if isinstance(lab.w.get("/v1/sets"), str) else \
            lab.w.get("/v1/sets")["sets"]:
        lab.w.delete(f"/v1/sets/{made['name']}")


def lists(lab, vip, port=80, **wanted):
    lab.w.patch(f"/v1/services/tcp/{vip}/{port}", wanted)


def admitted(lab, source=CLIENT, vip=VIP, port=80):
    """Does a connection from this address come to be? If not, the drop has one of our names."""
    before = drops(lab)
    try:
        lab.client.connect(vip, port, source=(source, 0), timeout=10.0 if before is None else 0.5).close()
        return True
    except TimeoutError:
        # A machine that stood still may have lost the time, but then nothing was dropped.
        if drops(lab) == before:
            lab.client.connect(vip, port, source=(source, 0), timeout=10.0).close()
            return True
        return False


def drops(lab):
    return sum(count for name, count in lab.w.drops().items() if name.startswith("acl_"))


@pytest.mark.parametrize("vip, good, bad", [(VIP, CLIENT, BAD), (VIP6, CLIENT6, BAD6)])
def test_deny_and_allow(lab, vip, good, bad):
    assert admitted(lab, bad, vip)
    lists(lab, vip, deny=[bad])
    assert not admitted(lab, bad, vip) and admitted(lab, good, vip)
    assert admitted(lab, bad, vip, 81)  # another service
    lists(lab, vip, deny=[], allow=[good])
    assert not admitted(lab, bad, vip) and admitted(lab, good, vip)
    lists(lab, vip, deny=[good])  # who is on both is denied
    assert not admitted(lab, good, vip)


def test_node(lab):
    lab.w.patch("/v1/acl", {"deny": [BAD, f"{BAD6}/128"]})
    for vip, bad, good in ((VIP, BAD, CLIENT), (VIP6, BAD6, CLIENT6)):
        for port in (80, 81):
            assert not admitted(lab, bad, vip, port) and admitted(lab, good, vip, port)
    assert lab.w.drops()["acl_node_denied"] > 0
    assert lab.w.get("/v1/acl")["hits"]["deny"][0]["hits"] > 0
    lab.w.patch("/v1/acl", {"deny": [], "allow": ["192.0.2.0/24"]})
    assert not admitted(lab, CLIENT)


def test_sets(lab):
    lab.w.put("/v1/sets/bad", {"type": "hash:net", "comment": True, "entries": ["192.0.2.0/24"]})
    lab.w.put("/v1/sets/ports", {"type": "hash:ip,port"})
    lists(lab, VIP, deny=["ipset:bad", "ipset:ports"])
    assert admitted(lab, BAD)
    lab.w.request("POST", "/v1/sets/bad/entries",
                  {"entries": [{"entry": "10.0.0.64/26", "comment": "noisy"}, {"entry": CLIENT, "nomatch": True}]})
    assert not admitted(lab, BAD) and admitted(lab, CLIENT)
    [hits] = [one for one in lab.w.get("/v1/acl")["services"] if "80" in one["service"]]
    assert [one["hits"] > 0 for one in hits["hits"]["deny"]] == [True, False]
    lab.w.request("POST", "/v1/sets/bad/delete", {"entries": ["10.0.0.64/26"]})
    assert admitted(lab, BAD)
    with pytest.raises(Refused, match="referred to 1 times"):
        lab.w.delete("/v1/sets/bad")


def test_denied_sessions_end(lab):
    kept = Keep(lab.client, VIP, source=(BAD, 0))
    other = Keep(lab.client, VIP, source=(CLIENT, 0))
    lab.w.patch("/v1/acl", {"deny": [BAD], "denied_sessions": "keep"})
    assert kept.ask()
    lab.w.patch("/v1/acl", {"denied_sessions": "end"})
    wait_for(lambda: lab.w.sessions(client=BAD) == [], what="its sessions are over")
    assert other.ask()
    kept.socket.settimeout(0.5)
    with pytest.raises((TimeoutError, ConnectionError)):
        kept.ask()
    other.close()
    kept.close()


def test_many(lab):
    """A hundred thousand prefixes at once; a wrong row is named, and nothing has changed."""
    rows = [f"{20 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24" for i in range(100_000)]
    lab.w.put("/v1/sets/many", {"type": "hash:net", "maxelem": 200_000})
    with pytest.raises(Refused, match=r"entries\[100000\].*300.0.0.0"):
        lab.w.request("POST", "/v1/sets/many/entries", {"entries": rows + ["300.0.0.0/8"]})
    assert lab.w.get("/v1/sets")["sets"][0]["count"] == 0
    lists(lab, VIP, deny=["ipset:many"])
    lab.w.request("POST", "/v1/sets/many/entries", {"entries": rows + [BAD]})
    assert not admitted(lab, BAD) and admitted(lab, CLIENT)
    assert lab.w.request("POST", "/v1/sets/many/test", {"entry": "21.1.2.3"})["match"]
    assert not lab.w.request("POST", "/v1/sets/many/test", {"entry": "22.1.2.3"})["match"]
