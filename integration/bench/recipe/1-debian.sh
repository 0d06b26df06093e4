# The base: what every Debian image starts from.
set -eu
debootstrap --variant=minbase bookworm "$UPPER" >&2
cd "$UPPER"
: >etc/resolv.conf
echo localhost >etc/hostname
printf '#!/bin/sh\nexit 101\n' >usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
rm -rf var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/* var/log/* var/cache/ldconfig/*
