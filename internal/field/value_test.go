// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

func TestValueTexts(t *testing.T) {
	minus := ^uint64(0)
	for _, tc := range []struct {
		name       string
		v          Value
		text, json string
	}{
		{"text", Value{Kind: KindString, Str: "a\"b"}, `a"b`, `"a\"b"`},
		{"control", Value{Kind: KindString, Str: "a\x01\n\xff\u00e9"}, "a\x01\n\xff\u00e9", `"a\u0001\n` + "\uFFFD\u00e9" + `"`},
		{"int", Value{Kind: KindInt, Type: event.Int64, Num: minus}, "-1", "-1"},
		{"uint", Value{Kind: KindUint, Type: event.Uint64, Num: minus}, "18446744073709551615", "18446744073709551615"},
		{"hex", Value{Kind: KindUint, Type: event.Uint32, Format: event.FormatHex, Num: 0xfe00}, "FE00", `"FE00"`},
		{"negative hex", Value{Kind: KindInt, Type: event.Int32, Format: event.FormatHex, Num: minus}, "FFFFFFFF", `"FFFFFFFF"`},
		{"zero hex", Value{Kind: KindInt, Type: event.Int32, Format: event.FormatHex}, "0", `"0"`},
		{"octal", Value{Kind: KindUint, Type: event.Uint32, Format: event.FormatOct, Num: 0o755}, "755", `"755"`},
		{"padded", Value{Kind: KindUint, Type: event.RelTime, Format: event.FormatPadded10, Num: 10000000}, "010000000", "10000000"},
		{"padded zero", Value{Kind: KindUint, Type: event.RelTime, Format: event.FormatPadded10}, "000000000", "0"},
		{"padded long", Value{Kind: KindUint, Type: event.RelTime, Format: event.FormatPadded10, Num: 12345678901}, "12345678901", "12345678901"},
		{"true", Value{Kind: KindBool, Num: 1}, "true", "true"},
		{"false", Value{Kind: KindBool}, "false", "false"},
		{"double", Value{Kind: KindFloat, Float: 9.5367431640625e-05}, "0.0", "9.5367431640625e-05"},
		{"whole double", Value{Kind: KindFloat, Float: 3}, "3.0", "3.0"},
		{"no number", Value{Kind: KindFloat, Float: math.NaN()}, "NaN", "null"},
		{"ipv4", Value{Kind: KindIP, IP: netip.MustParseAddr("::ffff:10.0.0.1")}, "10.0.0.1", `"10.0.0.1"`},
		{"ipv6", Value{Kind: KindIP, IP: netip.MustParseAddr("2001:db8::1")}, "2001:db8::1", `"2001:db8::1"`},
		{"net", Value{Kind: KindNet}, "<IPNET>", `"<IPNET>"`},
		{"list", Value{Kind: KindStrings, List: []string{"a", "b"}}, "(a,b)", `["a","b"]`},
		{"numbers", Value{Kind: KindInts, List: []string{"1", "-2"}}, "(1,-2)", `[1,-2]`},
		{"time", Value{Kind: KindString, Str: "10:00:00", Num: 7, Typed: true}, "10:00:00", "7"},
	} {
		if got := string(tc.v.AppendText([]byte("x"))); got != "x"+tc.text {
			t.Errorf("%s: text %q, want %q", tc.name, got[1:], tc.text)
		}
		if got := string(tc.v.AppendJSON([]byte("x"))); got != "x"+tc.json {
			t.Errorf("%s: JSON %s, want %s", tc.name, got[1:], tc.json)
		}
	}
}

func TestJoin(t *testing.T) {
	long := make([]byte, maxPath)
	for i := range long {
		long[i] = 'a'
	}
	for _, tc := range []struct{ dir, path, want string }{
		{"/root/", "a", "/root/a"},
		{"/root/", "/a", "/a"},
		{"/root/", "../a/./b//c/", "/a/b/c"},
		{"/root/", "..", "/"},
		{"/root/", "../../..", "/"},
		{"/root/", "", "/root"},
		{"/root/", ".", "/root"},
		{"/", "/tmp/dir...///../../name/", "/name"},
		{"/", "/a/...", "/a/..."},
		{"", "./a", "a"},
		{unknownDir, "cpu,cpuacct", "<UNKNOWN>cpu,cpuacct"},
		{"<UNKNOWN>/", "a/../b", "<UNKNOWN>/b"},
		{"/root/", string(long), tooLong},
	} {
		if got := string(appendJoin([]byte("x"), tc.dir, tc.path)); got != "x"+tc.want {
			t.Errorf("%q from %q: %q, want %q", tc.path, tc.dir, got[1:], tc.want)
		}
	}
}

func TestResolve(t *testing.T) {
	cat := Default()
	for _, tc := range []struct {
		name, arg  string
		has        bool
		field, err string
	}{
		{"proc.name", "", false, "proc.name", ""},
		{"proc.nam", "", false, "", `unknown field "proc.nam"`},
		{"proc.name", "1", true, "proc.name", `field "proc.name" takes no argument, got "1"`},
		{"proc.aname", "2", true, "proc.aname", ""},
		{"proc.aname", "x", true, "proc.aname", `field "proc.aname": the argument must be a number`},
		{"proc.aname.2", "", false, "", `unknown field "proc.aname.2"`},
		{"evt.arg", "", false, "evt.arg", `field "evt.arg" requires an argument (write evt.arg[...])`},
		{"evt.arg", "", true, "evt.arg", `field "evt.arg" has an empty argument`},
		{"evt.arg.flags", "", false, "evt.arg", ""},
		{"evt.arg", "flags", true, "evt.arg", ""},
		{"evt.arg.nosuch", "", false, "evt.arg", `field "evt.arg": unknown event parameter "nosuch"`},
		{"evt.rawarg", "0", true, "evt.rawarg", `field "evt.rawarg": unknown event parameter "0"`},
		{"evt.abspath", "", false, "evt.abspath", ""},
		{"evt.abspath.src", "", false, "evt.abspath", ""},
		{"evt.abspath.x", "", false, "evt.abspath", `field "evt.abspath": the argument must be src or dst`},
		{"evt.type.is", "open", true, "evt.type.is", ""},
		{"evt.type.is.5000", "", false, "evt.type.is", `field "evt.type.is": unknown event code 5000`},
		{"thread.cgroup.cpu", "", false, "thread.cgroup", ""},
		{"container.label.io.kubernetes.pod.name", "", false, "container.label", ""},
		{"nosuch", "1", true, "", `unknown field "nosuch"`},
	} {
		f, _, err := cat.Resolve(tc.name, tc.arg, tc.has)
		if got := errText(err); got != tc.err {
			t.Errorf("%s[%s]: error %q, want %q", tc.name, tc.arg, got, tc.err)
		}
		if (f == nil) != (tc.field == "") || f != nil && f.Name != tc.field {
			t.Errorf("%s[%s]: field %v, want %q", tc.name, tc.arg, f, tc.field)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPrefix(t *testing.T) {
	cat := Default()
	for _, tc := range []struct {
		text, field, arg string
		n                int
		err              string
	}{
		{"proc.names", "proc.name", "", 9, ""},
		{"proc.name.", "proc.name", "", 9, ""},
		{"proc.name[2]", "proc.name", "", 9, ""},
		{"proc.aname[2]s", "proc.aname", "2", 13, ""},
		{"proc.aname", "proc.aname", "", 10, ""},
		{"proc.aname[2", "", "", 0, `field "proc.aname": argument is not closed (missing ']')`},
		{`proc.env["A B"]`, "proc.env", "A B", 15, ""},
		{"evt.arg.flags,", "evt.arg", "flags", 13, ""},
		{"evt.arg.flagsx", "evt.arg", "flags", 13, ""},
		{"evt.arg[0]", "evt.arg", "0", 10, ""},
		{"evt.arg", "", "", 0, `field "evt.arg" requires an argument (write evt.arg[...])`},
		{"evt.abspath.source", "evt.abspath", "", 11, ""},
		{"evt.time.iso8601:", "evt.time.iso8601", "", 16, ""},
		{"container.label.app.", "container.label", "app", 19, ""},
		{"some.field", "", "", 0, `unknown field at "some.field"`},
		{"", "", "", 0, `unknown field at ""`},
	} {
		n, f, a, err := cat.Prefix(tc.text)
		if got := errText(err); got != tc.err {
			t.Errorf("%q: error %q, want %q", tc.text, got, tc.err)
			continue
		}
		if err == nil && (n != tc.n || f.Name != tc.field || a.Text != tc.arg) {
			t.Errorf("%q: %d %s[%s], want %d %s[%s]", tc.text, n, f.Name, a.Text, tc.n, tc.field, tc.arg)
		}
	}
}

func TestAddReplaces(t *testing.T) {
	cat := Default()
	n := len(cat.All())
	cat.Add(&Field{Name: "static.key", Class: "static", Type: event.CharBuf, Str: constant("v"), Flags: FormatSuggested})
	cat.Add(&Field{Name: "static.key", Class: "static", Type: event.CharBuf, Str: constant("w"), Flags: FormatSuggested})
	if len(cat.All()) != n+1 {
		t.Errorf("%d fields, want %d", len(cat.All()), n+1)
	}
	if text, _ := cat.Lookup("static.key").Str(nil, nil); text != "w" {
		t.Errorf("static.key is %q, want the newer one", text)
	}
	if Default().Lookup("static.key") != nil {
		t.Error("a field added to one catalogue is in another")
	}
}

func TestReadServices(t *testing.T) {
	s := readServices(bufio.NewScanner(strings.NewReader("# ports\nhttps 443/tcp www-ssl # TLS\nother 443/tcp\ndomain\t53/udp\nbad x/tcp\nalone\n")))
	for key, want := range map[servicePort]string{{443, false}: "https", {443, true}: "", {53, true}: "domain"} {
		if s[key] != want {
			t.Errorf("%v: %q, want %q", key, s[key], want)
		}
	}
	if len(s) != 2 {
		t.Errorf("%d services", len(s))
	}
}

func TestArenaKeepsTexts(t *testing.T) {
	c := NewContext(nil)
	s := newScene(t)
	c.Reset(s.events[0], s.st, nil, nil, -1, syscalls)
	var texts []string
	for i := range 300 {
		b := c.Arena()
		for range i {
			b = append(b, byte('a'+i%26))
		}
		texts = append(texts, c.Keep(b))
	}
	for i, text := range texts {
		if len(text) != i || i > 0 && (text[0] != byte('a'+i%26) || text[i-1] != text[0]) {
			t.Fatalf("text %d changed to %q", i, text)
		}
	}
}
