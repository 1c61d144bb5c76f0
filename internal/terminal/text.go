// SPDX-License-Identifier: Apache-2.0

// Package terminal shows people what a running gyr tells: alerts as lines and trees, and the view of
// what goes on. Whatever names processes, files and containers have, they cannot drive the terminal
// or break a line.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// Safe returns text in which everything that a terminal does not simply print is written as an escape:
// control characters, and those that are invisible or change the direction of others. The rest of
// what is not valid UTF-8 becomes U+FFFD.
func Safe(text string) string {
	clean := true
	for _, r := range text {
		if r == utf8.RuneError || !printable(r) {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case printable(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// printable reports whether a terminal only prints a character.
func printable(r rune) bool {
	if r < 0x7f {
		return r >= ' '
	}
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Cf, unicode.Variation_Selector)
}

// Width is how many columns a text without escapes takes.
func Width(text string) int { return ansi.StringWidth(text) }

// Fit makes a text exactly so many columns wide: what is too long ends with an ellipsis, what is too
// short is filled with blanks, on the left side if right is set. The text must be safe.
func Fit(text string, width int, right bool) string {
	text = Cut(text, width)
	fill := strings.Repeat(" ", max(0, width-Width(text)))
	if right {
		return fill + text
	}
	return text + fill
}

// Cut shortens a text to at most width columns.
func Cut(text string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(text, width, "…")
}

// Paint colours text, if it is true.
type Paint bool

// The colours and weights that are used, as parameters of the SGR sequence.
const (
	bold    = "1"
	faint   = "2"
	reverse = "7"
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	cyan    = "36"
	alarm   = "1;31"
)

// In returns the text in a colour.
func (p Paint) In(colour, text string) string {
	if !p || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[m"
}

// ParseColour reads when output is coloured: "always", "never", or, with "auto", if w is a terminal
// that can show colours and nobody has set NO_COLOR (https://no-color.org).
func ParseColour(when string, w io.Writer) (Paint, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		_, _, ok := Size(w)
		return Paint(ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"), nil
	}
	return false, fmt.Errorf("--color: %q is none of auto, always, never", when)
}

// Size is the size of the terminal that w is; ok is false if it is none.
func Size(w io.Writer) (width, height int, ok bool) {
	f, is := w.(*os.File)
	if !is || !term.IsTerminal(int(f.Fd())) {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24, true
	}
	return width, height, true
}
