package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine says what the figures were measured on.
func machine() string {
	model, memory := "", ""
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = value(data, "model name")
	}
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		fmt.Sscanf(value(data, "MemTotal"), "%d", &kib)
		memory = fmt.Sprintf(", %d GiB of memory", (kib+1<<19)>>20)
	}
	return fmt.Sprintf("%d cores of %s%s, load %s at the start", runtime.NumCPU(), strings.TrimSpace(model), memory, load1())
}

func value(data []byte, name string) string {
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if key, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// load1 is the load of the last minute: figures of a busy machine say little.
func load1() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	first, _, _ := strings.Cut(string(data), " ")
	return first
}
