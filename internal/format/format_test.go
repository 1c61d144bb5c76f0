// SPDX-License-Identifier: Apache-2.0

package format

import (
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// catalogue has the built-in fields and a few with fixed values.
func catalogue() *field.Catalogue {
	cat := field.Default()
	text := func(name, value string) {
		cat.Add(&field.Field{
			Name: name, Type: event.CharBuf, Kind: field.KindString,
			Str: func(*field.Context, *field.Arg) (string, bool) { return value, value != "" },
		})
	}
	text("t.name", "init")
	text("t.path", "/usr/Bin/x")
	text("t.none", "")
	text("t.b64", "aGVsbG8")
	text("t.named", "longer")
	cat.Add(&field.Field{
		Name: "t.arg", Type: event.CharBuf, Kind: field.KindString, Arg: field.ArgRequired,
		Str: func(_ *field.Context, a *field.Arg) (string, bool) { return "<" + a.Text + ">", true },
	})
	cat.Add(&field.Field{
		Name: "t.num", Type: event.Int64, Kind: field.KindInt, Format: event.FormatDec,
		Int: func(*field.Context, *field.Arg) (int64, bool) { return -7, true },
	})
	cat.Add(&field.Field{
		Name: "t.list", Type: event.CharBuf, Kind: field.KindStrings, Flags: field.IsList,
		Strs: func(_ *field.Context, _ *field.Arg, dst []string) []string {
			return append(dst, "-ab", "-c", "value", "rest")
		},
	})
	return cat
}

func TestAppendText(t *testing.T) {
	cat := catalogue()
	for _, c := range []struct{ template, want string }{
		{"", ""},
		{"plain", "plain"},
		{"%t.name", "init"},
		{"a %t.name b%t.num.", "a init b-7."},
		{"%t.names", "inits"},
		{"%t.named", "longer"},
		{"%t.none|", "<NA>|"},
		{"%t.arg[1]%t.arg['x y']", "<1><x y>"},
		{"%2t.name|%8t.name|%3t.none", "in|init    |<NA"},
		{"%t.list", "(-ab,-c,value,rest)"},
		{"%toupper(t.name) %tolower( t.path )", "INIT /usr/bin/x"},
		{"%basename(t.path)", "x"},
		{"%b64(t.b64)", "hello"},
		{"%len(t.path) %len(t.list)", "10 4"},
		{"%concat(t.name, t.num, \"!\")", "init-7!"},
		{"%join(\"->\", (t.name, toupper(t.name)))", "init->INIT"},
		{"%join(\" \", t.list)", "-ab -c value rest"},
		{"%getopt(t.list, \"abc:\")[c] %getopt(t.list, \"abc:\")[a]", "value a"},
		{"%getopt(t.list, \"ac:\")", "(a,,?,,c,value)"},
		{"%toupper(t.none)", "<NA>"},
		{"%concat(t.name, t.none)", "<NA>"},
		{"%10toupper(t.name)|", "INIT      |"},
	} {
		tm, err := Parse(c.template, cat)
		if err != nil {
			t.Errorf("Parse(%q): %v (%+v)", c.template, err, err)
			continue
		}
		if got := string(tm.AppendText(nil, field.NewContext(nil))); got != c.want {
			t.Errorf("%q gives %q, want %q", c.template, got, c.want)
		}
		if tm.String() != c.template {
			t.Errorf("String() = %q, want %q", tm.String(), c.template)
		}
	}
}

func TestParseErrors(t *testing.T) {
	cat := catalogue()
	for _, c := range []struct {
		template string
		offset   int
		message  string
		hint     string
	}{
		{"ends with %", 10, msgLonePercent, ""},
		{"x %5", 2, msgLonePercent, ""},
		{"100% sure", 3, msgUnknown, ""},
		{"a %t.nme b", 2, msgUnknown, "did you mean %t.name?"},
		{"%t.arg", 0, msgUnknown, "requires an argument"},
		{"%t.arg[1", 0, msgUnknown, "not closed"},
		{"%val(t.name)", 0, msgUnknown, ""},
		{"%toupper(t.num)", 0, msgUnknown, "cannot be used"},
		{"%toupper (t.name)", 0, msgUnknown, ""},
		{"%concat(t.name)", 0, msgUnknown, "cannot be used"},
		{"%join(t.name, t.name)", 0, msgUnknown, "cannot be used"},
		{"%99999999t.name", 0, msgUnknown, "width"},
	} {
		_, err := Parse(c.template, cat)
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("Parse(%q) gives %v", c.template, err)
			continue
		}
		if e.Offset != c.offset || e.Msg != c.message || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("Parse(%q) gives %+v", c.template, e)
		}
	}
}

func TestTokens(t *testing.T) {
	tm, err := Parse("%t.num %toupper(t.name) %t.arg[1] %t.num %concat(t.path, t.name)", catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	var json []byte
	for _, token := range tm.Tokens() {
		keys = append(keys, token.Key)
		json = append(token.AppendJSON(json, field.NewContext(nil)), ' ')
	}
	if got := strings.Join(keys, " "); got != "t.arg[1] t.name t.num t.path" {
		t.Errorf("tokens %s", got)
	}
	if string(json) != `"<1>" "init" -7 "/usr/Bin/x" ` {
		t.Errorf("JSON %s", json)
	}
}

func TestNoAllocation(t *testing.T) {
	tm, err := Parse("a %t.name b %t.num %8t.path %t.none %toupper(t.name)", catalogue())
	if err != nil {
		t.Fatal(err)
	}
	c := field.NewContext(nil)
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { tm.AppendText(buf, c) }); n != 0 {
		t.Errorf("AppendText allocates %v times", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"%proc.name", "%5evt.num x", "%toupper(concat(proc.name, fd.name))", "%getopt(proc.args, \"a:\")[a]", "%proc.aname[2]%",
		"%evt.arg.flags.x", "%evt.arg[", "%join(\",\", (proc.name, \"a\\\"\"))", "%(", "%%", "\xff%\xfe",
	} {
		f.Add(s)
	}
	cat := catalogue()
	f.Fuzz(func(t *testing.T, text string) {
		tm, err := Parse(text, cat)
		if err != nil {
			e := err.(*Error)
			if e.Offset < 0 || e.Offset >= len(text) || text[e.Offset] != '%' {
				t.Fatalf("error at %d of %q", e.Offset, text)
			}
			return
		}
		if !strings.Contains(text, "%") && len(tm.Tokens()) > 0 {
			t.Fatalf("tokens in %q", text)
		}
		if tm.String() != text {
			t.Fatalf("%q reads back as %q", text, tm.String())
		}
	})
}

func BenchmarkAppendText(b *testing.B) {
	tm, err := Parse("File below /etc opened (user=%t.name command=%t.path pid=%t.num parent=%t.name file=%t.path)", catalogue())
	if err != nil {
		b.Fatal(err)
	}
	c := field.NewContext(nil)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = tm.AppendText(buf[:0], c)
	}
}
