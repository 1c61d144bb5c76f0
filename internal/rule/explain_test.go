// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

const explained = `
- list: shells
  items: [bash, zsh]
- macro: opened
  condition: evt.type in (open, openat)
- macro: opened_shell
  condition: opened and proc.name in (shells)
- macro: never
  condition: evt.num = 0
- rule: a
  desc: Somebody opened something.
  cel: opened_shell && !never && (fd.name.startsWith("/etc") || proc.pname == "sshd")
  exceptions:
    - {name: known, fields: [proc.name, fd.name], comps: [=, startswith], values: [[bash, /etc/hosts]]}
    - {name: later, fields: proc.name}
  output: Opened %fd.name (by=%proc.name of=%container.name)
  priority: warning
  tags: [x]
- rule: b
  desc: d
  condition: opened and proc.name = bash
  output: o
  priority: info
`

func TestExplainText(t *testing.T) {
	set := loadText(Options{}, explained)
	e, err := NewExplainer(set, field.Default()).Explain("a")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "explain.golden")
	if os.Getenv("GYR_UPDATE") == "1" {
		if err := os.WriteFile(golden, []byte(e.Text()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Text(); got != string(want) {
		t.Errorf("got (GYR_UPDATE=1 writes it)\n%s\nwant\n%s", got, want)
	}
}

// Macros are named where they were used, the exception at the part made of it.
func TestExplainTree(t *testing.T) {
	set := loadText(Options{}, explained)
	e, err := NewExplainer(set, field.Default()).Explain("a")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	var walk func(p *Part)
	walk = func(p *Part) {
		kinds = append(kinds, strings.TrimSuffix(p.Kind+":"+p.Text+p.Exception, ":"))
		for _, part := range p.Parts {
			walk(part)
		}
	}
	walk(e.Tree)
	got := strings.Join(kinds, "\n")
	for _, want := range []string{"macro:opened_shell", "macro:opened", "not:known", "macro:never"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	data, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(data), `"io_syscalls_ignored":[]`) {
		t.Errorf("%v: %s", err, data)
	}
}

// Every rule can be explained, and looking changes no estimate.
func TestExplainAll(t *testing.T) {
	set := Load(ruleFiles(t, filepath.Join(corpora(t), "rules", "upstream-current")), Options{})
	for _, p := range set.Problems {
		if p.Severity == diag.Error {
			t.Fatal(p.Text())
		}
	}
	x := NewExplainer(set, field.Default())
	first := map[string]string{}
	for range 2 {
		for _, r := range set.Rules {
			e, err := x.Explain(r.Name)
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			if text := e.Text(); first[r.Name] == "" {
				first[r.Name] = text
			} else if first[r.Name] != text {
				t.Errorf("%s is explained in another way the second time", r.Name)
			}
		}
	}
	if _, err := x.Explain("none"); err == nil {
		t.Error("a rule that does not exist is explained")
	}
}
