// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// The known keys of each kind of item, in the order of the manual.
var (
	listKeys  = []string{"list", "items", "append", "override"}
	macroKeys = []string{"macro", "condition", "cel", "append", "override"}
	ruleKeys  = []string{
		"rule", "condition", "cel", "output", "desc", "priority", "source", "enabled", "capture", "capture_duration",
		"warn_evttypes", "skip-if-unknown-filter", "tags", "exceptions", "override", "append",
	}
	exceptionKeys = []string{"name", "fields", "comps", "values"}
	kinds         = []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule"}
)

// The names that conditions can refer to.
var (
	macroName = regexp.MustCompile(`^[a-zA-Z]+[a-zA-Z0-9_]*$`)
	listName  = regexp.MustCompile(`^[^()"'[:space:]=,]+$`)
)

const (
	deprecatedAppend  = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead."
	deprecatedEnabled = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace')."
	appendAndOverride = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') under 'override' instead."
)

// report is what is found in one file.
type report struct {
	problems []Finding
	failed   bool
}

// warn adds a warning.
func (r *report) warn(f *fault) { r.problems = append(r.problems, f.finding(diag.Warning, r.failed)) }

// fail adds an error.
func (r *report) fail(f *fault) {
	r.problems = append(r.problems, f.finding(diag.Error, r.failed))
	r.failed = true
}

// note adds advice, which is beyond what the reference tells.
func (r *report) note(f *fault) { r.problems = append(r.problems, f.finding(diag.Note, true)) }

// reader reads the items of one file into a collector.
type reader struct {
	*collector
	file    *file
	entries int // values of exceptions read so far
}

// read reads all items of a file. The reference stops at the first mistake; here the other items
// are read, too, so that all mistakes are reported at once, the later ones as beyond it.
func (c *collector) read(f *file, r *report) {
	c.warn = r.warn
	docs, err := f.documents()
	if err != nil {
		r.fail(asFault(err, f.root()))
		return
	}
	rd := &reader{collector: c, file: f}
	for _, doc := range docs {
		doc = deref(doc)
		switch doc.Kind {
		case yaml.SequenceNode:
		case yaml.MappingNode:
			r.fail(hinted(invalid(f.root(), "Rules content is not yaml array of objects"), "a rules file is a list: begin every item with \"- \""))
			continue
		default:
			r.fail(invalid(f.root(), "Rules content is not yaml"))
			continue
		}
		for _, item := range doc.Content {
			item = deref(item)
			if isNull(item) {
				continue
			}
			if err := rd.item(item); err != nil {
				r.fail(asFault(err, f.root()))
			}
		}
	}
}

// asFault makes any error a fault.
func asFault(err error, p place) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return unfit(p, err.Error())
}

// hinted adds a hint.
func hinted(f *fault, hint string) *fault {
	f.hint = hint
	return f
}

// item reads one item; the first of the kinds' keys says which.
func (r *reader) item(item *yaml.Node) error {
	root := r.file.root()
	if item.Kind != yaml.MappingNode {
		return invalid(root.in(itemEntry, "", item), "Unexpected element type. Each element should be a yaml associative array.")
	}
	for _, kind := range kinds {
		if get(item, kind) == nil {
			continue
		}
		switch kind {
		case "required_engine_version":
			return r.engineVersion(item, root.in(itemEngineVersion, "", item))
		case "required_plugin_versions":
			return r.pluginVersions(get(item, kind), root)
		case "list":
			return r.list(item, root)
		case "macro":
			return r.macro(item, root)
		default:
			return r.rule(item, root)
		}
	}
	hint := ""
	for _, key := range keys(item) {
		if hint = diag.DidYouMean(key, kinds); hint != "" {
			break
		}
	}
	r.warn(&fault{code: WarnUnknownItem, message: "Unknown top level item", hint: hint, place: root.in(itemEntry, "", item)})
	return nil
}

// engineVersion reads the version of the rules language that the file needs.
func (r *reader) engineVersion(item *yaml.Node, p place) error {
	text, err := decodeText(item, "required_engine_version", p)
	if err != nil {
		return err
	}
	if minor, ok := parseUint32(text); ok {
		return r.requireEngine(version{0, uint64(minor), 0}, p)
	}
	v, ok := parseVersion(text)
	if !ok {
		return invalid(p, "Unable to parse engine version '"+text+"' as a semver string. Expected \"x.y.z\" semver format.")
	}
	return r.requireEngine(v, p)
}

// pluginVersions reads the plugins that the file needs.
func (r *reader) pluginVersions(all *yaml.Node, root place) error {
	p := root.in(itemPlugins, "", all)
	if all.Kind != yaml.SequenceNode {
		return invalid(p, "Value of required_plugin_versions must be a sequence")
	}
	for _, n := range all.Content {
		n = deref(n)
		first, at, err := r.plugin(n, p, itemPlugin, "Plugin version must be a mapping")
		if err != nil {
			return err
		}
		req := &Requirement{Alternatives: []Plugin{first}, place: at}
		if alternatives := get(n, "alternatives"); alternatives != nil {
			if alternatives.Kind != yaml.SequenceNode {
				return invalid(at, "Value of plugin version alternatives must be a sequence")
			}
			for _, a := range alternatives.Content {
				other, _, err := r.plugin(deref(a), at, itemAlternative, "Plugin version alternative must be a mapping")
				if err != nil {
					return err
				}
				req.Alternatives = append(req.Alternatives, other)
			}
		}
		if err := r.requirePlugin(req); err != nil {
			return err
		}
	}
	return nil
}

// plugin reads one name and version.
func (r *reader) plugin(n *yaml.Node, parent place, kind, notMap string) (p Plugin, at place, err error) {
	at = parent.in(kind, "", n)
	if n.Kind != yaml.MappingNode {
		return p, at, invalid(at, notMap)
	}
	if p.Name, err = decodeText(n, "name", at); err != nil {
		return p, at, err
	}
	at = parent.in(kind, p.Name, n)
	p.Version, err = decodeText(n, "version", at)
	return p, at, err
}

// unknownKeys warns of keys that mean nothing in this kind of item.
func (r *reader) unknownKeys(item *yaml.Node, known []string, p place) {
	for i := 0; i+1 < len(item.Content); i += 2 {
		key := item.Content[i]
		if key.Kind == yaml.ScalarNode && slices.Contains(known, key.Value) {
			continue
		}
		name := key.Value
		if key.Kind != yaml.ScalarNode {
			name = "?"
		}
		at := p
		at.at = r.file.offset(key)
		r.warn(&fault{
			code: WarnUnknownKey, message: "Unknown key '" + name + "'. The key will be ignored.", place: at,
			hint: diag.DidYouMean(name, known), len: len(name),
		})
	}
}

// list reads a list.
func (r *reader) list(item *yaml.Node, root place) error {
	p := root.in(itemList, "", item)
	name, err := decodeText(item, "list", p)
	if err != nil {
		return err
	}
	p = root.in(itemList, name, item)
	if !listName.MatchString(name) {
		r.warn(&fault{code: WarnListName, place: p, message: `List has an invalid name. List names should match a regular expression: ([^()"'[:space:]=,]+)`})
	}
	items, err := decodeSequence(item, "items", p, false)
	if err != nil {
		return err
	}
	r.unknownKeys(item, listKeys, p)
	l := &list{name: name, items: items, place: p}
	add, err := r.appends(item, p, "items")
	if err != nil {
		return err
	}
	if add {
		return r.appendList(l)
	}
	r.defineList(l)
	return nil
}

// macro reads a macro.
func (r *reader) macro(item *yaml.Node, root place) error {
	p := root.in(itemMacro, "", item)
	name, err := decodeText(item, "macro", p)
	if err != nil {
		return err
	}
	p = root.in(itemMacro, name, item)
	if !macroName.MatchString(name) {
		r.warn(&fault{code: WarnMacroName, place: p, message: "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)"})
	}
	cond, err := r.condition(item, itemMacroCond, p)
	if err != nil {
		return err
	}
	r.unknownKeys(item, macroKeys, p)
	m := &macro{name: name, cond: cond, place: p}
	add, err := r.appends(item, p, "condition", celKey)
	if err != nil {
		return err
	}
	if add {
		return r.appendMacro(m)
	}
	r.defineMacro(m)
	return nil
}

// condition reads the text of a condition.
func (r *reader) condition(item *yaml.Node, kind string, p place) (condition, error) {
	if get(item, celKey) != nil {
		return r.celCondition(item, kind, p)
	}
	n, err := scalar(item, "condition", p, false)
	if err != nil {
		if get(item, "condition") == nil {
			err = hinted(asFault(err, p), "write a condition, or an expression under 'cel'")
		}
		return condition{}, err
	}
	return condition{text: n.Value, parts: []part{{node: n, file: r.file}}, place: p.in(kind, "", n)}, nil
}

// appends reports whether an item with one overridable key, or others that can only be replaced, adds
// to an earlier one.
func (r *reader) appends(item *yaml.Node, p place, key string, others ...string) (bool, error) {
	add := false
	if err := decodeBool(item, "append", p, true, &add); err != nil {
		return false, err
	}
	if add {
		r.warn(&fault{code: WarnDeprecated, message: deprecatedAppend, place: p})
	}
	o, err := r.overrides(item, p, []string{key}, append([]string{key}, others...))
	if err != nil {
		return false, err
	}
	if add && o.any() {
		return false, invalid(p, appendAndOverride)
	}
	if add && get(item, celKey) != nil {
		return false, noCELAppend(item, p)
	}
	return add || slices.Contains(o.appended, key), nil
}

// overrides are the keys that an item appends to and replaces.
type overrides struct{ appended, replaced []string }

// any reports whether there is one.
func (o overrides) any() bool { return len(o.appended)+len(o.replaced) > 0 }

// overrides reads the key "override".
func (r *reader) overrides(item *yaml.Node, p place, appendable, replaceable []string) (o overrides, err error) {
	all := get(item, "override")
	if all == nil || all.Kind != yaml.MappingNode {
		if all != nil && !isNull(all) {
			return o, invalid(p.in(itemOverride, "", all), "Value of 'override' must be a mapping")
		}
		return o, nil
	}
	parent := p.in(itemOverride, "", item)
	for i := 0; i+1 < len(all.Content); i += 2 {
		k, v := deref(all.Content[i]), deref(all.Content[i+1])
		if k.Kind != yaml.ScalarNode || v.Kind != yaml.ScalarNode {
			return o, invalid(parent.in(itemOverride, k.Value, k), "Keys and values of 'override' must be scalar values")
		}
		key := k.Value
		canAppend, canReplace := slices.Contains(appendable, key), slices.Contains(replaceable, key)
		at := parent.in(itemOverride, key, k)
		hint := diag.DidYouMean(key, replaceable)
		switch v.Value {
		case "append":
			if !canAppend {
				return o, hinted(invalid(at, "Key '"+key+"' cannot be appended to, use 'replace' instead"), hint)
			}
			o.appended = append(o.appended, key)
		case "replace":
			if !canReplace {
				return o, hinted(invalid(at, "Key '"+key+"' cannot be replaced"), hint)
			}
			o.replaced = append(o.replaced, key)
		default:
			return o, invalid(parent.in(itemValue, key, v), badOperation(key, v.Value, canAppend, canReplace))
		}
	}
	return o, nil
}

// badOperation is the message for an override that is neither append nor replace.
func badOperation(key, operation string, canAppend, canReplace bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Invalid override operation for key '%s': '%s'. Allowed values are: ", key, operation)
	if canAppend {
		b.WriteString("append ")
	}
	if canReplace {
		b.WriteString("replace ")
	}
	return b.String()
}
