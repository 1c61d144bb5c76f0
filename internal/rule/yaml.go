// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// documents returns all documents of a file; a document without content is left out.
func (f *file) documents() ([]*yaml.Node, error) {
	if !f.read {
		f.docs, f.docErr = f.decode()
		f.read = true
	}
	return f.docs, f.docErr
}

// decode reads the documents.
func (f *file) decode() (docs []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some broken inputs
			err = f.syntaxFault(fmt.Errorf("%v", r))
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader([]byte(f.content)))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, f.syntaxFault(err)
		}
		if len(n.Content) > 0 && !isNull(n.Content[0]) {
			docs = append(docs, n.Content[0])
		}
	}
}

// yamlLine finds the line in an error of the library.
var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// published says how the reference's YAML library calls an error of ours.
var published = []struct{ ours, theirs string }{
	{"mapping values are not allowed in this context", "illegal map value"},
	{"found character that cannot start any token", "unknown token"},
	{"found a tab character", "illegal tab when looking for indentation"},
	{"could not find expected ':'", "illegal map value"},
	{"did not find expected key", "end of map not found"},
	{"did not find expected '-' indicator", "end of sequence not found"},
	{"did not find expected ',' or ']'", "end of sequence flow not found"},
	{"did not find expected ',' or '}'", "end of map flow not found"},
	{"found unexpected end of stream", "end of scalar not found"},
	{"unknown anchor", "the referenced anchor is not defined"},
}

// syntaxFault turns an error of the YAML library into a problem at the place that it means.
func (f *file) syntaxFault(err error) *fault {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	text, hint := message, ""
	for _, p := range published {
		if strings.Contains(message, p.ours) {
			text, hint = p.theirs, message
			break
		}
	}
	at := f.culprit(line, message, text)
	row, col := f.position(at)
	p := f.root()
	last := p.steps[0]
	last.ItemType, last.Line, last.Col, last.Offset = itemValue, row, col, at
	return &fault{
		code:    ErrYAMLParse,
		message: fmt.Sprintf("yaml-cpp: error at line %d, column %d: %s", row+1, col+1, text),
		hint:    hint,
		place:   p.step(last, at),
	}
}

// culprit finds the offset of a syntax error from its line: the library tells no column, and for
// some errors the line on which the broken value began.
func (f *file) culprit(line int, message, text string) int {
	line = min(max(line, 1), len(f.starts)) // the library leaves out the first line's number
	find := func(row string) int { return -1 }
	first := line
	switch {
	case strings.Contains(message, "expected ':'"): // a value went on over lines, up to a key
		first, find = line+1, firstColon
	case text == "illegal map value":
		find = secondColon
	case text == "unknown token":
		find = badStart
	case strings.HasPrefix(text, "illegal tab"):
		find = leadingTab
	}
	for n := first; n <= len(f.starts); n++ {
		if i := find(f.line(f.starts[n-1])); i >= 0 {
			return f.starts[n-1] + i
		}
	}
	return f.starts[line-1]
}

// leadingTab returns the index of a tab within the indentation, -1 without one.
func leadingTab(row string) int {
	i := len(row) - len(strings.TrimLeft(row, " "))
	if i < len(row) && row[i] == '\t' {
		return i
	}
	return -1
}

// badStart returns the index of a character that cannot begin a value, -1 without one.
func badStart(row string) int {
	for i := range len(row) {
		if strings.IndexByte("%@`", row[i]) >= 0 && (i == 0 || strings.IndexByte(" [{,-", row[i-1]) >= 0) {
			return i
		}
	}
	return -1
}

// firstColon returns the index of the first colon behind a key, -1 without one.
func firstColon(row string) int {
	if all := colons(row); len(all) > 0 {
		return all[0]
	}
	return -1
}

// secondColon returns the index of the second colon behind a key: that of a map within a value.
func secondColon(row string) int {
	all := colons(row)
	if len(all) == 0 {
		return -1
	}
	return all[min(1, len(all)-1)]
}

// colons lists the colons behind keys, those within quotes and comments left out.
func colons(row string) []int {
	var all []int
	quote := byte(0)
	for i := 0; i < len(row); i++ {
		c := row[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" [{,", row[i-1]) >= 0):
			quote = c
		case c == '#' && i > 0 && row[i-1] == ' ':
			return all
		case c == ':' && (i+1 == len(row) || row[i+1] == ' ' || row[i+1] == '\t'):
			all = append(all, i)
		}
	}
	return all
}

// deref follows an alias.
func deref(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 16; i++ {
		n = n.Alias
	}
	return n
}

// isNull reports whether a node is YAML's null.
func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// get returns the value of a key of a map, nil if there is none. Of two equal keys the first one
// counts.
func get(item *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(item.Content); i += 2 {
		if k := item.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
			return deref(item.Content[i+1])
		}
	}
	return nil
}

// keys lists the keys of a map in the order of the file, each once.
func keys(item *yaml.Node) []string {
	var all []string
	for i := 0; i+1 < len(item.Content); i += 2 {
		if k := item.Content[i]; k.Kind == yaml.ScalarNode && !slices.Contains(all, k.Value) {
			all = append(all, k.Value)
		}
	}
	return all
}

// scalar returns the node of a key's value, which must be a scalar with text. Without the key the
// result is nil, and an error if it is mandatory.
func scalar(item *yaml.Node, key string, p place, optional bool) (*yaml.Node, error) {
	n := get(item, key)
	switch {
	case n == nil && optional:
		return nil, nil
	case n == nil:
		return nil, invalid(p, "Item has no mapping for key '"+key+"'")
	case isNull(n):
		return nil, invalid(p, "Mapping for key '"+key+"' is empty")
	case n.Kind != yaml.ScalarNode:
		return nil, invalid(p.in(itemValue, key, n), "Value is not a scalar value")
	case n.Value == "":
		return nil, invalid(p.in(itemValue, key, n), "Value must be non-empty")
	}
	return n, nil
}

// decodeText reads a mandatory text.
func decodeText(item *yaml.Node, key string, p place) (string, error) {
	n, err := scalar(item, key, p, false)
	if err != nil {
		return "", err
	}
	return n.Value, nil
}

// decodeBool reads a boolean into v, which keeps its value if the key is absent and optional.
func decodeBool(item *yaml.Node, key string, p place, optional bool, v *bool) error {
	n, err := scalar(item, key, p, optional)
	if err != nil || n == nil {
		return err
	}
	switch n.Value {
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		*v = true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		*v = false
	default:
		return &fault{
			code: ErrYAMLValidate, message: "Can't decode YAML scalar value", hint: "expected true or false",
			place: p.in(itemValue, key, n),
		}
	}
	return nil
}

// decodeUint32 reads an unsigned number into v, which keeps its value if the key is absent and
// optional.
func decodeUint32(item *yaml.Node, key string, p place, optional bool, v *uint32) error {
	n, err := scalar(item, key, p, optional)
	if err != nil || n == nil {
		return err
	}
	number, ok := parseUint32(n.Value)
	if !ok {
		return &fault{
			code: ErrYAMLValidate, message: "Can't decode YAML scalar value", hint: "expected a whole number from 0 to 4294967295",
			place: p.in(itemValue, key, n),
		}
	}
	*v = number
	return nil
}

// parseUint32 reads a decimal, octal or hexadecimal number as the reference does.
func parseUint32(text string) (uint32, bool) {
	if strings.ContainsAny(text, "_oObB") && !strings.HasPrefix(text, "0x") {
		return 0, false
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 0, 32)
	return uint32(number), err == nil
}

// decodeSequence reads a list of scalars.
func decodeSequence(item *yaml.Node, key string, p place, optional bool) ([]string, error) {
	n := get(item, key)
	if n == nil {
		if optional {
			return nil, nil
		}
		return nil, invalid(p, "Item has no mapping for key '"+key+"'")
	}
	inner := p.in(itemValue, key, n)
	if n.Kind != yaml.SequenceNode {
		return nil, invalid(inner, "Value is not a sequence")
	}
	out := make([]string, 0, len(n.Content))
	for _, v := range n.Content {
		v = deref(v)
		if v.Kind != yaml.ScalarNode {
			return nil, invalid(inner.in(itemListItem, "", v), "sequence value is not scalar")
		}
		out = append(out, v.Value)
	}
	return out, nil
}

// sortedSet returns the distinct texts in order.
func sortedSet(texts []string) []string {
	if len(texts) == 0 {
		return nil
	}
	out := slices.Clone(texts)
	slices.Sort(out)
	return slices.Compact(out)
}
