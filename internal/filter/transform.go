// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// textFunc makes a text of another in the context's memory; ok is false if that has no result.
type textFunc func(c *field.Context, s string) (result string, ok bool)

// textFuncs are the transformers of one text.
var textFuncs = map[string]textFunc{
	"tolower":  func(c *field.Context, s string) (string, bool) { return mapBytes(c, s, lowerByte), true },
	"toupper":  func(c *field.Context, s string) (string, bool) { return mapBytes(c, s, upperByte), true },
	"basename": func(_ *field.Context, s string) (string, bool) { return s[strings.LastIndexByte(s, '/')+1:], true },
	"b64":      decode64,
}

// transformable reports whether a transformer of one argument takes the source.
func transformable(name string, in *source) bool {
	g := groupOf(in.typ)
	switch name {
	case "len":
		return in.list || g == groupText || g == groupBytes
	case "b64":
		return g == groupText || g == groupBytes
	}
	return g == groupText
}

// transformed applies a transformer to each value of a source.
func transformed(name string, in *source) *source {
	if name == "len" {
		return length(in)
	}
	f := textFuncs[name]
	out := &source{name: in.name, typ: in.typ, list: in.list, noRHS: in.noRHS, arg: in.arg, cost: in.cost + 30}
	if in.strs != nil {
		out.strs = func(c *field.Context, dst []string) ([]string, bool) {
			n := len(dst)
			dst, ok := in.strs(c, dst)
			for i := n; i < len(dst) && ok; i++ {
				dst[i], ok = f(c, dst[i])
			}
			return dst, ok
		}
		return out
	}
	get := in.str
	out.str = func(c *field.Context, a *field.Arg) (string, bool) {
		s, ok := get(c, a)
		if !ok {
			return "", false
		}
		return f(c, s)
	}
	return out
}

// upperByte is b in upper case, if it is a letter of ASCII.
func upperByte(b byte) byte {
	if b >= 'a' && b <= 'z' {
		return b &^ 0x20
	}
	return b
}

// mapBytes maps each byte of s; without a change it returns s itself.
func mapBytes(c *field.Context, s string, f func(byte) byte) string {
	for i := range len(s) {
		if f(s[i]) == s[i] {
			continue
		}
		b := append(c.Arena(), s...)
		for j := i; j < len(b); j++ {
			b[j] = f(b[j])
		}
		return c.Keep(b)
	}
	return s
}

// decode64 decodes Base64, padded or not.
func decode64(c *field.Context, s string) (string, bool) {
	s = strings.TrimRight(strings.TrimRight(s, "\x00"), "=")
	b := c.Arena()
	n := base64.RawStdEncoding.DecodedLen(len(s))
	b = slices.Grow(b, len(s)+n)
	b = append(b, s...)
	decoded, err := base64.RawStdEncoding.Decode(b[len(s):len(s)+n], b[:len(s)])
	if err != nil {
		return "", false
	}
	copy(b[:decoded], b[len(s):len(s)+decoded])
	return c.Keep(b[:decoded]), true
}

// length counts the bytes of a text, or the elements of a list.
func length(in *source) *source {
	out := &source{name: in.name, typ: event.Uint64, arg: in.arg, cost: in.cost + 5, noRHS: in.noRHS}
	switch {
	case in.strs != nil:
		out.uint = func(c *field.Context, _ *field.Arg) (uint64, bool) {
			n := len(c.Strs)
			list, ok := in.strs(c, c.Strs)
			c.Strs = list[:n]
			return uint64(len(list) - n), ok
		}
	case in.uints != nil:
		out.uint = func(c *field.Context, _ *field.Arg) (uint64, bool) {
			list, ok := in.uints(c, c.Uints[:0])
			c.Uints = list[:0]
			return uint64(len(list)), ok
		}
	case in.ints != nil:
		out.uint = func(c *field.Context, _ *field.Arg) (uint64, bool) {
			list, ok := in.ints(c, c.Ints[:0])
			c.Ints = list[:0]
			return uint64(len(list)), ok
		}
	case in.ips != nil:
		out.uint = func(c *field.Context, _ *field.Arg) (uint64, bool) {
			list, ok := in.ips(c, c.IPs[:0])
			c.IPs = list[:0]
			return uint64(len(list)), ok
		}
	default:
		get, raw := in.str, in.typ == event.ByteBuf
		out.uint = func(c *field.Context, a *field.Arg) (uint64, bool) {
			s, ok := get(c, a)
			if end := strings.IndexByte(s, 0); end >= 0 && !raw {
				s = s[:end]
			}
			return uint64(len(s)), ok
		}
	}
	return out
}

// joined is the list's texts with the separator between them.
func joined(sep, list *source) *source {
	return &source{name: "join", typ: event.CharBuf, arg: sep.arg, cost: sep.cost + list.cost + 50,
		str: func(c *field.Context, a *field.Arg) (string, bool) {
			between, ok := sep.str(c, a)
			if !ok {
				return "", false
			}
			n := len(c.Strs)
			texts, ok := list.strs(c, c.Strs)
			c.Strs = texts[:n]
			if !ok {
				return "", false
			}
			b := c.Arena()
			for i, s := range texts[n:] {
				if i > 0 {
					b = append(b, between...)
				}
				b = append(b, s...)
			}
			return c.Keep(b), true
		}}
}

// concatenated is the texts of parts, one behind the other.
func concatenated(parts []*source) *source {
	cost := 50.0
	for _, p := range parts {
		cost += p.cost
	}
	return &source{name: "concat", typ: event.CharBuf, arg: &field.Arg{}, cost: cost,
		str: func(c *field.Context, _ *field.Arg) (string, bool) {
			n := len(c.Strs)
			texts, ok := appendTexts(c, c.Strs, parts)
			c.Strs = texts[:n]
			if !ok {
				return "", false
			}
			b := c.Arena()
			for _, s := range texts[n:] {
				b = append(b, s...)
			}
			return c.Keep(b), true
		}}
}

// written is the text of a number, a truth value or an address.
func written(in *source) *source {
	out := &source{name: in.name, typ: event.CharBuf, arg: in.arg, cost: in.cost + 20}
	out.str = func(c *field.Context, a *field.Arg) (string, bool) {
		b := c.Arena()
		ok := false
		switch {
		case in.int != nil:
			var n int64
			n, ok = in.int(c, a)
			b = strconv.AppendInt(b, n, 10)
		case in.uint != nil:
			var n uint64
			n, ok = in.uint(c, a)
			b = strconv.AppendUint(b, n, 10)
		case in.bool != nil:
			var v bool
			v, ok = in.bool(c, a)
			b = strconv.AppendBool(b, v)
		case in.float != nil:
			var f float64
			f, ok = in.float(c, a)
			b = strconv.AppendFloat(b, f, 'f', 1, 64)
		case in.ip != nil:
			ip, found := in.ip(c, a)
			if ok = found; ok {
				b = ip.AppendTo(b)
			}
		}
		if !ok {
			return "", false
		}
		return c.Keep(b), true
	}
	return out
}
