package main

import "context"

// The images.
const (
	reference      = "reference"
	topChanged     = "top-changed"
	topProgram     = "top-program"
	quarter        = "quarter"
	fourfold       = "fourfold"
	forty          = "forty"
	quarterMillion = "quarter-million"
	million        = "million"
)

var imageNames = []string{reference, topChanged, topProgram, quarter, fourfold, forty, quarterMillion, million}

// images gives the chosen images, and makes those that are not there.
func (b *bench) images(ctx context.Context) ([]image, error) {
	var list []image
	base, err := b.store.reference(ctx, b.syftProgram)
	if err != nil {
		return nil, err
	}
	for _, name := range imageNames {
		if !b.chosen.has(name) || ctx.Err() != nil {
			continue
		}
		i, err := b.make(name, base)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, ctx.Err()
}

func (b *bench) make(name string, base image) (image, error) {
	switch name {
	case topChanged:
		return b.store.topChanged(base)
	case topProgram:
		return b.store.topProgram(base, b.gitleaks)
	case quarter:
		return b.store.quarter(base)
	case fourfold:
		return b.store.fourfold(base)
	case forty:
		return b.store.forty(base)
	case quarterMillion:
		return b.store.tiny(name, 250_000)
	case million:
		return b.store.tiny(name, 1_000_000)
	}
	return base, nil
}
