# SPDX-License-Identifier: BSD-3-Clause
"""weir-vpc-steer: an Open vSwitch spreads flows of VMs over three gateways (steer_lab.py)."""

import signal

import pytest
from lab import BUILD, Keep, best, wait_for
from routing_lab import RequestProbe
from steer_lab import CALM, GATEWAYS, MACS, VIP, VM, SteerLab, gateway_address

INTERVAL = 100  # milliseconds, where a death is measured
PORTS = range(40000, 40012)


@pytest.fixture(scope="module")
def steer(make_lab):
    lab = make_lab(SteerLab)
    lab.steer("apply")
    lab.wait_up()
    return lab


def keeps_open(lab, vni):
    return {port: Keep(lab.vms[vni], VIP, source=(VM, port)) for port in PORTS}


def test_second_run_changes_nothing(steer):
    before = steer.ofctl("dump-groups"), len(steer.flows())
    assert steer.steer("apply").stdout == "nothing differs\n"
    assert steer.steer("apply", "--dry-run").stdout == "nothing differs\n"
    # Two VMs: VIP and its ARP on the way out, one flow for each gateway on the way back.
    assert (steer.ofctl("dump-groups"), len(steer.flows())) == before and before[1] == 2 * (2 + 3)


def test_flows_are_spread(steer):
    """The same connections in two VNIs: all gateways have some, and each VNI its own answers."""
    for vni in MACS:
        keeps = keeps_open(steer, vni)
        assert {steer.gateway_of(vni, port) for port in PORTS} == set(GATEWAYS)
        for keep in keeps.values():
            keep.close()
    listed = steer.steer("show").stdout
    assert all(gateway_address(n) in listed for n in GATEWAYS) and "v96" in listed
    assert all(row["packets"] > 0 for row in steer.shown().values())


def test_only_flows_of_the_dead_move(steer):
    """
    One of three is killed: connections over the others go on where they are. Those of the dead one that
    are made again get the same server from another gateway; and it takes its own back.
    """
    keeps = keeps_open(steer, 96)
    at = {port: steer.gateway_of(96, port) for port in PORTS}
    steer.gateways[2].kill()
    wait_for(lambda: not steer.shown()[2]["gets_flows"], what="gateway 2 is missed")
    assert steer.shown()[2]["reason"] == "Control Detection Time Expired"
    for port, keep in keeps.items():
        if at[port] != 2:
            assert keep.ask() == keep.name and steer.gateway_of(96, port) == at[port]
        keep.close()
    moved = [port for port in PORTS if at[port] == 2]
    for port in moved:
        again = Keep(steer.vms[96], VIP, source=(VM, port))
        assert steer.gateway_of(96, port) in (1, 3) and again.name == keeps[port].name
        again.close()
    steer.gateways[2].start()
    steer.wait_up()
    for port in moved:
        again = Keep(steer.vms[96], VIP, source=(VM, port))
        assert steer.gateway_of(96, port) == 2 and again.name == keeps[port].name
        again.close()


def test_gateways_agree(steer):
    """
    The same client asks each gateway in turn: all choose the same server, though each has them in another
    order and by other numbers. So they do for a client on the underlay.
    """
    for weir in steer.gateways.values():
        assert [service["scheduler"] for service in weir.table("service") if service.get("vip") == VIP] == ["mh"] * 3
    client = steer.host("client")
    steer.plug(steer.underlay, "pc", client, "eth0")
    client.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
    steer.address(client, "eth0", "10.90.0.50/24")
    names = {}
    for n in GATEWAYS:
        client.ip("route", "replace", f"{VIP}/32", "via", gateway_address(n))
        for port in PORTS:
            keep = Keep(client, VIP, source=("10.90.0.50", port))
            names.setdefault(port, set()).add(keep.name)
            keep.close()
    assert all(len(chosen) == 1 for chosen in names.values())
    assert len(set.union(*names.values())) > 1


def test_drained_gateway_gets_no_flows(steer):
    """A gateway says that it is administratively down: nothing has to be missed."""
    steer.gateways[1].ctl("drain")
    wait_for(lambda: not steer.shown()[1]["gets_flows"], what="Open vSwitch has heard")
    assert steer.shown()[1]["reason"] == "Neighbor Signaled Session Down"
    for port in PORTS:
        keep = Keep(steer.vms[101], VIP, source=(VM, port))
        assert steer.gateway_of(101, port) in (2, 3)
        keep.close()
    steer.gateways[1].ctl("undrain")
    steer.wait_up()


def test_gap(steer):
    """What new requests see of a death, at 3 x 100 ms: under half a second."""
    steer.wanted["bfd"]["interval"] = INTERVAL
    steer.steer("apply")

    def measure():
        steer.wait_up()
        probe = RequestProbe(steer.vms[96], VIP, 80)
        probe.wait(30)
        steer.gateways[3].kill()
        wait_for(lambda: not steer.shown()[3]["gets_flows"], what="gateway 3 is missed")
        probe.wait(60)
        probe.stop()
        steer.gateways[3].start()
        return probe.gap()

    best(0.5, measure)
    steer.wanted["bfd"]["interval"] = CALM
    steer.steer("apply")
    steer.wait_up()


def test_running(steer):
    """As a service: it mends the switch after ovs-vswitchd was killed, and follows its file on SIGHUP."""
    process = steer.hypervisor.start(BUILD / "steer/weir-vpc-steer", "-c", steer.file, "run",
                                     log=steer.folder / "vpc-steer.log", env=steer.environment)
    flows = len(steer.flows())
    steer.ofctl("del-flows")
    steer.ofctl("del-groups")
    wait_for(lambda: len(steer.flows()) == flows, what="group and flows are there again")
    steer.wanted["gateways"] = steer.wanted["gateways"][1:]
    steer.wanted["gateways"][0]["weight"] = 2
    steer.steer("check")  # writes the file
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: "gw1" not in steer.ovs.vsctl("list-ports", "br0"), what="gateway 1 is out")
    wait_for(lambda: steer.ofctl("dump-groups").count("bucket=") == 3, what="two buckets of gateway 2, one of 3")
    assert set(steer.vms[96].names(VIP, count=10))
    steer.ovs.kill()
    steer.ovs.start()
    wait_for(lambda: len(steer.flows()) == 2 * (2 + 2), 20, 0.1, what="flows after a restart of ovs-vswitchd")
    steer.wait_up(2, 3)
    # The new one looks for the gateways' MAC addresses at the first packet.
    wait_for(lambda: steer.vms[101].curl(f"http://{VIP}/", "--connect-timeout", 1, check=False).stdout,
             what="VNI 101 answers")
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert len(steer.flows()) == 2 * (2 + 2)


@pytest.mark.parametrize("change, says", [
    ({"bridge": "br9"}, 'bridge: Open vSwitch has no bridge "br9"'),
    ({"group": 8}, "group: 8 is there already and was not made by weir-vpc-steer"),
    ({"gateways": [{"address": "10.90.0.9", "name": "v96"}]}, 'gateways[0].name: "v96" is a port that is there'),
    ({"gateways": [{"address": "nobody"}]}, 'gateways[0].address: "nobody" is no IPv4 or IPv6 address'),
    ({"weights": 1}, "weights: unknown field"),
])
def test_refusals(steer, change, says):
    steer.ofctl("add-group", "group_id=8,type=all")
    kept = steer.wanted
    steer.wanted = {**kept, **change}
    try:
        refused = steer.steer("apply", check=False)
        assert refused.returncode == 1 and says in refused.stderr
    finally:
        steer.wanted = kept
        steer.ofctl("del-groups", "group_id=8")


def test_remove(steer):
    """Nothing of it is left, and nothing else is touched; without a switch it says so."""
    assert steer.steer("remove").stdout == "removed\n"
    assert steer.flows() == [] and "group_id" not in steer.ofctl("dump-groups")
    assert set(steer.ovs.vsctl("list-ports", "br0").split()) == {"v96", "v101"}
    assert "weir" not in steer.ovs.vsctl("list", "bridge", "br0")
    assert steer.steer("--remove").stdout == "nothing is there\n"
    steer.ovs.kill()
    refused = steer.steer("apply", check=False)
    assert refused.returncode == 1 and "Open vSwitch does not answer for br0" in refused.stderr
