// SPDX-License-Identifier: Apache-2.0

package diag

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	fields := []string{"proc.name", "proc.pname", "proc.aname", "fd.name", "evt.type", "user.name"}
	for word, want := range map[string]string{
		"proc.nmae":                     "proc.name",
		"prc.name":                      "proc.name",
		"PROC.NAME":                     "proc.name",
		"evt.typ":                       "evt.type",
		"k8s.foo":                       "",
		"":                              "",
		"x":                             "",
		strings.Repeat("proc.name", 20): "",
	} {
		if got := Suggest(word, fields); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := DidYouMean("fd.nam", fields); got != "did you mean fd.name?" {
		t.Errorf("DidYouMean = %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0},
	} {
		if got := distance(c.a, c.b, 10); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Problem
		want string
	}{
		{"whole", Problem{
			File: "rules.yaml", Line: 3, Col: 14, EndCol: 23, Severity: Error, Code: "LOAD_ERR_VALIDATE",
			Message: "unknown field", Hint: "did you mean proc.name?", Snippet: "  condition: proc.nmae = cat",
		}, "rules.yaml:3:14: error: unknown field [LOAD_ERR_VALIDATE]\n" +
			"    condition: proc.nmae = cat\n" +
			"               ^~~~~~~~~\n" +
			"  hint: did you mean proc.name?"},
		{"no position", Problem{File: "a.yaml", Severity: Warning, Message: "unused"}, "a.yaml: warning: unused"},
		{"no file", Problem{Line: 1, Col: 2, Severity: Note, Message: "m", Snippet: "ab"}, "1:2: note: m\n  ab\n   ^"},
		{"tabs and control characters", Problem{Line: 1, Col: 3, Message: "m", Snippet: "\t\x1bx"}, "1:3: error: m\n  \t?x\n  \t ^"},
		{"column behind the line", Problem{Line: 1, Col: 9, EndCol: 12, Message: "m", Snippet: "ab\n"}, "1:9: error: m\n  ab\n    ^"},
	} {
		if got := c.p.Text(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestTextCutsLongLines(t *testing.T) {
	p := Problem{Line: 1, Col: 5000, EndCol: 5004, Message: "m", Snippet: strings.Repeat("ä", 2499) + "x" + "here" + strings.Repeat("ö", 5000)}
	for _, line := range strings.Split(p.Text(), "\n")[1:] {
		if len(line) > 2+maxSnippet {
			t.Errorf("line of %d bytes: %q", len(line), line)
		}
	}
	lines := strings.Split(p.Text(), "\n")
	caret := strings.Index(lines[2], "^")
	if got := string([]rune(lines[1])[caret : caret+4]); got != "here" {
		t.Errorf("the caret points at %q", got)
	}
}

func TestLine(t *testing.T) {
	content := []byte("one\r\ntwo\n\nfour")
	for n, want := range []string{1: "one", 2: "two", 3: "", 4: "four", 5: ""} {
		if n > 0 && Line(content, n) != want {
			t.Errorf("Line(%d) = %q, want %q", n, Line(content, n), want)
		}
	}
}
