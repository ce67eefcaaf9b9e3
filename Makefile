# SPDX-License-Identifier: BSD-3-Clause
# A thin door to meson and the scripts in tools/. `make help` lists the targets.
BUILD ?= build
JOBS ?= $(shell nproc)
DESTDIR ?=

.PHONY: all programs demo demo-bgp demo-flood demo-keepalived demo-vpc test bench fuzz soak lint format install deb clean help

all: $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	tools/install-dependencies build
	meson setup --prefix=/usr $(BUILD)

# The daemon and its client alone, without the tests: half the time.
programs: $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS) weir cli/weirctl checker/weir-checker steer/weir-vpc-steer realserver/weir-realserver

demo: ## balance real traffic between namespaces and show it (root)
	tools/install-dependencies demo
	$(MAKE) programs
	WEIR_BUILD=$(abspath $(BUILD)) tools/demo

demo-bgp: ## two weirs with BIRD behind a router: drained, stopped, killed (root)
	tools/install-dependencies demo
	$(MAKE) programs
	WEIR_BUILD=$(abspath $(BUILD)) tools/demo-bgp

demo-flood: ## a SYN flood beside honest clients, without and with the SYN proxy (root)
	tools/install-dependencies demo
	$(MAKE) programs
	ninja -C $(BUILD) -j $(JOBS) tools/flood
	WEIR_BUILD=$(abspath $(BUILD)) tools/demo-flood

demo-keepalived: ## two weirs with VRRP by keepalived: a real server and the master killed (root)
	tools/install-dependencies demo
	$(MAKE) programs
	WEIR_BUILD=$(abspath $(BUILD)) tools/demo-keepalived

demo-tiers: ## a router, two weirs, two proxies, two applications; one of each is killed (root)
	tools/install-dependencies demo
	$(MAKE) programs
	WEIR_BUILD=$(abspath $(BUILD)) tools/demo-tiers

demo-vpc: ## two VPC gateways behind an Open vSwitch: tenants apart, one gateway killed (root)
	tools/install-dependencies demo-vpc
	$(MAKE) programs
	WEIR_BUILD=$(abspath $(BUILD)) tools/demo-vpc

test: ## everything that CI runs (root)
	tools/install-dependencies test
	tools/run-tests

bench: ## measure the packet path; CASES="..." FLOWS="..." SECONDS=N narrow it (root)
	tools/install-dependencies build
	$(MAKE) all
	bench/run

fuzz: ## run every fuzzer for SECONDS=N (default 600) each
	tools/install-dependencies test
	tools/run-tests --only fuzz --fuzz-seconds $(or $(SECONDS),600)

soak: ## the end-to-end tests with ten times the load, and an hour of change (root)
	tools/install-dependencies test
	$(MAKE) all
	tools/run-tests --only soak

lint: ## layers, sizes, format, documents
	tools/lint

format: ## clang-format the whole tree
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all ## into DESTDIR; a configuration that is there already stays
	DESTDIR=$(if $(DESTDIR),$(abspath $(DESTDIR))) meson install -C $(BUILD) --no-rebuild
	test -e $(DESTDIR)/etc/weir/weir.yaml || install -D -m 644 dist/weir.yaml $(DESTDIR)/etc/weir/weir.yaml

deb: ## Debian packages of the last commit into build-deb/, built and tested by dpkg-buildpackage
	tools/install-dependencies package
	tools/make-deb

clean:
	rm -rf $(BUILD) build-asan build-clang build-fuzz build-deb

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18
