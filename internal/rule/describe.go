// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// The shapes of a description; encoding/json sorts the keys of a map, as the reference does.
type object = map[string]any

// AppendDescription appends what is known of a rule, or of all rules, macros and lists with an
// empty name, as JSON on one line.
func (s *Set) AppendDescription(dst []byte, name string) ([]byte, error) {
	out := object{}
	if name != "" {
		r := s.Rule(name)
		if r == nil {
			return dst, fmt.Errorf("rule %q is not defined", name)
		}
		out["rules"] = []any{r.describe()}
	} else {
		out = s.describe()
	}
	data, err := encode(out)
	return append(dst, data...), err
}

// encode is json.Marshal without the escapes for HTML.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// describe describes the whole set.
func (s *Set) describe() object {
	rules, macros, lists, plugins := []any{}, []any{}, []any{}, []any{}
	for _, r := range s.Rules {
		rules = append(rules, r.describe())
	}
	for _, m := range s.Macros {
		macros = append(macros, m.describe())
	}
	for _, l := range s.Lists {
		lists = append(lists, l.describe())
	}
	for _, r := range s.Plugins {
		p := object{"name": r.Alternatives[0].Name, "version": r.Alternatives[0].Version}
		if rest := r.Alternatives[1:]; len(rest) > 0 {
			var alternatives []any
			for _, a := range rest {
				alternatives = append(alternatives, object{"name": a.Name, "version": a.Version})
			}
			p["alternatives"] = alternatives
		}
		plugins = append(plugins, p)
	}
	engine := s.Engine
	if engine == "" {
		engine = "0.0.0"
	}
	return object{
		"required_engine_version": engine, "required_plugin_versions": plugins,
		"rules": rules, "macros": macros, "lists": lists,
	}
}

// describe describes a rule.
func (r *Rule) describe() object {
	tags := r.Tags
	if tags == nil {
		tags = []string{}
	}
	details := conditionDetails(r.Condition)
	details["macros"], details["lists"] = filled(r.macros), filled(sortedSet(r.lists))
	details["events"] = eventNames(r.Types)
	details["output_compiled"] = r.OutputText
	fields := []string{}
	if r.Template != nil {
		for _, t := range r.Template.Tokens() {
			fields = append(fields, t.Key)
		}
	}
	details["output_fields"] = fields
	details["plugins"] = pluginsOf(fields, details["condition_fields"].([]string))
	extra := object{}
	for _, f := range r.Fields {
		if f.Typed {
			continue
		}
		extra[f.Key] = f.Template.String()
	}
	details["extra_output_formatted_fields"] = extra
	details["exception_fields"], details["exception_names"] = filled(r.exceptionFields), filled(r.exceptionNames)
	details["exception_operators"] = filled(r.exceptionOperators)
	info := object{
		"name": r.Name, "condition": r.ConditionText, "priority": r.Priority.String(), "output": r.Output,
		"description": r.Desc, "enabled": r.Enabled, "source": r.Source, "capture": r.Capture,
		"capture_duration": r.CaptureDuration, "tags": tags,
	}
	if r.CEL != "" {
		info[celKey] = r.CEL
	}
	return object{"info": info, "details": details}
}

// describe describes a macro.
func (m *Macro) describe() object {
	details := object{"used": m.Used, "macros": filled(m.macros), "lists": filled(sortedSet(m.lists)), "plugins": []string{}}
	if m.Condition != nil {
		maps.Copy(details, conditionDetails(m.Condition))
		details["plugins"] = pluginsOf(details["condition_fields"].([]string))
		types, _, _ := filter.EventTypes(m.Condition, defaultSource)
		details["events"] = eventNames(types)
	}
	info := object{"name": m.Name, "condition": m.ConditionText}
	if m.CEL != "" {
		info[celKey] = m.CEL
	}
	return object{"info": info, "details": details}
}

// describe describes a list: the lists in it stand under the details.
func (l *List) describe() object {
	items := []string{}
	for _, item := range l.Items {
		if !slices.Contains(l.lists, item) {
			items = append(items, item)
		}
	}
	return object{
		"info":    object{"name": l.Name, "items": items},
		"details": object{"used": l.Used, "lists": filled(l.lists), "items_compiled": filled(l.Compiled), "plugins": []string{}},
	}
}

// conditionDetails lists what a resolved condition consists of.
func conditionDetails(n syntax.Node) object {
	operators, fields := map[string]bool{}, map[string]bool{}
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Exists:
			operators["exists"] = true
		case *syntax.Compare:
			op := n.Op
			if n.Mod != syntax.ModNone {
				op += " " + string(n.Mod)
			}
			operators[op] = true
		}
		return true
	})
	syntax.WalkOperands(n, func(o syntax.Operand) bool {
		if f, ok := o.(*syntax.Field); ok {
			fields[syntax.PrintOperand(f)] = true
		}
		return true
	})
	return object{
		"condition_operators": sorted(operators), "condition_fields": sorted(fields), "condition_compiled": syntax.Canonical(n),
	}
}

// pluginsOf lists the plugins whose fields are named; they are built in.
func pluginsOf(fields ...[]string) []string {
	set := map[string]bool{}
	for _, name := range slices.Concat(fields...) {
		switch {
		case strings.HasPrefix(name, "container."), strings.HasPrefix(name, "k8s."):
			set["container"] = true
		case strings.HasPrefix(name, "k8smeta."):
			set["k8smeta"] = true
		}
	}
	return sorted(set)
}

// eventNames lists the names of event types.
func eventNames(types filter.EventSet) []string {
	set := map[string]bool{}
	infos := event.Infos()
	for t := range types.All() {
		if int(t) < len(infos) && infos[t].Name != "" {
			set[infos[t].Name] = true
		}
	}
	return sorted(set)
}

// sorted lists a set.
func sorted(set map[string]bool) []string {
	return append([]string{}, slices.Sorted(maps.Keys(set))...)
}

// filled makes a missing list an empty one, which JSON shows as such.
func filled(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

// AppendList appends the rules for people: name, state and description of one or, with an empty
// name, of all.
func (s *Set) AppendList(dst []byte, name string) ([]byte, error) {
	rules := s.Rules
	if name != "" {
		r := s.Rule(name)
		if r == nil {
			return dst, fmt.Errorf("rule %q is not defined", name)
		}
		rules = []*Rule{r}
	}
	dst = fmt.Appendf(dst, "%-50s %s\n%-50s %s\n", "Rule", "Description", "----", "-----------")
	for _, r := range rules {
		dst = appendRow(dst, r.Name, strings.TrimSpace(r.Desc))
	}
	return dst, nil
}

// appendRow appends a name and a wrapped text beside it.
func appendRow(dst []byte, name, text string) []byte {
	const left, right = 50, 80
	line := ""
	first := true
	flush := func() {
		head := ""
		if first {
			head, first = name, false
		}
		dst = fmt.Appendf(dst, "%-*s %s\n", left, head, line)
		line = ""
	}
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > right {
			flush()
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	flush()
	return append(dst, '\n')
}
