# Runs one step of the recipe, $STEP, over what the steps before it left: in an
# overlay whose upper folder is then the layer, inside a mount namespace, so that
# nothing stays mounted however this ends.
set -eu
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK,redirect_dir=off,metacopy=off,index=off" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs tmpfs "$ROOT/run"
mount --bind "$SCRATCH" "$ROOT/tmp"
mount --bind /etc/resolv.conf "$ROOT/etc/resolv.conf"
mkdir -p "$SCRATCH/recipe"
cp -L "$RECIPE"/* "$SCRATCH/recipe/"
# npm trusts what this machine trusts.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
	cp -L /etc/ssl/certs/ca-certificates.crt "$SCRATCH/recipe/authorities"
	export NODE_EXTRA_CA_CERTS=/tmp/recipe/authorities
fi
exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
	NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-}" sh -eu "/tmp/recipe/$STEP"
