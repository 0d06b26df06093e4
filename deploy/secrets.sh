#!/bin/sh
# Makes the secrets that compose.yaml reads, in the folder secrets beside this file:
# each once. The folder is open to its owner alone. The three files that containers read
# as their own user are readable to all in it: Compose mounts each by itself, which the
# daemon, as root, reaches through the folder. With a daemon that is not root, its user
# is to own the folder.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { head -c 32 /dev/urandom | base64 | tr -d '/+=\n' | head -c 32; }
make() { [ -e "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"; }

make admin-password "$(random)"
make store-password "$(random)"
[ -e secrets/registry-key ] || head -c 32 /dev/urandom >secrets/registry-key # as the server makes it itself
make tidepole.env "TIDEPOLE_STORE=postgres://tidepole:$(cat secrets/store-password)@store:5432/tidepole?sslmode=disable
AWS_ACCESS_KEY_ID=tidepole
AWS_SECRET_ACCESS_KEY=$(random)"
make blobs.env "MINIO_ROOT_USER=tidepole
MINIO_ROOT_PASSWORD=$(sed -n 's/^AWS_SECRET_ACCESS_KEY=//p' secrets/tidepole.env)"
chmod 700 secrets
chmod 644 secrets/admin-password secrets/store-password secrets/registry-key
