// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// What an override of a rule can change.
var (
	ruleAppendable  = []string{"condition", "output", "desc", "tags", "exceptions"}
	ruleReplaceable = []string{
		"condition", "cel", "output", "desc", "priority", "capture", "capture_duration", "tags", "exceptions", "enabled",
		"warn_evttypes", "skip-if-unknown-filter",
	}
)

// defaultSource is the source of rules that name none.
const defaultSource = "syscall"

// rule reads a rule, or what changes one.
func (r *reader) rule(item *yaml.Node, root place) error {
	p := root.in(itemRule, "", item)
	name, err := decodeText(item, "rule", p)
	if err != nil {
		return err
	}
	p = root.in(itemRule, name, item)
	add := false
	if err := decodeBool(item, "append", p, true, &add); err != nil {
		return err
	}
	if add {
		r.warn(&fault{code: WarnDeprecated, message: deprecatedAppend, place: p})
	}
	o, err := r.overrides(item, p, ruleAppendable, ruleReplaceable)
	switch {
	case err != nil:
		return err
	case add && o.any():
		return invalid(p, appendAndOverride)
	case o.any():
		return r.overrideRule(item, name, p, o)
	case add:
		return r.appendToRule(item, name, p)
	}
	if !hasAny(item, "condition", celKey, "output", "desc", "priority") {
		on := true
		if err := decodeBool(item, "enabled", p, false, &on); err != nil {
			return err
		}
		r.unknownKeys(item, ruleKeys, p)
		r.warn(&fault{code: WarnDeprecated, message: deprecatedEnabled, place: p})
		return r.enableRule(name, on, p)
	}
	d, err := r.draft(item, name, p)
	if err != nil {
		return err
	}
	r.unknownKeys(item, ruleKeys, p)
	return r.defineRule(d)
}

// hasAny reports whether the item has one of the keys.
func hasAny(item *yaml.Node, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return get(item, key) != nil })
}

// draft reads a whole rule.
func (r *reader) draft(item *yaml.Node, name string, p place) (d *draft, err error) {
	d = &draft{name: name, place: p, source: defaultSource, enabled: true, warnTypes: true}
	if d.cond, err = r.condition(item, itemRuleCond, p); err != nil {
		return nil, err
	}
	if d.output, err = decodeText(item, "output", p); err != nil {
		return nil, err
	}
	d.output = trimOutput(d.output)
	d.outputPlace = p.in(itemOutput, "", get(item, "output"))
	if d.desc, err = decodeText(item, "desc", p); err != nil {
		return nil, err
	}
	if d.priority, err = r.priority(item, p); err != nil {
		return nil, err
	}
	if n, err := scalar(item, "source", p, true); err != nil {
		return nil, err
	} else if n != nil {
		d.source = n.Value
	}
	for key, v := range map[string]*bool{
		"enabled": &d.enabled, "warn_evttypes": &d.warnTypes, "skip-if-unknown-filter": &d.skipUnknown, "capture": &d.capture,
	} {
		if err := decodeBool(item, key, p, true, v); err != nil {
			return nil, err
		}
	}
	if err := decodeUint32(item, "capture_duration", p, true, &d.captureDuration); err != nil {
		return nil, err
	}
	tags, err := decodeSequence(item, "tags", p, true)
	if err != nil {
		return nil, err
	}
	d.tags = sortedSet(tags)
	d.exceptions, err = r.exceptions(item, p, false)
	return d, err
}

// priority reads a rule's priority.
func (r *reader) priority(item *yaml.Node, p place) (alert.Priority, error) {
	text, err := decodeText(item, "priority", p)
	if err != nil {
		return 0, err
	}
	priority, err := alert.ParsePriority(text)
	if err != nil {
		return 0, hinted(invalid(p.in(itemPriority, "", get(item, "priority")), "Invalid priority"), err.Error())
	}
	return priority, nil
}

// source reads the source of an item that changes a rule; it may be empty.
func (r *reader) source(item *yaml.Node, p place) (string, error) {
	n := get(item, "source")
	if n == nil || isNull(n) || n.Kind == yaml.ScalarNode && n.Value == "" {
		return "", nil
	}
	return decodeText(item, "source", p)
}

// appendToRule reads an item with "append: true"; only condition and exceptions count.
func (r *reader) appendToRule(item *yaml.Node, name string, p place) (err error) {
	u := &update{name: name, place: p}
	if u.source, err = r.source(item, p); err != nil {
		return err
	}
	if get(item, celKey) != nil {
		return noCELAppend(item, p)
	}
	if get(item, "condition") != nil {
		cond, err := r.condition(item, itemRuleCond, p)
		if err != nil {
			return err
		}
		u.cond = &cond
	}
	if get(item, "exceptions") != nil {
		u.hasExceptions = true
		if u.exceptions, err = r.exceptions(item, p, true); err != nil {
			return err
		}
	}
	r.unknownKeys(item, ruleKeys, p)
	return r.appendRule(u)
}

// overrideRule reads an item with "override"; what it appends counts before what it replaces.
func (r *reader) overrideRule(item *yaml.Node, name string, p place, o overrides) error {
	for _, part := range []struct {
		operation string
		keys      []string
		apply     func(*update) error
	}{
		{"append", o.appended, r.appendRule},
		{"replace", o.replaced, r.replaceInRule},
	} {
		if len(part.keys) == 0 {
			continue
		}
		u := &update{name: name, place: p}
		var err error
		if u.source, err = r.source(item, p); err != nil {
			return err
		}
		for _, key := range ruleReplaceable {
			if !slices.Contains(part.keys, key) {
				continue
			}
			if get(item, key) == nil {
				return invalid(p, "An "+part.operation+" override for '"+key+"' was specified but '"+key+"' is not defined")
			}
			if err := r.change(u, item, key, part.operation == "append"); err != nil {
				return err
			}
		}
		if err := part.apply(u); err != nil {
			return err
		}
	}
	r.unknownKeys(item, ruleKeys, p)
	unexpected := slices.Clone(ruleReplaceable)
	slices.Sort(unexpected)
	for _, key := range unexpected {
		if n := get(item, key); n != nil && !slices.Contains(o.appended, key) && !slices.Contains(o.replaced, key) {
			return hinted(
				invalid(p.in(itemOverride, key, n), "Unexpected key '"+key+"': no corresponding entry under 'override' is defined."),
				"add '"+key+": replace' under 'override', or remove the key",
			)
		}
	}
	return nil
}

// change reads one overridden key.
func (r *reader) change(u *update, item *yaml.Node, key string, add bool) (err error) {
	p := u.place
	switch key {
	case "condition", celKey:
		var cond condition
		cond, err = r.condition(item, itemRuleCond, p)
		u.cond = &cond
	case "output":
		u.outputPlace = p.in(itemOutput, "", get(item, key))
		u.output, err = optionalText(item, key, p)
	case "desc":
		u.desc, err = optionalText(item, key, p)
	case "priority":
		var priority alert.Priority
		priority, err = r.priority(item, p)
		u.priority = &priority
	case "tags":
		u.hasTags = true
		u.tags, err = decodeSequence(item, key, p, false)
	case "exceptions":
		u.hasExceptions = true
		u.exceptions, err = r.exceptions(item, p, add)
	case "capture_duration":
		u.captureDuration = new(uint32)
		err = decodeUint32(item, key, p, false, u.captureDuration)
	default:
		flag := new(bool)
		err = decodeBool(item, key, p, false, flag)
		switch key {
		case "enabled":
			u.enabled = flag
		case "capture":
			u.capture = flag
		case "warn_evttypes":
			u.warnTypes = flag
		default:
			u.skipUnknown = flag
		}
	}
	return err
}

// optionalText reads a text that an override gives.
func optionalText(item *yaml.Node, key string, p place) (*string, error) {
	text, err := decodeText(item, key, p)
	return &text, err
}

// exceptions reads the exceptions of a rule, or of an item that adds to one.
func (r *reader) exceptions(item *yaml.Node, p place, add bool) ([]*exception, error) {
	all := get(item, "exceptions")
	if all == nil || isNull(all) {
		return nil, nil
	}
	list := p.in(itemExceptions, "", all)
	if all.Kind != yaml.SequenceNode {
		return nil, invalid(list, "Rule exceptions must be a sequence")
	}
	var out []*exception
	for _, n := range all.Content {
		n = deref(n)
		at := list.in(itemException, "", n)
		if n.Kind != yaml.MappingNode {
			return nil, invalid(at, "Rule exception must be a mapping")
		}
		name, err := decodeText(n, "name", at)
		if err != nil {
			return nil, err
		}
		e := &exception{name: name, place: p.in(itemException, name, n)}
		if slices.ContainsFunc(out, func(other *exception) bool { return other.name == name }) {
			r.warn(&fault{code: WarnExceptionNotUnique, message: "Multiple definitions of exception '" + name + "' in the same rule", place: e.place})
		}
		if err := r.exception(n, e, add); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// exception reads the fields, comparisons and values of one exception.
func (r *reader) exception(n *yaml.Node, e *exception, add bool) (err error) {
	here := func() place { return e.place }
	if fields := get(n, "fields"); fields != nil {
		if e.fields, err = r.entry(fields, "fields", here, 0); err != nil {
			return err
		}
	} else if !add {
		return hinted(invalid(e.place, "Item has no mapping for key 'fields'"), misspelt(n, "fields"))
	}
	if comps := get(n, "comps"); comps != nil {
		if e.comps, err = r.entry(comps, "comps", here, 0); err != nil {
			return err
		}
		e.comps.normalise()
	}
	values := get(n, "values")
	if values == nil {
		if add {
			r.warn(&fault{
				code: WarnAppendNoValues, message: "Overriding/appending exception with no values", place: e.place, hint: misspelt(n, "values"),
			})
		}
		return nil
	}
	list := e.place.in(itemExValues, "", values)
	if values.Kind != yaml.SequenceNode {
		return invalid(list, "Rule exception values must be a sequence")
	}
	for _, v := range values.Content {
		v = deref(v)
		value, err := r.entry(v, "", func() place { return list.in(itemExValue, "", v) }, 0)
		if err != nil {
			return err
		}
		e.values = append(e.values, value)
	}
	return nil
}

// misspelt looks for a key that was probably meant to be another.
func misspelt(n *yaml.Node, want string) string {
	for _, key := range keys(n) {
		if !slices.Contains(exceptionKeys, key) && diag.Suggest(key, []string{want}) != "" {
			return "did you mean " + want + " instead of " + key + "?"
		}
	}
	return ""
}

// Bounds of an exception's lists: aliases can make a small file nest and repeat without end.
const (
	maxEntryDepth = 8 // what nesting means ends at two
	maxEntries    = 1 << 20
)

// entry reads a text or a list of entries. Its place is made only if something is wrong, since
// there can be many.
func (r *reader) entry(n *yaml.Node, key string, p func() place, depth int) (entry, error) {
	at := func() place { return p().in(itemValue, key, n) }
	e := entry{}
	r.entries++
	switch {
	case depth > maxEntryDepth:
		return e, invalid(at(), "Lists are nested too deeply")
	case r.entries > maxEntries:
		return e, invalid(at(), "Exceptions have too many values")
	case n.Kind == yaml.ScalarNode && !isNull(n):
		if n.Value == "" {
			return e, invalid(at(), "Value must be non-empty")
		}
		e.given, e.text = true, n.Value
	case n.Kind == yaml.SequenceNode:
		e.given, e.isList = true, true
		for _, v := range n.Content {
			v = deref(v)
			item, err := r.entry(v, "", func() place { return at().in(itemException, "", v) }, depth+1)
			if err != nil {
				return e, err
			}
			e.items = append(e.items, item)
		}
	}
	return e, nil
}
