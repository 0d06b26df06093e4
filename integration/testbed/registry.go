package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	registryUser     = "puller"
	registryPassword = "only-for-tests"
)

const openRegistry = `version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http:
  addr: %q
`

const closedRegistry = openRegistry + `  tls: {certificate: %q, key: %q}
auth:
  htpasswd: {realm: tests, path: %q}
`

// startRegistries starts a registry that is open and one with TLS and a
// password, both on the same storage: what is pushed to one is in the other.
func startRegistries(ctx context.Context, b *bed) ([]string, error) {
	open, err := freePort()
	if err != nil {
		return nil, err
	}
	closed, err := freePort()
	if err != nil {
		return nil, err
	}
	cert, key := b.path("registry.pem"), b.path("registry.key")
	if err := makeCertificate(cert, key); err != nil {
		return nil, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(registryPassword), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	users, storage := b.path("htpasswd"), b.path("registry")
	for name, text := range map[string]string{
		users:                registryUser + ":" + string(hash) + "\n",
		b.path("open.yml"):   fmt.Sprintf(openRegistry, storage, open),
		b.path("closed.yml"): fmt.Sprintf(closedRegistry, storage, closed, cert, key, users),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := b.start(ctx, "registry-open", dial("tcp", open), "docker-registry", "serve", b.path("open.yml")); err != nil {
		return nil, err
	}
	err = b.start(ctx, "registry-closed", dial("tcp", closed), "docker-registry", "serve", b.path("closed.yml"))
	return []string{
		"TIDEPOLE_TEST_REGISTRY=" + open,
		"TIDEPOLE_TEST_REGISTRY_TLS=" + closed,
		"TIDEPOLE_TEST_REGISTRY_CA=" + cert,
		"TIDEPOLE_TEST_REGISTRY_USERNAME=" + registryUser,
		"TIDEPOLE_TEST_REGISTRY_PASSWORD=" + registryPassword,
	}, err
}

// makeCertificate writes a certificate for loopback that is its own authority.
func makeCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(certFile, "CERTIFICATE", cert); err != nil {
		return err
	}
	return writePEM(keyFile, "PRIVATE KEY", private)
}

func writePEM(name, kind string, data []byte) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600)
}
