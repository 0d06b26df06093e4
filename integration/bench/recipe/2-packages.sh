# Python, Ruby on Rails and Java, as Debian packages them.
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends \
	ca-certificates curl git less \
	python3 python3-pip python3-django python3-flask python3-numpy \
	python3-requests python3-sqlalchemy python3-yaml python3-lxml python3-pil python3-cryptography python3-jinja2 \
	python3-celery python3-redis python3-psycopg2 python3-aiohttp python3-twisted python3-tornado \
	python3-werkzeug python3-click python3-pytest python3-setuptools python3-docutils python3-paramiko \
	ruby ruby-rails ruby-pg ruby-sqlite3 ruby-redis ruby-sidekiq ruby-devise ruby-nokogiri ruby-rspec ruby-faraday \
	ruby-haml ruby-grape ruby-sinatra puma \
	default-jdk-headless maven ant \
	libspring-web-java libspring-context-java libhibernate3-java libtomcat9-java libjetty9-java liblog4j2-java \
	libjackson2-databind-java libguava-java libnetty-java libbcprov-java libcommons-io-java libcommons-compress-java
apt-get clean
rm -rf /var/log/*
