// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

func TestParse(t *testing.T) {
	for cel, want := range map[string]string{
		// The booleans.
		`proc.name == "a" && (proc.pid > 1 || has(proc.pname)) && !(fd.num < 3)`: `(proc.name = "a" and (proc.pid > 1 or proc.pname exists) and not fd.num < 3)`,
		`(proc.pid == 1 && proc.pid == 2) && proc.pid == 3`:                      `(proc.pid = 1 and proc.pid = 2 and proc.pid = 3)`,
		`!!has(proc.name)`:               `proc.name exists`,
		`has(fd.num) ? true : open_read`: `((fd.num exists and evt.num >= 0) or (not fd.num exists and open_read))`,
		"// why\nproc.pid == 1 // one":   `proc.pid = 1`,
		// Fields and arguments.
		`evt.arg.flags == "x" && evt.arg["flags"] != "y" && evt.arg[0] == "z"`: `(evt.arg.flags = "x" and evt.arg[flags] != "y" and evt.arg[0] = "z")`,
		`proc.aname[2] == "sh" && has(proc.env["HOME"])`:                       `(proc.aname[2] = "sh" and proc.env[HOME] exists)`,
		`proc.exe_ino.ctime > 5 && proc.exe_ino == 7`:                          `(proc.exe_ino.ctime > 5 and proc.exe_ino = 7)`,
		`proc.is_exe_writable && proc.is_exe_upper_layer == false`:             `(proc.is_exe_writable = true and proc.is_exe_upper_layer = false)`,
		// Constants.
		`evt.rawres >= 0x10 && evt.rawres == -1 && 5 < fd.num`:    `(evt.rawres >= 0x10 and evt.rawres = -1 and fd.num > 5)`,
		`proc.duration < duration("1m")`:                          `proc.duration < 60000000000`,
		`fd.sport == 22 || fd.sport in ["http", 443]`:             `(fd.sport = 22 or fd.sport in ("http", 443))`,
		`fd.sip == ip("::1") && fd.snet in [cidr("10.0.0.0/8")]`:  `(fd.sip = "::1" and fd.snet in ("10.0.0.0/8"))`,
		`cidr("10.0.0.0/8").containsIP(fd.cip)`:                   `fd.cnet = "10.0.0.0/8"`,
		`proc.name == r"a\b" || proc.name == 'c"d'`:               `(proc.name = "a\\b" or proc.name = "c\"d")`,
		`fd.name == b"\xff"`:                                      "",
		`dyn(fd.name) == b"\xff"`:                                 "fd.name = \"\xff\"",
		`proc.pname == proc.name && lower(fd.name) == proc.aname`: "",
		`proc.pname == proc.name`:                                 `proc.pname = val(proc.name)`,
		// Operators.
		`fd.name.startsWith("/a") && fd.name.endsWith("b") && fd.name.contains("c") && fd.name.icontains("d")`:    `(fd.name startswith "/a" and fd.name endswith "b" and fd.name contains "c" and fd.name icontains "d")`,
		`fd.name.glob("*a") && fd.name.iglob("*b") && evt.buffer.bcontains("ff") && evt.buffer.bstartsWith("00")`: `(fd.name glob "*a" and fd.name iglob "*b" and evt.buffer bcontains "ff" and evt.buffer bstartswith "00")`,
		`fd.name.regex("a.*") && fd.name.matches("^a$") && fd.name.matches("b")`:                                  `(fd.name regex "a.*" and fd.name regex "a" and fd.name regex "(.|\\n)*b(.|\\n)*")`,
		`fd.name.pmatch("/etc") && fd.name.pmatch(["/a", "/b"] + dirs)`:                                           `(fd.name pmatch ("/etc") and fd.name pmatch ("/a", "/b", dirs))`,
		`proc.name in shells + ["x"] || proc.name in list("k8s-users") || proc.name in []`:                        `(proc.name in (shells, "x") or proc.name in (k8s-users) or proc.name in ())`,
		`proc.name.intersects(["a"])`: `proc.name intersects ("a")`,
		`macro("never")`:              `never`,
		// Lists of constants.
		`["a", "b"].exists(v, fd.name.contains(v)) && ["c"].all(v, fd.name != v) && shells.exists_one(v, proc.name == v)`: `(fd.name contains anyof ("a", "b") and fd.name != allof ("c") and proc.name = oneof (shells))`,
		// Fields with many values.
		`proc.aname.exists(a, a == "x" || a.startsWith("y")) && "z" in proc.aname`: `((proc.aname = "x" or proc.aname startswith "y") and proc.aname = "z")`,
		`proc.aname.all(a, a != "x") && proc.aname.all(a, !(a == "x"))`:            `(not proc.aname = "x" and not proc.aname = "x")`,
		`fd.types.exists(f, f in ["a", "b"]) && fd.types.all(f, f == "c")`:         `(fd.types intersects ("a", "b") and fd.types in ("c"))`,
		// Transformers.
		`basename(lower(proc.exepath)) == "x" && size(proc.args) > 3 && base64.decode(proc.args) == "y"`:      `(basename(tolower(proc.exepath)) = "x" and len(proc.args) > 3 and b64(proc.args) = "y")`,
		`proc.name.upperAscii() == upper(proc.pname) && upper(proc.name) == upper(proc.pname)`:                `(toupper(proc.name) = toupper(proc.pname) and toupper(proc.name) = toupper(proc.pname))`,
		`["a", proc.name].join("-") == "c" && join("-", ["a"]) == "a" && proc.name + ":" + proc.pname == "d"`: `(join("-",("a",proc.name)) = "c" and join("-",("a")) = "a" and concat(proc.name,":",proc.pname) = "d")`,
		`getopt(proc.args, "c:")["c"] == "x" && getopt(proc.args, "c:").exists(o, o == "c")`:                  `(getopt(proc.args,"c:")[c] = "x" and getopt(proc.args,"c:") intersects ("c"))`,
	} {
		c, err := Parse(cel, field.Default())
		switch {
		case want == "":
			if err == nil {
				t.Errorf("%s\n  was accepted: %s", cel, syntax.Print(c.Node))
			}
		case err != nil:
			t.Errorf("%s\n  %v", cel, err)
		default:
			if got := syntax.Print(c.Node); got != want {
				t.Errorf("%s\n  got  %s\n  want %s", cel, got, want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for cel, want := range map[string]string{
		`proc.name == "a" &&`:                         `1:20: the expression ends too early`,
		"proc.pid == 1 &&\n  proc.name = \"a\"":       `2:13: unexpected token after expression (this looks like the rules language, which stands under condition; CEL has == instead of =)`,
		`proc.name startswith "a"`:                    `1:11: unexpected token after expression (this looks like the rules language, which stands under condition; CEL has .startsWith("…") instead of startswith)`,
		`has(fd.num) && proc.name.startswith("a")`:    `1:26: unknown function startswith (did you mean startsWith?)`,
		`proc.name == 5`:                              `1:11: == cannot be applied to (string, int)`,
		`proc.pid.contains("1")`:                      `1:18: contains() cannot be applied to int.(string)`,
		`proc.aname == "a"`:                           `1:12: == cannot be applied to (list(string), string) (a field with many values is tested by exists: proc.aname.exists(a, a == "bash"))`,
		`proc_name == "a"`:                            `1:1: unknown field proc_name (did you mean proc.pname?)`,
		`proc.name`:                                   `1:1: proc.name is neither true nor false (compare it, or ask has(proc.name))`,
		`1 == 2`:                                      `1:1: two constants are compared`,
		`proc.pid + 1 == 2`:                           `1:1: + joins texts and lists, it does not calculate`,
		`proc.pid * 2 == 4`:                           `1:1: * has no place in a condition`,
		`proc.name in [proc.pname]`:                   `1:15: lists hold constants only (compare with fields one by one, joined by ||)`,
		`proc.name > "a"`:                             `1:13: texts have no order: < and > compare with numbers`,
		`proc.name.exists(x, x == "a")`:               `1:5: string has no elements to go through`,
		`proc.aname.exists(x, x == "a" && x == "b")`:  `1:22: that one value passes several tests at once cannot be tested (split it into one exists or all for each test)`,
		`proc.aname.exists(x, proc.name == "a")`:      `1:22: this does not test x`,
		`proc.aname.all(x, x.startsWith("a"))`:        `1:19: that a value does not pass startswith cannot be tested; only that none passes it (!….exists) can`,
		`["a"].all(v, has(fd.name))`:                  `1:14: over a list of constants stands one comparison with v`,
		`proc.args[proc.pid] == "a"`:                  `1:11: a constant stands in brackets`,
		`{"a": 1}.exists(k, k == proc.name)`:          `1:1: maps and messages have no place in a condition`,
		`"é" == proc.name && proc.pid == "x"`:         `1:31: == cannot be applied to (int, string)`,
		strings.Repeat("(", 500):                      `1:1: expression recursion limit exceeded: 200`,
		`fd.snet.containsIP("a")`:                     `1:1: containsIP() is asked of a network: cidr("10.0.0.0/8").containsIP(fd.sip)`,
		`timestamp("2020-01-01T00:00:00Z") < evt.num`: `1:35: < cannot be applied to (timestamp, int)`,
	} {
		_, err := Parse(cel, field.Default())
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s\n  was accepted", cel)
			continue
		}
		got := fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
		if e.Hint != "" {
			got += " (" + e.Hint + ")"
		}
		if got != want {
			t.Errorf("%s\n  got  %s\n  want %s", cel, got, want)
		}
	}
}

// Positions are those of the expression, in bytes.
func TestPositions(t *testing.T) {
	c, err := Parse("has(fd.num) &&\n  (\"é\" == proc.name || lower(proc.pname).contains(\"x\"))", field.Default())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	syntax.Walk(c.Node, func(n syntax.Node) bool {
		p := n.Position()
		got = append(got, fmt.Sprintf("%T %d %d:%d", n, p.Offset, p.Line, p.Col))
		return true
	})
	want := "*syntax.And 0 1:1\n*syntax.Exists 0 1:1\n*syntax.Or 18 2:4\n*syntax.Compare 26 2:12\n*syntax.Compare 39 2:25"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestLists(t *testing.T) {
	c, err := Parse(`proc.name in shells + ["x"] && fd.name.pmatch(list("a-b"))`, field.Default())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range c.Lists {
		names = append(names, l.Text)
	}
	if got := strings.Join(names, " "); got != "shells a-b" {
		t.Errorf("got %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`proc.name in ["a"] && [1, 2].exists(v, fd.num == v) || !has(proc.aname[1])`)
	f.Add(`lower(proc.name) + "x" == getopt(proc.args, "a:")["a"] ? true : macro("m")`)
	cat := field.Default()
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text, cat)
		if err != nil {
			return
		}
		isList := func(name string) bool {
			for _, l := range c.Lists {
				if l.Text == name {
					return true
				}
			}
			return false
		}
		again, err := Print(c.Node, cat, isList)
		if err != nil {
			return
		}
		back, err := Parse(again, cat)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, again, err)
		}
		if !syntax.Equal(Normal(c.Node), Normal(back.Node)) {
			t.Fatalf("%q was written as %q, which means\n%s instead of\n%s", text, again, syntax.Print(back.Node), syntax.Print(c.Node))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const text = `spawned_process && proc.name in shell_binaries && !(proc.pname in ["sshd", "su"]) && fd.name.startsWith("/etc/")`
	for b.Loop() {
		if _, err := Parse(text, field.Default()); err != nil {
			b.Fatal(err)
		}
	}
}
