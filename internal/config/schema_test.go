// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compileSchema compiles the schema with another's program.
func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks a document against the schema.
func validate(t testing.TB, s *jsonschema.Schema, v *Value) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(v.AppendJSON(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

// Everything that Falco ships validates, mistakes do not.
func TestSchema(t *testing.T) {
	s := compileSchema(t)
	stock, err := os.ReadFile("testdata/stock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, content string
		ok            bool
	}{
		{"every key that Falco ships", string(stock), true},
		{"nothing", "{}", true},
		{"variables", "json_output: ${JSON}\nwebserver: {listen_port: '${PORT}'}", true},
		{"one text for a list", "rules_files: a.yaml\nconfig_files: /etc/falco/config.d", true},
		{"strategies", "config_files: [a, {path: b, strategy: override}]", true},
		{"fields", "append_output: [{extra_fields: [proc.pid, {a: '%proc.name'}]}]", true},
		{"removed keys", "syscall_buf_size_preset: 4\noutputs: {rate: 1}\nengine: {gvisor: {root: x}}", true},
		{"a field too many", "append_output: [{extra_fields: [{a: b, c: d}]}]", false},
		{"unknown key", "falco_libss: {thread_table_size: 1}", false},
		{"unknown nested key", "file_output: {file: x}", false},
		{"wrong kind", "falco_libs: 512", false},
		{"out of range", "engine: {modern_ebpf: {buf_size_preset: 11}}", false},
		{"no switch", "json_output: maybe", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Read(Options{Path: "f.yaml", Content: []byte(tt.content), Env: func(string) string { return "${X}" }})
			if err := validate(t, s, d.Root); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Every key that Falco has or had is known.
func TestFalcoKeys(t *testing.T) {
	text, err := os.ReadFile("testdata/falco-keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields(string(text)) {
		path := strings.ReplaceAll(key, "[]", "[0]")
		d := &Document{Root: &Value{Kind: Map}}
		if err := d.Root.Set(path, &Value{}); err != nil {
			t.Fatal(err)
		}
		_, problems := Load(Options{Path: "f.yaml", Content: d.Root.AppendJSON(nil)})
		for _, p := range problems {
			if p.Code == CodeKey {
				t.Errorf("%s: %s", key, p.Message)
			}
		}
	}
}
