// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// What is shown loads to the same configuration.
func TestShowRoundTrip(t *testing.T) {
	stock, err := os.ReadFile("testdata/stock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{
		"a: b", string(stock),
		"static_fields: {a: 'yes', b: '12', 'c: d': \"x\\ny\", e: '# no', f: '', g: '*a', h: \"'\"}",
		"rules: [{enable: {rule: '*'}}, {disable: {tag: a}}]\nload_plugins: []\nappend_output: []",
		"static_fields: {? " + strings.Repeat("k", 2000) + " : v, b: c}",
		"append_output: [{match: {tags: [a, b]}, extra_fields: [x, {y: '%z'}], extra_output: '100% a=%b'}]",
	} {
		env := func(string) string { return "" }
		d, want, _ := Resolve(Options{Path: "f.yaml", Content: []byte(content), Env: env})
		text := d.Merged().AppendYAML(nil, false)
		got, problems := Load(Options{Path: "f.yaml", Content: text, Env: env})
		clearPlugins(got)
		clearPlugins(want)
		// Files of the machine play no part here.
		got.ConfigFiles, want.ConfigFiles = nil, nil
		if !reflect.DeepEqual(got, want) || slices.ContainsFunc(problems, func(p diag.Problem) bool { return p.Severity == diag.Error }) {
			t.Errorf("%s\nbecomes\n%s\n%v", content, text, problems)
		}
	}
}

// clearPlugins takes out what keeps its positions.
func clearPlugins(c *Config) {
	for i := range c.Plugins {
		c.Plugins[i].InitConfig = c.Plugins[i].Init()
	}
}

// Every value says where it comes from.
func TestShowOrigins(t *testing.T) {
	d := Read(Options{
		Path:      "falco.yaml",
		Content:   []byte("json_output: ${JSON}\nfile_output:\n  enabled: true\nrules_files:\n  - a\n"),
		Overrides: []string{"rules_files[]=b", "http_output.url=https://u:p@h/services/x?token=y", "falco_libs.snaplen=${LEN}"},
		Env:       func(name string) string { return map[string]string{"JSON": "true", "LEN": "90"}[name] },
	})
	got := strings.Join(strings.Fields(string(d.Merged().AppendYAML(nil, true))), " ")
	want := `rules_files: - a # falco.yaml:5 - b # -o json_output: true # falco.yaml:1, environment JSON ` +
		`file_output: enabled: true # falco.yaml:3 http_output: url: "https://[redacted]@h/[redacted]" # -o ` +
		`falco_libs: snaplen: 90 # -o, environment LEN`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	all := string(d.Merged().AppendYAML(nil, false))
	for _, line := range []string{"priority: debug ", "  interval: 1h ", "  - suggested_output: true ", "static_fields: {} "} {
		if !strings.Contains(all, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, all)
		}
	}
	if strings.Count(all, "# default\n") < 90 {
		t.Errorf("few defaults in\n%s", all)
	}
}

func TestRedact(t *testing.T) {
	for _, tt := range [][3]string{
		{"program", "jq . | curl -d @- https://hooks.example/services/A/B", "jq . | curl -d @- https://hooks.example/[redacted]"},
		{"url", "http://sidekick:2801", "http://sidekick:2801"},
		{"url", "http://sidekick:2801/", "http://sidekick:2801/"},
		{"url", "https://:pw@h", "https://[redacted]@h"},
		{"bind_address", "unix:///run/falco/falco.sock", "unix:///run/falco/falco.sock"},
		{"access_token", "abc", Redacted}, {"access_token", "", ""}, {"client_key", "/etc/key", "/etc/key"},
		{"url", "http://%zz", Redacted},
	} {
		if got := Redact(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s %s: got %s, want %s", tt[0], tt[1], got, tt[2])
		}
	}
}

// Every key that is completed is one that can be set.
func TestKeys(t *testing.T) {
	keys := Keys()
	if len(keys) < 110 || !slices.Contains(keys, "engine.modern_ebpf.buf_size_preset") || !slices.Contains(keys, "rules") {
		t.Errorf("got %d keys: %v", len(keys), keys)
	}
}

// TestShowHidesSecrets looks for secrets where people put them.
func TestShowHidesSecrets(t *testing.T) {
	d := Read(Options{Path: "f.yaml", Content: []byte(`
http_output: {url: "https://u:sekret@h/sekret?t=sekret"}
program_output: {program: "curl -H 'Authorization: Bearer sekret' -u --token sekret --data password=sekret https://h/sekret"}
gyr:
  http: {headers: {X-Foo: sekret, X-API-Key: "sekret"}}
  otlp: {endpoint: "http://h/sekret", headers: {a: sekret}}
`), Overrides: []string{"gyr.otlp.headers.b=sekret"}})
	if text := string(d.Merged().AppendYAML(nil, false)); strings.Contains(text, "sekret") || !strings.Contains(text, "X-Foo:") {
		t.Error(text)
	}
	_, problems := Load(Options{Overrides: []string{"http_output.urll=https://h/sekret", "gyr.http.header.a=sekret", "gyr.http.headers.b={a: sekret}", "gyr.otlp.headers={a: [sekret]}"}})
	if text := fmt.Sprint(problems); strings.Contains(text, "sekret") || !strings.Contains(text, "urll") {
		t.Error(text)
	}
	for key, text := range map[string]string{
		"gyr.http.headers.X-Foo": "a", "-o gyr.otlp.headers.b": "a", "x-api-key": "a", "a.authorization": "a",
	} {
		if got := Redact(key, text); got != Redacted {
			t.Errorf("%s is shown as %q", key, got)
		}
	}
	for _, plain := range []string{"jq '{text: .output}' | curl -d @- -X POST", "/usr/bin/token-bucket", "basics of it", "evt.type=open"} {
		if got := Redact("program", plain); got != plain {
			t.Errorf("%q is shown as %q", plain, got)
		}
	}
}
