// SPDX-License-Identifier: Apache-2.0

package form

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// readTable reads a table of testdata, whose "source" says where it comes from.
func readTable(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// ocsfObject is a published object: a type for each attribute, "!" behind it if it is required, "[]"
// before it if it is a list.
type ocsfObject struct {
	Attributes map[string]string `json:"attributes"`
	AtLeastOne []string          `json:"at_least_one"`
}

// TestOCSFSchema holds everything that is written against the published definitions.
func TestOCSFSchema(t *testing.T) {
	var table struct{ Objects map[string]ocsfObject }
	readTable(t, "ocsf-"+OCSFVersion+".json", &table)
	for name, a := range examples {
		var v any
		if err := json.Unmarshal(AppendOCSF(nil, a, "1.2.3"), &v); err != nil {
			t.Fatal(err)
		}
		for _, problem := range checkOCSF(table.Objects, "detection_finding", name, v) {
			t.Error(problem)
		}
	}
	bad := map[string]any{"class_uid": "2004", "unknown": 1.0, "evidences": map[string]any{}}
	if got := checkOCSF(table.Objects, "detection_finding", "bad", bad); len(got) < 6 {
		t.Errorf("a bad finding has only these problems: %v", got)
	}
}

// checkOCSF compares a value with its object.
func checkOCSF(table map[string]ocsfObject, object, where string, v any) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, where+": "+fmt.Sprintf(format, args...)) }
	members, ok := v.(map[string]any)
	if !ok {
		say("%T instead of %s", v, object)
		return problems
	}
	o := table[object]
	for key, typ := range o.Attributes {
		if strings.HasSuffix(typ, "!") && members[key] == nil {
			say("%s lacks %s", object, key)
		}
	}
	if len(o.AtLeastOne) > 0 && !slices.ContainsFunc(o.AtLeastOne, func(k string) bool { return members[k] != nil }) {
		say("%s has none of %v", object, o.AtLeastOne)
	}
	for key, value := range members {
		typ, ok := o.Attributes[key]
		if !ok {
			say("%s has no %s", object, key)
			continue
		}
		typ, list := strings.CutPrefix(strings.TrimSuffix(typ, "!"), "[]")
		items, isList := value.([]any)
		if list != isList {
			say("%s.%s: list %v, want %v", object, key, isList, list)
			continue
		}
		if !list {
			items = []any{value}
		}
		for _, item := range items {
			problems = append(problems, checkOCSFValue(table, typ, where+"."+key, item)...)
		}
	}
	return problems
}

// checkOCSFValue compares a value with its type.
func checkOCSFValue(table map[string]ocsfObject, typ, where string, v any) []string {
	ok := false
	switch typ {
	case "string_t":
		_, ok = v.(string)
	case "boolean_t":
		_, ok = v.(bool)
	case "integer_t", "long_t":
		var n float64
		n, ok = v.(float64)
		ok = ok && n == float64(int64(n))
	case "object":
		_, ok = v.(map[string]any)
	default:
		if _, known := table[typ]; known {
			return checkOCSF(table, typ, where, v)
		}
	}
	if !ok {
		return []string{fmt.Sprintf("%s: %v is no %s", where, v, typ)}
	}
	return nil
}

// TestECSFields holds every field that is written, outside of falco, against the published ones.
func TestECSFields(t *testing.T) {
	var table struct{ Fields map[string]string }
	readTable(t, "ecs-fields.json", &table)
	for name, a := range examples {
		var v map[string]any
		if err := json.Unmarshal(AppendECS(nil, a, "1.2.3"), &v); err != nil {
			t.Fatal(err)
		}
		delete(v, "falco")
		if v["@timestamp"] == nil || v["ecs"] == nil || v["event"] == nil {
			t.Errorf("%s: lacks what is required: %v", name, v)
		}
		walkECS(t, table.Fields, name, "", v)
	}
}

// walkECS checks all leaves.
func walkECS(t *testing.T, table map[string]string, name, path string, v any) {
	if m, ok := v.(map[string]any); ok {
		for key, value := range m {
			walkECS(t, table, name, strings.TrimPrefix(path+"."+key, "."), value)
		}
		return
	}
	typ, ok := table[path]
	if !ok {
		t.Errorf("%s: there is no field %s", name, path)
		return
	}
	typ, list := strings.CutSuffix(typ, "[]")
	if _, isList := v.([]any); isList != list {
		t.Errorf("%s: %s: list %v, want %v", name, path, isList, list)
	}
	if _, number := v.(float64); number != (typ == "long") {
		t.Errorf("%s: %s: %v is no %s", name, path, v, typ)
	}
}
