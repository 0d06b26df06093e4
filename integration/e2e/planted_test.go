package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// planted is an image built once by the real Docker daemon: Debian with
// packages of every language, secrets, and a setuid file, and pushed to the real
// registry.
type planted struct {
	name    string   // in the registry that is open
	tlsName string   // the same in the registry with TLS and a password
	archive string   // docker save of it
	secrets []secret // what must be found, and must appear nowhere
}

// secret is a value made up for this run.
type secret struct {
	rule, path, value string
	deleted           bool // a later layer deletes the file
}

// packages are what is planted, as "type name version".
var plantedPackages = []string{
	"npm lodash 4.17.20",
	"python requests 2.19.0",
	"gem rack 2.0.1",
	"java-archive log4j-core 2.14.1",
	"go-module github.com/spf13/cobra v1.10.2",
	"deb bash *",
}

const plantedDockerfile = `FROM scratch
ADD base.tar /
COPY app /app
RUN chmod 4755 /app/planted-setuid && ln -s /app/config.env /app/link.env
COPY deleted.pem /app/deleted.pem
RUN rm /app/deleted.pem
EXPOSE 22
USER nobody
`

var once struct {
	sync.Once
	image planted
	err   error
}

// plantedImage builds the image at its first use.
func plantedImage(t *testing.T) planted {
	t.Helper()
	docker, base := part(t, "TIDEPOLE_TEST_DOCKER_HOST"), part(t, "TIDEPOLE_TEST_BASE")
	registry, closed := part(t, "TIDEPOLE_TEST_REGISTRY"), part(t, "TIDEPOLE_TEST_REGISTRY_TLS")
	once.Do(func() {
		dir := filepath.Join(filepath.Dir(program), "planted")
		once.image, once.err = buildPlanted(dir, docker, base, registry, closed)
	})
	if once.err != nil {
		t.Fatal(once.err)
	}
	return once.image
}

func buildPlanted(dir, docker, base, registry, closed string) (planted, error) {
	p := planted{
		name: registry + "/team/planted:1", tlsName: closed + "/team/planted:1", archive: filepath.Join(dir, "planted.tar"),
	}
	files, secrets, err := plantedFiles()
	if err != nil {
		return p, err
	}
	p.secrets = secrets
	context := filepath.Join(dir, "context")
	for name, data := range files {
		if err := writeFile(filepath.Join(context, name), data); err != nil {
			return p, err
		}
	}
	if err := copyFile(base, filepath.Join(context, "base.tar")); err != nil {
		return p, err
	}
	if err := copyFile(program, filepath.Join(context, "app", "go-program")); err != nil {
		return p, err
	}
	for _, args := range [][]string{
		{"build", "--network", "none", "-t", p.name, context},
		{"push", p.name},
		{"save", "-o", p.archive, p.name},
	} {
		if err := command(docker, args...); err != nil {
			return p, err
		}
	}
	return p, nil
}

// command runs the docker command against a daemon of the testbed.
func command(host string, args ...string) error {
	cmd := exec.Command("docker", append([]string{"-H", host}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// plantedFiles are the files of the build context below the base image. Keys of
// the secrets' syntax are put together here, so that this file holds none.
func plantedFiles() (map[string][]byte, []secret, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE" + " KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	const upper, all = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	awsID, awsKey := "AKIA"+random(upper, 16), random(all, 40)
	github, slack := "ghp"+"_"+random(all, 36), "xoxb"+"-"+random("0123456789", 12)+"-"+random("0123456789", 12)+"-"+random(all, 24)
	auth := base64.StdEncoding.EncodeToString([]byte("builder:" + random(all, 26)))
	secrets := []secret{
		{rule: "aws-access-key", path: "/app/config.env", value: awsID},
		{rule: "aws-secret-key", path: "/app/config.env", value: awsKey},
		{rule: "docker-config-auth", path: "/app/docker/config.json", value: auth},
		{rule: "pem-private-key", path: "/app/deleted.pem", value: strings.Split(string(private), "\n")[3], deleted: true},
		{rule: "github", path: "/app/ci.yaml", value: github},
		{rule: "slack", path: "/app/ci.yaml", value: slack},
	}
	jar, err := log4j()
	if err != nil {
		return nil, nil, err
	}
	return map[string][]byte{
		"Dockerfile":                           []byte(plantedDockerfile),
		"deleted.pem":                          private,
		"app/config.env":                       []byte("# settings\naws_access_key_id = " + awsID + "\naws_secret_access_key = " + awsKey + "\n"),
		"app/docker/config.json":               []byte(`{"auths":{"registry.example.com":{"auth":"` + auth + `"}}}` + "\n"),
		"app/ci.yaml":                          []byte("token: " + github + "\nslack: " + slack + "\n"),
		"app/planted-setuid":                   []byte("#!/bin/sh\n"),
		"app/node_modules/lodash/package.json": []byte(`{"name":"lodash","version":"4.17.20","license":"MIT"}`),
		"app/python/lib/python3/site-packages/requests-2.19.0.dist-info/METADATA": []byte("Metadata-Version: 2.1\nName: requests\nVersion: 2.19.0\nLicense: Apache 2.0\n"),
		"app/python/lib/python3/site-packages/requests-2.19.0.dist-info/RECORD":   []byte("requests/__init__.py,,\n"),
		"app/ruby/specifications/rack-2.0.1.gemspec":                              []byte("Gem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"2.0.1\"\n  s.licenses = [\"MIT\".freeze]\nend\n"),
		"app/java/log4j-core-2.14.1.jar":                                          jar,
	}, secrets, nil
}

// log4j is a jar with the marks by which it is known, and nothing else.
func log4j() ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range [][2]string{
		{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Title: Apache Log4j Core\r\nImplementation-Version: 2.14.1\r\n\r\n"},
		{"META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties", "version=2.14.1\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\n"},
	} {
		w, err := z.Create(f[0])
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, f[1]); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func random(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // the machine has no randomness
		}
		b[i] = alphabet[at.Int64()]
	}
	return string(b)
}

func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
