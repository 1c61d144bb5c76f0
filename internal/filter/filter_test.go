// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

func TestMatch(t *testing.T) {
	full := someFacts()
	for text, want := range map[string]bool{
		"t.name = nginx":       true,
		"t.name == apache":     false,
		"t.name != apache":     true,
		"t.name in (a, nginx)": true,
		"t.name in ()":         false,
		"not t.name in ()":     true,
		"t.name > 10 and not t.name < 10 and t.name >= 0":                 true,
		"t.name contains gin":                                             true,
		"t.name contains ''":                                              true,
		"t.cmd icontains DAEMON":                                          true,
		"t.cmd icontains nope":                                            false,
		"t.name startswith ng and t.name endswith inx":                    true,
		"t.path glob /etc/*.conf":                                         true,
		"t.path glob /etc/*.CONF":                                         false,
		"t.path iglob /ETC/*.conf":                                        true,
		"t.path pmatch (/etc, /usr)":                                      true,
		"t.path pmatch (/et, /etc/ngin)":                                  false,
		"t.path pmatch (/e*/ngin?)":                                       true,
		"t.path pmatch (/)":                                               true,
		"t.path regex '/etc/[a-z]+/.*'":                                   true,
		"t.path regex nginx":                                              false,
		"t.name = oneof (nginx, apache)":                                  true,
		"t.name = oneof (nginx, nginx)":                                   false,
		"t.name != anyof (nginx, apache)":                                 true,
		"t.name != allof (nginx, apache)":                                 false,
		"t.name != allof (x, apache)":                                     true,
		"t.name contains allof (ng, nx)":                                  true,
		"t.name contains allof (ng, x, z)":                                false,
		"t.name startswith oneof (n, ng)":                                 false,
		"t.name = anyof ()":                                               false,
		"t.name = allof ()":                                               false,
		"t.num = -5 and t.num < 0 and t.num <= -5":                        true,
		"t.num > 0x10":                                                    false,
		"t.num in (1, 2, 3, 4, 5, 6)":                                     false,
		"t.num in (1, 2, 3, 4, -5)":                                       true,
		"t.num in (1, 1000000, 2, 3, 4, -5)":                              true,
		"t.num != oneof (-5, 1)":                                          true,
		"t.small = 251":                                                   true, // loses its upper bits
		"t.flags = 443 and t.port = https":                                true,
		"t.flags > -1":                                                    false, // wraps
		"t.yes = true and t.yes in (true) and t.yes != false":             true,
		"t.half > 2 and t.half < 3":                                       true,
		"t.ip = 10.1.2.3 and t.ip != ::1 and t.ip in (1.1.1.1, 10.1.2.3)": true,
		"t.anc = sshd":                                                    true,
		"t.anc != sshd":                                                   true, // one of them differs
		"t.anc in (init, systemd)":                                        true,
		"t.anc startswith x":                                              false,
		"t.anc exists":                                                    true,
		"t.list in (a, b, c)":                                             true,
		"t.list in (a)":                                                   false,
		"t.list intersects (b, z)":                                        true,
		"t.list intersects (z)":                                           false,
		"t.ports = 443 and t.ports in (443)":                              true,
		"t.ports != 443":                                                  false,
		"t.ports > 50000":                                                 true,
		"t.ends = 192.0.2.7 and t.ends != 1.1.1.1":                        true,
		"t.ends != 192.0.2.7":                                             false,
		"t.nets = 10.0.0.0/8":                                             true,
		"t.nets != 10.0.0.0/8":                                            false,
		"t.nets in (172.16.0.0/12, 192.0.2.0/24)":                         true,
		"t.nets = 2001:db8::/32":                                          false,
		"t.buf contains HTTP and t.buf startswith HT":                     true,
		"t.buf bcontains 00ff and t.buf bstartswith 48":                   true,
		"t.buf endswith x":                                                false,
		"t.name = val(t.name)":                                            true,
		"t.path = val(t.path2) and t.num <= val(t.num2)":                  true,
		"t.cmd startswith val(t.name)":                                    true,
		"t.list in val(t.list) and t.list intersects val(t.list)":         true,
		"toupper(t.name) = NGINX":                                         true,
		"tolower(t.cmd) contains daemon":                                  true,
		"basename(t.path) = nginx.conf":                                   true,
		"len(t.name) = 5 and len(t.list) = 2":                             true,
		"len(t.buf) = 10":                                                 true,
		"join(-, (t.name, t.num)) = x":                                    false,
		"concat(t.name, '!') = nginx!":                                    true,
		"concat(toupper(t.name), '-', tolower(t.cmd)) startswith NGINX-nginx":              true,
		"t.path != basename(t.path2)":                                                      true,
		"b64(t.name) exists":                                                               false,
		"toupper(t.list) in (A, B)":                                                        true,
		"not (t.name = nginx and t.num = 1)":                                               true,
		"t.name = apache or t.name startswith x or t.name endswith x or t.name contains y": true,
	} {
		if strings.HasPrefix(text, "join(-") {
			text = strings.Replace(text, "join(-", `join("-"`, 1)
		}
		c := &field.Context{Epoch: 1}
		if got := mustCompile(t, NewCompiler(fakeCatalogue(full)), text).Match(c); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestJoin(t *testing.T) {
	c := &field.Context{Epoch: 1}
	for text, want := range map[string]bool{
		`join("-", (t.name, t.num, "x", 7)) = nginx--5-x-7`:                     true,
		`join(",", t.list) = "a,b"`:                                             true,
		`join(",", (join("+", t.list), t.name)) = "a+b,nginx"`:                  true,
		`join(",", (t.name, join("+", (t.name, t.flags)))) = nginx,nginx+443`:   false,
		`join(",", (t.name, join("+", (t.name, t.flags)))) = "nginx,nginx+443"`: true,
		`join(",", ()) = ""`:                 true,
		`toupper(join(",", t.list)) = "A,B"`: true,
	} {
		n, err := syntax.Parse(text)
		if err != nil {
			continue
		}
		f, _, err := NewCompiler(fakeCatalogue(someFacts())).Compile(n, "syscall")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Match(c); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestGetopt(t *testing.T) {
	for _, c := range []struct {
		args []string
		text string
		want bool
	}{
		{[]string{"-n", "-t", "5", "x"}, `getopt(t.list, "nt:")[t] = 5`, true},
		{[]string{"-nt5"}, `getopt(t.list, "nt:")[t] = 5`, true},
		{[]string{"-n"}, `getopt(t.list, "nt:")[n] = n`, true},
		{[]string{"-n"}, `getopt(t.list, "nt:")[t] exists`, false},
		{[]string{"-t"}, `getopt(t.list, "nt:")[t] = ""`, true},
		{[]string{"-t", "1", "-t", "2"}, `getopt(t.list, "nt:")[t] = 2`, true},
		{[]string{"x", "-t", "1"}, `getopt(t.list, "nt:")[t] exists`, false},
		{[]string{"--", "-t", "1"}, `getopt(t.list, "nt:")[t] exists`, false},
		{[]string{"--long", "-t", "1"}, `getopt(t.list, "nt:")[t] = 1`, true},
		{[]string{"-n", "-z", "-t", "1"}, `getopt(t.list, "nt:") in (n, "?", t, 1)`, true},
		{[]string{"-n", "-z"}, `getopt(t.list, "nt:") intersects ("?")`, true},
		{[]string{"-n", "-z"}, `len(getopt(t.list, "nt:")) = 2`, true},
		{[]string{"x"}, `len(getopt(t.list, "nt:")) = 0`, true},
		{nil, `len(getopt(t.list, "nt:")) = 0`, false},
		{[]string{"-ab"}, `join("", getopt(t.list, "ab")) = ab`, true},
	} {
		f := someFacts()
		f.list = c.args
		if got := mustCompile(t, NewCompiler(fakeCatalogue(f)), c.text).Match(&field.Context{Epoch: 1}); got != c.want {
			t.Errorf("%v: %s: %v", c.args, c.text, got)
		}
	}
}

func TestMissingValueIsFalse(t *testing.T) {
	cat := fakeCatalogue(&facts{})
	for _, text := range []string{
		"t.name = x", "t.name != x", "t.name in (x)", "t.name != allof (x)", "t.num != 1", "t.num < 1", "t.yes != true",
		"t.ip != 1.1.1.1", "t.ports != 1", "t.ends != 1.1.1.1", "t.nets != 10.0.0.0/8", "t.anc != x", "t.list in (x)",
		"t.name exists", "t.num exists", "t.list exists", "t.name = val(t.name)", "t.list in val(t.list)", "tolower(t.name) != x",
		"len(t.name) >= 0", "join(',', t.list) exists", "concat(t.name, t.cmd) != x", "t.half < 9", "t.buf != x", "t.path glob *",
	} {
		if mustCompile(t, NewCompiler(cat), text).Match(&field.Context{Epoch: 1}) {
			t.Errorf("%s holds without a value", text)
		}
		if !mustCompile(t, NewCompiler(cat), "not "+text).Match(&field.Context{Epoch: 1}) {
			t.Errorf("not %s does not hold without a value", text)
		}
	}
}

func TestEqualPredicatesAreEvaluatedOnce(t *testing.T) {
	f := someFacts()
	cat := fakeCatalogue(f)
	calls := 0
	cat.Add(&field.Field{Name: "t.slow", Type: event.CharBuf, Kind: field.KindString,
		Str: func(*field.Context, *field.Arg) (string, bool) { calls++; return "x", true }})
	c := NewCompiler(cat)
	var filters []*Filter
	for range 3 {
		filters = append(filters, mustCompile(t, c, "t.slow contains y"), mustCompile(t, c, "t.name = nginx and not t.slow contains y"),
			mustCompile(t, c, "(t.num < 0 or t.slow regex 'z+') and t.yes = true"), mustCompile(t, c, "t.yes = true and (t.slow regex 'z+' or t.num < 0)"))
	}
	ctx := &field.Context{Memo: make([]uint32, c.MemoSize())}
	for range 5 {
		ctx.Epoch++
		calls = 0
		for _, f := range filters {
			f.Match(ctx)
		}
		if calls != 1 {
			t.Errorf("evaluated %d times", calls)
		}
	}
}

func TestMemoForgets(t *testing.T) {
	f := someFacts()
	c := NewCompiler(fakeCatalogue(f))
	filter := mustCompile(t, c, "t.cmd contains daemon")
	mustCompile(t, c, "not t.cmd contains daemon")
	if c.MemoSize() == 0 {
		t.Fatal("nothing is shared")
	}
	ctx := &field.Context{}
	for i, cmd := range []string{"daemon", "x", "x", "daemon", "daemon", "x"} {
		ctx.Epoch++
		f.cmd = of(cmd)
		for range 2 {
			if got := filter.Match(ctx); got != (cmd == "daemon") {
				t.Errorf("event %d: %v", i, got)
			}
		}
	}
}

func TestAlternativesAreMerged(t *testing.T) {
	c := NewCompiler(fakeCatalogue(someFacts()))
	f := mustCompile(t, c, "t.path startswith /a or t.path startswith /b or t.num = 1 or t.path = /c or t.path in (/d, /e) or t.path pmatch (/f) or t.path glob *g")
	if len(f.root.kids) != 2 {
		t.Errorf("%d children instead of one for the path and one for the number", len(f.root.kids))
	}
	g := mustCompile(t, c, "t.num = 2 and not t.path startswith /a and not t.path = /c and not t.path = /c")
	if len(g.root.kids) != 2 {
		t.Errorf("%d children instead of two", len(g.root.kids))
	}
	if f := mustCompile(t, c, "t.num = 1 and t.num = 1"); f.root.kids != nil {
		t.Error("doubles are kept")
	}
	if value, constant := mustCompile(t, c, "t.num = 1 or not t.num = 1").Constant(); !constant || !value {
		t.Error("a tautology is not seen")
	}
	if value, constant := mustCompile(t, c, "t.num = 1 and t.name in ()").Constant(); !constant || value {
		t.Error("a contradiction is not seen")
	}
}

func TestEventType(t *testing.T) {
	cat := field.Default()
	for _, c := range []struct {
		typ    event.Type
		params [][]byte
		text   string
		want   bool
	}{
		{event.OpenAt, nil, "evt.type in (open, openat)", true},
		{event.OpenAtEnter, nil, "evt.type = openat", true},
		{event.Close, nil, "evt.type in (open, openat)", false},
		{event.Close, nil, "evt.type != openat", true},
		{event.Close, nil, "not evt.type = openat", true},
		{event.Close, nil, "evt.type in ()", false},
		{event.Generic, [][]byte{{16, 0}, {39, 0}}, "evt.type = getpid", true},
		{event.Generic, [][]byte{{16, 0}, {39, 0}}, "evt.type = getppid", false},
		{event.Generic, [][]byte{{16, 0}, {39, 0}}, "evt.type != getppid", true},
		{event.Generic, [][]byte{{16, 0}, {39, 0}}, "syscall.type = getpid", true},
		{event.ProcExit, nil, "syscall.type = procexit", false},
		{event.ProcExit, nil, "syscall.type != open", false},
		{event.ProcExit, nil, "evt.type = procexit", true},
		{event.OpenAt, nil, "evt.type contains open", true},
		{event.OpenAt, nil, "evt.type = val(syscall.type)", true},
		{event.OpenAt, nil, "evt.type in (openat) and evt.num >= 0", true},
	} {
		var ev event.Event
		if err := ev.Decode(event.AppendRecord(nil, 1, 1, c.typ, c.params...)); err != nil {
			t.Fatal(err)
		}
		ctx := &field.Context{}
		ctx.Reset(&ev, nil, nil, nil, -1, "syscall")
		if got := mustCompile(t, NewCompiler(cat), c.text).Match(ctx); got != c.want {
			t.Errorf("%s: %s: %v", event.Lookup(c.typ).Name, c.text, got)
		}
	}
}

func TestErrors(t *testing.T) {
	cat := fakeCatalogue(someFacts())
	for text, want := range map[string]string{
		"t.nmae = x":                  "filter_check called with nonexistent field t.nmae|did you mean t.name?",
		"t.nope[1] = x":               "filter_check called with nonexistent field t.nope[1]",
		"evt.type = opennat":          "unknown event type opennat|did you mean openat?",
		"some_macro":                  "filter error: unexpected identifier 'some_macro'",
		"t.num = x":                   "x is not a valid number",
		"t.num = 1.5":                 "1.5 is not a valid number",
		"t.num = ''":                  " is not a valid number",
		"t.yes = 1":                   "filter error: unrecognized boolean value 1",
		"t.ip = 1.2.3":                "unrecognized IPv4 address 1.2.3",
		"t.ip = ::g":                  "unrecognized IPv6 address ::g",
		"t.nets = 1.2.3.4":            "unrecognized IP network 1.2.3.4",
		"t.nets = 1.2.3.4/33":         "invalid netmask 33",
		"t.nets = 1.2.3/8":            "unrecognized IP address 1.2.3/8",
		"t.port = nosuchservice":      "unrecognized protocol nosuchservice",
		"t.list = x":                  "filter error: '=' operator not supported list filters",
		"t.name regex '('":            "invalid regex pattern: ",
		"t.name pmatch val(t.cmd)":    "operator 'PMATCH' doesn't support right-hand side fields",
		"t.anc = val(t.name)":         "field 't.anc' doesn't support right-hand side fields",
		"t.name = val(t.anc)":         "field 't.anc' can't be used as a right-hand side field",
		"t.name in val(t.list)":       "field 't.name' has type 'CHARBUF' while the right-hand side field 't.list' has incompatible type 'CHARBUF' (list)",
		"toupper(t.anc) = X":          "field 't.anc' does not support transformers",
		"join(t.name, t.cmd) = x":     "join() second argument must be a list",
		"join(t.list, t.list) = x":    "join() first argument (separator) must be a single value, not a list",
		"concat(t.name) = x":          "unknown field transfomer 'concat'",
		"concat(t.name, t.num) = x":   "concat() arguments must be strings",
		`getopt(t.list, "a")[ab] = x`: "getopt() field argument must be a single option character",
		`getopt(t.name, "a") in (x)`:  "getopt() first argument must be a list",
		"evt.around[1] > 5":           "evt.around supports only '=' comparison operator",
		"fd.sip.name contains x":      "filter error: 'contains' operator not supported for host name filters",
		"t.buf bcontains 4":           "filter error: bcontains and bstartswith operator support hex strings only",
	} {
		n, err := syntax.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		_, _, err = NewCompiler(cat).Compile(n, "syscall")
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v", text, err)
			continue
		}
		msg, hint, _ := strings.Cut(want, "|")
		if !strings.HasPrefix(e.Msg, msg) || hint != "" && e.Hint != hint {
			t.Errorf("%s: %q, hint %q", text, e.Msg, e.Hint)
		}
	}
}

func TestFieldOfAnotherSourceIsUnknown(t *testing.T) {
	n, err := syntax.Parse("evt.type = open")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = NewCompiler(field.Default()).Compile(n, "k8s_audit")
	var e *Error
	if !errors.As(err, &e) || !e.Unknown {
		t.Errorf("error %v", err)
	}
}

func TestEventTypesOfSources(t *testing.T) {
	n, err := syntax.Parse("evt.type = open")
	if err != nil {
		t.Fatal(err)
	}
	types, calls, err := EventTypes(n, SyscallSource)
	if err != nil || !types.Has(event.Open) || !types.Has(event.AsyncEvent) || types.Has(event.Close) || calls.Len() != 1 {
		t.Errorf("%v %v %v", types, calls, err)
	}
	types, calls, err = EventTypes(n, "json")
	if err != nil || types != NewEventSet(event.PluginEvent, event.AsyncEvent) || !calls.Empty() {
		t.Errorf("%v %v %v", types, calls, err)
	}
	for _, text := range []string{"evt.type = val(syscall.type)", "tolower(evt.type) = open"} {
		n, err := syntax.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := EventTypes(n, SyscallSource); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range typical {
		f.Add(text)
	}
	for _, text := range []string{
		`getopt(t.name, "a:b")[a] = x`, `join("", (t.name, (t.list))) = x`, "t.path glob '[a-' or t.path regex '((a)*)*'", "t.nets in (::/0, 0.0.0.0/0)",
		"evt.type in (open, openat) and not evt.type = close", "concat(b64(t.name), tolower(t.cmd)) in ('')", "len(t.ends) > -0x1",
	} {
		f.Add(text)
	}
	facts := someFacts()
	cat := fakeCatalogue(facts)
	ev := someEvent(f)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := syntax.Parse(text)
		if err != nil {
			return
		}
		if _, _, err := EventTypes(n, SyscallSource); err != nil {
			return
		}
		c := NewCompiler(cat)
		filter, _, err := c.Compile(n, "syscall")
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		ctx := field.NewContext(nil)
		ctx.Reset(ev, nil, &state.Thread{Proc: &state.Process{}}, nil, -1, "syscall")
		if !usesOnly(n, "t.", "evt.type") {
			return // other fields need a state
		}
		holds := filter.Match(ctx)
		if again := filter.Match(ctx); again != holds {
			t.Fatalf("%q: %v, then %v", text, holds, again)
		}
		if found := c.Program([]*Filter{filter}, ev.Type()).Match(ctx, nil); (len(found) == 1) != holds {
			t.Fatalf("%q: %v, as a program %v", text, holds, found)
		}
		types, _, _ := EventTypes(n, SyscallSource)
		if holds && !types.Has(ev.Type()) {
			t.Fatalf("%q holds for an event that its types exclude", text)
		}
	})
}

// usesOnly reports whether all fields of a condition begin with one of prefixes.
func usesOnly(n syntax.Node, prefixes ...string) bool {
	only := true
	syntax.WalkOperands(n, func(o syntax.Operand) bool {
		if f, ok := o.(*syntax.Field); ok {
			only = only && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Name, p) })
		}
		return true
	})
	return only
}
