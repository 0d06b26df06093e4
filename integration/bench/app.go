package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
)

// secret is a value made up for the reference image that must be found.
type secret struct {
	Rule string
	Path string
}

// file is one file of the application.
type file struct {
	name string
	mode int64
	data []byte
}

// forgotten is in a lower layer and deleted by the application's.
const forgotten = "srv/app/deploy/forgotten.env"

// plant gives files with secrets in them, the same every time, and what must be
// found. The values are put together here, so that no scanner takes this file
// for leaking.
func plant() (app, below []file, secrets []secret) {
	r := rand.New(rand.NewSource(7))
	add := func(name, text string, rules ...string) {
		app = append(app, file{"srv/app/" + name, 0o640, []byte(text)})
		for _, rule := range rules {
			secrets = append(secrets, secret{rule, "/srv/app/" + name})
		}
	}
	github := func() string { return "ghp" + "_" + text(r, alnum, 36) }
	slack := func() string {
		return "xoxb" + "-" + text(r, digits, 12) + "-" + text(r, digits, 12) + "-" + text(r, alnum, 24)
	}
	add("config/production.env", "AWS_ACCESS_KEY_ID="+"AKIA"+text(r, upper, 16)+"\nAWS_SECRET_ACCESS_KEY="+text(r, alnum, 40)+"\n", "aws-access-key", "aws-secret-key")
	add("config/ci.yaml", "deploy:\n  token: "+github()+"\n", "github-pat")
	add("config/notify.yaml", "slack:\n  bot: "+slack()+"\n", "slack-bot-token")
	add("config/payments.json", `{"key": "sk`+`_live_`+text(r, alnum, 24)+`"}`+"\n", "stripe-secret-key")
	add("config/maps.js", "export const key = '"+"AIza"+text(r, alnum, 35)+"';\n", "gcp-api-key")
	add("config/mail.py", "SENDGRID = '"+"SG"+"."+text(r, alnum, 22)+"."+text(r, alnum, 43)+"'\n", "sendgrid-api-key")
	add("config/database.py", "DATABASE_URL = 'postgres://shop:"+text(r, alnum, 18)+"@db.internal:5432/shop'\n", "password-in-url")
	add(".npmrc", "//registry.internal/:_authToken="+"npm"+"_"+text(r, alnum, 36)+"\n", "npm-token")
	add("config/docker/config.json", `{"auths":{"registry.internal":{"auth":"`+base64.StdEncoding.EncodeToString([]byte("builder:"+text(r, alnum, 26)))+`"}}}`+"\n", "docker-config-auth")
	add("deploy/id_rsa", string(privateKey(r)), "pem-private-key")
	add("notes/access.txt", string(wide("Zugänge für die Auslieferung\r\ntoken: "+"glpat"+"-"+text(r, alnum, 20)+"\r\n")), "gitlab-pat")
	add("backup/settings.env.gz", string(zipped("SLACK="+slack()+"\n")), "slack-bot-token")
	log := strings.Repeat("10.0.0.1 - GET /orders 200 12ms\n", 24<<10)
	add("log/requests.log", log+"authorization: "+github()+"\n"+log[:1<<10], "github-pat")
	below = []file{{forgotten, 0o640, []byte("GITHUB_TOKEN=" + github() + "\n")}}
	secrets = append(secrets, secret{"github-pat", "/" + forgotten})
	return app, below, secrets
}

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	alnum  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

func text(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.Intn(len(alphabet))]
	}
	return string(b)
}

// privateKey is an RSA key of primes that the source of randomness gives.
// crypto/rsa does not promise to give the same key for the same randomness.
func privateKey(r *rand.Rand) []byte {
	prime := func() *big.Int {
		p := new(big.Int).Rand(r, new(big.Int).Lsh(big.NewInt(1), 1022))
		p.SetBit(p.SetBit(p, 1023, 1), 1022, 1)
		for p.SetBit(p, 0, 1); !p.ProbablyPrime(20); p.Add(p, big.NewInt(2)) {
		}
		return p
	}
	one, e := big.NewInt(1), big.NewInt(65537)
	for {
		p, q := prime(), prime()
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || p.Cmp(q) == 0 {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE" + " KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	}
}

// wide is text as UTF-16 with its byte order mark.
func wide(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.Bytes()
}

// source gives the application's own files. In those that changed the text is
// another, and a few files are new or gone; what is declared is the same.
func source(changed bool) []file {
	r := rand.New(rand.NewSource(1))
	files := []file{
		{"srv/app/package.json", 0o644, []byte(`{"name": "shop", "version": "1.1.0", "license": "UNLICENSED"}` + "\n")},
		{"srv/app/requirements.txt", 0o644, []byte("django==4.2.11\nrequests==2.31.0\ncelery==5.3.6\n")},
	}
	words := strings.Fields("order item price user basket session payment address stock label query result page view model form field value count total limit offset return given when until after before with from into")
	endings := []string{".py", ".js", ".html", ".yaml", ".css", ".rb"}
	for i := range 400 {
		var b strings.Builder
		for range 20 + r.Intn(150) {
			for range 4 + r.Intn(8) {
				b.WriteString(words[r.Intn(len(words))] + []string{" ", "_", ".", "(", ") "}[r.Intn(5)])
			}
			b.WriteByte('\n')
		}
		files = append(files, file{fmt.Sprintf("srv/app/shop/%s/%s%d%s", words[i%20], words[r.Intn(len(words))], i, endings[i%len(endings)]), 0o644, []byte(b.String())})
	}
	if !changed {
		return files
	}
	for i := range files[declared:] {
		f := &files[declared+i]
		f.data = append([]byte("changed since\n"), f.data...)
	}
	return append(files[:len(files)-3], file{"srv/app/shop/coupon/coupon.py", 0o644, []byte("class Coupon: pass\n")})
}

// declared is how many of the files, the first, say what the application needs.
const declared = 2

// application writes the topmost layer: the source, the planted secrets, and
// whatever else is to be there.
func application(w *layerWriter, changed bool, more ...file) error {
	planted, _, _ := plant()
	if err := writeFiles(w, slices.Concat(source(changed), planted, more)); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path.Join(path.Dir(forgotten), whiteoutPrefix+path.Base(forgotten)), Mode: 0o600, ModTime: latest})
}

// writeFiles writes files in the order of their names, and the folders that
// they are in.
func writeFiles(w *layerWriter, files []file) error {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	made := map[string]bool{}
	for _, f := range files {
		if err := makeFolders(w, made, path.Dir(f.name)); err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: latest}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return nil
}

func makeFolders(w *layerWriter, made map[string]bool, dir string) error {
	if dir == "." || made[dir] {
		return nil
	}
	if err := makeFolders(w, made, path.Dir(dir)); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: latest})
}
