// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// class is what kind of value an operand has.
type class uint8

const (
	classText class = iota
	classBytes
	classNumber
	classList
	classOther
)

// operand is a field, a literal, a list of operands or a call of a transformer.
type operand struct {
	key   string // a field as written
	field *field.Field
	arg   field.Arg

	call  string // the transformer
	args  []*operand
	text  string // a literal, or getopt's option
	isArg bool   // getopt has an option
	list  bool   // a list of operands
}

// build checks a parsed operand against the fields and the transformers' types.
func build(node syntax.Operand, cat *field.Catalogue) (*operand, error) {
	switch n := node.(type) {
	case *syntax.Field:
		f, arg, err := cat.Resolve(n.Name, n.Arg, n.HasArg)
		if err != nil {
			return nil, err
		}
		key := n.Name
		if n.HasArg {
			key += "[" + n.Arg + "]"
		}
		return &operand{key: key, field: f, arg: arg}, nil
	case *syntax.Value:
		return &operand{text: n.Text}, nil
	case *syntax.List:
		args, err := buildAll(n.Items, cat)
		return &operand{args: args, list: true}, err
	case *syntax.Transform:
		args, err := buildAll(n.Args, cat)
		if err != nil {
			return nil, err
		}
		o := &operand{call: n.Name, args: args, text: n.Arg, isArg: n.HasArg}
		return o, o.check()
	}
	return nil, fmt.Errorf("unexpected operand")
}

// buildAll builds the arguments of a call or the items of a list.
func buildAll(nodes []syntax.Operand, cat *field.Catalogue) ([]*operand, error) {
	out := make([]*operand, 0, len(nodes))
	for _, n := range nodes {
		o, err := build(n, cat)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// class returns the kind of the operand's value.
func (o *operand) class() class {
	switch {
	case o.list:
		return classList
	case o.call == "len":
		return classNumber
	case o.call == "getopt" && !o.isArg:
		return classList
	case o.call == "b64":
		return o.args[0].class()
	case o.field == nil:
		return classText
	}
	if o.field.Flags&field.IsList != 0 && o.field.Flags&field.AnyValue == 0 {
		return classList
	}
	switch o.field.Type {
	case event.CharBuf, event.FSPath, event.FSRelPath:
		return classText
	case event.ByteBuf:
		return classBytes
	}
	switch o.field.Kind {
	case field.KindInt, field.KindUint, field.KindBool, field.KindFloat:
		return classNumber
	}
	return classOther
}

// check checks the number and the kinds of a transformer's arguments.
func (o *operand) check() error {
	for _, a := range o.args {
		if a.field != nil && a.field.Flags&field.NoTransformer != 0 {
			return fmt.Errorf("field %q cannot be transformed", a.key)
		}
	}
	wrong := fmt.Errorf("transformer %q cannot be used with these arguments", o.call)
	switch o.call {
	case "tolower", "toupper", "basename", "b64", "len":
		if len(o.args) != 1 {
			return wrong
		}
		k := o.args[0].class()
		switch {
		case o.call == "len" && k <= classList && k != classNumber:
		case o.call == "b64" && k <= classBytes:
		case k == classText:
		default:
			return wrong
		}
	case "join":
		if len(o.args) != 2 || o.args[0].class() != classText || o.args[1].class() != classList {
			return wrong
		}
	case "concat":
		if len(o.args) < 2 {
			return wrong
		}
		for _, a := range o.args {
			if a.class() > classNumber {
				return wrong
			}
		}
	case "getopt":
		if len(o.args) != 2 || o.isArg && len(o.text) != 1 || o.args[1].field != nil || o.args[1].call != "" {
			return wrong
		}
		if k := o.args[0].class(); k != classList && (k != classText || !o.isArg) {
			return wrong
		}
	default:
		return fmt.Errorf("transformer %q cannot be used in an output", o.call)
	}
	return nil
}

// appendText appends the operand's value; ok is false, and dst as it was, if there is none.
func (o *operand) appendText(dst []byte, c *field.Context) (out []byte, ok bool) {
	switch {
	case o.field != nil:
		v, ok := o.field.Value(c, &o.arg)
		if !ok {
			return dst, false
		}
		return v.AppendText(dst), true
	case o.list || o.call == "getopt" && !o.isArg:
		items, ok := o.items(c)
		if !ok {
			return dst, false
		}
		return append(append(append(dst, '('), strings.Join(items, ",")...), ')'), true
	case o.call == "":
		return append(dst, o.text...), true
	}
	return o.apply(dst, c)
}

// apply appends what a transformer with a text as its result makes of its arguments.
func (o *operand) apply(dst []byte, c *field.Context) ([]byte, bool) {
	start := len(dst)
	switch o.call {
	case "concat":
		for _, a := range o.args {
			var ok bool
			if dst, ok = a.appendText(dst, c); !ok {
				return dst[:start], false
			}
		}
		return dst, true
	case "join":
		return o.join(dst, c)
	case "getopt":
		words, ok := o.args[0].items(c)
		if !ok {
			return dst, false
		}
		value, ok := option(words, o.args[1].text, o.text[0])
		return append(dst, value...), ok
	case "len":
		n, ok := o.args[0].length(c)
		if !ok {
			return dst, false
		}
		return fmt.Appendf(dst, "%d", n), true
	}
	dst, ok := o.args[0].appendText(dst, c)
	if !ok {
		return dst, false
	}
	value := dst[start:]
	switch o.call {
	case "tolower":
		fold(value, 'A', 'Z')
	case "toupper":
		fold(value, 'a', 'z')
	case "basename":
		n := copy(value, value[strings.LastIndexByte(string(value), '/')+1:])
		dst = dst[:start+n]
	case "b64":
		n, err := base64.RawStdEncoding.Decode(value, []byte(strings.TrimRight(string(value), "=")))
		if err != nil {
			return dst[:start], false
		}
		dst = dst[:start+n]
	}
	return dst, true
}

// join appends the items of a list with a separator between them.
func (o *operand) join(dst []byte, c *field.Context) ([]byte, bool) {
	items, ok := o.args[1].items(c)
	if !ok {
		return dst, false
	}
	start := len(dst)
	for i, item := range items {
		if i > 0 {
			if dst, ok = o.args[0].appendText(dst, c); !ok {
				return dst[:start], false
			}
		}
		dst = append(dst, item...)
	}
	return dst, true
}

// items returns the texts of a list, or the one text of what is none.
func (o *operand) items(c *field.Context) ([]string, bool) {
	switch {
	case o.list:
		out := make([]string, 0, len(o.args))
		for _, a := range o.args {
			text, ok := a.appendText(nil, c)
			if !ok {
				return nil, false
			}
			out = append(out, string(text))
		}
		return out, true
	case o.field != nil && o.class() == classList:
		v, ok := o.field.Value(c, &o.arg)
		if !ok {
			return nil, false
		}
		return append([]string(nil), v.List...), true
	case o.call == "getopt" && !o.isArg:
		words, ok := o.args[0].items(c)
		if !ok {
			return nil, false
		}
		return options(words, o.args[1].text), true
	}
	text, ok := o.appendText(nil, c)
	return []string{string(text)}, ok
}

// length returns the number of items or bytes.
func (o *operand) length(c *field.Context) (int, bool) {
	if o.class() == classList {
		items, ok := o.items(c)
		return len(items), ok
	}
	text, ok := o.appendText(nil, c)
	return len(text), ok
}

// fold changes the case of the ASCII letters between first and last.
func fold(text []byte, first, last byte) {
	for i, c := range text {
		if first <= c && c <= last {
			text[i] = c ^ 0x20
		}
	}
}

// options scans the words of a command line for short options and returns each option and its
// value, "?" for unknown ones.
func options(words []string, spec string) []string {
	var out []string
	scan(words, spec, func(c byte, known bool, value string) {
		name := "?"
		if known {
			name = string(c)
		}
		out = append(out, name, value)
	})
	return out
}

// option returns the last value of one option; an option without a value has its own name.
func option(words []string, spec string, want byte) (value string, found bool) {
	scan(words, spec, func(c byte, known bool, v string) {
		if c != want || !known {
			return
		}
		found, value = true, v
		if !takesValue(spec, c) {
			value = string(c)
		}
	})
	return value, found
}

// takesValue reports whether the specification gives the option a value.
func takesValue(spec string, c byte) bool {
	i := strings.IndexByte(spec, c)
	return i >= 0 && i+1 < len(spec) && spec[i+1] == ':'
}

// scan calls visit for every short option, as getopt finds them.
func scan(words []string, spec string, visit func(c byte, known bool, value string)) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if len(w) < 2 || w[0] != '-' || w == "--" {
			return
		}
		if strings.HasPrefix(w, "--") {
			continue
		}
		for k := 1; k < len(w); k++ {
			c := w[k]
			known := c != ':' && strings.IndexByte(spec, c) >= 0
			if !known || !takesValue(spec, c) {
				visit(c, known, "")
				continue
			}
			value := w[k+1:]
			if value == "" && i+1 < len(words) {
				i++
				value = words[i]
			}
			visit(c, true, value)
			break
		}
	}
}
