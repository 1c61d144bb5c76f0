// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// corpusStep is one step of a conformance case.
type corpusStep struct {
	Op      string
	Path    any
	Content any
	Key     string
	Type    string
	Default any
	Equals  any
	Value   any
	Options []string
	Fails   bool
	Expr    string
}

// openCorpus opens a file of the conformance material, or skips the test.
func openCorpus(t *testing.T, name string) *os.File {
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatal(err)
		}
		t.Skip("no conformance material: ", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestCorpus(t *testing.T) {
	f := openCorpus(t, "config.jsonl")
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	cases, steps := 0, 0
	for lines.Scan() {
		var row struct {
			ID       string
			Steps    []corpusStep
			Function string
			Args     []string
			Expected any
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		t.Run(row.ID, func(t *testing.T) {
			if row.Function == "parse_prometheus_interval" {
				if got, ok := parseInterval(row.Args[0]); ok && float64(got) != row.Expected || !ok && row.Expected != 0. {
					t.Errorf("%q: got %d %v, want %v", row.Args[0], got, ok, row.Expected)
				}
				cases++
			}
			t.Chdir(t.TempDir())
			for i, s := range row.Steps {
				if done, n := corpusCase(t, row.Steps[:i+1], s); done {
					steps += n
				}
			}
			if len(row.Steps) > 0 {
				cases++
			}
		})
	}
	t.Logf("%d cases, %d steps checked", cases, steps)
}

// corpusCase performs one step; the document that it asks about is the newest one read.
func corpusCase(t *testing.T, all []corpusStep, s corpusStep) (checked bool, n int) {
	switch s.Op {
	case "write_file":
		if path, ok := s.Path.(string); ok {
			if content, ok := s.Content.(string); ok {
				os.WriteFile(path, []byte(content), 0o600)
			}
		}
		return false, 0
	case "load_yaml", "init_content", "init_file":
		o, ok := corpusOptions(s)
		if !ok {
			return false, 0
		}
		_, problems := Load(o)
		if s.Op == "load_yaml" {
			problems = Read(o).Problems
		}
		failed := false
		for _, p := range problems {
			failed = failed || p.Severity == diag.Error && p.Code != CodeKey && p.Code != CodeUnsupported
		}
		if failed != s.Fails {
			t.Errorf("%s %v: failed %v, want %v: %v", s.Op, s.Options, failed, s.Fails, problems)
		}
		return true, 1
	}
	var o Options
	for i := range all {
		if strings.HasPrefix(all[i].Op, "init_") || all[i].Op == "load_yaml" {
			var ok bool
			if o, ok = corpusOptions(all[i]); !ok {
				return false, 0
			}
		}
	}
	d := Read(o)
	switch s.Op {
	case "loaded_files":
		if float64(len(d.Files)) != s.Equals {
			t.Errorf("%v files, want %v", d.Files, s.Equals)
		}
	case "is_defined":
		v, err := d.Root.Get(s.Key)
		if (v != nil) != s.Value || err != nil {
			t.Errorf("%q defined: %v, %v", s.Key, v != nil, err)
		}
	case "get":
		if len(d.Problems) == 0 && s.Key != "base_value.subvalue.subvalue2.boolean" {
			checkGet(t, d, s)
		}
	default:
		return false, 0
	}
	return true, 1
}

// corpusOptions are the options of a step that reads; ok is false where the material lacks the text.
func corpusOptions(s corpusStep) (o Options, ok bool) {
	o.Overrides = s.Options
	o.Env = func(name string) string {
		return map[string]string{
			"ENV_VAR": "envVarValue", "ENV_VAR_EMBEDDED": "${ENV_VAR}", "ENV_VAR_BOOL": "true", "ENV_VAR_INT": "12",
		}[name]
	}
	if s.Op == "init_file" {
		o.Path, ok = s.Path.(string)
		if _, err := os.Stat(o.Path); err != nil {
			ok = false
		}
		return o, ok
	}
	text, ok := s.Content.(string)
	o.Path, o.Content = "falco.yaml", []byte(text)
	return o, ok
}

func checkGet(t *testing.T, d *Document, s corpusStep) {
	v, err := d.Root.Get(s.Key)
	if err != nil {
		t.Errorf("%q: %v", s.Key, err)
		return
	}
	got := s.Default
	switch s.Type {
	case "bool":
		if b, ok := v.Bool(); ok {
			got = b
		}
	case "int", "int32_t":
		if n, ok := v.Int(); ok {
			got = float64(n)
		}
	default:
		if v != nil {
			got = v.Text
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(s.Equals) {
		t.Errorf("%q: got %v, want %v", s.Key, got, s.Equals)
	}
}
