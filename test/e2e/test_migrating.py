# SPDX-License-Identifier: BSD-3-Clause
"""The commands of doc/migrating-from-dpvs.md and doc/migrating-from-lvs.md, run as they stand there."""

import os
import re

import pytest

import lab as labs
from lab import ROOT, TwoArm, Weir, wait_for


class Page:
    """A page, whose interfaces eth1 (clients) and eth2 (real servers) are those of a lab."""

    def __init__(self, lab, name):
        self.lab = lab
        self.text = (ROOT / f"doc/{name}.md").read_text()
        self.bin = lab.folder / f"bin-{name}"
        self.bin.mkdir()
        for face in ("weirctl", "ipvsadm", "dpip"):
            (self.bin / face).symlink_to(labs.BUILD / "cli/weirctl")
        self.run_folder = lab.folder / f"sbin-{name}"
        self.run_folder.mkdir()
        for face in ("weirctl", "weir-run"):
            (self.run_folder / face).symlink_to(labs.BUILD / "cli/weirctl")
        (self.run_folder / "weir").symlink_to(labs.BUILD / "weir")

    def block(self, name):
        found = re.search(rf"^( *)```{name}\n(.*?)^\1```$", self.text, re.S | re.M)
        assert found, f"the page has no block {name}"
        return re.sub(rf"^{found[1]}", "", found[2], flags=re.M)

    def weir(self, name=None, imported=False):
        """A weir with the page's own file; the lab adds where its socket and state are, and takes little memory."""
        w = Weir(self.lab, self.lab.balancer, {})
        if imported:
            self.shell(w, "dpvs-import")
            text = (self.lab.folder / "weir.yaml").read_text()
            w.config.pop("sessions")  # they came from dpvs.conf
        else:
            text = self.devices(self.block(name))
        text = labs.yaml_text(w.config) + text
        w.write = lambda: w.file.write_text(text)
        return w.start()

    @staticmethod
    def devices(text):
        return text.replace("eth1", "in0").replace("eth2", "out0")

    def shell(self, w, name):
        """Commands, each of which must succeed; programs are where packages put them."""
        text = self.devices(self.block(name)).replace("/usr/lib/weir/bin", str(self.bin))
        environment = {**os.environ, "WEIR_SOCKET": str(w.socket),
                       "WEIR_IPVS_LIBRARY": str(labs.BUILD / "shim/libweir-ipvs.so"),
                       "PATH": f"{self.run_folder}:{os.environ['PATH']}"}
        return self.lab.balancer.run("sh", "-e", "-c", text, cwd=self.lab.folder, env=environment)


@pytest.fixture
def lab(make_lab):
    return make_lab(TwoArm)


def served(lab):
    wait_for(lambda: lab.client.curl("-m", "1", f"http://{labs.VIP}/", check=False).stdout, 20, what="the first answer")
    assert set(lab.client.names(labs.VIP, count=10)) == {"s1", "s2"}


def restarted(w):
    w.stop()
    return w.start()


def test_from_dpvs(lab):
    page = Page(lab, "migrating-from-dpvs")
    (lab.folder / "dpvs.conf").write_text(page.block("dpvs-conf"))
    w = page.weir(imported=True)
    assert page.shell(w, "dpvs-script").stderr == ""
    served(lab)
    looked = page.shell(w, "dpvs-look").stdout
    assert f"TCP  {labs.VIP}:80 rr" in looked and "FullNat" in looked and "sa_free" in looked
    # "They are needed once": a restart keeps what the script did, addresses and routes of Linux too.
    restarted(w)
    served(lab)


def test_from_lvs(lab):
    page = Page(lab, "migrating-from-lvs")
    w = page.weir("lvs-yaml")
    (lab.folder / "lvs.rules").write_text(page.block("lvs-rules"))
    page.shell(w, "lvs-restore")
    served(lab)
    assert lab.client.udp_ask(labs.VIP, 5353) is not None
    looked = page.shell(w, "lvs-look").stdout
    assert f"TCP  {labs.VIP}:80 rr" in looked and "Masq" in looked
    # What stock ipvsadm saves is what it was given.
    saved = lab.balancer.run(page.run_folder / "weir-run", "ipvsadm", "-Sn", env={
        **os.environ, "WEIR_SOCKET": str(w.socket),
        "WEIR_IPVS_LIBRARY": str(labs.BUILD / "shim/libweir-ipvs.so")}).stdout
    assert sorted(saved.split("\n")) == sorted(page.block("lvs-rules").split("\n"))


def test_every_key_of_dpvs_conf_is_on_the_page():
    """The keys that the import knows, by their last names."""
    page = (ROOT / "doc/migrating-from-dpvs.md").read_text()
    keys = re.findall(r'^\t\{"((?:\w+_defs|sa_pool)[a-z0-9_/]*)"', (ROOT / "cli/import.c").read_text(), re.M)
    assert len(keys) > 50
    missing = [key for key in keys if f"`{key.split('/')[-1]}`" not in page]
    assert not missing


@pytest.mark.parametrize("name", ["migrating-from-dpvs", "migrating-from-lvs"])
def test_pages_name_only_files_that_exist(name):
    text = (ROOT / f"doc/{name}.md").read_text()
    for file in re.findall(r"`((?:test|doc|tools)/[\w./-]+)`", text):
        assert (ROOT / file).exists(), file
