package secretbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/importserver/secretbox"
)

func TestTagsRecogniseASecret(t *testing.T) {
	one, err := secretbox.Create(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := secretbox.Create(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	tag := one.Tag("secret", "this")
	for name, another := range map[string]string{
		"another secret": one.Tag("secret ", "this"), "another use": one.Tag("secret", "that"),
		"a secret that is in its use": one.Tag("is\x00secret", "th"), "another key": other.Tag("secret", "this"),
	} {
		if another == tag {
			t.Errorf("%s has the tag", name)
		}
	}
	if one.Tag("secret", "this") != tag || strings.Contains(tag, "secret") {
		t.Errorf("the tag is %s", tag)
	}
}

func TestSecretsOpenWhereTheyBelong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := secretbox.Open(path); !errors.Is(err, secretbox.ErrNoKey) {
		t.Fatalf("without a key: %v", err)
	}
	made, err := secretbox.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secretbox.Create(path); err == nil {
		t.Error("a key was replaced")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v, %v", info.Mode(), err)
	}
	box, err := secretbox.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"", "the-password", strings.Repeat("x", 10_000)} {
		one, two := made.Seal(secret, "here"), made.Seal(secret, "here")
		if one == two || secret != "" && strings.Contains(one, secret) {
			t.Errorf("sealed as %s and %s", one, two)
		}
		if got, err := box.Open(one, "here"); got != secret || err != nil {
			t.Errorf("opened %q, %v", got, err)
		}
		damaged := one[:len(one)-2] + "__"
		for name, sealed := range map[string]string{"moved": one, "damaged": damaged, "plain": secret, "short": "v1:AA"} {
			of := "here"
			if name == "moved" {
				of = "there"
			}
			if got, err := box.Open(sealed, of); err == nil {
				t.Errorf("%s: opened %q", name, got)
			}
		}
	}
	other, err := secretbox.Create(path + "2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(made.Seal("a", "b"), "b"); err == nil {
		t.Error("opened with another key")
	}
}

func TestKeysOfAnotherLengthAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secretbox.Open(path); err == nil {
		t.Error("a short key was taken")
	}
}
