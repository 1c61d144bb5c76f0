// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// stub holds the values that a case gives to fields; all other fields have none.
type stub struct {
	values map[string]string // by field with argument, as in conditions
}

// key names a field with its argument.
func key(name string, a *field.Arg) string {
	if a != nil && a.Given {
		return name + "[" + a.Text + "]"
	}
	return name
}

// get returns the value of a field.
func (s *stub) get(f *field.Field, a *field.Arg) (string, bool) {
	v, ok := s.values[key(f.Name, a)]
	return v, ok
}

// catalogue returns the fields of cat with the getters of the stub. What they are called, which type
// they have and which arguments they take stays the same, so that the same rules load.
func (s *stub) catalogue(cat *field.Catalogue) *field.Catalogue {
	out := field.Default()
	for _, f := range cat.All() {
		out.Add(s.field(f))
	}
	return out
}

// field returns a copy of f with the getter of the stub.
func (s *stub) field(f *field.Field) *field.Field {
	g := *f
	g.Print = nil
	g.Str, g.Int, g.Uint, g.Bool, g.Float, g.IP, g.Any = nil, nil, nil, nil, nil, nil, nil
	g.Strs, g.Uints, g.Ints, g.IPs = nil, nil, nil, nil
	switch f.Kind {
	case field.KindString, field.KindBytes:
		g.Str = func(_ *field.Context, a *field.Arg) (string, bool) { return s.get(f, a) }
	case field.KindInt:
		g.Int = scalar(s, f, func(t string) (int64, error) { return strconv.ParseInt(t, 0, 64) })
	case field.KindUint:
		g.Uint = scalar(s, f, func(t string) (uint64, error) { return strconv.ParseUint(t, 0, 64) })
	case field.KindBool:
		g.Bool = scalar(s, f, strconv.ParseBool)
	case field.KindFloat:
		g.Float = scalar(s, f, func(t string) (float64, error) { return strconv.ParseFloat(t, 64) })
	case field.KindIP:
		g.IP = scalar(s, f, netip.ParseAddr)
	case field.KindStrings:
		g.Strs = listOf(s, f, func(t string) (string, error) { return t, nil })
	case field.KindUints:
		g.Uints = listOf(s, f, func(t string) (uint64, error) { return strconv.ParseUint(t, 0, 64) })
	case field.KindInts:
		g.Ints = listOf(s, f, func(t string) (int64, error) { return strconv.ParseInt(t, 0, 64) })
	case field.KindNet, field.KindIPs:
		g.IPs = listOf(s, f, netip.ParseAddr)
	case field.KindDynamic:
		g.Any = func(_ *field.Context, a *field.Arg) (field.Value, bool) {
			t, ok := s.get(f, a)
			if n, err := strconv.ParseInt(t, 0, 64); ok && err == nil {
				return field.Value{Type: event.Int64, Format: event.FormatDec, Kind: field.KindInt, Num: uint64(n)}, true
			}
			return field.Value{Type: event.CharBuf, Kind: field.KindString, Str: t}, ok
		}
	}
	if f.Flags&field.ByHostName != 0 {
		g.Str = func(_ *field.Context, a *field.Arg) (string, bool) { return s.get(f, a) }
		g.IP = scalar(s, f, netip.ParseAddr)
	}
	return &g
}

// scalar is the getter of one value.
func scalar[T any](s *stub, f *field.Field, parse func(string) (T, error)) func(*field.Context, *field.Arg) (T, bool) {
	return func(_ *field.Context, a *field.Arg) (v T, ok bool) {
		text, ok := s.get(f, a)
		if !ok {
			return v, false
		}
		v, err := parse(text)
		return v, err == nil
	}
}

// listOf is the getter of several values.
func listOf[T any](s *stub, f *field.Field, parse func(string) (T, error)) func(*field.Context, *field.Arg, []T) []T {
	return func(_ *field.Context, a *field.Arg, dst []T) []T {
		text, ok := s.get(f, a)
		if !ok {
			return dst
		}
		text = strings.TrimSuffix(strings.TrimPrefix(text, "("), ")")
		for item := range strings.SplitSeq(text, ",") {
			if v, err := parse(item); err == nil {
				dst = append(dst, v)
			}
		}
		return dst
	}
}

// typeFields are the fields that tell the event's type, which the case's record must have.
const typeField = "evt.type"

// checkFields checks the values that the cases give to fields.
func (s *Suite) checkFields(cat *field.Catalogue) {
	var known []string
	for _, f := range cat.All() {
		known = append(known, f.Name)
	}
	for _, c := range s.Cases {
		hasType := false
		for _, v := range c.Fields {
			f, arg, err := resolve(cat, v.key.Text)
			if err != nil {
				name, _, _ := strings.Cut(v.key.Text, "[")
				s.r.bad(v.key.node, diag.DidYouMean(name, known), "%s", err)
				continue
			}
			if f.Name == typeField {
				hasType = true
				if info, _ := eventOf(v.value.Text); info == nil || v.value.Text == spawn {
					s.r.unknown(v.value, "event", eventNames())
				}
				continue
			}
			one := &stub{values: map[string]string{key(f.Name, &arg): v.value.Text}}
			if !one.readable(f, &arg) {
				s.r.bad(v.value.node, "", "%q is no value of %s", v.value.Text, v.key.Text)
			}
		}
		if len(c.Fields) > 0 && !hasType {
			s.r.bad(c.node, "add evt.type: openat", "values of fields need an evt.type")
		}
	}
}

// readable reports whether a field's value can be read.
func (s *stub) readable(f *field.Field, a *field.Arg) bool {
	g := s.field(f)
	_, ok := g.Value(field.NewContext(nil), a)
	return ok || f.Kind == field.KindNet
}

// resolve finds the field that a text such as proc.env[HOME] names.
func resolve(cat *field.Catalogue, text string) (*field.Field, field.Arg, error) {
	name, arg, has := strings.Cut(text, "[")
	if has {
		arg = strings.Trim(strings.TrimSuffix(arg, "]"), `"'`)
	}
	return cat.Resolve(name, arg, has)
}

// stubbed returns the stub of a case and the record of its event.
func (c *Case) stubbed(cat *field.Catalogue) (*stub, []byte) {
	s := &stub{values: map[string]string{}}
	var rec []byte
	for _, v := range c.Fields {
		f, arg, err := resolve(cat, v.key.Text)
		if err != nil {
			continue
		}
		s.values[key(f.Name, &arg)] = v.value.Text
		if f.Name != typeField {
			continue
		}
		info, call := eventOf(v.value.Text)
		if call != nil {
			rec = event.AppendRecord(nil, startOfCases, 1, info.Code, number(uint64(call.Code), 2), number(0, 2))
		} else {
			rec = event.AppendRecord(nil, startOfCases, 1, info.Code, fill(info, nil)...)
		}
	}
	return s, rec
}
