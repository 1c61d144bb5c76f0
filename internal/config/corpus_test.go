// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// corpusRow is one conformance case: steps, or a function with arguments and result.
type corpusRow struct {
	ID       string
	Steps    []corpusStep
	Function string
	Args     []string
	Expected any
}

// elsewhere are functions that other packages have; their tests read the same rows.
var elsewhere = map[string]string{
	"matches_wildcard":   "internal/rule",
	"sanitize_rule_name": "internal/metric",
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

// Every row of the material agrees, but for plugins, which Falco lets pass until it opens them.
func TestCorpus(t *testing.T) {
	f := openCorpus(t, "config.jsonl")
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	rows, agreed, other, steps := 0, 0, 0, 0
	for lines.Scan() {
		var row corpusRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows++
		if elsewhere[row.Function] != "" {
			other++
			continue
		}
		if t.Run(row.ID, func(t *testing.T) { steps += runCorpusRow(t, &row) }) {
			agreed++
		}
	}
	t.Logf("%d of %d rows agree, %d steps checked; %d more are for other packages", agreed, rows, steps, other)
	if agreed+other != rows {
		t.Errorf("%d rows do not agree", rows-agreed-other)
	}
}

// runCorpusRow performs one case and counts what it checked.
func runCorpusRow(t *testing.T, row *corpusRow) int {
	switch row.Function {
	case "":
		r := &corpusRun{t: t, id: row.ID, temp: t.TempDir()}
		t.Chdir(t.TempDir())
		for i := range row.Steps {
			r.step(&row.Steps[i])
		}
		return r.checked
	case "parse_prometheus_interval":
		if got, ok := parseInterval(row.Args[0]); ok && float64(got) != row.Expected || !ok && row.Expected != 0. {
			t.Errorf("%q: got %d %v, want %v", row.Args[0], got, ok, row.Expected)
		}
	case "is_unix_scheme":
		if _, ok := (&GRPC{BindAddress: row.Args[0]}).Socket(); ok != row.Expected {
			t.Errorf("%q: got %v", row.Args[0], ok)
		}
	default:
		t.Errorf("nobody tests %s", row.Function)
	}
	return 1
}

// corpusRun is what the steps of a case share.
type corpusRun struct {
	t       *testing.T
	id      string
	temp    string // stands for the system's directory of temporary files
	checked int

	doc    *Document
	config *Config
	seen   []diag.Problem
	gets   int
}

// step performs one step.
func (r *corpusRun) step(s *corpusStep) {
	r.checked++
	switch s.Op {
	case "write_file":
		path := r.resolve(s.Path)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(r.resolve(s.Content)), 0o600); err != nil {
			r.t.Fatal(err)
		}
	case "setenv": // corpusEnv has them
	case "load_yaml", "init_content":
		r.load(s, Options{Path: "falco.yaml", Content: []byte(s.Content.(string)), Overrides: s.Options, Env: corpusEnv})
	case "init_file":
		r.load(s, Options{Path: r.resolve(s.Path), Overrides: s.Options, Env: corpusEnv})
	case "loaded_files":
		if float64(len(r.doc.Files)) != s.Equals {
			r.t.Errorf("%v files, want %v", r.doc.Files, s.Equals)
		}
	case "is_defined":
		if v, err := r.doc.Root.Get(s.Key); (v != nil) != s.Value || err != nil {
			r.t.Errorf("%q defined: %v, %v", s.Key, v != nil, err)
		}
	case "get":
		r.modify(s)
		checkGet(r.t, r.doc, s)
	case "schema_validation":
		if failed := validate(r.t, compileSchema(r.t), r.doc.Root) != nil; failed != (s.Value == "failed") {
			r.t.Errorf("the schema: %v, want %v", failed, s.Value)
		}
		if failed := slices.ContainsFunc(r.seen, unknownKey); failed != (s.Value == "failed") {
			r.t.Errorf("validation %v, want %v: %v", failed, s.Value, r.seen)
		}
	case "raw":
		r.raw(s.Expr)
	case "field":
		if got, want := r.field(s.Expr), want(s.Equals); got != want {
			r.t.Errorf("%s: got %q, want %q", s.Expr, got, want)
		}
	default:
		r.t.Errorf("nobody knows the step %q", s.Op)
	}
}

// unknownKey reports whether a problem is what Falco's schema finds.
func unknownKey(p diag.Problem) bool { return p.Code == CodeKey }

// corpusEnv is the environment that the cases set.
func corpusEnv(name string) string {
	return map[string]string{
		"ENV_VAR": "envVarValue", "ENV_VAR_EMBEDDED": "${ENV_VAR}", "ENV_VAR_BOOL": "true", "ENV_VAR_INT": "12",
	}[name]
}

// resolve returns a text of the material; the expressions in it stand for texts that their cases
// put together from the directories of the day.
func (r *corpusRun) resolve(v any) string {
	text, ok := v.(string)
	if ok {
		return text
	}
	const foo = "foo: bar\nbase_value:\n    id: 1\n    name: foo\n"
	switch expr := v.(map[string]any)["expr"].(string); {
	case expr == "temp_main.string()":
		return filepath.Join(r.temp, "main.yaml")
	case expr == "main_conf_yaml" && strings.HasSuffix(r.id, "relative_main"):
		dir, _ := os.Getwd()
		return "config_files:\n  - conf_2.yaml\n  - " + dir + "/conf_3.yaml\n" + foo
	case expr == "main_conf_yaml" && strings.HasSuffix(r.id, "directory"):
		return "config_files:\n  - " + r.temp + "/test\n" + foo
	case strings.HasPrefix(expr, "std::filesystem::temp_directory_path()"):
		_, name, _ := strings.Cut(expr, `"`)
		return filepath.Join(r.temp, strings.TrimSuffix(name, `"`))
	default:
		r.t.Fatalf("nobody knows the text %q", expr)
		return ""
	}
}

// load reads a configuration, which must succeed or fail as Falco's does. Plugins that cannot be
// loaded are errors with us alone.
func (r *corpusRun) load(s *corpusStep, o Options) {
	r.doc = Read(o)
	r.config, r.seen = Load(o)
	problems := r.seen
	if s.Op == "load_yaml" {
		problems = r.doc.Problems
	}
	failed := slices.ContainsFunc(problems, func(p diag.Problem) bool {
		return p.Severity == diag.Error && p.Code != CodeUnsupported
	})
	if failed != s.Fails {
		r.t.Errorf("%s %v: failed %v, want %v: %v", s.Op, s.Options, failed, s.Fails, problems)
	}
}

// modify sets what the case modify_yaml_fields sets before its second and third look.
func (r *corpusRun) modify(s *corpusStep) {
	r.gets++
	if r.gets > 1 && strings.HasSuffix(r.id, "modify_yaml_fields") {
		text := strconv.FormatBool(s.Equals.(bool))
		if err := r.doc.Root.Set(s.Key, &Value{Kind: Scalar, Text: text}); err != nil {
			r.t.Error(err)
		}
	}
}

// throws finds the key of a look that must fail.
var throws = regexp.MustCompile(`^EXPECT_ANY_THROW\(conf\.get_scalar<std::string>\("((?:\\.|[^"])*)",`)

// raw performs a statement of the original.
func (r *corpusRun) raw(expr string) {
	if m := throws.FindStringSubmatch(expr); m != nil {
		key := strings.ReplaceAll(m[1], `\\`, `\`)
		if v, err := r.doc.Root.Get(key); err == nil {
			r.t.Errorf("%q: got %v, want an error", key, v)
		}
		return
	}
	if !strings.Contains(expr, `(foos, "foo")`) {
		r.t.Errorf("nobody knows the statement %s", expr)
	}
}

// want is a value of the material as text.
func want(v any) string {
	if expr, ok := v.(map[string]any); ok {
		switch expr["expr"] {
		case "plugin_config_json":
			return `{"maxEventSize":262144,"sslCertificate":"/etc/falco/falco.pem"}`
		default:
			return fmt.Sprint(expr["expr"])
		}
	}
	return fmt.Sprint(v)
}

// index finds the parts of an expression such as falco_config.m_plugins[0].m_name.
var index = regexp.MustCompile(`^(?:falco_config\.)?m_(\w+)\[(\d+)\]\.m_(\w+)(.*)$`)

// field looks a member of the configuration up, by the name that it has in Falco.
func (r *corpusRun) field(expr string) string {
	c := r.config
	switch expr {
	case "foos.size()":
		return strconv.Itoa(len(r.doc.Root.Lookup("foo").Items))
	case "seq.size()":
		v, _ := r.doc.Root.Get("base_value_2.sample_list")
		return strconv.Itoa(len(v.Items))
	case "seq[0]", "seq[1]", "seq[2]":
		v, _ := r.doc.Root.Get("base_value_2.sample_list" + expr[3:])
		return v.Text
	case "falco_config.m_append_output.size()":
		return strconv.Itoa(len(c.AppendOutput))
	case "falco_config.m_rules_selection.size()":
		return strconv.Itoa(len(c.Rules))
	case "parsed_init_config":
		var parsed any
		json.Unmarshal([]byte(c.Plugins[0].Init()), &parsed)
		text, _ := json.Marshal(parsed)
		return string(text)
	}
	m := index.FindStringSubmatch(expr)
	if m == nil {
		r.t.Fatalf("nobody knows the member %s", expr)
	}
	i, _ := strconv.Atoi(m[2])
	switch m[1] {
	case "plugins":
		p := &c.Plugins[i]
		return map[string]string{"name": p.Name, "library_path": p.LibraryPath, "open_params": p.OpenParams, "init_config": p.Init()}[m[3]]
	case "rules_selection":
		s := &c.Rules[i]
		verb, match := "falco_configuration::rule_selection_operation::enable", s.Enable
		if match == nil {
			verb, match = "falco_configuration::rule_selection_operation::disable", s.Disable
		}
		return map[string]string{"op": verb, "rule": match.Rule, "tag": match.Tag}[m[3]]
	}
	return appendMember(&c.AppendOutput[i], m[3], m[4])
}

// appendMember looks a member of an Append up.
func appendMember(a *Append, member, rest string) string {
	raw, formats := []string{}, map[string]string{}
	for _, f := range a.ExtraFields {
		if f.Field != "" {
			raw = append(raw, f.Field)
		} else {
			formats[f.Key] = f.Format
		}
	}
	list := map[string][]string{"tags": a.Match.Tags, "raw_fields": raw}[member]
	switch key := strings.Trim(rest, `.[]"`); {
	case member == "formatted_fields" && rest == ".size()":
		return strconv.Itoa(len(formats))
	case member == "formatted_fields":
		return formats[strings.TrimSuffix(strings.TrimPrefix(rest, `["`), `"]`)]
	case rest == ".size()":
		return strconv.Itoa(len(list))
	case strings.HasPrefix(key, "count("):
		n := 0
		for _, item := range list {
			if item == strings.Trim(key[len("count"):], `(")`) {
				n++
			}
		}
		return strconv.Itoa(n)
	}
	return map[string]string{"source": a.Match.Source, "rule": a.Match.Rule, "format": a.ExtraOutput}[member]
}

// checkGet compares a typed look with what Falco's gives.
func checkGet(t *testing.T, d *Document, s *corpusStep) {
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
