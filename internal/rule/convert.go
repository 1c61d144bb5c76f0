// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/cel"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// ConvertOptions say how conditions are translated.
type ConvertOptions struct {
	Options
	ToCEL  bool // otherwise into the rules language
	Macros bool // macros, too
	// Context are files that are loaded before, for the lists and macros that they define.
	Context []Source
}

// Converted is a file whose conditions were translated.
type Converted struct {
	Name    string
	Content []byte
	Done    int // conditions translated
	// Kept says of each condition that could not be translated why.
	Kept []diag.Problem
}

// Convert translates the conditions of rules files. What is around them stays as it is. A condition that
// cannot be translated to one of the same meaning is kept. The error says that the files cannot be
// loaded.
func Convert(sources []Source, o ConvertOptions) ([]Converted, error) {
	o.complete()
	before := Load(slices.Concat(o.Context, sources), o.Options)
	if err := before.Err(); err != nil {
		return nil, err
	}
	c := &converter{ConvertOptions: &o, lists: map[string]bool{}, changed: map[string]bool{}}
	for _, l := range before.Lists {
		c.lists[l.Name] = true
	}
	for {
		var out []Converted
		next := slices.Clone(o.Context)
		for _, src := range sources {
			done := c.file(src)
			out = append(out, done)
			next = append(next, Source{Name: src.Name, Content: done.Content})
		}
		// Names of lists are replaced even within texts: only loading shows all that a text means.
		if !c.compare(before, Load(next, o.Options)) {
			return out, nil
		}
	}
}

// converter translates files.
type converter struct {
	*ConvertOptions
	lists   map[string]bool
	changed map[string]bool // items, by kind and name, that would mean something else
}

// compare notes what means something else than before and reports whether something new does.
func (c *converter) compare(before, after *Set) bool {
	found := false
	differ := func(kind, name string, a, b syntax.Node) {
		if key := kind + name; !c.changed[key] && (b == nil || !syntax.Equal(cel.Normal(a), cel.Normal(b))) {
			c.changed[key], found = true, true
		}
	}
	for _, m := range before.Macros {
		i := slices.IndexFunc(after.Macros, func(n *Macro) bool { return n.Name == m.Name })
		if i >= 0 && m.Condition != nil {
			differ("macro", m.Name, m.Condition, after.Macros[i].Condition)
		}
	}
	for _, r := range before.Rules {
		var condition syntax.Node
		if n := after.Rule(r.Name); n != nil {
			condition = n.Condition
		}
		differ("rule", r.Name, r.Condition, condition)
	}
	return found
}

// splice is a change of a file's text.
type splice struct {
	start, end int
	text       string
}

// file translates the conditions of one file.
func (c *converter) file(src Source) Converted {
	f := newFile(src.Name, string(src.Content))
	out := Converted{Name: src.Name}
	docs, _ := f.documents()
	var edits []splice
	for _, doc := range docs {
		for _, item := range deref(doc).Content {
			edits = append(edits, c.item(f, deref(item), &out)...)
		}
	}
	slices.SortFunc(edits, func(a, b splice) int { return a.start - b.start })
	at := 0
	for _, e := range edits {
		out.Content = append(append(out.Content, f.content[at:e.start]...), e.text...)
		at = e.end
	}
	out.Content = append(out.Content, f.content[at:]...)
	return out
}

// item translates the condition of a rule or macro, if it has one to translate.
func (c *converter) item(f *file, item *yaml.Node, out *Converted) []splice {
	kind := "rule"
	from, to := "condition", celKey
	if !c.ToCEL {
		from, to = to, from
	}
	if get(item, "macro") != nil {
		kind = "macro"
	}
	key, value := pair(item, from)
	if key == nil || kind == "macro" && !c.Macros || get(item, kind) == nil {
		return nil
	}
	name := get(item, kind).Value
	edits, err := c.edits(f, item, key, value, kind+name, to)
	if err != nil {
		line, col := f.position(f.offset(key))
		out.Kept = append(out.Kept, diag.Problem{
			File: f.name, Line: line + 1, Col: col + 1, Severity: diag.Warning, Snippet: f.line(f.offset(key)),
			Message: fmt.Sprintf("the condition of %s %q is kept: %v", kind, name, err),
		})
		return nil
	}
	out.Done++
	return edits
}

// pair returns a key of a map and its value, nil without it.
func pair(item *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; i+1 < len(item.Content); i += 2 {
		if item.Content[i].Value == key {
			return item.Content[i], item.Content[i+1]
		}
	}
	return nil, nil
}

// edits are the changes that translate one condition.
func (c *converter) edits(f *file, item, key, value *yaml.Node, id, to string) ([]splice, error) {
	override, appends := get(item, "override"), get(item, "append")
	switch {
	case c.changed[id]:
		return nil, errors.New("translated, it would mean something else, perhaps since the name of a list stands in a text")
	case item.Style&yaml.FlowStyle != 0:
		return nil, errors.New("the item is written in braces")
	case value.Kind != yaml.ScalarNode || value.Anchor != "":
		return nil, errors.New("its text is shared by an anchor")
	case appends != nil && appends.Value == "true":
		return nil, errors.New("an appended condition has no equal in CEL")
	}
	var edits []splice
	if override != nil {
		k, v := pair(override, key.Value)
		if k == nil || v.Value != "replace" {
			return nil, errors.New("an appended condition has no equal in CEL")
		}
		at := f.offset(k)
		if !strings.HasPrefix(f.content[at:], key.Value) {
			return nil, errors.New("the key under override is written in quotes")
		}
		edits = append(edits, splice{at, at + len(key.Value), to})
	}
	lines, err := c.translate(value.Value)
	if err != nil {
		return nil, err
	}
	start := f.offset(key)
	indent := strings.Repeat(" ", key.Column-1)
	text := to + ": |\n"
	if !c.ToCEL {
		text = to + ": >\n"
	}
	if value.LineComment != "" {
		text = value.LineComment + "\n" + indent + text
	}
	for _, line := range strings.Split(lines, "\n") {
		text += indent + "  " + line + "\n"
	}
	return append(edits, splice{start, f.valueEnd(key, value), text}), nil
}

// valueEnd is the offset of the line behind a key's value: behind all that is indented more than the
// key, but for comments that do not belong to the value.
func (f *file) valueEnd(key, value *yaml.Node) int {
	block := value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	line := max(key.Line, value.Line)
	end := line
	for n := line + 1; n <= len(f.starts); n++ {
		text := f.line(f.starts[n-1])
		inner := strings.TrimLeft(text, " ")
		if inner == "" {
			continue
		}
		if len(text)-len(inner) < key.Column || !block && strings.HasPrefix(inner, "#") {
			break
		}
		end = n
	}
	if end >= len(f.starts) {
		return len(f.content)
	}
	return f.starts[end]
}

// translate translates a condition and checks that it means the same.
func (c *converter) translate(text string) (string, error) {
	if !c.ToCEL {
		expression, err := cel.Parse(text, c.Catalogue)
		if err != nil {
			return "", err
		}
		return lines(expression.Node), nil
	}
	n, err := syntax.Parse(text)
	if err != nil {
		return "", fmt.Errorf("without its lists replaced it cannot be read: %w", err)
	}
	out, err := cel.PrintLines(n, c.Catalogue, func(name string) bool { return c.lists[name] })
	if err != nil {
		return "", err
	}
	back, err := cel.Parse(out, c.Catalogue)
	if err != nil {
		return "", fmt.Errorf("the types of CEL refuse it: %w", err)
	}
	if !syntax.Equal(cel.Normal(n), cel.Normal(back.Node)) {
		return "", fmt.Errorf("CEL would read it as %s", syntax.Print(back.Node))
	}
	return out, nil
}

// lines prints a condition with a line for each part of the outermost chain.
func lines(n syntax.Node) string {
	var children []syntax.Node
	var op string
	switch n := n.(type) {
	case *syntax.And:
		children, op = n.Children, " and\n"
	case *syntax.Or:
		children, op = n.Children, " or\n"
	default:
		return syntax.Print(n)
	}
	var parts []string
	for _, child := range children {
		parts = append(parts, syntax.Print(child))
	}
	return strings.Join(parts, op)
}
