package secrets_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// Keys as the tools of the world write them, and in the clothes in which they
// get into images.
func TestRealKeys(t *testing.T) {
	m := matcher(t, secrets.Options{})
	for kind, key := range newKeys(t) {
		quoted, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		tests := map[string]struct{ content, rule string }{
			"a file":            {key, "pem-private-key"},
			"a file of DOS":     {strings.ReplaceAll(key, "\n", "\r\n"), "pem-private-key"},
			"JSON":              {`{"key": ` + string(quoted) + `}`, "pem-private-key"},
			"YAML":              {"key: |\n  " + strings.ReplaceAll(key, "\n", "\n  "), "pem-private-key"},
			"one line":          {"KEY='" + strings.ReplaceAll(key, "\n", " ") + "'", "pem-private-key"},
			"program text":      {`k = "` + strings.ReplaceAll(key, "\n", "\\n\" +\n    \"") + `"`, "pem-private-key"},
			"a Kubernetes file": {"tls.key: " + base64.StdEncoding.EncodeToString([]byte(key)), "pem-private-key-base64"},
		}
		for in, test := range tests {
			if got := classes(scan(t, m, "/app/key", test.content)); !slices.Equal(got, []string{test.rule}) {
				t.Errorf("%s in %s: found %v, want %s", kind, in, got, test.rule)
			}
		}
	}
}

func newKeys(t *testing.T) map[string]string {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(e)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{
		"RSA, PKCS#1": armour("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)),
		"EC, SEC 1":   armour("EC PRIVATE KEY", sec1),
	}
	for kind, key := range map[string]any{"RSA, PKCS#8": r, "EC, PKCS#8": e, "Ed25519, PKCS#8": d} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		keys[kind] = armour("PRIVATE KEY", der)
	}
	return keys
}

func armour(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
