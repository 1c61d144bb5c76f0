// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// JSONSchema returns the schema of rules files, draft 6, for editors and checks. YAML's scalars are
// taken weakly, as the loader does: a number may stand where a text belongs.
func JSONSchema() []byte {
	items := []any{}
	definitions := object{"scalar": scalarShape, "scalars": sequence(ref("scalar")), "entry": entryShape}
	for _, kind := range kinds {
		items = append(items, ref(kind))
		definitions[kind] = itemShape(kind)
	}
	definitions["exception"] = shape(exceptionKeys, exceptionShapes, "name")
	definitions["plugin"] = pluginShape()
	out, err := json.MarshalIndent(object{
		"$schema": "http://json-schema.org/draft-06/schema#", "title": "Rules of Falco and Gyrfalcon",
		"type": "array", "items": object{"oneOf": items}, "definitions": definitions,
	}, "", "  ")
	if err != nil {
		panic(err) // the tables are wrong
	}
	return append(out, '\n')
}

// ref refers to a definition.
func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

// sequence is a list of items.
func sequence(items any) object { return object{"type": "array", "items": items} }

// oneWord is one of several words.
func oneWord(words ...string) object { return object{"enum": words} }

// described adds what an editor shows.
func described(text string, shape object) object {
	out := object{"description": text}
	for k, v := range shape {
		out[k] = v
	}
	return out
}

var (
	scalarShape = object{"type": []string{"string", "number", "boolean"}}
	entryShape  = object{"oneOf": []any{ref("scalar"), sequence(ref("entry"))}}
	truthShape  = object{"type": []string{"boolean", "string"}}
)

// keyShapes are the shapes of the keys of all kinds of items.
var keyShapes = map[string]object{
	"required_engine_version":  described("The least version of the rules language: a number, or x.y.z.", scalarShape),
	"required_plugin_versions": described("Plugins that the rules need, with their least versions.", sequence(ref("plugin"))),
	"list":                     described("The name of a list, which stands for its items wherever it is named.", object{"type": "string", "pattern": listName.String()}),
	"items":                    described("Texts, numbers and names of other lists.", ref("scalars")),
	"macro":                    described("The name of a macro, which stands for its condition.", object{"type": "string", "pattern": macroName.String()}),
	"rule":                     described("The rule's name.", ref("scalar")),
	"condition":                described("When the rule fires, in the rules language.", ref("scalar")),
	celKey:                     described("When the rule fires, in the Common Expression Language; instead of condition.", ref("scalar")),
	"output":                   described("The text of the alert; %field stands for a field's value.", ref("scalar")),
	"desc":                     described("What the rule is for.", ref("scalar")),
	"priority":                 described("How grave an alert is, in any case of letters.", object{"type": "string", "pattern": priorityPattern()}),
	"source":                   described("Where the events come from (default "+defaultSource+").", object{"type": []string{"string", "null"}}),
	"enabled":                  described("Whether the rule is used (default true).", truthShape),
	"capture":                  described("Whether a match starts a capture (default false).", truthShape),
	"capture_duration":         described("How long a capture takes, in milliseconds; 0 is the configured default.", object{"type": []string{"integer", "string"}, "minimum": 0}),
	"warn_evttypes":            described("Whether a condition for too many types of events is warned of (default true).", truthShape),
	"skip-if-unknown-filter":   described("Whether the rule is left out if it names an unknown field (default false).", truthShape),
	"tags":                     described("Words that group rules.", ref("scalars")),
	"exceptions":               described("When the rule does not fire although its condition holds.", object{"oneOf": []any{object{"type": "null"}, sequence(ref("exception"))}}),
	"append":                   described("Deprecated: use override.", truthShape),
}

// exceptionShapes are the shapes of the keys of an exception.
var exceptionShapes = map[string]object{
	"name":   described("The exception's name, by which values are appended.", ref("scalar")),
	"fields": described("The field, or fields, that are compared.", ref("entry")),
	"comps":  described("The operator, or one for each field.", ref("entry")),
	"values": described("What the field, or each of the fields, is compared with.", sequence(ref("entry"))),
}

// priorityPattern matches the names of the priorities in any case of letters.
func priorityPattern() string {
	var names []string
	for p := alert.Emergency; p <= alert.Debug; p++ {
		names = append(names, anyCase(p.String()))
	}
	return "^(" + strings.Join(append(names, anyCase("info")), "|") + ")$"
}

// anyCase is a pattern for a word in any case of letters.
func anyCase(word string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(word) {
		b.WriteString("[" + strings.ToUpper(string(c)) + string(c) + "]")
	}
	return b.String()
}

// shape is an object of known keys.
func shape(keys []string, shapes map[string]object, required ...string) object {
	properties := object{}
	for _, key := range keys {
		properties[key] = shapes[key]
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// itemShape is the shape of a kind of item.
func itemShape(kind string) object {
	switch kind {
	case "list":
		return overridable(shape(listKeys, keyShapes, kind, "items"), []string{"items"}, []string{"items"})
	case "macro":
		out := overridable(shape(macroKeys, keyShapes, kind), []string{"condition"}, []string{"condition", celKey})
		out["oneOf"] = eitherCondition()
		return out
	case "rule":
		out := overridable(shape(ruleKeys, keyShapes, kind), ruleAppendable, ruleReplaceable)
		out["not"] = object{"required": []string{"condition", celKey}}
		return out
	}
	return shape([]string{kind}, keyShapes, kind)
}

// eitherCondition says that there is one of the two keys for a condition.
func eitherCondition() []any {
	return []any{object{"required": []string{"condition"}}, object{"required": []string{celKey}}}
}

// overridable adds the key override to the shape of an item.
func overridable(item object, appendable, replaceable []string) object {
	properties := object{}
	for _, key := range replaceable {
		words := []string{"replace"}
		if slices.Contains(appendable, key) {
			words = []string{"append", "replace"}
		}
		properties[key] = oneWord(words...)
	}
	item["properties"].(object)["override"] = described("What the item changes of an earlier one, key by key.",
		object{"type": "object", "properties": properties, "additionalProperties": false})
	return item
}

// pluginShape is the shape of a required plugin.
func pluginShape() object {
	named := object{"name": ref("scalar"), "version": ref("scalar")}
	alternative := object{"type": "object", "properties": named, "required": []string{"name", "version"}, "additionalProperties": false}
	return object{
		"type": "object", "required": []string{"name", "version"}, "additionalProperties": false,
		"properties": object{"name": named["name"], "version": named["version"], "alternatives": sequence(alternative)},
	}
}
