// Package progress shows on standard error what a command is doing: live on a
// terminal, a line a stage elsewhere.
package progress

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"
)

// Screen is a terminal whose last lines are redrawn while others scroll by
// above them. Everything that goes to the terminal must go through it.
type Screen struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int
	live  []string // the lines at the end, as they were handed in
	drawn int      // how many of them are on the terminal
}

// NewScreen draws on w, whose width may change.
func NewScreen(w io.Writer, width func() int) *Screen { return &Screen{w: w, width: width} }

// Write puts text, whole lines, above the lines that are redrawn.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn == 0 {
		return s.w.Write(p)
	}
	if _, err := io.WriteString(s.w, s.erase()); err != nil {
		return 0, err
	}
	n, err := s.w.Write(p)
	if err == nil {
		_, err = io.WriteString(s.w, s.draw())
	}
	return n, err
}

// Live replaces the lines that are redrawn; none ends the drawing.
func (s *Screen) Live(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn == len(lines) && slices.Equal(s.live, lines) {
		return
	}
	text := s.erase()
	s.live = lines
	text += s.draw()
	if text != "" {
		_, _ = io.WriteString(s.w, text) // a terminal that went away stops no work
	}
}

// erase moves to the first drawn line and clears from there on.
func (s *Screen) erase() string {
	if s.drawn == 0 {
		return ""
	}
	n := s.drawn
	s.drawn = 0
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", n)
}

// draw writes the lines, none longer than the terminal is wide, so that each
// takes one row.
func (s *Screen) draw() string {
	var b strings.Builder
	for _, line := range s.live {
		b.WriteString(s.clip(line) + "\n")
	}
	s.drawn = len(s.live)
	return b.String()
}

// clip cuts a line so that it takes one row.
func (s *Screen) clip(line string) string {
	if width := s.width(); width > 1 {
		return runewidth.Truncate(line, width-1, "…")
	}
	return line
}
