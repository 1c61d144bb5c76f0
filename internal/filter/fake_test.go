// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"net/netip"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// facts are the values of the fake fields; a nil pointer or list is no value.
type facts struct {
	name, path, cmd, buf *string
	num                  *int64
	flags                *uint64
	yes                  *bool
	half                 *float64
	ip                   *netip.Addr
	ancestors, list      []string
	ports                []uint64
	ends                 []netip.Addr
}

// of returns a pointer to v.
func of[T any](v T) *T { return &v }

// fakeCatalogue is a catalogue of fields of every kind, which read f.
func fakeCatalogue(f *facts) *field.Catalogue {
	cat := field.Default()
	add := func(name string, typ event.ParamType, g field.Field) {
		g.Name, g.Type = name, typ
		cat.Add(&g)
	}
	text := func(p **string) func(*field.Context, *field.Arg) (string, bool) {
		return func(*field.Context, *field.Arg) (string, bool) {
			if *p == nil {
				return "", false
			}
			return **p, true
		}
	}
	add("t.name", event.CharBuf, field.Field{Kind: field.KindString, Str: text(&f.name)})
	add("t.path", event.FSPath, field.Field{Kind: field.KindString, Str: text(&f.path)})
	add("t.path2", event.FSPath, field.Field{Kind: field.KindString, Str: text(&f.path)})
	add("t.cmd", event.CharBuf, field.Field{Kind: field.KindString, Str: text(&f.cmd)})
	add("t.buf", event.ByteBuf, field.Field{Kind: field.KindBytes, Str: text(&f.buf)})
	add("t.num", event.Int64, field.Field{Kind: field.KindInt, Int: scalar(&f.num)})
	add("t.num2", event.Int64, field.Field{Kind: field.KindInt, Int: scalar(&f.num)})
	add("t.small", event.Int8, field.Field{Kind: field.KindInt, Int: scalar(&f.num)})
	add("t.flags", event.Uint32, field.Field{Kind: field.KindUint, Uint: scalar(&f.flags)})
	add("t.port", event.Port, field.Field{Kind: field.KindUint, Uint: scalar(&f.flags)})
	add("t.yes", event.Bool, field.Field{Kind: field.KindBool, Bool: scalar(&f.yes)})
	add("t.half", event.Double, field.Field{Kind: field.KindFloat, Float: scalar(&f.half)})
	add("t.ip", event.IPAddr, field.Field{Kind: field.KindIP, IP: scalar(&f.ip)})
	add("t.anc", event.CharBuf, field.Field{Kind: field.KindStrings, Flags: field.AnyValue | field.NoRHS | field.NoTransformer, Strs: listed(&f.ancestors)})
	add("t.list", event.CharBuf, field.Field{Kind: field.KindStrings, Flags: field.IsList, Strs: listed(&f.list)})
	add("t.ports", event.Port, field.Field{Kind: field.KindUints, Flags: field.EitherEnd | field.NoRHS, Uints: listed(&f.ports)})
	add("t.ends", event.IPAddr, field.Field{Kind: field.KindIPs, Flags: field.EitherEnd | field.NoRHS, IPs: listed(&f.ends)})
	add("t.nets", event.IPNet, field.Field{Kind: field.KindNet, Flags: field.EitherEnd | field.NoRHS, IPs: listed(&f.ends)})
	return cat
}

// scalar is the getter of a value behind a pointer.
func scalar[T any](p **T) func(*field.Context, *field.Arg) (T, bool) {
	return func(*field.Context, *field.Arg) (v T, ok bool) {
		if *p == nil {
			return v, false
		}
		return **p, true
	}
}

// listed is the getter of a list.
func listed[T any](p *[]T) func(*field.Context, *field.Arg, []T) []T {
	return func(_ *field.Context, _ *field.Arg, dst []T) []T { return append(dst, *p...) }
}

// someFacts are values for every fake field.
func someFacts() *facts {
	return &facts{
		name: of("nginx"), path: of("/etc/nginx/nginx.conf"), cmd: of("nginx -g Daemon off; -c /etc/x"), buf: of("HTTP/1.1\x00\xff"),
		num: of(int64(-5)), flags: of(uint64(443)), yes: of(true), half: of(2.5), ip: of(netip.MustParseAddr("10.1.2.3")),
		ancestors: []string{"bash", "sshd", "systemd"}, list: []string{"a", "b"}, ports: []uint64{51000, 443},
		ends: []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.7")},
	}
}

// mustCompile compiles a condition or fails the test.
func mustCompile(t testing.TB, c *Compiler, text string) *Filter {
	t.Helper()
	n, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	f, _, err := c.Compile(n, "syscall")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}
