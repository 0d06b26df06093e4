# Node, and two projects with what they name in package.json, by Debian's npm,
# which goes again. Scripts of packages do not run: they would download more.
export DEBIAN_FRONTEND=noninteractive
apt-get install -qy --no-install-recommends nodejs npm
export HOME=/tmp npm_config_cache=/tmp/npm npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
for project in web tools; do
	mkdir -p /srv/$project
	cp /tmp/recipe/$project.json /srv/$project/package.json
	(cd /srv/$project && npm install --ignore-scripts --legacy-peer-deps --loglevel=error)
done
apt-get purge -qy --auto-remove npm
apt-get clean
rm -rf /var/log/*
