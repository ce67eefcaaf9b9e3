#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Put the driver headers of DPDK, which Debian's -dev package does not carry, into DIRECTORY.
# They come from the source package of the version that is installed; the list of source packages
# lives in DIRECTORY, the system's own apt configuration is not touched.
#   headers.sh DIRECTORY      DPDK_SOURCE=/path/to/dpdk takes them from there instead
set -eu

directory=$1
wanted="lib/ethdev/ethdev_driver.h lib/ethdev/ethdev_vdev.h drivers/bus/vdev/bus_vdev_driver.h
	lib/eal/include/dev_driver.h lib/eal/include/bus_driver.h"
include=$directory/include
[ -e "$include/complete" ] && exit 0
mkdir -p "$include"

take()
{
	for header in $wanted; do
		cp "$1/$header" "$include/"
	done
	touch "$include/complete"
}

if [ -n "${DPDK_SOURCE:-}" ]; then
	take "$DPDK_SOURCE"
	exit 0
fi

apt=$(cd "$directory" && pwd)/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$apt/source"
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in "$codename" "$codename-updates"; do
	echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian $suite main"
done > "$apt/sources.list"
echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian-security $codename-security main" \
	>> "$apt/sources.list"

private()
{
	apt-get -qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/parts" \
		-o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" \
		-o APT::Sandbox::User=root "$@"
}

version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev)
private update
cd "$apt/source"
private source --download-only "dpdk=$version" || {
	echo "bench: no source package of dpdk $version; taking the newest of $codename" >&2
	private source --download-only dpdk
}
tarball=$(ls -t dpdk_*.orig.tar.* | head -1)
top=$(tar tf "$tarball" 2>/dev/null | sed -n '1s,/.*,,p')
# shellcheck disable=SC2046,SC2086 # a list of words is meant
tar xf "$tarball" $(printf "$top/%s " $wanted)
take "$apt/source/$top"
rm -rf "$apt"
