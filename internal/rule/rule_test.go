// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// head is the rest of a rule whose condition a test is about.
const head = "  desc: d\n  output: o\n  priority: INFO\n"

// loadText loads texts as files a.yaml, b.yaml …
func loadText(o Options, texts ...string) *Set {
	var sources []Source
	for i, text := range texts {
		sources = append(sources, Source{Name: string(rune('a'+i)) + ".yaml", Content: []byte(text)})
	}
	return Load(sources, o)
}

// compiled returns the resolved condition of a rule, as the reference prints it.
func compiled(t *testing.T, s *Set, name string) string {
	t.Helper()
	r := s.Rule(name)
	if r == nil {
		t.Fatalf("no rule %q: %v", name, s.Problems)
	}
	return syntax.Canonical(r.Condition)
}

func TestLists(t *testing.T) {
	lists := "- list: empty\n  items: []\n- list: two\n  items: [x, 'y z']\n- list: outer\n  items: [two, w]\n- list: dash-ed\n  items: ['\"q r\"']\n"
	for _, c := range []struct{ condition, want string }{
		{"proc.name in (two)", `proc.name in (x, "y z")`},
		{"proc.name in (a, two,b)", `proc.name in (a, x, "y z", b)`},
		{"proc.name in (outer)", `proc.name in (x, "y z", w)`},
		{"proc.name in ( empty )", "proc.name in ()"},
		{"proc.name in (a, empty)", "proc.name in (a)"},
		{"proc.name in (empty, a)", "proc.name in (a)"},
		{"proc.name in (a, empty, b)", "proc.name in (a, b)"},
		{"proc.name in (dash-ed)", `proc.name in ("q r")`},
		{"proc.name in (twofold, two2)", "proc.name in (twofold, two2)"},
		{"proc.name = dash-ed", `proc.name = "q r"`},
		{"proc.name in (two, two)", `proc.name in (x, "y z", x, "y z")`},
		{`proc.name = "one two three"`, ""}, // even within quotes, which breaks them
	} {
		s := loadText(Options{}, lists+"- rule: r\n  condition: '"+strings.ReplaceAll(c.condition, "'", "''")+"'\n"+head)
		if c.want == "" {
			if s.Err() == nil {
				t.Errorf("%s: loads as %s", c.condition, compiled(t, s, "r"))
			}
			continue
		}
		if got := compiled(t, s, "r"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.condition, got, c.want)
		}
	}
}

func TestMacroVisibility(t *testing.T) {
	rule := "- rule: r\n  condition: evt.type = open and m\n" + head
	s := loadText(Options{}, "- macro: m\n  condition: n\n- macro: n\n  condition: fd.num = 1\n"+rule)
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "defined further down") {
		t.Errorf("a macro sees one below it: %v", err)
	}
	s = loadText(Options{}, "- macro: m\n  condition: fd.num = 2\n- macro: n\n  condition: fd.num = 1\n- macro: m\n  condition: or n\n  override:\n    condition: append\n"+rule)
	if got := compiled(t, s, "r"); got != "(evt.type = open and (fd.num = 2 or fd.num = 1))" {
		t.Errorf("appended macro: %s", got)
	}
	s = loadText(Options{}, "- macro: m\n  condition: m\n"+rule)
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "Undefined macro 'm'") {
		t.Errorf("a macro of itself: %v", err)
	}
	s = loadText(Options{}, rule, "- macro: m\n  condition: fd.num = 1\n")
	if s.Files[0].OK || s.Err() == nil {
		t.Error("a file uses a macro of a later one")
	}
}

func TestMacrosDoubling(t *testing.T) {
	var b strings.Builder
	b.WriteString("- macro: m0\n  condition: fd.num = 1\n")
	for i := 1; i < 64; i++ {
		fmt.Fprintf(&b, "- macro: m%d\n  condition: m%d and not m%d\n", i, i-1, i-1)
	}
	s := loadText(Options{}, b.String()+"- rule: r\n  condition: evt.type = open and m63\n"+head)
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

func TestAliasesWithoutEnd(t *testing.T) {
	for _, text := range []string{
		"- rule: r\n  condition: evt.type = open\n" + head + "  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: &v\n        - [*v]\n",
		"- &a [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]\n- &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n" +
			"- &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n- &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n" +
			"- rule: r\n  condition: evt.type = open\n" + head + "  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n",
	} {
		if s := loadText(Options{}, text); s.Err() == nil {
			t.Errorf("loads: %q", text)
		}
	}
}

func TestOverrides(t *testing.T) {
	base := "- rule: r\n  condition: evt.type = open\n  desc: d\n  output: o\n  priority: INFO\n  tags: [b, a]\n"
	s := loadText(Options{}, base, `
- rule: r
  condition: or evt.type = close
  output: more
  desc: more
  tags: [c]
  priority: ERROR
  capture: true
  capture_duration: 0x10
  enabled: no
  override:
    condition: append
    output: append
    desc: append
    tags: append
    priority: replace
    capture: replace
    capture_duration: replace
    enabled: replace
`)
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	r := s.Rule("r")
	if r.ConditionText != "evt.type = open or evt.type = close" || r.Output != "o more" || r.Desc != "d more" ||
		strings.Join(r.Tags, ",") != "a,b,c" || r.Priority != alert.Error || !r.Capture || r.CaptureDuration != 16 || r.Enabled {
		t.Errorf("got %+v", r)
	}
	for text, want := range map[string]string{
		"- rule: r\n  condition: x\n  override:\n    condition: replaec\n":                                     "Invalid override operation for key 'condition': 'replaec'. Allowed values are: append replace ",
		"- rule: r\n  priority: INFO\n  override:\n    priority: append\n":                                     "Key 'priority' cannot be appended to, use 'replace' instead",
		"- rule: r\n  source: x\n  override:\n    source: replace\n":                                           "Key 'source' cannot be replaced",
		"- rule: r\n  tags: [x]\n  desc: d\n  override:\n    tags: replace\n":                                  "Unexpected key 'desc': no corresponding entry under 'override' is defined.",
		"- rule: q\n  tags: [x]\n  override:\n    tags: replace\n":                                             "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists",
		"- rule: q\n  enabled: false\n":                                                                        "Rule has 'enabled' key but no rule by that name already exists",
		"- rule: r\n  append: true\n  condition: x\n  override:\n    condition: append\n":                      appendAndOverride,
		"- rule: r\n  exceptions:\n    - name: e\n      values: [[x]]\n  override:\n    exceptions: replace\n": "Item has no mapping for key 'fields'",
	} {
		s := loadText(Options{}, base, text)
		if got := pick(s.Files[1], diag.Error); len(got) != 1 || got[0].Message != want {
			t.Errorf("%q: got %v, want %q", text, got, want)
		}
	}
}

func TestUnused(t *testing.T) {
	const items = "- list: l\n  items: [x]\n- list: inner\n  items: [y]\n- list: outer\n  items: [inner]\n" +
		"- macro: n\n  condition: proc.name in (l)\n- macro: m\n  condition: n\n- rule: r\n  condition: evt.type = open and m and fd.name in (outer)\n" + head
	unused := func(s *Set, file int) string {
		var out []string
		for _, p := range s.Files[file].Problems {
			out = append(out, p.Context[1].ItemName)
		}
		return strings.Join(out, ",")
	}
	s := loadText(Options{}, items, "- rule: r\n  condition: evt.type = open and n\n  override:\n    condition: replace\n", "- list: l2\n  items: [l]\n", "- rule: r\n  tags: [x]\n  override:\n    tags: replace\n")
	for i, want := range []string{"", "m,outer", "m,outer,l2", "m,outer,l2"} {
		if got := unused(s, i); got != want {
			t.Errorf("file %d: unused %q, want %q", i, got, want)
		}
	}
}

func TestPrecedenceNote(t *testing.T) {
	add := "- rule: r\n  condition: and fd.num = 1\n  override:\n    condition: append\n"
	for condition, want := range map[string]bool{
		"evt.type = open or evt.type = close": true, "(evt.type = open or evt.type = close)": false,
		"evt.type = open": false, "evt.type = open and (fd.num = 1 or fd.num = 2)": false,
	} {
		s := loadText(Options{}, "- rule: r\n  condition: "+condition+"\n"+head, add)
		got := slices.ContainsFunc(s.Problems, func(p diag.Problem) bool { return p.Code == NotePrecedence && p.File == "b.yaml" && p.Line == 2 })
		if got != want {
			t.Errorf("%s: note %v: %v", condition, got, s.Problems)
		}
		if s.Err() != nil {
			t.Error(s.Err())
		}
	}
}

func TestRedefinition(t *testing.T) {
	rule := func(name, condition string) string {
		return "- rule: " + name + "\n  condition: " + condition + "\n" + head
	}
	s := loadText(Options{}, rule("first", "evt.type = open")+rule("second", "evt.type = open")+rule("first", "evt.type = close"))
	if s.Rules[0].Name != "first" || compiled(t, s, "first") != "evt.type = close" || len(s.Rules) != 2 {
		t.Errorf("got %v", s.Rules)
	}
}

func TestSelection(t *testing.T) {
	text := ""
	for _, name := range []string{"Read file", "Write file", "Other"} {
		text += "- rule: " + name + "\n  condition: evt.type = open\n" + head + "  tags: [t" + name[:1] + "]\n"
	}
	on := func(all ...Selection) string {
		out := []string{}
		for _, r := range loadText(Options{Selection: all}, text).Rules {
			if r.Enabled {
				out = append(out, r.Name)
			}
		}
		return strings.Join(out, "|")
	}
	for _, c := range []struct {
		all  []Selection
		want string
	}{
		{nil, "Read file|Write file|Other"},
		{[]Selection{{Rule: "*"}}, ""},
		{[]Selection{{Rule: "*"}, {Enable: true, Tag: "tW"}}, "Write file"},
		{[]Selection{{Rule: "*file"}}, "Other"},
		{[]Selection{{Rule: "*e*f*"}, {Enable: true, Rule: "Read*"}}, "Read file|Other"},
		{[]Selection{{Rule: "file"}, {Rule: ""}, {Tag: "none"}}, "Read file|Write file|Other"},
	} {
		if got := on(c.all...); got != c.want {
			t.Errorf("%v: %s, want %s", c.all, got, c.want)
		}
	}
}

func TestPriorityThreshold(t *testing.T) {
	notice := alert.Notice
	s := loadText(Options{MinPriority: &notice}, "- rule: r\n  condition: evt.type = open\n"+head+"- rule: q\n  condition: evt.type = open\n  desc: d\n  output: o\n  priority: notice\n")
	if len(s.Rules) != 1 || s.Rules[0].Name != "q" {
		t.Errorf("got %v", s.Rules)
	}
}

func TestAdditions(t *testing.T) {
	o := Options{Append: []Addition{
		{Suggested: true, Rule: "r"},
		{Output: "by=%user.name", Tags: []string{"x"}},
		{Fields: []FieldAdded{{Key: "evt.num"}, {Key: "mine", Format: "n=%evt.num"}}, Source: "syscall"},
		{Output: "never", Source: "other"},
	}}
	s := loadText(o, "- rule: r\n  condition: evt.type = open\n"+head+"  tags: [x, y]\n- rule: q\n  condition: evt.type = open\n"+head)
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	r := s.Rule("r")
	if !strings.HasPrefix(r.OutputText, "o container_id=%container.id container_name=%container.name") || !strings.HasSuffix(r.OutputText, " by=%user.name") {
		t.Errorf("output %q", r.OutputText)
	}
	if len(r.Fields) != 2 || !r.Fields[0].Typed || r.Fields[1].Typed || r.Fields[1].Template.String() != "n=%evt.num" {
		t.Errorf("fields %+v", r.Fields)
	}
	if q := s.Rule("q"); q.OutputText != "o" || q.Output != "o" {
		t.Errorf("output %q", q.OutputText)
	}
}

// TestIdle checks that entries about no rule are noted, and that a mistake of append_output is said to be one.
func TestIdle(t *testing.T) {
	text := "- rule: r\n  condition: evt.type = open\n" + head + "  tags: [x]\n"
	s := loadText(Options{
		Selection: []Selection{{Rule: "q"}, {Rule: "r*"}, {Enable: true, Tag: "y"}, {Tag: "x"}},
		Append:    []Addition{{Suggested: true}, {Rule: "q"}, {Rule: "r"}, {Tags: []string{"x", "y"}}, {Source: "syscall"}},
	}, text)
	if got := fmt.Sprint(s.IdleSelection, s.IdleAppend); got != "[0 2] [1 3]" {
		t.Errorf("idle: %s", got)
	}
	for _, a := range []Addition{{Output: "%nope"}, {Fields: []FieldAdded{{Key: "nope"}}}} {
		s := loadText(Options{Append: []Addition{a}}, text)
		if len(s.Problems) != 1 || !strings.HasSuffix(s.Problems[0].Hint, "; append_output (or -p) adds it") {
			t.Errorf("%+v: %v", a, s.Problems)
		}
	}
	if s := loadText(Options{Append: []Addition{{Output: "x"}}}, "- rule: r\n  condition: evt.type = open\n"+strings.Replace(head, "output: o", "output: \"%nope\"", 1)); strings.Contains(s.Problems[0].Hint, "append_output") {
		t.Errorf("%v", s.Problems[0])
	}
}

// TestSyntaxHint says a mistake once: the YAML library's words are a hint only beside those of Falco's.
func TestSyntaxHint(t *testing.T) {
	for text, want := range map[string]string{"a: [": "", "\tfoo": "found character that cannot start any token"} {
		if p := loadText(Options{}, text).Problems; len(p) != 1 || p[0].Hint != want {
			t.Errorf("%q: %v, hint %q", text, p, p[0].Hint)
		}
	}
}

// TestPositions checks the place that people are shown, which is the true one.
func TestPositions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"- rule: r\n  condition: evt.type = open and proc.nmae = x\n" + head, "a.yaml:2:34: error: filter_check called with nonexistent field proc.nmae"},
		{"- rule: r\n  condition: evt.type = open and fd.num = many\n" + head, "a.yaml:2:43: error: "},
		{"- rule: r\n  condition: >\n    evt.type = open\n    and proc.nmae = x\n" + head, "a.yaml:4:9: error: filter_check called with nonexistent field proc.nmae"},
		{"- rule: r\n  condition: \"evt.type = open\n    and proc.nmae = x\"\n" + head, "a.yaml:3:9: error: filter_check called with nonexistent field proc.nmae"},
		{"- list: l\n  items: [open, close, openat]\n- rule: r\n  condition: evt.type in (l) and proc.nmae = x\n" + head, "a.yaml:4:34: error: filter_check called with nonexistent field proc.nmae"},
		{"- macro: m\n  condition: fd.num = 1 and proc.nmae = x\n- rule: r\n  condition: evt.type = open and m\n" + head, "a.yaml:2:29: error: filter_check called with nonexistent field proc.nmae"},
		{"- rule: r\n  condition: evt.type = open\n" + head + "- rule: r\n  condition: and opn\n  override:\n    condition: append\n", "a.yaml:7:18: error: Undefined macro 'opn' used in filter."},
		{"- rule: r\n  condition: evt.type = open and (mac or x)\n" + head + "  exceptions:\n    - name: e\n      fields: proc.name\n      values: [a]\n", "a.yaml:2:35: error: Undefined macro 'mac' used in filter."},
		{"- macro: é\n  condition: evt.type = open\n- macro: m\n  condition: proc.name = \"é\" and und\n", "a.yaml:4:35: error: Undefined macro 'und' used in filter."},
	} {
		s := loadText(Options{}, c.text)
		err := s.Err()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// TestHints checks that a mistake comes with what was probably meant.
func TestHints(t *testing.T) {
	rule := "- rule: r\n  condition: evt.type = open\n" + head
	for text, want := range map[string]string{
		rule + "  prioritty: x\n": "did you mean priority?",
		"- macro: opened\n  condition: evt.type = open\n- rule: r\n  condition: opend\n" + head: "did you mean opened?",
		"- list: shells\n  items: [sh]\n- rule: r\n  condition: shells\n" + head:                "shells is a list",
		"- rulle: r\n":                         "did you mean rule?",
		rule + "- rule: rr\n  enabled: true\n": "did you mean r?",
		"rule: r\n":                            "begin every item with",
		"- rule: r\n  condition: evt.type = open\n  desc: d\n  output: o\n  priority: warn\n":            "one of emergency",
		rule + "  exceptions:\n    - name: e\n      field: proc.name\n":                                  "did you mean fields instead of field?",
		rule + "  exceptions:\n    - name: e\n      fields: proc.nam\n":                                  "did you mean proc.name?",
		"- rule: r\n  condition: evt.type = open\n  desc: d\n  output: '%proc.nane'\n  priority: info\n": "did you mean %proc.name?",
	} {
		s := loadText(Options{}, text)
		if !slices.ContainsFunc(s.Problems, func(p diag.Problem) bool { return strings.Contains(p.Hint, want) }) {
			t.Errorf("%q: no hint %q in %+v", text, want, s.Problems)
		}
	}
}

// TestAllProblems checks that later mistakes are told, too, though marked as beyond the first.
func TestAllProblems(t *testing.T) {
	s := loadText(Options{}, `
- macro: bad
  condition: evt.type =
- macro: m
  condition: nowhere
- rule: one
  condition: bad and m
  desc: d
  output: o
  priority: INFO
- rule: two
  condition: evt.type = open
  desc: d
  output: "%nothing"
  priority: INFO
- rule: three
  condition: evt.type = close
  desc: d
  output: o
  priority: INFO
`)
	var got []string
	for _, p := range s.Files[0].Problems {
		got = append(got, fmt.Sprintf("%s %v", p.Code, p.Beyond))
	}
	if strings.Join(got, "\n") != ErrCompileCondition+" false\n"+ErrValidate+" true\n"+ErrCompileOutput+" true" {
		t.Errorf("got %v", s.Problems)
	}
	if len(s.Rules) != 1 || s.Rules[0].Name != "three" {
		t.Errorf("rules %v", s.Rules)
	}
	s = loadText(Options{}, "- rule: a\n- list: l\n- macro: m\n")
	if n := len(s.Problems); n != 3 {
		t.Errorf("%d problems: %v", n, s.Problems)
	}
	if s := Load([]Source{{Name: "gone", Err: errors.New("no such file")}}, Options{}); s.Files[0].Problems[0].Code != ErrFileRead {
		t.Errorf("got %v", s.Problems)
	}
}

func TestReport(t *testing.T) {
	s := loadText(Options{}, "- rule: r\n  condition: evt.type = open and nope\n"+head+"- rule: q\n- foo: 1\n")
	const text = `a.yaml: Invalid
1 Errors:
In rules content: (a.yaml:0:0)
    rule 'q': (a.yaml:5:2)
------
- rule: q
  ^
------
LOAD_ERR_YAML_VALIDATE (Error validating internal structure of YAML file): Item has no mapping for key 'enabled'
`
	if got := string(s.AppendReport(nil, true)); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	if got := string(s.AppendReport(nil, false)); got != "a.yaml: Invalid\n" {
		t.Errorf("got %s", got)
	}
	const line = `{"falco_load_results":[{"errors":[{"code":"LOAD_ERR_YAML_VALIDATE","codedesc":"Error validating internal structure of YAML file",` +
		`"context":{"locations":[{"item_name":"","item_type":"rules content","position":{"column":0,"line":0,"name":"a.yaml","offset":0}},` +
		`{"item_name":"q","item_type":"rule","position":{"column":2,"line":5,"name":"a.yaml","offset":89}}],"snippet":"- rule: q\n  ^\n"},` +
		`"message":"Item has no mapping for key 'enabled'"}],"name":"a.yaml","schema_valid":false,` +
		`"schema_warnings":["failed for <root>[2]: unexpected property 'foo'"],"successful":false,"warnings":[]}]}`
	got := s.AppendReportJSON(nil)
	if string(got) != line || !json.Valid(got) {
		t.Errorf("got\n%s\nwant\n%s", got, line)
	}
}

func TestDescribe(t *testing.T) {
	s := loadText(Options{}, `
- required_engine_version: 26
- required_plugin_versions:
    - name: container
      version: 0.2.0
- list: cats
  items: [cat]
- list: binaries
  items: [cats, less]
- macro: is_cat
  condition: proc.name in (binaries)
- rule: r
  desc: "a <d>"
  condition: evt.type=open and is_cat and proc.aname[2] startswith anyof (a, b)
  output: "%proc.cmdline %proc.pid %container.id"
  priority: WARNING
  exceptions:
    - name: e
      fields: [proc.name, fd.name]
      comps: [=, startswith]
      values: [[x, y]]
`)
	got, err := s.AppendDescription(nil, "")
	if err != nil || s.Err() != nil {
		t.Fatal(err, s.Err())
	}
	for _, want := range []string{
		`"required_engine_version":"0.26.0"`, `"required_plugin_versions":[{"name":"container","version":"0.2.0"}]`,
		`{"details":{"items_compiled":["cat","less"],"lists":["cats"],"plugins":[],"used":true},"info":{"items":["less"],"name":"binaries"}}`,
		`"condition_compiled":"proc.name in (cat, less)"`, `"condition_operators":["in"]`, `"events":["asyncevent","open"]`,
		`"condition_fields":["evt.type","fd.name","proc.aname[2]","proc.name"]`, `"condition_operators":["=","in","startswith","startswith anyof"]`,
		`"exception_fields":["fd.name","proc.name"],"exception_names":["e"],"exception_operators":["=","startswith"]`,
		`"output_fields":["container.id","proc.cmdline","proc.pid"]`, `"plugins":["container"]`, `"description":"a <d>"`, `"priority":"Warning"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if _, err := s.AppendDescription(nil, "nope"); err == nil {
		t.Error("an unknown rule is described")
	}
	list, err := s.AppendList(nil, "")
	if err != nil || !strings.Contains(string(list), "\nr        ") {
		t.Errorf("list %s, %v", list, err)
	}
}

func TestEngineAndPlugins(t *testing.T) {
	for text, ok := range map[string]bool{
		"- required_engine_version: 62\n":                                        true,
		"- required_engine_version: 0.62.0\n":                                    true,
		"- required_engine_version: 0.62.1\n":                                    false,
		"- required_engine_version: 63\n":                                        false,
		"- required_engine_version: 1.0.0\n":                                     false,
		"- required_engine_version: \"0x10\"\n":                                  true,
		"- required_engine_version: -1\n":                                        false,
		"- required_engine_version: [1]\n":                                       false,
		"- required_plugin_versions:\n  - name: container\n    version: 0.7.1\n": true,
		"- required_plugin_versions:\n  - name: container\n    version: 0.7.2\n": false,
		"- required_plugin_versions:\n  - name: container\n    version: 1\n":     false,
		"- required_plugin_versions:\n  - name: json\n    version: 0.7.2\n":      false,
		"- required_plugin_versions:\n  - version: 0.7.2\n":                      false,
		"- required_plugin_versions: x\n":                                        false,
		"- required_plugin_versions:\n  - name: container\n    version: 0.7.1\n    alternatives:\n    - name: container\n      version: 0.1.0\n": false,
	} {
		if s := loadText(Options{}, text); (s.Err() == nil) != ok {
			t.Errorf("%q: %v", text, s.Err())
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		string(manyRules(1)), "- list: a\n  items: [a, 'b c', ]\n- rule: r\n  condition: proc.name in (a)\n" + head,
		"---\n- &x [*x]\n", "- rule: r\n  exceptions: &e\n  - name: n\n    fields: *e\n  append: true\n", "%YAML 1.1\n", "- rule: r\n  enabled: false\n",
		"\xff\xfe-\x00", "- macro: m\n  condition: m\n- macro: m\n  append: true\n  condition: or m\n", "\ufeff- list: l\r\n  items: []\r\n",
		"- rule: r\n  condition: >\n    evt.type = open\n    and bad\n" + head, "a: b: c", "- required_plugin_versions:\n  - name: a\n    version: 1.2.3\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := loadText(Options{}, text, text)
		if !json.Valid(s.AppendReportJSON(nil)) {
			t.Fatalf("invalid report %s", s.AppendReportJSON(nil))
		}
		data, err := s.AppendDescription(nil, "")
		if err != nil || !json.Valid(data) {
			t.Fatalf("invalid description %s", data)
		}
		s.AppendReport(nil, true)
		for _, r := range s.Rules {
			if r.Template == nil || r.Condition == nil {
				t.Fatalf("half a rule %+v", r)
			}
			back, err := syntax.Parse(syntax.Print(r.Condition))
			if err == nil && !syntax.Equal(back, r.Condition) {
				t.Fatalf("condition reads back as %s", syntax.Print(back))
			}
		}
		for _, p := range s.Problems {
			if p.File == "" || p.Line < 1 || p.Col < 1 || p.Message == "" && p.Code != WarnUnsafeNA {
				t.Fatalf("problem without a place: %+v", p)
			}
		}
	})
}
