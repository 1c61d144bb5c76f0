// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// celRules loads rules whose first one is in CEL; "…" stands for what every rule needs.
func celRules(text string) *Set {
	text = strings.ReplaceAll(text, "…", "output: o\n  desc: d\n  priority: info")
	return Load([]Source{{Name: "r.yaml", Content: []byte(text)}}, Options{})
}

func TestCEL(t *testing.T) {
	for _, c := range []struct{ name, text, want, shown string }{
		{"plain", `
- rule: a
  cel: evt.type == "open" && proc.name in ["x", "y z"]
  …
`, `(evt.type = "open" and proc.name in ("x", "y z"))`, ``},
		{"macros and lists by name", `
- list: shells
  items: [bash, '"a b"']
- list: more
  items: [zsh]
- macro: opened
  condition: evt.type in (open, openat)
- rule: a
  cel: opened && proc.name in shells + more + ["shells"] && proc.cmdline == "a shells b"
  …
`, `(evt.type in (open, openat) and proc.name in (bash, "a b", zsh, "shells") and proc.cmdline = "a shells b")`,
			`(opened and proc.name in (shells, more, "shells") and proc.cmdline = "a shells b")`},
		{"a macro in CEL", `
- macro: opened
  cel: evt.type in ["open", "openat"]
- rule: a
  condition: opened and fd.num > 2
  …
`, `(evt.type in ("open", "openat") and fd.num > 2)`, ``},
		{"exceptions and an appended condition", `
- rule: a
  cel: evt.type == "open" || evt.type == "openat"
  exceptions: [{name: e, fields: proc.name, values: [x]}]
  …
- rule: a
  condition: and fd.num > 2
  override: {condition: append}
`, `(((evt.type = "open" or evt.type = "openat") and fd.num > 2) and not proc.name in (x))`,
			`(evt.type = "open" or evt.type = "openat") and fd.num > 2`},
		{"replaced by an expression", `
- rule: a
  condition: evt.type = open
  …
- rule: a
  cel: evt.type == "close"
  override: {cel: replace}
`, `evt.type = "close"`, ``},
		{"an expression replaced", `
- rule: a
  cel: evt.type == "close"
  …
- rule: a
  condition: evt.type = open
  override: {condition: replace}
`, `evt.type = open`, `evt.type = open`},
		{"a macro replaced", `
- macro: m
  condition: evt.type = open
- macro: m
  cel: evt.type == "close"
  override: {cel: replace}
- rule: a
  cel: m
  …
`, `evt.type = "close"`, `m`},
	} {
		set := celRules(c.text)
		for _, p := range set.Problems {
			if p.Severity != diag.Note {
				t.Errorf("%s: %s", c.name, p.Text())
			}
		}
		r := set.Rule("a")
		if r == nil {
			continue
		}
		if got := syntax.Print(r.Condition); got != c.want {
			t.Errorf("%s\n  got  %s\n  want %s", c.name, got, c.want)
		}
		if c.shown != "" && r.ConditionText != c.shown {
			t.Errorf("%s\n  shown %s\n  want  %s", c.name, r.ConditionText, c.shown)
		}
	}
}

func TestCELErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"both keys": {`
- rule: a
  condition: evt.type = open
  cel: evt.type == "open"
  …
`, `
r.yaml:4:8: error: Keys 'condition' and 'cel' cannot be used together [LOAD_ERR_YAML_VALIDATE]
    cel: evt.type == "open"
         ^
  hint: keep one of them`},
		"none": {`
- rule: a
  …
`, `
r.yaml:2:3: error: Item has no mapping for key 'condition' [LOAD_ERR_YAML_VALIDATE]
  - rule: a
    ^
  hint: write a condition, or an expression under 'cel'`},
		"syntax": {`
- rule: a
  cel: |
    evt.type == "open" &&
      proc.name startswith "x"
  …
`, `
r.yaml:5:17: error: unexpected token after expression [LOAD_ERR_COMPILE_CONDITION]
        proc.name startswith "x"
                  ^
  hint: this looks like the rules language, which stands under condition; CEL has .startsWith("…") instead of startswith`},
		"type": {`
- rule: a
  cel: evt.type == "open" && proc.pid == "1"
  …
`, `
r.yaml:3:39: error: == cannot be applied to (int, string) [LOAD_ERR_COMPILE_CONDITION]
    cel: evt.type == "open" && proc.pid == "1"
                                        ^`},
		"unknown field": {`
- rule: a
  cel: |
    // who
    evt.type == "open" &&
    !(proc.nme == "x")
  …
`, `
r.yaml:6:7: error: filter_check called with nonexistent field proc.nme [LOAD_ERR_COMPILE_CONDITION]
      !(proc.nme == "x")
        ^
  hint: did you mean proc.name?`},
		"unknown event": {`
- rule: a
  cel: proc.name.contains("a b") && evt.type in ["open", "opne"]
  …
`, `
r.yaml:3:58: error: unknown event type opne [LOAD_ERR_COMPILE_CONDITION]
    cel: proc.name.contains("a b") && evt.type in ["open", "opne"]
                                                           ^
  hint: did you mean open?`},
		"unknown macro": {`
- macro: opened
  condition: evt.type = open
- rule: a
  cel: evt.type == "open" && opend
  …
`, `
r.yaml:5:30: error: Undefined macro 'opend' used in filter. [LOAD_ERR_VALIDATE]
    cel: evt.type == "open" && opend
                               ^~~~~
  hint: did you mean opened?`},
		"unknown list": {`
- list: shells
  items: [sh]
- rule: a
  cel: evt.type == "open" && proc.name in shels
  …
`, `
r.yaml:5:43: error: Undefined list 'shels' used in an expression. [LOAD_ERR_VALIDATE]
    cel: evt.type == "open" && proc.name in shels
                                            ^~~~~
  hint: did you mean shells?`},
		"appended": {`
- rule: a
  cel: evt.type == "open"
  …
- rule: a
  append: true
  cel: proc.name == "x"
`, `
r.yaml:9:8: error: Key 'cel' cannot be appended [LOAD_ERR_YAML_VALIDATE]
    cel: proc.name == "x"
         ^
  hint: append a 'condition', which fits conditions in CEL, too, or replace 'cel' under 'override'`},
		"appended by override": {`
- rule: a
  cel: evt.type == "open"
  …
- rule: a
  cel: proc.name == "x"
  override: {cel: append}
`, `
r.yaml:9:14: error: Key 'cel' cannot be appended to, use 'replace' instead [LOAD_ERR_YAML_VALIDATE]
    override: {cel: append}
               ^`},
	} {
		set := celRules(c.text)
		got := ""
		for _, p := range set.Problems {
			if p.Severity == diag.Error {
				got += "\n" + p.Text()
			}
		}
		if got != c.want {
			t.Errorf("%s\n--- got%s\n--- want%s", name, got, c.want)
		}
	}
}

// A rule that may be left out for an unknown field is left out, however it is written.
func TestCELSkipped(t *testing.T) {
	set := celRules(`
- rule: a
  cel: evt.type == "open" && some.field == "x"
  skip-if-unknown-filter: true
  …
`)
	if set.Rule("a") != nil || set.Err() != nil {
		t.Errorf("got %v, %v", set.Rule("a"), set.Err())
	}
}
