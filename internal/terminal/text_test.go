// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain":             "plain",
		"日本 é":              "日本 é",
		"a\x1b[31mb\nc\td":  `a\x1b[31mb\nc\td`,
		"\x00\r\x7f":        `\x00\x0d\x7f`,
		"a\u009b31m":        `a\u009b31m`,
		"\u202eevil\u2066":  `\u202eevil\u2066`,
		"\u200bzero\ufeff":  `\u200bzero\ufeff`,
		"\xff\xfe":          "\ufffd\ufffd",
		"\u2028\u2029":      `\u2028\u2029`,
		"\U000e0041tag":     `\U000e0041tag`,
		"\ufe0f":            `\ufe0f`,
		"half \xe2\x82 end": "half \ufffd\ufffd end",
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		right bool
		want  string
	}{
		{"abc", 5, false, "abc  "}, {"abc", 5, true, "  abc"}, {"abcdef", 4, false, "abc…"}, {"abc", 3, true, "abc"},
		{"日本語", 4, false, "日… "}, {"日本語", 6, false, "日本語"}, {"日本語", 5, true, "日本…"}, {"abc", 0, false, ""}, {"e\u0301tude", 3, false, "e\u0301t…"},
	} {
		if got := Fit(c.in, c.width, c.right); got != c.want || Width(got) != c.width {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestColour(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	for when, want := range map[string]Paint{"always": true, "never": false, "auto": false} {
		if got, err := ParseColour(when, &bytes.Buffer{}); err != nil || got != want {
			t.Errorf("%s: %v %v", when, got, err)
		}
	}
	if _, err := ParseColour("maybe", nil); err == nil {
		t.Error("maybe is accepted")
	}
	if Paint(true).In(red, "x") != "\x1b[31mx\x1b[m" || Paint(false).In(red, "x") != "x" {
		t.Error("colours differ")
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b]0;title\x07\n", 10)
	f.Add("\u202e日本\xff", 3)
	f.Fuzz(func(t *testing.T, in string, width int) {
		out := Safe(in)
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\x00\x07\x08\t\n\v\f\r\x1b\x7f\u0085\u009b\u202e\u2028") {
			t.Fatalf("%q is not safe", out)
		}
		width &= 0x3ff
		if got := Fit(out, width, false); Width(got) != width {
			t.Fatalf("%q is %d wide, not %d", got, Width(got), width)
		}
	})
}
