// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// corpora returns the directory of the published expectations, and skips the test without it.
func corpora(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatalf("corpora are required: %v", err)
		}
		t.Skipf("no corpora (set GYR_CORPORA): %v", err)
	}
	return dir
}

// rows reads a table of one JSON object a line.
func rows[T any](t testing.TB, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join(corpora(t), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<26)
	for s.Scan() {
		var row T
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, row)
	}
	return out
}

// problem is a problem as the reference reported it.
type problem struct {
	Code, Message string
	Items         [][2]string
	Position      struct {
		Name                 string
		Line, Column, Offset int
	}
}

// outcome is what the reference said of a file.
type outcome struct {
	RC               int
	Successful       bool
	Fatal            string
	Errors, Warnings []problem
}

// difference compares a result with the reference's, "" if they agree.
func (o *outcome) difference(s *Set) string {
	if o.Fatal != "" || s.Fatal != "" {
		if o.Fatal != s.Fatal {
			return fmt.Sprintf("fatal %q, want %q", s.Fatal, o.Fatal)
		}
		return ""
	}
	last := s.Files[len(s.Files)-1]
	if last.OK != o.Successful {
		return fmt.Sprintf("ok %v, want %v: %v", last.OK, o.Successful, last.Problems)
	}
	if d := differ("errors", pick(last, diag.Error), o.Errors); d != "" {
		return d
	}
	return differ("warnings", pick(last, diag.Warning), o.Warnings)
}

// pick returns a file's problems of one severity that the reference would report.
func pick(f FileResult, severity diag.Severity) []Finding {
	var out []Finding
	for _, p := range f.Problems {
		if p.Severity == severity && !p.Beyond {
			out = append(out, p)
		}
	}
	return out
}

// differ compares two lists of problems in their order.
func differ(what string, got []Finding, want []problem) string {
	var g, w []string
	for _, p := range got {
		last := p.Context[len(p.Context)-1]
		items := ""
		for _, c := range p.Context {
			items += "/" + c.ItemType + ":" + c.ItemName
		}
		name := last.Name
		if !strings.HasPrefix(name, `"`) {
			name = "file"
		}
		g = append(g, fmt.Sprintf("%s %q %s %s %d:%d@%d", p.Code, p.Message, items, name, last.Line, last.Col, last.Offset))
	}
	for _, p := range want {
		items := ""
		for _, c := range p.Items {
			items += "/" + c[0] + ":" + c[1]
		}
		name := p.Position.Name
		if !strings.HasPrefix(name, `"`) {
			name = "file"
		}
		w = append(w, fmt.Sprintf("%s %q %s %s %d:%d@%d", p.Code, p.Message, items, name, p.Position.Line, p.Position.Column, p.Position.Offset))
	}
	if strings.Join(g, "\n") != strings.Join(w, "\n") {
		return fmt.Sprintf("%s:\n  got  %s\n  want %s", what, strings.Join(g, "\n       "), strings.Join(w, "\n       "))
	}
	return ""
}

// loadRow is a row of rules-load.
type loadRow struct {
	ID, Kind string
	Input    struct {
		Files         []struct{ Name, Content string }
		Validate      []string
		LoadedPlugins [][2]string `json:"loaded_plugins"`
		Condition     string
	}
	Steps    []map[string]any
	Expected struct {
		OK         *bool
		Warns      bool
		Validation *struct {
			Errors, Warnings []struct {
				Code     string
				ItemType string `json:"item_type"`
				ItemName string `json:"item_name"`
				Message  string
			}
		}
	}
	Real     *outcome `json:"falco_0_44_1"`
	Upstream string   `json:"upstream_test_on_real_0_44_1"`
}

// load loads the files of a row.
func (r *loadRow) load(t *testing.T, o Options) *Set {
	var sources []Source
	for _, f := range r.Input.Files {
		sources = append(sources, Source{Name: f.Name, Content: []byte(f.Content)})
	}
	for _, name := range r.Input.Validate {
		content, err := os.ReadFile(filepath.Join(corpora(t), name))
		sources = append(sources, Source{Name: name, Content: content, Err: err})
	}
	return Load(sources, o)
}

// deliberate lists the rows that cannot or should not agree, with the reason.
var deliberate = map[string]string{
	"real/rules-tests/testing/rules/FalcoRules__falco_rules.yaml":        "the file was a link when the reference read it",
	"real/rules-tests/testing/rules/K8SAuditRules__k8s_audit_rules.yaml": "the file was a link when the reference read it",
	"real/rules/plugins-current/k8smeta__test__rules__example_rule.yaml": "the fields of the plugin k8smeta are built in",
}

func TestConformanceReal(t *testing.T) {
	units := map[string]loadRow{}
	for _, r := range rows[loadRow](t, "rules-load.jsonl") {
		units[r.ID] = r
	}
	agree, total, absent := 0, 0, 0
	for _, row := range rows[struct {
		ID       string
		Input    struct{ File, Ref string }
		Expected outcome
	}](t, "rules-load-real.jsonl") {
		var set *Set
		switch unit, ok := units[row.Input.Ref]; {
		case row.Input.File != "":
			content, err := os.ReadFile(filepath.Join(corpora(t), row.Input.File))
			set = Load([]Source{{Name: row.Input.File, Content: content, Err: err}}, Options{})
		case ok:
			set = unit.load(t, Options{})
		default: // the text stands in no table
			absent++
			continue
		}
		if deliberate[row.ID] != "" {
			absent++
			continue
		}
		total++
		if d := row.Expected.difference(set); d != "" {
			t.Errorf("%s: %s", row.ID, d)
			continue
		}
		agree++
	}
	t.Logf("rules-load-real: %d of %d rows agree (%d more have no text here or differ on purpose)", agree, total, absent)
}

func TestConformanceLoad(t *testing.T) {
	agree, total := map[string]int{}, map[string]int{}
	for _, row := range rows[loadRow](t, "rules-load.jsonl") {
		total[row.Kind]++
		if d := row.difference(t); d != "" {
			t.Errorf("%s: %s", row.ID, d)
			continue
		}
		agree[row.Kind]++
	}
	sumAgree, sumTotal := 0, 0
	for kind, n := range total {
		t.Logf("rules-load, %s: %d of %d rows agree", kind, agree[kind], n)
		sumAgree, sumTotal = sumAgree+agree[kind], sumTotal+n
	}
	t.Logf("rules-load: %d of %d rows agree", sumAgree, sumTotal)
}

// difference checks one row, "" if it agrees.
func (r *loadRow) difference(t *testing.T) string {
	switch r.Kind {
	case "plugin-requirements":
		plugins := []Plugin{}
		for _, p := range r.Input.LoadedPlugins {
			plugins = append(plugins, Plugin{p[0], p[1]})
		}
		if set := r.load(t, Options{Plugins: plugins}); (set.Fatal == "") != *r.Expected.OK {
			return fmt.Sprintf("fatal %q", set.Fatal)
		}
	case "condition-warning":
		n, err := syntax.Parse(r.Input.Condition)
		if err != nil {
			return err.Error()
		}
		if s := suspicious(n); (s.unsafeNA || len(s.deprecated) > 0) != r.Expected.Warns {
			return fmt.Sprintf("warns %+v", s)
		}
	case "validate-cli":
		return r.validation(r.load(t, Options{}))
	default:
		return r.steps(t)
	}
	return ""
}

// validation compares the problems of the last file with those that are listed.
func (r *loadRow) validation(s *Set) string {
	for _, want := range r.Expected.Validation.Errors {
		found := false
		for _, f := range s.Files {
			for _, p := range pick(f, diag.Error) {
				found = found || p.Code == want.Code && within(p, want.ItemType, want.ItemName) &&
					(strings.Contains(p.Message, want.Message) || r.Upstream == "FAIL")
			}
		}
		if !found {
			return fmt.Sprintf("no error %+v in %v", want, s.Problems)
		}
	}
	for _, want := range r.Expected.Validation.Warnings {
		found := false
		for _, f := range s.Files {
			for _, p := range pick(f, diag.Warning) {
				found = found || p.Code == want.Code && within(p, want.ItemType, want.ItemName) &&
					(strings.Contains(p.Message, want.Message) || strings.HasPrefix(want.Message, "invalid formatting token"))
			}
		}
		if !found {
			return fmt.Sprintf("no warning %+v in %v", want, s.Problems)
		}
	}
	if (s.Err() != nil) != (len(r.Expected.Validation.Errors) > 0) {
		return fmt.Sprintf("error %v", s.Err())
	}
	return ""
}

// within reports whether a problem's chain has an item.
func within(p Finding, kind, name string) bool {
	for _, c := range p.Context {
		if c.ItemType == kind && c.ItemName == name {
			return true
		}
	}
	return false
}

// steps follows the steps of a row.
func (r *loadRow) steps(t *testing.T) string {
	o := Options{}
	for _, s := range r.Steps {
		if s["op"] == "add_extra_output_format" {
			args := s["args"].([]any)
			a := Addition{Output: args[0].(string), Source: args[1].(string), Rule: args[3].(string)}
			for _, tag := range args[2].([]any) {
				a.Tags = append(a.Tags, tag.(string))
			}
			o.Append = append(o.Append, a)
		}
	}
	set := r.load(t, o)
	if r.Real != nil {
		if d := r.Real.difference(set); d != "" {
			return d
		}
	}
	rulesets := map[string]map[string]bool{}
	for _, s := range r.Steps {
		if d := r.step(s, set, rulesets); d != "" {
			return fmt.Sprintf("%v: %s", s, d)
		}
	}
	return ""
}

// step checks one step.
func (r *loadRow) step(s map[string]any, set *Set, rulesets map[string]map[string]bool) string {
	file := set.Files[len(set.Files)-1]
	text := func(key string) string { v, _ := s[key].(string); return v }
	switch text("op") {
	case "load":
		if want, ok := s["ok"].(bool); ok && file.OK != want {
			return fmt.Sprint(file.Problems)
		}
		rulesets["falco-default-ruleset"] = map[string]bool{}
		for _, rule := range set.Rules {
			rulesets["falco-default-ruleset"][rule.Name] = rule.Enabled
		}
	case "schema_validation":
		got := "ok"
		if len(file.Schema) > 0 {
			got = "failed"
		}
		if got != s["value"] {
			return fmt.Sprint(file.Schema)
		}
	case "warning", "error":
		severity := diag.Warning
		if text("op") == "error" {
			severity = diag.Error
		}
		found := false
		for _, p := range pick(file, severity) {
			found = found || strings.Contains(p.Message, text("contains"))
		}
		if r.Real == nil && found != s["present"].(bool) {
			return fmt.Sprint(file.Problems)
		}
	case "compiled_rule_condition":
		if got := syntax.Canonical(set.Rule(text("rule")).Condition); got != s["equals"] {
			return got
		}
	case "compiled_rule_output":
		if got := set.Rule(text("rule")).OutputText; got != s["equals"] {
			return got
		}
	case "describe":
		return describeStep(s, set)
	case "num_rules_for_ruleset":
		n := 0
		for _, on := range rulesets[text("ruleset")] {
			if on {
				n++
			}
		}
		if float64(n) != s["equals"] {
			return fmt.Sprint(n)
		}
	case "enable_rule", "enable_rule_exact", "enable_rule_wildcard", "enable_rule_by_tag":
		enableStep(s, set, rulesets)
	}
	return ""
}

// enableStep switches rules of one rule set on or off.
func enableStep(s map[string]any, set *Set, rulesets map[string]map[string]bool) {
	name := s["ruleset"].(string)
	if rulesets[name] == nil {
		rulesets[name] = map[string]bool{}
	}
	sel := Selection{Enable: s["enabled"].(bool)}
	switch s["op"] {
	case "enable_rule":
		sel.Rule = "*" + s["substring"].(string) + "*"
	case "enable_rule_by_tag":
		sel.Tag = "exec process"
	default:
		if sel.Rule = s["pattern"].(string); sel.Rule == "" { // an empty name meant all in that interface
			sel.Rule = "*"
		}
	}
	for _, r := range set.Rules {
		if sel.matches(r) {
			rulesets[name][r.Name] = sel.Enable
		}
	}
}

// describeStep follows a path into the description.
func describeStep(s map[string]any, set *Set) string {
	name, _ := s["rule"].(string)
	data, err := set.AppendDescription(nil, name)
	if err != nil {
		return err.Error()
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err.Error()
	}
	for _, key := range s["path"].([]any) {
		switch k := key.(type) {
		case string:
			v = v.(map[string]any)[k]
		case float64:
			v = v.([]any)[int(k)]
		}
	}
	if s["size"] == true {
		v = float64(len(v.([]any)))
	}
	want := fmt.Sprint(s["equals"])
	if number, ok := strings.CutSuffix(want, "u"); ok && number != "" && number[0] <= '9' {
		want = number
	}
	if got := fmt.Sprint(v); got != want {
		return got
	}
	return ""
}

// The wildcards of the selection agree with Falco's.
func TestConformanceWildcard(t *testing.T) {
	checked := 0
	for _, row := range rows[struct {
		ID, Function string
		Args         []string
		Expected     any
	}](t, "config.jsonl") {
		if row.Function != "matches_wildcard" {
			continue
		}
		checked++
		if got := wildcard(row.Args[0], row.Args[1]); got != row.Expected {
			t.Errorf("%s: %q, %q: got %v", row.ID, row.Args[0], row.Args[1], got)
		}
	}
	t.Logf("%d rows agree", checked)
	if checked == 0 {
		t.Error("no rows")
	}
}
