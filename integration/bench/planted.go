package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
)

// secretCases are the secret search alone, and what was planted.
func (b *bench) secretCases(ctx context.Context, images []image) error {
	at := slices.IndexFunc(images, func(i image) bool { return i.Name == reference })
	if at >= 0 {
		b.planted(images[at])
	}
	if at >= 0 && b.only.has("secrets") {
		b.unpacked = b.store.path("unpacked")
		if err := unpack(images[at], b.unpacked); err != nil {
			return err
		}
		b.warm(b.unpacked)
		if err := b.secretSpeed(ctx); err != nil {
			b.note("secrets alone: %v", err)
		}
		if !b.skipPeers {
			b.alone(ctx, job{Tool: gitleaks, Image: reference, Source: files}, images[at])
			b.peerSecrets()
		}
	}
	if b.only.has("help") {
		b.help(ctx)
	}
	return nil
}

func (b *bench) secretSpeed(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, secretsAlone, b.unpacked)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	b.results.Speed = &speed{}
	return json.Unmarshal(out, b.results.Speed)
}

// planted looks for the planted secrets in the first answer there is.
func (b *bench) planted(i image) {
	for _, source := range []string{registry, archive, daemon} {
		answer := b.answers[job{tidepole, i.Name, source, empty}]
		if answer == "" {
			continue
		}
		s, err := plantedIn(answer, b.dir)
		if err != nil {
			b.note("secrets of %s: %v", i.Name, err)
			return
		}
		for _, m := range s.Missed {
			b.note("planted secret not found: %s", m)
		}
		b.results.Secrets = s
		return
	}
}

func plantedIn(answer, temp string) (*Secrets, error) {
	e, err := evidence(answer, temp)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	all, err := found(e)
	if err != nil {
		return nil, err
	}
	_, _, planted := plant()
	s := &Secrets{Planted: len(planted)}
	paths := map[string]bool{}
	for _, p := range planted {
		paths[p.Path] = true
		if all[p] == 0 {
			s.Missed = append(s.Missed, p.Rule+" in "+p.Path)
		}
	}
	for at, n := range all {
		if !paths[at.Path] {
			s.Beside += n
		}
	}
	return s, nil
}

func (b *bench) peerSecrets() {
	answer := b.answers[job{Tool: gitleaks, Image: reference, Source: files}]
	if answer == "" || b.results.Secrets == nil {
		return
	}
	paths, err := peerFound(answer, b.unpacked)
	if err != nil {
		b.note("gitleaks: %v", err)
		return
	}
	_, _, planted := plant()
	s, known := b.results.Secrets, map[string]bool{}
	for _, p := range planted {
		if !known[p.Path] && paths[p.Path] > 0 {
			s.PeerFiles++
		}
		known[p.Path] = true
	}
	s.PlantedFiles = len(known)
	for path, n := range paths {
		if !known[path] {
			s.PeerBeside += n
		}
	}
}
