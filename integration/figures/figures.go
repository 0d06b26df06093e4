// Package figures is what the benchmarks share that write their tables into a page.
package figures

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Machine says what figures were measured on, and how busy it was: those of a busy
// machine say little.
func Machine() string {
	model, memory, load := "an unknown kind", "", "?"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = value(data, "model name")
	}
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		fmt.Sscanf(value(data, "MemTotal"), "%d", &kib)
		memory = fmt.Sprintf(", %d GiB of memory", (kib+1<<19)>>20)
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(data), " ")
	}
	return fmt.Sprintf("%d cores of %s%s, load %s at the start", runtime.NumCPU(), model, memory, load)
}

func value(data []byte, name string) string {
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if key, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Write puts tables into the page performance.md of a folder, between the marks that
// have a name.
func Write(docs, name, tables string) error {
	path := filepath.Join(docs, "performance.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := Fill(string(page), name, tables)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(filled), 0o644)
}

// Fill puts tables between the marks of a page that have a name.
func Fill(page, name, tables string) (string, error) {
	begin, end := "<!-- "+name+": begin -->", "<!-- "+name+": end -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, there := strings.Cut(rest, end)
	if !ok || !there {
		return "", fmt.Errorf("there is no %s … %s in it: write both, where the tables are to stand", begin, end)
	}
	return before + begin + "\n" + tables + end + after, nil
}
