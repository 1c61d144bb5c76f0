// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// generated are the files that are made from the structs: the schema, the page of the manual and
// the manual page.
var generated = []struct {
	path string
	make func(t *testing.T, tree *node) []byte
}{
	{"schema.json", makeSchema},
	{"../../docs/reference/config.md", makeReference},
	{"../../docs/man/gyr.yaml.5", makeManual},
}

// The generated files are current; go generate writes them.
func TestGenerated(t *testing.T) {
	tree := readTree(t)
	for _, g := range generated {
		want := g.make(t, tree)
		if os.Getenv("GYR_UPDATE") == "1" {
			if err := os.MkdirAll(filepath.Dir(g.path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(g.path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(g.path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./internal/config", filepath.Base(g.path))
		}
	}
}

// node is one key of the configuration with what the sources say of it.
type node struct {
	name string // the key; "" for the root and for items of lists
	path string // dotted, with [] for items
	doc  string
	typ  reflect.Type
	def  reflect.Value // the default; not valid within lists
	keys []*node       // of a struct
	item *node         // of a list
}

// verb is what begins a comment and only makes it a sentence.
var verb = regexp.MustCompile(`^(is|are|was) `)

// readTree walks the structs from Config and takes the comments of their fields from the sources.
func readTree(t *testing.T) *node {
	t.Helper()
	docs := readDocs(t)
	var walk func(n *node)
	walk = func(n *node) {
		typ := n.typ
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case typ == extraFieldType || typ == priorityType:
		case typ.Kind() == reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				key := f.Tag.Get("yaml")
				if key == "-" || key == "" {
					continue
				}
				child := &node{name: key, path: strings.TrimPrefix(n.path+"."+key, "."), typ: f.Type, doc: docs[typ.Name()+"."+f.Name]}
				if n.def.IsValid() && n.def.Kind() == reflect.Struct {
					child.def = n.def.Field(i)
				}
				if child.doc == "" {
					t.Errorf("%s.%s has no comment", typ.Name(), f.Name)
				}
				child.doc = verb.ReplaceAllString(strings.TrimPrefix(child.doc, f.Name+" "), "")
				walk(child)
				n.keys = append(n.keys, child)
			}
		case typ.Kind() == reflect.Slice:
			n.item = &node{path: n.path + "[]", typ: typ.Elem()}
			walk(n.item)
		}
	}
	root := &node{typ: reflect.TypeFor[Config](), def: reflect.ValueOf(*Default())}
	walk(root)
	return root
}

// readDocs returns the comment of every field of every struct of the package, as one line.
func readDocs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool { return noteDocs(docs, n) })
	}
	return docs
}

// noteDocs takes the comments of a struct's fields; it reports whether to look into the node.
func noteDocs(docs map[string]string, n ast.Node) bool {
	spec, ok := n.(*ast.TypeSpec)
	if !ok {
		return true
	}
	if s, ok := spec.Type.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	return true
}

// words are the values of a type that has only a few.
func words(typ reflect.Type) []string {
	switch typ {
	case reflect.TypeFor[Matching]():
		return []string{"first", "all"}
	case reflect.TypeFor[EngineKind]():
		return []string{"modern_ebpf", "replay", "nodriver", "kmod", "ebpf"}
	case reflect.TypeFor[DropAction]():
		return []string{"ignore", "log", "alert", "exit"}
	case reflect.TypeFor[Level]():
		var names []string
		for _, l := range levels {
			names = append(names, l.name)
		}
		return names
	case priorityType:
		var names []string
		for p := alert.Emergency; p <= alert.Debug; p++ {
			names = append(names, strings.ToLower(p.String()))
		}
		return names
	}
	return nil
}

// object is a part of a schema; its keys come out in alphabetical order.
type object = map[string]any

// makeSchema makes the JSON schema.
func makeSchema(t *testing.T, tree *node) []byte {
	root := schemaOf(tree)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "Configuration of Gyrfalcon (falco.yaml)"
	for _, r := range removals {
		at := root
		parts := strings.Split(r.key, ".")
		for _, p := range parts[:len(parts)-1] {
			at = at["properties"].(object)[p].(object)
		}
		at["properties"].(object)[parts[len(parts)-1]] = object{"deprecated": true, "description": r.text()}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// variable is the pattern of texts that stand where a number or a switch belongs.
const variable = `\$\{.*\}`

// schemaOf is the schema of one key.
func schemaOf(n *node) object {
	s := schemaOfType(n)
	if n.doc != "" {
		s["description"] = n.doc
	}
	if d, ok := defaultOf(n); ok {
		s["default"] = d
	}
	return s
}

// schemaOfType is the schema of a key's values.
func schemaOfType(n *node) object {
	typ := n.typ
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == extraFieldType:
		return object{"anyOf": []object{{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": object{"type": "string"}}}}
	case words(typ) != nil:
		// Any case is fine, and variables are.
		return object{"anyOf": []object{{"enum": words(typ)}, {"type": "string"}}}
	case typ == reflect.TypeFor[Interval](), typ == reflect.TypeFor[Address]():
		return object{"type": "string"}
	case typ == reflect.TypeFor[Ratio]():
		return number("number", 0, 1)
	case typ == reflect.TypeFor[Preset]():
		return number("integer", 1, 10)
	case typ == reflect.TypeFor[Positive]():
		return number("integer", 1, maxWhole)
	case typ == reflect.TypeFor[NonNegative]():
		return number("integer", 0, maxWhole)
	}
	switch typ.Kind() {
	case reflect.Struct:
		properties := object{}
		for _, k := range n.keys {
			properties[k.name] = schemaOf(k)
		}
		s := object{"type": "object", "additionalProperties": false, "properties": properties}
		if typ == includeType {
			return object{"anyOf": []object{{"type": "string"}, s}}
		}
		return s
	case reflect.Slice:
		list := object{"type": "array", "items": schemaOf(n.item)}
		if kind := typ.Elem().Kind(); kind == reflect.String || typ.Elem() == includeType {
			return object{"anyOf": []object{list, {"type": "string"}}}
		}
		return list
	case reflect.Map:
		return object{"type": "object", "additionalProperties": object{"type": []string{"string", "number", "boolean"}}}
	case reflect.Bool:
		return object{"type": []string{"boolean", "string"}, "pattern": variable}
	case reflect.Float64:
		return object{"type": []string{"number", "string"}, "pattern": variable, "minimum": 0}
	case reflect.String:
		return object{"type": []string{"string", "number", "boolean", "null"}}
	}
	return object{}
}

// number is the schema of a number within bounds.
func number(kind string, low, high int64) object {
	return object{"type": []string{kind, "string"}, "pattern": variable, "minimum": low, "maximum": high}
}

// defaultOf is the default of a key that holds a value of its own, for JSON.
func defaultOf(n *node) (any, bool) {
	v := n.def
	if !v.IsValid() || n.keys != nil && v.Kind() == reflect.Struct {
		return nil, false
	}
	switch {
	case v.Type() == priorityType:
		return strings.ToLower(v.Interface().(alert.Priority).String()), true
	case v.Type() == reflect.TypeFor[Interval]():
		return Interval(v.Int()).String(), true
	case n.path == "append_output":
		return []object{{"suggested_output": true}}, true
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return nil, false
	case reflect.Slice, reflect.Map:
		if v.IsNil() {
			return nil, false
		}
	}
	return v.Interface(), true
}

// typeName says in a few words what a key takes.
func typeName(typ reflect.Type) string {
	switch {
	case typ == extraFieldType:
		return "field or map"
	case typ == includeType:
		return "path or map"
	case words(typ) != nil:
		return "word"
	case typ == reflect.TypeFor[Interval]():
		return "interval"
	case typ == reflect.TypeFor[Address]():
		return "IP address"
	case typ == reflect.TypeFor[Ratio]():
		return "number, 0 to 1"
	case typ == reflect.TypeFor[Preset]():
		return "number, 1 to 10"
	case typ == reflect.TypeFor[Positive]():
		return "number from 1"
	case typ == reflect.TypeFor[NonNegative]():
		return "number from 0"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return typeName(typ.Elem())
	case reflect.Struct, reflect.Map:
		return "map"
	case reflect.Slice:
		return "list (" + typeName(typ.Elem()) + ")"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	}
	return "anything"
}

// each visits all keys in the order of the structs.
func (n *node) each(visit func(*node)) {
	for _, k := range n.keys {
		visit(k)
		k.each(visit)
	}
	if n.item != nil {
		n.item.each(visit)
	}
}

// plainDefault is the default as it stands in a file.
func plainDefault(n *node) string {
	d, ok := defaultOf(n)
	if !ok {
		return ""
	}
	text, _ := json.Marshal(d)
	return strings.Trim(string(text), `"`)
}

// sentence begins a comment with a capital letter.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

const referenceHead = `# Configuration

Every key of the configuration file, with the values that hold without it. Keys are Falco's; those under ` + "`gyr`" + ` are
ours. ` + "`gyr --config-schema`" + ` prints the same for editors, ` + "`gyr config show`" + ` what holds on a machine and why, ` + "`gyr config check`" + `
finds mistakes. How files are found and merged stands in the [guide](../guide.md#configuration).

| key | takes | default | meaning |
|---|---|---|---|
`

// makeReference makes the page of the manual.
func makeReference(_ *testing.T, tree *node) []byte {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	escape := strings.NewReplacer("|", `\|`, "\n", " ").Replace
	tree.each(func(n *node) {
		def := plainDefault(n)
		if def != "" {
			def = "`" + escape(def) + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", n.path, typeName(n.typ), def, escape(sentence(n.doc)))
	})
	b.WriteString("\n## Keys of older versions\n\nFiles that still have them load; a warning says what became of them.\n\n| key | |\n|---|---|\n")
	for _, r := range removals {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.key, escape(sentence(r.text())))
	}
	return b.Bytes()
}

// roff escapes a text for a manual page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// makeManual makes the manual page of the configuration file.
func makeManual(_ *testing.T, tree *node) []byte {
	var b bytes.Buffer
	b.WriteString(manualHead)
	tree.each(func(n *node) {
		fmt.Fprintf(&b, ".TP\n.B %s\n", roff(n.path))
		fmt.Fprintf(&b, "%s", roff(sentence(typeName(n.typ))))
		if def := plainDefault(n); def != "" {
			fmt.Fprintf(&b, "; default: %s", roff(def))
		}
		fmt.Fprintf(&b, ".\n%s\n", roff(sentence(n.doc)))
	})
	b.WriteString(".SH SEE ALSO\n.BR gyr (1),\n.BR gyr\\-config (1)\n")
	return b.Bytes()
}

const manualHead = `.\" SPDX-License-Identifier: Apache-2.0
.\" Generated from the sources by go generate.
.TH GYR.YAML 5 "" "Gyrfalcon" "Gyrfalcon Manual"
.SH NAME
gyr.yaml, falco.yaml \- configuration of gyr
.SH SYNOPSIS
.I /etc/gyr/gyr.yaml
.br
.I /etc/falco/falco.yaml
.SH DESCRIPTION
The file is a map in YAML.
.BI ${ NAME }
in a value is replaced by the environment variable of that name,
.BI $${ NAME }
stands for the text itself.
Further files are merged in with
.BR config_files .
Keys that nobody knows are errors; those that older versions of Falco had are only warned of.
.SH KEYS
`
