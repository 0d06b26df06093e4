#!/bin/sh
# Takes one image through the whole path: starts a server on the embedded
# default, has the image analysed, and prints its packages, its vulnerabilities
# and the verdict. Everything is kept below one temporary folder, and removed.
#
#   integration/demo.sh [IMAGE]
set -eu
cd "$(dirname "$0")/.."

image=${1:-}
tidepole=$PWD/bin/tidepole
dir=$(mktemp -d "${TMPDIR:-/tmp}/tidepole-demo-XXXXXX")
server=
finish() {
	code=$?
	trap - EXIT INT TERM
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	if [ $code != 0 ]; then
		echo "the server's log ended with:" >&2
		tail -n 20 "$dir/serve.log" >&2 || true
	fi
	rm -rf "$dir"
	exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

say() {
	printf '\n== %s\n' "$*"
}
run() {
	printf '\n$ tidepole %s\n' "$*"
	"$tidepole" "$@"
}

# What the commands below remember of unfinished uploads goes there, too.
export XDG_STATE_HOME="$dir/state"

say "starting a server in $dir"
TIDEPOLE_ADMIN_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
export TIDEPOLE_ADMIN_PASSWORD
"$tidepole" serve --data "$dir/data" --listen 127.0.0.1:0 --ready-file "$dir/url" >"$dir/serve.log" 2>&1 &
server=$!
for _ in $(seq 100); do
	[ -s "$dir/url" ] && break
	kill -0 $server 2>/dev/null || exit 1
	sleep 0.1
done
TIDEPOLE_URL=$(cat "$dir/url")
TIDEPOLE_PASSWORD=$TIDEPOLE_ADMIN_PASSWORD
export TIDEPOLE_URL TIDEPOLE_PASSWORD
run system wait --timeout 1m

say "fetching the vulnerability database"
online=yes
if ! run vulndb update --timeout 5m; then
	online=no
	say "the official database cannot be reached: using a small one made from records in this repository, with demonstration entries"
	go run ./integration/vulndbtest/cmd/demodb -o "$dir/demo-db.tar.gz"
	run vulndb import "$dir/demo-db.tar.gz"
fi

name=${image:-alpine:3.22}
if [ -n "$image" ] || [ $online = yes ]; then
	say "analysing $name: the server pulls it"
	if ! run image add "$name" --wait --timeout 15m; then
		[ -z "$image" ] || exit 1
		online=no
	fi
fi
if [ -z "$image" ] && [ $online = no ]; then
	say "no registry can be reached: analysing an image packed from tidepole's own program, whose Go modules are real packages"
	name=localbuild/tidepole:demo
	go run ./integration/ownimage -program "$tidepole" -o "$dir/image"
	run image add "$name" --from "oci-dir:$dir/image" --wait --timeout 15m
fi

say "what it contains"
"$tidepole" image content "$name" -t all >"$dir/packages"
head -n 15 "$dir/packages"
echo "… $(($(wc -l <"$dir/packages") - 1)) packages in all"

say "what is known to be wrong with it"
"$tidepole" image vulnerabilities "$name" >"$dir/vulnerabilities"
head -n 15 "$dir/vulnerabilities"

say "what the policy says"
run image check "$name" --detail
