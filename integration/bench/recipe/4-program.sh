# A Go program with its modules; and the tidying up that later layers do.
install -m 755 /tmp/recipe/program /usr/local/bin/inventory
rm -rf /var/lib/apt/lists/* /usr/share/doc/*java* /usr/share/man/man3
rm -rf /etc/skel && mkdir /etc/skel && echo 'umask 027' >/etc/skel/.profile
chmod 4755 /usr/bin/less
