// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPrintParsesBack(t *testing.T) {
	for in, want := range map[string]string{
		`a`:                               `a`,
		`a and not (b or c.d exists)`:     `(a and not (b or c.d exists))`,
		`not (not a)`:                     `not (not a)`,
		`(not) and b`:                     `((not) and b)`,
		`a.b = ''`:                        `a.b = ""`,
		`a.b = "(x)"`:                     `a.b = "(x)"`,
		`a.b in (x, 'y z', "w")`:          `a.b in (x, "y z", "w")`,
		`a.b in list`:                     `a.b in list`,
		`a.b[c d] = 1`:                    "",
		`a.b["c d"] = 1`:                  `a.b["c d"] = 1`,
		`a.b["x"] >= -1.5e+3`:             `a.b[x] >= -1.5e+3`,
		`a.b = 'it\'s'`:                   `a.b = "it's"`,
		`a.b = "x\x5c"`:                   `a.b = "x\x5c"`,
		`a.b = "\x00\n\\ "`:               `a.b = "\x00\n\\ "`,
		`join(",", ("a", b.c, 1)) = x`:    `join(",",("a",b.c,1)) = x`,
		`getopt(proc.args, "nt:")[t] = x`: `getopt(proc.args,"nt:")[t] = x`,
		`a.b startswith oneof (x, y)`:     `a.b startswith oneof (x, y)`,
		`a.b = val(c.d[1])`:               `a.b = val(c.d[1])`,
	} {
		n, err := Parse(in)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", in, err)
			}
			continue
		}
		got := Print(n)
		if got != want {
			t.Errorf("Print(%s) = %s, want %s", in, got, want)
		}
		again, err := Parse(got)
		if err != nil || !Equal(n, again) {
			t.Errorf("%s is not %s: %v", got, in, err)
		}
	}
}

func TestErrorPosition(t *testing.T) {
	for in, want := range map[string]Pos{
		"a.b =":              {5, 1, 6},
		"a.b = x and\n  (c":  {16, 2, 5},
		"a.b = x foo":        {8, 1, 9},
		"a\r\n  and not.":    {12, 3, 10},
		`a.b = "\q" or c`:    {10, 1, 11},
		"":                   {0, 1, 1},
		"a.b in ('x', \"\\y": {13, 1, 14},
	} {
		_, err := Parse(in)
		var syntax *Error
		if !errors.As(err, &syntax) {
			t.Errorf("%q: error %v", in, err)
			continue
		}
		if syntax.Pos != want {
			t.Errorf("%q: position %v (%s), want %v", in, syntax.Pos, syntax.Msg, want)
		}
	}
}

func TestInvalidEscapeInListIsReported(t *testing.T) {
	if _, err := Parse(`a.b in ("\d")`); err == nil || !strings.Contains(err.Error(), `\d`) {
		t.Errorf("error %v", err)
	}
}

func TestParseOperand(t *testing.T) {
	for in, want := range map[string]string{
		"proc.name rest":          "proc.name",
		"proc.aname[2]%x":         "proc.aname[2]",
		"toupper(proc.name) done": "toupper(proc.name)",
		"proc":                    "",
		"tolower(proc)":           "",
	} {
		op, n, err := ParseOperand(in)
		if err != nil {
			if want != "" {
				t.Errorf("%q: %v", in, err)
			}
			continue
		}
		if in[:n] != want || PrintOperand(op) != want {
			t.Errorf("ParseOperand(%q) = %s, %d", in, PrintOperand(op), n)
		}
	}
}

func TestWalk(t *testing.T) {
	n, err := Parse("a and (b or not c.d = tolower(e.f)) and join(',', (g.h, 1)) exists")
	if err != nil {
		t.Fatal(err)
	}
	var idents, fields []string
	Walk(n, func(n Node) bool {
		if id, ok := n.(*Ident); ok {
			idents = append(idents, id.Name)
		}
		return true
	})
	WalkOperands(n, func(o Operand) bool {
		if f, ok := o.(*Field); ok {
			fields = append(fields, f.Name)
		}
		return true
	})
	if got := strings.Join(append(idents, fields...), " "); got != "a b c.d e.f g.h" {
		t.Errorf("walked over %s", got)
	}
}

func TestParseIsLinear(t *testing.T) {
	list := "a.b in (" + strings.Repeat("x, ", 100_000) + "x)"
	chain := strings.Repeat("a.b = c or ", 30_000) + "a.b = c"
	open := strings.Repeat("a.b = 'x' or ", 10_000) + "a.b = '"
	for _, text := range []string{list, chain, open, strings.Repeat("not ", 50_000) + "a", strings.Repeat("(", 100_000)} {
		start := time.Now()
		_, err := Parse(text)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.20q… of %d bytes took %v (%v)", text, len(text), took, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a and not (b or c.d exists)", `a.b in ("x", 'y\'', z)`, "a.b[1] >= 0x1f", "not not(a)", "(not) and b",
		`join("-", (a.b, tolower(c.d), 1))[x] = val(e.f)`, "a.b = oneof and c", "a.b startswith allof (/a, /b)",
		`a.b="\x00\x5c"`, "\b\v\f a.b=\u00e9\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		_ = Canonical(orIdent(n))
		if err != nil {
			var syntax *Error
			if !errors.As(err, &syntax) || syntax.Pos.Offset > len(text) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		printed := Print(n)
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", text, printed, err)
		}
		if !Equal(n, again) || Print(again) != printed {
			t.Fatalf("%q printed as %q is another condition: %q", text, printed, Print(again))
		}
	})
}

// orIdent is n, or some node if there is none.
func orIdent(n Node) Node {
	if n == nil {
		return &Ident{Name: "none"}
	}
	return n
}

func BenchmarkParse(b *testing.B) {
	text := "evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = 'f' and fd.num >= 0 and " +
		"(fd.name in (/etc/shadow, /etc/sudoers) or fd.name startswith /etc/pam.d/) and not proc.name in (a, b, c, d, e, f, g, h) and not proc.cmdline contains 'x y'"
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
