// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/internal/corpus"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// conditionsIn reads the conditions and the names of the lists of all rules files below folders.
func conditionsIn(t *testing.T, dirs ...string) (conditions []string, lists map[string]bool) {
	t.Helper()
	lists = map[string]bool{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".yaml") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var items []struct{ List, Condition string }
			if yaml.Unmarshal(data, &items) != nil {
				return nil // not a rules file
			}
			for _, item := range items {
				lists[item.List] = item.List != ""
				if item.Condition != "" {
					conditions = append(conditions, item.Condition)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return conditions, lists
}

// roundTrip writes a condition in CEL, reads it back and reports what differs.
func roundTrip(n syntax.Node, isList func(string) bool) (expression, complaint string) {
	cat := field.Default()
	text, err := PrintLines(n, cat, isList)
	if err != nil {
		return "", "cannot be written: " + err.Error()
	}
	back, err := Parse(text, cat)
	if err != nil {
		return text, "cannot be read: " + err.Error()
	}
	want, got := Normal(n), Normal(back.Node)
	if !syntax.Equal(want, got) {
		return text, "differs: " + syntax.Print(got)
	}
	return text, ""
}

func TestRoundTripOfRules(t *testing.T) {
	conditions, lists := conditionsIn(t, filepath.Join(corpus.Dir(t), "rules"), "../../../rules")
	score := corpus.NewScore(t, "conditions to CEL and back")
	for _, condition := range conditions {
		n, err := syntax.Parse(condition)
		if err != nil {
			continue // written with lists in places that only replacing text allows
		}
		text, complaint := roundTrip(n, func(name string) bool { return lists[name] })
		if complaint != "" {
			complaint += "\n  " + text
		}
		score.Row(condition, complaint)
	}
	score.Hold(0)
}

func TestRoundTripOfTables(t *testing.T) {
	for _, table := range []string{"filter-parse.jsonl", "filter-compile.jsonl", "filter-evttypes.jsonl", "filter-eval.jsonl"} {
		score := corpus.NewScore(t, table)
		for _, row := range corpus.Rows[struct{ ID, Input string }](t, table) {
			n, err := syntax.Parse(row.Input)
			if err != nil {
				continue
			}
			text, complaint := roundTrip(n, func(string) bool { return false })
			if complaint != "" && !compiles(n) {
				continue // what CEL's types refuse, the compiler refuses, too
			}
			if complaint != "" {
				complaint += "\n  " + syntax.Print(n) + "\n  " + text
			}
			score.Row(row.ID, complaint)
		}
		score.Hold(0)
	}
}

// compiles reports whether the rules language accepts a condition.
func compiles(n syntax.Node) bool {
	_, _, err := filter.NewCompiler(field.Default()).Compile(n, filter.SyscallSource)
	return err == nil
}

// The table of the manual says what is so.
func TestManual(t *testing.T) {
	data, err := os.ReadFile("../../../docs/rules-cel.md")
	if err != nil {
		t.Fatal(err)
	}
	spans := regexp.MustCompile("^\\| `([^`]*)`[^|]*\\| `([^`]*)`")
	rows := 0
	for line := range strings.Lines(string(data)) {
		m := spans.FindStringSubmatch(line)
		if m == nil || m[2] == "the same" {
			continue
		}
		want, err := syntax.Parse(m[1])
		if err != nil { // an operand
			want, err = syntax.Parse(m[1] + " exists")
			m[2] = "has(" + m[2] + ")"
		}
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		got, err := Parse(m[2], field.Default())
		if err != nil {
			t.Errorf("%s: %v", m[2], err)
			continue
		}
		if !syntax.Equal(Normal(want), Normal(got.Node)) {
			t.Errorf("%s means %s, not %s", m[2], syntax.Print(got.Node), m[1])
		}
		rows++
	}
	if rows < 30 {
		t.Errorf("only %d rows of the table are checked", rows)
	}
}
