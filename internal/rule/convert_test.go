// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/cel"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// ruleFiles reads all rules files below a folder, but tests of rules.
func ruleFiles(t *testing.T, dir string) (sources []Source) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, "_test.yaml") {
			return err
		}
		data, err := os.ReadFile(path)
		sources = append(sources, Source{Name: path, Content: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// checkConversion converts files there and back and compares what the rules mean.
func checkConversion(t *testing.T, sources []Source, o Options) {
	t.Helper()
	before := Load(sources, o)
	if before.Err() != nil {
		t.Skipf("%s: %v", sources[0].Name, before.Err())
	}
	total := 0
	for _, toCEL := range []bool{true, false} {
		done, err := Convert(sources, ConvertOptions{Options: o, ToCEL: toCEL, Macros: true})
		if err != nil {
			t.Fatal(err)
		}
		total = 0
		for i, d := range done {
			total += d.Done
			for _, k := range d.Kept {
				t.Errorf("%s", k.Text())
			}
			sources[i].Content = d.Content
		}
		after := Load(sources, o)
		if err := after.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range before.Rules {
			n := after.Rule(r.Name)
			if n == nil || !syntax.Equal(cel.Normal(r.Condition), cel.Normal(n.Condition)) || r.Types != n.Types || r.Syscalls != n.Syscalls {
				t.Errorf("rule %q means something else", r.Name)
			} else if (n.CEL != "") != toCEL {
				t.Errorf("rule %q is not translated", r.Name)
			}
		}
	}
	t.Logf("%d conditions of %d rules and macros to CEL and back", total, len(before.Rules)+len(before.Macros))
}

func TestConvertOurs(t *testing.T) { checkConversion(t, ruleFiles(t, "../../rules"), Options{}) }

func TestConvertCorpora(t *testing.T) {
	dir := filepath.Join(corpora(t), "rules")
	t.Run("upstream", func(t *testing.T) {
		checkConversion(t, ruleFiles(t, filepath.Join(dir, "upstream-current")), Options{})
	})
	t.Run("neutral", func(t *testing.T) {
		checkConversion(t, []Source{readSource(t, filepath.Join(dir, "neutral_rules.yaml"))}, Options{})
	})
	t.Run("oracle", func(t *testing.T) {
		checkConversion(t, []Source{readSource(t, filepath.Join(dir, "oracle_rules.yaml"))}, Options{})
	})
}

// readSource reads one rules file.
func readSource(t *testing.T, path string) Source {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Source{Name: path, Content: data}
}

func TestConvertText(t *testing.T) {
	before := `# head
- list: shells
  items: [bash]

- macro: opened
  condition: evt.type in (open, openat) # which

- rule: a # the first
  desc: d
  condition: >
    opened and
    proc.name in (shells,
                  "x")

  # what it says
  output: o
  priority: info
- rule: b
  condition: proc.name = "a shells b" and evt.type = open
  desc: d
  output: o
  priority: info
- rule: a
  condition: evt.type=close
  override:
    condition: replace
- {rule: c, condition: evt.type = open, desc: d, output: o, priority: info}
- rule: c
  condition: or evt.type = openat
  override: {condition: append}`
	want := `# head
- list: shells
  items: [bash]

- macro: opened
  # which
  cel: |
    evt.type in ["open", "openat"]

- rule: a # the first
  desc: d
  cel: |
    opened &&
    proc.name in shells + ["x"]

  # what it says
  output: o
  priority: info
- rule: b
  condition: proc.name = "a shells b" and evt.type = open
  desc: d
  output: o
  priority: info
- rule: a
  cel: |
    evt.type == "close"
  override:
    cel: replace
- {rule: c, condition: evt.type = open, desc: d, output: o, priority: info}
- rule: c
  condition: or evt.type = openat
  override: {condition: append}`
	done, err := Convert([]Source{{Name: "r.yaml", Content: []byte(before)}}, ConvertOptions{ToCEL: true, Macros: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(done[0].Content); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var kept []string
	for _, k := range done[0].Kept {
		kept = append(kept, k.String())
	}
	wantKept := `r.yaml:19:3: warning: the condition of rule "b" is kept: translated, it would mean something else, perhaps since the name of a list stands in a text
r.yaml:27:13: warning: the condition of rule "c" is kept: the item is written in braces
r.yaml:29:3: warning: the condition of rule "c" is kept: an appended condition has no equal in CEL`
	if got := strings.Join(kept, "\n"); got != wantKept || done[0].Done != 3 {
		t.Errorf("%d done, kept\n%s", done[0].Done, got)
	}
}
