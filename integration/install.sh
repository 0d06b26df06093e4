#!/bin/sh
# Installs the real parts that the tests run against where they are missing:
# Docker Engine, Podman, containerd, a registry, an S3-compatible store, PostgreSQL, and
# what makes a Debian image.
set -eu

# It is no package; as a module of its own it adds nothing to this one's.
if ! command -v versitygw >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "building versitygw" >&2
	GOBIN=/usr/local/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 ||
		echo "not installed: versitygw; the tests that need it will be skipped" >&2
fi

missing=
need() {
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need dockerd docker.io
need docker-registry docker-registry
need podman podman
need containerd containerd
need ctr containerd
need iptables iptables
need systemd-analyze systemd
need pg_ctlcluster postgresql
need debootstrap debootstrap

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
	echo "not installed:$missing; the tests that need them will be skipped (run make test as root on Debian to have them installed)" >&2
	exit 0
fi
echo "installing$missing" >&2
# Daemons are started by the tests on private folders; none is to start by itself.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
