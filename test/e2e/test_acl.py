# SPDX-License-Identifier: BSD-3-Clause
"""Access lists and named sets: who may begin something, through every door and over restarts."""

import os
import re
import socket
import struct

import pytest

from lab import BUILD, CLIENT, CLIENT6, VIP, VIP6, Keep, Refused, TwoArm, run, wait_for

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
    for made in lab.w.get("/v1/sets")["sets"]:
        lab.w.delete(f"/v1/sets/{made['name']}")


def lists(lab, vip, port=80, **wanted):
    lab.w.patch(f"/v1/services/tcp/{vip}/{port}", wanted)


def admitted(lab, source=CLIENT, vip=VIP, port=80, source_port=0):
    """Does a connection from this address come to be? If not, the drop has one of our names."""
    for _ in range(20):
        before = drops(lab)
        try:
            made = lab.client.connect(vip, port, source=(source, source_port), timeout=0.5)
        except TimeoutError:
            # A machine that stood still may have taken the time, but then nothing was dropped.
            if drops(lab) > before:
                return False
            continue
        # A reset, which leaves nothing behind that the next connection could meet.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.close()
        return True
    raise AssertionError("neither admitted nor dropped")


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
    assert re.search(r'^weir_acl_hits_total{.*port="80".*list="deny",entry="ipset:bad"} [1-9]', lab.w.get("/metrics"), re.M)
    assert "ipset:bad" in lab.w.ctl("acl", "list").stdout and BAD[:-2] in lab.w.ctl("set", "show", "bad").stdout
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


def face(lab, name, *words, check=True):
    """One of the faces of the tools of DPVS."""
    return run(BUILD / "cli" / name, *words, check=check, env={**os.environ, "WEIR_SOCKET": str(lab.w.socket)})


def test_ipvsadm(lab):
    service = ("-t", f"{VIP}:80")
    face(lab, "ipvsadm", "-U", *service, "-k", BAD)
    assert not admitted(lab, BAD) and admitted(lab, CLIENT)
    assert face(lab, "ipvsadm", "-B").stdout == (
        f"{'PROTO':8} {'VIP:VPORT':30} {'BLACKLIST':30}\n{'TCP':8} {VIP + ':80':30} {BAD:30}\n")
    again = face(lab, "ipvsadm", "-U", *service, "-k", BAD, check=False)
    assert again.returncode != 0 and BAD in again.stderr
    face(lab, "ipvsadm", "-V", *service, "-k", BAD)
    assert admitted(lab, BAD)
    face(lab, "dpip", "ipset", "create", "people", "hash:net", "comment")
    face(lab, "ipvsadm", "-O", *service, "-2", "ipset:people")
    assert not admitted(lab, CLIENT)  # the set has nobody in it
    face(lab, "dpip", "ipset", "add", "people", f"{CLIENT}/32", "comment", "the office")
    assert admitted(lab, CLIENT) and not admitted(lab, BAD)
    assert "WHITELIST" in (told := face(lab, "ipvsadm", "-W", *service).stdout) and "ipset:people" in told
    face(lab, "ipvsadm", "-Y", *service, "-2", "ipset:people")
    assert admitted(lab, BAD)


def test_dpip_ipset(lab):
    def ipset(*words, **options):
        return face(lab, "dpip", "ipset", *words, **options)
    ipset("create", "foo", "hash:ip,port", "maxelem", "100")
    ipset("add", "foo", "192.0.2.1-192.0.2.2,tcp:80-81")
    assert ipset("test", "foo", "192.0.2.2,tcp:81").stdout == "true\n"
    assert ipset("-v", "test", "foo", "192.0.2.3,tcp:81").stdout == "192.0.2.3,tcp:81 is NOT in set foo\n"
    assert ipset("add", "foo", "192.0.2.1,tcp:80", check=False).returncode == 1
    ipset("-F", "add", "foo", "192.0.2.1,tcp:80")
    ipset("del", "foo", "192.0.2.1,tcp:80")
    lines = ipset("-v", "show", "foo").stdout.splitlines()
    assert lines[:3] == ["Name: foo", "Type: hash:ip,port", "Header: family inet  hashsize 1024  maxelem 100"]
    assert lines[4:] == ["References: 0", "Number of entries: 3", "Members:", "192.0.2.1,tcp:81", "192.0.2.2,tcp:80",
                         "192.0.2.2,tcp:81", ""]
    ipset("flush", "foo")
    assert "Number of entries: 0" in ipset("show").stdout
    ipset("destroy", "foo")
    assert ipset("show").stdout == ""
    ipset("create", "ports", "bitmap:port", "range", "tcp:1-1024")
    ipset("add", "ports", "22-23")
    assert "Header: range tcp:1-1024\n" in (told := ipset("-v", "show", "ports").stdout) and "tcp:22\ntcp:23\n" in told


@pytest.mark.parametrize("kind, inside, outside", [
    ("hash:ip,port", f"{BAD},tcp:40000", f"{BAD},udp:40000"),
    ("hash:net,port", "10.0.0.64/26,40000", "10.0.0.64/26,40001"),
    ("bitmap:port", "tcp:40000", "tcp:40001"),
    ("bitmap:ip,mac", None, f"{BAD},02:00:00:00:00:99"),
    ("hash:net,port,iface", "10.0.0.0/24,tcp:40000,dpdk0", "10.0.0.0/24,tcp:40000,dpdk1"),
    ("hash:ip,port,ip", f"{BAD},tcp:40000,{VIP}", f"{BAD},tcp:40000,10.0.0.101"),
    ("hash:ip,port,net", f"{BAD},tcp:40000,10.0.0.100/30", f"{BAD},tcp:40000,10.0.0.104/30"),
    ("hash:net,port,net,port", f"10.0.0.0/8,tcp:40000,{VIP}/32,tcp:80", f"10.0.0.0/8,tcp:40000,{VIP}/32,tcp:81"),
])
def test_types(lab, kind, inside, outside):
    """A denied connection from BAD, port 40000, to the service: what is in a set of each type, and what is not."""
    settings = {"type": kind}
    if kind.startswith("bitmap"):
        settings["range"] = "1-65535" if "port" in kind else "10.0.0.0/24"
    lab.w.put("/v1/sets/kind", settings)
    lists(lab, VIP, deny=["ipset:kind"])
    lab.w.request("POST", "/v1/sets/kind/entries", {"entries": [outside]})
    assert admitted(lab, BAD, source_port=40000)
    lab.w.request("POST", "/v1/sets/kind/entries", {"entries": [inside or f"{BAD},{lab.client.mac('eth0')}"]})
    assert not admitted(lab, BAD, source_port=40000)


def test_restart(lab):
    lab.w.put("/v1/sets/kept", {"type": "hash:net", "comment": True,
                                "entries": [{"entry": "10.0.0.64/26", "comment": "kept too"}, "192.0.2.0/24"]})
    lab.w.request("POST", "/v1/sets/kept/delete", {"entries": ["192.0.2.0/24"]})
    lists(lab, VIP, deny=["ipset:kept"])
    lab.w.patch("/v1/acl", {"deny": ["198.51.100.0/24"]})
    before = lab.w.get("/v1/sets/kept")
    lab.w.wait_saved("ipset:kept", "198.51.100.0/24")
    lab.w.stop()
    lab.w.start()
    after = lab.w.get("/v1/sets/kept")
    assert after["entries"] == before["entries"] and after["references"] == 1
    assert lab.w.get("/v1/acl")["deny"] == ["198.51.100.0/24"]
    assert not admitted(lab, BAD) and admitted(lab, CLIENT)
