// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// reader turns the nodes of a YAML file into values and notes what is wrong with them.
type reader struct {
	file     string
	content  []byte
	problems []diag.Problem
	visited  int // nodes; aliases can make a small file a huge one
}

// maxNodes bounds how many nodes of a file are looked at, aliases followed.
const maxNodes = 1 << 20

// maxProblems bounds how many mistakes of a file are told.
const maxProblems = 50

// word is a scalar with its place in the file.
type word struct {
	Text string
	node *yaml.Node
}

// yamlLine finds the line in an error of the library.
var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// document returns the file's only document, nil if it cannot be read.
func (r *reader) document() (root *yaml.Node) {
	defer func() {
		if x := recover(); x != nil { // the library panics on some broken inputs
			r.bad(nil, "", "not valid YAML: %v", x)
			root = nil
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(r.content))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			r.bad(nil, "", "the file is empty")
			return nil
		}
		r.syntax(err)
		return nil
	}
	if err := d.Decode(&more); err == nil {
		r.bad(&more, "", "a file of tests has one document only")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	return doc.Content[0]
}

// syntax notes an error of the YAML library.
func (r *reader) syntax(err error) {
	message, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	r.add(diag.Problem{Line: max(line, 1), Message: "not valid YAML: " + message})
}

// bad notes a mistake at a node; nil stands for the whole file.
func (r *reader) bad(n *yaml.Node, hint, format string, args ...any) {
	p := diag.Problem{Message: fmt.Sprintf(format, args...), Hint: hint}
	if n != nil {
		p.Line = n.Line
		line := diag.Line(r.content, n.Line)
		p.Col = bytesIn(line, n.Column-1) + 1
		if n.Kind == yaml.ScalarNode && strings.HasPrefix(line[min(p.Col-1, len(line)):], n.Value) {
			p.EndCol = p.Col + len(n.Value)
		}
	}
	r.add(p)
}

// add notes a mistake.
func (r *reader) add(p diag.Problem) {
	if len(r.problems) >= maxProblems {
		return
	}
	p.File, p.Severity = r.file, diag.Error
	if p.Line > 0 {
		p.Snippet = diag.Line(r.content, p.Line)
	}
	if slices.ContainsFunc(r.problems, func(o diag.Problem) bool { return o.String() == p.String() }) {
		return
	}
	r.problems = append(r.problems, p)
}

// bytesIn is the length of the first n characters of a line.
func bytesIn(line string, n int) int {
	at := 0
	for ; n > 0 && at < len(line); n-- {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	return at
}

// deref follows an alias.
func (r *reader) deref(n *yaml.Node) *yaml.Node {
	r.visited++
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// exhausted reports whether the file is too large once its aliases are followed.
func (r *reader) exhausted(n *yaml.Node) bool {
	if r.visited <= maxNodes {
		return false
	}
	if len(r.problems) == 0 || !strings.HasPrefix(r.problems[len(r.problems)-1].Message, "too large") {
		r.bad(n, "", "too large")
	}
	return true
}

// entry is a key of a mapping with its value.
type entry struct {
	key   word
	value *yaml.Node
}

// entries returns the keys and values of a mapping; what names it in messages.
func (r *reader) entries(n *yaml.Node, what string) []entry {
	n = r.deref(n)
	if n.Kind != yaml.MappingNode {
		r.bad(n, "", "%s must be a mapping of keys to values", what)
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && !r.exhausted(n); i += 2 {
		k := r.deref(n.Content[i])
		if k.Kind != yaml.ScalarNode {
			r.bad(k, "", "a key must be a word")
			continue
		}
		if seen[k.Value] {
			r.bad(k, "", "key %q stands here twice", k.Value)
			continue
		}
		seen[k.Value] = true
		out = append(out, entry{word{k.Value, k}, r.deref(n.Content[i+1])})
	}
	return out
}

// keys hands the values of a mapping to the handlers of their keys. Unknown keys are mistakes.
func (r *reader) keys(n *yaml.Node, what string, handlers map[string]func(*yaml.Node)) {
	for _, e := range r.entries(n, what) {
		if h := handlers[e.key.Text]; h != nil {
			h(e.value)
			continue
		}
		r.unknown(e.key, "key of "+what, sortedKeys(handlers))
	}
}

// unknown notes a word that is none of those that there are.
func (r *reader) unknown(w word, what string, known []string) {
	hint := diag.DidYouMean(w.Text, known)
	if hint == "" && len(known) > 0 && len(known) <= 30 {
		hint = "there are " + strings.Join(known, ", ")
	}
	r.bad(w.node, hint, "unknown %s %q", what, w.Text)
}

// items returns the elements of a sequence.
func (r *reader) items(n *yaml.Node, what string) []*yaml.Node {
	n = r.deref(n)
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.bad(n, "", "%s must be a list", what)
		return nil
	}
	out := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		if r.exhausted(c) {
			break
		}
		out = append(out, r.deref(c))
	}
	return out
}

// isNull reports whether a value was left out.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// word returns a scalar's text.
func (r *reader) word(n *yaml.Node, what string) word {
	n = r.deref(n)
	if n.Kind != yaml.ScalarNode {
		r.bad(n, "", "%s must be a single value", what)
		return word{"", n}
	}
	return word{n.Value, n}
}

// words returns the texts of a list, or of a single scalar.
func (r *reader) words(n *yaml.Node, what string) []word {
	n = r.deref(n)
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		return []word{{n.Value, n}}
	}
	var out []word
	for _, item := range r.items(n, what) {
		out = append(out, r.word(item, "an item of "+what))
	}
	return out
}

// boolean returns a truth value.
func (r *reader) boolean(n *yaml.Node, what string) bool {
	switch w := r.word(n, what); w.Text {
	case "true":
		return true
	case "false":
	default:
		r.bad(n, "", "%s must be true or false, not %q", what, w.Text)
	}
	return false
}

// number returns a whole number: decimal, hexadecimal after 0x, octal after 0 or 0o.
func (r *reader) number(n *yaml.Node, what string) int64 {
	w := r.word(n, what)
	v, err := strconv.ParseInt(w.Text, 0, 64)
	if err != nil {
		r.bad(n, "", "%s must be a number, not %q", what, w.Text)
	}
	return v
}

// duration returns a time span such as 5s, 10m or 2h.
func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	w := r.word(n, what)
	d, err := time.ParseDuration(w.Text)
	if err != nil || d < 0 {
		r.bad(n, "write a time span such as 5s, 10m or 2h", "%s must be a time span, not %q", what, w.Text)
		return 0
	}
	return min(d, maxSpan)
}

// maxSpan is the longest time span; ages beyond it would begin before time does.
const maxSpan = 30 * 365 * 24 * time.Hour

// sortedKeys returns the keys of a map.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
