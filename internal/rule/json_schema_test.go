// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// validator checks values against the keywords of draft 6 that the schema uses; any other keyword
// fails the test.
type validator struct {
	t    *testing.T
	root map[string]any
}

// valid reports whether a value fits a schema.
func (v *validator) valid(schema map[string]any, value any) bool {
	for keyword, want := range schema {
		if !v.fits(schema, keyword, want, value) {
			return false
		}
	}
	return true
}

// fits checks one keyword.
func (v *validator) fits(schema map[string]any, keyword string, want, value any) bool {
	m, isMap := value.(map[string]any)
	switch keyword {
	case "$schema", "title", "description", "definitions":
		return true
	case "$ref":
		name := strings.TrimPrefix(want.(string), "#/definitions/")
		return v.valid(v.root["definitions"].(map[string]any)[name].(map[string]any), value)
	case "type":
		types, ok := want.([]any)
		if !ok {
			types = []any{want}
		}
		return slices.ContainsFunc(types, func(t any) bool { return isType(t.(string), value) })
	case "enum":
		return slices.Contains(want.([]any), value)
	case "pattern":
		s, ok := value.(string)
		return !ok || regexp.MustCompile(want.(string)).MatchString(s)
	case "minimum":
		n, ok := value.(int)
		return !ok || float64(n) >= want.(float64)
	case "items":
		list, _ := value.([]any)
		return !slices.ContainsFunc(list, func(item any) bool { return !v.valid(want.(map[string]any), item) })
	case "required":
		return !isMap || !slices.ContainsFunc(want.([]any), func(key any) bool { _, ok := m[key.(string)]; return !ok })
	case "properties":
		for key, s := range want.(map[string]any) {
			if value, ok := m[key]; ok && !v.valid(s.(map[string]any), value) {
				return false
			}
		}
		return true
	case "additionalProperties":
		for key := range m {
			if _, ok := schema["properties"].(map[string]any)[key]; !ok {
				return false
			}
		}
		return true
	case "not":
		return !v.valid(want.(map[string]any), value)
	case "oneOf":
		n := 0
		for _, s := range want.([]any) {
			if v.valid(s.(map[string]any), value) {
				n++
			}
		}
		return n == 1
	}
	v.t.Fatalf("keyword %q is not checked", keyword)
	return false
}

// isType reports whether a value of YAML has a type of JSON.
func isType(name string, value any) bool {
	switch value.(type) {
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case int:
		return name == "integer" || name == "number"
	case float64:
		return name == "number"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	case nil:
		return name == "null"
	}
	return false
}

// newValidator reads the schema.
func newValidator(t *testing.T) *validator {
	v := &validator{t: t}
	if err := json.Unmarshal(JSONSchema(), &v.root); err != nil {
		t.Fatal(err)
	}
	return v
}

// Every known key has a shape, and no other.
func TestSchemaKeys(t *testing.T) {
	known := slices.Concat(listKeys, macroKeys, ruleKeys, []string{"required_engine_version", "required_plugin_versions"})
	for _, key := range known {
		if keyShapes[key] == nil && key != "override" {
			t.Errorf("key %s has no shape", key)
		}
	}
	for key := range keyShapes {
		if !slices.Contains(known, key) {
			t.Errorf("shape of unknown key %s", key)
		}
	}
	for _, key := range exceptionKeys {
		if exceptionShapes[key] == nil {
			t.Errorf("key %s of exceptions has no shape", key)
		}
	}
}

func TestSchemaOfRules(t *testing.T) {
	v := newValidator(t)
	files := slices.Concat(ruleFiles(t, "../../rules"), ruleFiles(t, filepath.Join(corpora(t), "rules")))
	for _, f := range files {
		var items []any
		if err := yaml.Unmarshal(f.Content, &items); err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			if item != nil && !v.valid(map[string]any{"oneOf": v.root["items"].(map[string]any)["oneOf"]}, item) {
				t.Errorf("%s: does not fit: %v", f.Name, item)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	v := newValidator(t)
	for text, want := range map[string]bool{
		`[{rule: a, cel: "true", desc: d, output: o, priority: WaRning}]`: true,
		`[{rule: a, cel: x, condition: y}]`:                               false,
		`[{rule: a, conditon: y}]`:                                        false,
		`[{rule: a, priority: loud}]`:                                     false,
		`[{rule: a, condition: x, override: {condition: append}}]`:        true,
		`[{rule: a, cel: x, override: {cel: append}}]`:                    false,
		`[{macro: a}]`:                     false,
		`[{macro: a, cel: x}]`:             true,
		`[{list: a, items: [1, x, true]}]`: true,
		`[{list: a}]`:                      false,
		`[{rule: a, exceptions: [{name: n, fields: [a], values: [[[b]]]}]}]`: true,
		`[{rule: a, exceptions: [{fields: a}]}]`:                             false,
		`[{required_engine_version: 0.57.0}]`:                                true,
		`[{required_plugin_versions: [{name: a, version: 1.0.0}]}]`:          true,
		`[{required_plugin_versions: [{name: a}]}]`:                          false,
		`{rule: a}`: false,
	} {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		if got := v.valid(v.root, value); got != want {
			t.Errorf("%s: %s", text, fmt.Sprint(got))
		}
	}
}
