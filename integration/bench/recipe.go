package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed recipe
var recipe embed.FS

// steps make the layers of the reference image, lowest first. The topmost layer,
// an application's own files, is made by application.
var steps = []string{"1-debian.sh", "2-packages.sh", "3-node.sh", "4-program.sh"}

// cook runs the recipe below dir with program as the Go binary of its last
// step, and gives the folders of the layers: overlayfs upper folders. A step
// that ran before is not run again.
func cook(ctx context.Context, dir, program string) ([]string, error) {
	kitchen := filepath.Join(dir, "recipe")
	if err := unpackRecipe(kitchen, program); err != nil {
		return nil, err
	}
	var layers []string
	for i, step := range steps {
		layer := filepath.Join(dir, fmt.Sprintf("layer%d", i+1))
		done := layer + ".done"
		if _, err := os.Stat(done); err != nil {
			say("reference image: %s", step)
			if err := runStep(ctx, kitchen, dir, layer, step, layers); err != nil {
				return nil, err
			}
			if err := os.WriteFile(done, nil, 0o644); err != nil {
				return nil, err
			}
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

func unpackRecipe(kitchen, program string) error {
	if err := os.MkdirAll(kitchen, 0o755); err != nil {
		return err
	}
	names, err := fs.Glob(recipe, "recipe/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := recipe.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(kitchen, filepath.Base(name)), data, 0o644); err != nil {
			return err
		}
	}
	return copyFile(program, filepath.Join(kitchen, "program"))
}

// runStep runs one step: the first makes the layer's folder by itself, the
// others run inside what the layers below add up to.
func runStep(ctx context.Context, kitchen, dir, layer, step string, below []string) error {
	scratch := filepath.Join(dir, "scratch")
	for _, d := range []string{layer, scratch} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	defer os.RemoveAll(scratch)
	root, work, tmp := filepath.Join(scratch, "root"), filepath.Join(scratch, "work"), filepath.Join(scratch, "tmp")
	for _, d := range []string{layer, root, work, tmp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(tmp, 0o1777); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "sh", "-eu", filepath.Join(kitchen, step))
	if len(below) > 0 {
		cmd = exec.CommandContext(ctx, "unshare", "--mount", "sh", "-eu", filepath.Join(kitchen, "step.sh"))
	}
	cmd.Env = append(os.Environ(), "STEP="+step, "RECIPE="+kitchen, "UPPER="+layer, "ROOT="+root, "WORK="+work, "SCRATCH="+tmp, "LOWER="+lower(below))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: …%s", step, err, out[max(0, len(out)-2000):])
	}
	return nil
}

// lower is the lowerdir option: the topmost first.
func lower(below []string) string {
	var dirs []string
	for _, d := range below {
		dirs = append([]string{d}, dirs...)
	}
	return strings.Join(dirs, ":")
}
