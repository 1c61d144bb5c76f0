// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// operand returns the source that an operand means.
func (b *builder) operand(o syntax.Operand) (*source, error) {
	switch o := o.(type) {
	case *syntax.Field:
		return b.fieldOperand(o)
	case *syntax.Transform:
		return b.transform(o)
	case *syntax.Value:
		return b.literalSource(o.Text), nil
	case *syntax.List:
		return b.listSource(o)
	}
	return nil, b.errorAt(o.Position(), "filter error: missing field in left-hand of binary check")
}

// fieldOperand resolves a field.
func (b *builder) fieldOperand(o *syntax.Field) (*source, error) {
	f, arg, err := b.cat.Resolve(o.Name, o.Arg, o.HasArg)
	if f != nil && f.Sources != "" && b.source != "" && f.Sources != b.source {
		f, err = nil, field.ErrUnknown
	}
	if err == nil {
		return b.fieldSource(f, arg), nil
	}
	if !errors.Is(err, field.ErrUnknown) {
		return nil, b.errorAt(o.Pos, "%s", err)
	}
	name := o.Name
	if o.HasArg {
		name += "[" + o.Arg + "]"
	}
	e := b.errorAt(o.Pos, "filter_check called with nonexistent field %s", name)
	e.Hint, e.Unknown = diag.DidYouMean(o.Name, b.fieldNames()), true
	return nil, e
}

// fieldNames lists the fields of the condition's source, for suggestions.
func (b *builder) fieldNames() []string {
	var names []string
	for _, f := range b.cat.All() {
		if f.Sources == "" || b.source == "" || f.Sources == b.source {
			names = append(names, f.Name)
		}
	}
	return names
}

// literalSource is the source that always has the same text.
func (c *Compiler) literalSource(text string) *source {
	return c.source("="+text, func() *source {
		return &source{name: text, typ: event.CharBuf, cost: 1, arg: &field.Arg{},
			str: func(*field.Context, *field.Arg) (string, bool) { return text, true }}
	})
}

// listSource is the source of a literal list: the texts of its items; without one of them there
// is no list.
func (b *builder) listSource(o *syntax.List) (*source, error) {
	items := make([]*source, len(o.Items))
	key := "("
	for i, item := range o.Items {
		src, err := b.operand(item)
		if err != nil {
			return nil, err
		}
		if items[i], err = b.textOf(src, item); err != nil {
			return nil, err
		}
		key += fmt.Sprintf("%d,", items[i].id)
	}
	return b.Compiler.source(key+")", func() *source {
		return &source{name: "list", typ: event.CharBuf, list: true, cost: 10 * float64(len(items)),
			strs: func(c *field.Context, dst []string) ([]string, bool) {
				return appendTexts(c, dst, items)
			}}
	}), nil
}

// appendTexts appends the text of each source to dst. What is in dst stays out of reach of the
// getters, which may use the context's scratch themselves.
func appendTexts(c *field.Context, dst []string, items []*source) ([]string, bool) {
	for _, src := range items {
		if src.strs != nil {
			list, ok := src.strs(c, dst)
			if !ok {
				return dst, false
			}
			dst = list
			continue
		}
		c.Strs = dst
		s, ok := src.str(c, src.arg)
		dst = c.Strs[:len(dst)]
		if !ok {
			return dst, false
		}
		dst = append(dst, s)
	}
	return dst, true
}

// errorAt returns an error of the comparison being compiled that stands at a place of it.
func (b *builder) errorAt(at syntax.Pos, format string, args ...any) *Error {
	return &Error{Pos: b.pos, At: at, Msg: fmt.Sprintf(format, args...)}
}

// transform returns the source that a transformer makes of its arguments.
func (b *builder) transform(o *syntax.Transform) (*source, error) {
	args := make([]*source, len(o.Args))
	for i, a := range o.Args {
		src, err := b.operand(a)
		if err != nil {
			return nil, err
		}
		args[i] = src
	}
	var src *source
	var err error
	switch {
	case o.Name == "join" || o.Name == "concat" || o.Name == "getopt":
		src, err = b.combine(o, args)
	case o.HasArg:
		err = b.errorAt(o.Pos, "filter error: transformer '%s' does not support field arguments", o.Name)
	case len(args) != 1:
		err = b.errorAt(o.Pos, "filter error: transformer '%s' takes one argument, not %d", o.Name, len(args))
	case o.Name == "val":
		return args[0], nil
	default:
		src, err = b.single(o, args[0])
	}
	if err != nil {
		return nil, err
	}
	return src, nil
}

// single applies a transformer of one argument.
func (b *builder) single(o *syntax.Transform, in *source) (*source, error) {
	if in.field != nil && in.field.Flags&field.NoTransformer != 0 {
		return nil, b.errorAt(o.Pos, "field '%s' does not support transformers", in.name)
	}
	if !transformable(o.Name, in) {
		list := ""
		if in.list {
			list = "list "
		}
		return nil, b.errorAt(o.Pos, "can't add field transformer: type '%s' is not supported by '%s' transformer applied on %sfield '%s'",
			typeName(in.typ), o.Name, list, in.name)
	}
	return b.Compiler.source(fmt.Sprintf("%s %d", o.Name, in.id), func() *source {
		return transformed(o.Name, in)
	}), nil
}

// combine applies a transformer of several arguments.
func (b *builder) combine(o *syntax.Transform, args []*source) (*source, error) {
	if o.HasArg && o.Name != "getopt" {
		return nil, b.errorAt(o.Pos, "transformer '%s' does not support field arguments", o.Name)
	}
	if len(args) == 1 {
		return nil, b.errorAt(o.Pos, "unknown field transfomer '%s'", o.Name) // spelt as Falco does
	}
	if msg := checkArgs(o, args); msg != "" {
		return nil, b.errorAt(o.Pos, "%s", msg)
	}
	key := o.Name + "[" + o.Arg + "]"
	for i, src := range args {
		text, err := b.textOf(src, o.Args[i])
		if err != nil {
			return nil, err
		}
		args[i] = text
		key += fmt.Sprintf(" %d", text.id)
	}
	return b.Compiler.source(key, func() *source {
		switch o.Name {
		case "join":
			return joined(args[0], args[1])
		case "concat":
			return concatenated(args)
		}
		return options(args[0], args[1], o.Arg, o.HasArg)
	}), nil
}

// checkArgs reports what is wrong with the arguments of a transformer of several; "" if nothing.
func checkArgs(o *syntax.Transform, args []*source) string {
	switch o.Name {
	case "join":
		switch {
		case len(args) != 2:
			return "join() requires exactly 2 arguments: separator and list"
		case args[0].list:
			return "join() first argument (separator) must be a single value, not a list"
		case !args[1].list:
			return "join() second argument must be a list"
		}
	case "concat":
		if len(args) < 2 {
			return "concat() requires at least 2 arguments"
		}
		for _, a := range args {
			if a.list || a.field != nil && a.typ != event.CharBuf {
				return "concat() arguments must be strings"
			}
		}
	case "getopt":
		switch {
		case len(args) != 2:
			return "getopt() requires exactly 2 arguments: args list and optstring"
		case args[1].list:
			return "getopt() second argument (optstring) must be a single value"
		case args[0].typ != event.CharBuf || args[1].typ != event.CharBuf:
			return "getopt() arguments must be strings"
		case !args[0].list && !(o.HasArg && args[0].str != nil):
			return "getopt() first argument must be a list"
		case o.HasArg && len(o.Arg) != 1:
			return "getopt() field argument must be a single option character"
		}
	}
	return ""
}

// textOf returns the source of a source's text: numbers are written out.
func (b *builder) textOf(src *source, o syntax.Operand) (*source, error) {
	switch {
	case src.str != nil || src.strs != nil:
		return src, nil
	case src.many() || src.dyn != nil:
		return nil, b.errorAt(o.Position(), "filter error: '%s' has no single value to make a text of", src.name)
	}
	return b.Compiler.source(fmt.Sprintf("text %d", src.id), func() *source { return written(src) }), nil
}

// spaceless is text without its white space.
func spaceless(text string) string {
	if !strings.ContainsAny(text, " \t\n\v\f\r") {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r == ' ' || r >= '\t' && r <= '\r' {
			return -1
		}
		return r
	}, text)
}
