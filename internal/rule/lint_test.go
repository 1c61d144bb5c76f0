// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// lint loads rules and returns what the lints say.
func lint(t testing.TB, text string) []diag.Problem {
	t.Helper()
	set := rule.Load([]rule.Source{{Name: "rules.yaml", Content: []byte(text)}}, rule.Options{})
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return set.Lint(field.Default())
}

// item is one rule.
func item(name, condition string) string {
	return fmt.Sprintf("- rule: %s\n  desc: d\n  condition: %q\n  output: o\n  priority: INFO\n", name, condition)
}

// codes lists the codes of findings with what their message says of a rule's name.
func codes(problems []diag.Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Code)
	}
	return strings.Join(all, " ")
}

func TestLintConstant(t *testing.T) {
	const never, always = rule.LintAlwaysFalse, rule.LintAlwaysTrue
	for _, c := range []struct{ condition, want string }{
		{"evt.type = open and proc.name = a", ""},
		{"evt.type = open and evt.type = execve", never},
		{"evt.type in (open, openat) and not evt.type in (open, openat, creat)", never},
		{"evt.type in (open, openat) and evt.type != open", ""},
		{"evt.type = open and proc.name = a and proc.name = b", never},
		{"evt.type = open and proc.name in (a, b) and proc.name in (b, c)", ""},
		{"evt.type = open and proc.name in (a, b) and proc.name in (c, d)", never},
		{"evt.type = open and proc.name = a and proc.name != a", never},
		{"evt.type = open and proc.name = a and not proc.name = a", never},
		{"evt.type = open and fd.name exists and not fd.name exists", never},
		{"evt.type = open and not fd.name exists and fd.name startswith /etc", never},
		{"evt.type = open and fd.name startswith /etc and fd.name startswith /usr", never},
		{"evt.type = open and fd.name startswith /etc and fd.name startswith /etc/ssh", ""},
		{"evt.type = open and fd.name endswith .so and fd.name endswith .a", never},
		{"evt.type = open and fd.name = /etc/x and fd.name startswith /usr/", never},
		{"evt.type = open and fd.num > 3 and fd.num < 3", never},
		{"evt.type = open and fd.num >= 3 and fd.num <= 3", ""},
		{"evt.type = open and fd.num > 5 and fd.num < 6", never},
		{"evt.type = open and fd.num = 0x10 and fd.num = 16", ""},
		{"evt.type = open and evt.is_open_read = true and evt.is_open_read = false", never},
		{"evt.type = open and (proc.name = a or proc.name = b) and not proc.name in (a, b)", never},
		{"evt.type = open and (proc.name = a or user.name = x) and proc.name = b and user.name = y", never},
		{"evt.type = open and tolower(proc.name) = a and tolower(proc.name) = b", never},
		// What has several values at once fulfils both.
		{"evt.type = connect and fd.ip = 192.0.2.1 and fd.ip = 192.0.2.2", ""},
		{"evt.type = open and proc.aname = a and proc.aname = b", ""},
		{"evt.type = open and proc.env[A] = a and proc.env[B] = b", ""},
		// The usual ways to switch something off.
		{"evt.type = open and evt.num = 0", ""},
		{"evt.type = open and not evt.num = 0", ""},
		{"evt.type = open or not evt.type = open", always},
		{"evt.type = open or proc.name = a or not proc.name = a", always},
		{"evt.type = open or (fd.name exists or not fd.name exists)", always},
		// Without a name neither holds.
		{"evt.type = open or proc.name = a or proc.name != a", ""},
	} {
		if got := codes(lint(t, item("r", c.condition))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.condition, got, c.want)
		}
	}
}

func TestLintShadowed(t *testing.T) {
	for _, c := range []struct {
		earlier, later string
		want           bool
	}{
		{"evt.type = open", "evt.type = open", true},
		{"evt.type = open and proc.name = a", "evt.type = open and fd.name = x and proc.name = a", true},
		{"evt.type in (open, openat) and proc.name in (a, b)", "evt.type = open and proc.name = a", true},
		{"evt.type = open and (proc.name = a or user.name = b)", "evt.type = open and user.name = b", true},
		{"evt.type = open and (proc.name = a or user.name = b)", "evt.type = open and (user.name = b or proc.name = a)", true},
		{"evt.type = open and fd.name startswith /etc/", "evt.type = open and fd.name startswith /etc/ssh/", true},
		{"evt.type = open and not proc.name = a", "evt.type = open and not proc.name = a and user.name = b", true},
		{"evt.type = open and proc.name exists", "evt.type = open and proc.name = a", true},
		{"evt.type = open and proc.name = a", "evt.type = open and proc.name = b", false},
		{"evt.type = open and proc.name = a", "evt.type = open", false},
		{"evt.type = open", "evt.type in (open, openat)", false},
		{"evt.type = open and (proc.name = a or user.name = b)", "evt.type = open and (user.name = c or proc.name = a)", false},
		{"evt.type = open and fd.name startswith /etc/ssh/", "evt.type = open and fd.name startswith /etc/", false},
		{"evt.type = open and not proc.name = a", "evt.type = open and not proc.name = b", false},
		{"evt.type = open and not proc.name = a", "evt.type = open and proc.name = b", true},
	} {
		want := ""
		if c.want {
			want = rule.LintShadowed
		}
		if got := codes(lint(t, item("earlier", c.earlier)+item("later", c.later))); got != want {
			t.Errorf("%s\nbehind %s: got %q, want %q", c.later, c.earlier, got, want)
		}
	}
	off := item("earlier", "evt.type = open") + "  enabled: false\n" + item("later", "evt.type = open")
	if got := lint(t, off); len(got) > 0 {
		t.Errorf("a rule that is switched off hides another: %v", got)
	}
}

func TestLintMissingField(t *testing.T) {
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{"evt.type in (open, execve) and not fd.name startswith /tmp", true},
		{"evt.type in (open, execve) and not fd.name startswith /tmp and fd.name exists", false},
		{"evt.type in (open, execve) and not fd.name startswith /tmp and fd.num >= 0", false},
		{"evt.type in (open, openat) and not fd.name startswith /tmp", false},
		{"evt.type in (chmod, execve) and not evt.arg.mode contains S_ISUID", true},
		{"evt.type in (chmod, fchmod) and not evt.arg.mode contains S_ISUID", false},
		{"evt.type in (unlink, execve) and not fs.path.name startswith /tmp", false}, // execve has a path, too
		{"evt.type in (unlink, setuid) and not fs.path.name startswith /tmp", true},
		{"evt.type = execve and not proc.pname in (a, b)", false},
	} {
		want := ""
		if c.want {
			want = rule.LintMissingField
		}
		if got := codes(lint(t, item("r", c.condition))); got != want {
			t.Errorf("%s: got %q, want %q", c.condition, got, want)
		}
	}
}

func TestLintExceptionsAndAppends(t *testing.T) {
	text := item("r", "evt.type = open and fd.name = x or evt.type = open and proc.name = a") +
		"  exceptions:\n    - {name: used, fields: proc.name, values: [x]}\n    - {name: idle, fields: proc.name}\n    - {name: later, fields: proc.name}\n"
	text += "- rule: r\n  exceptions:\n    - {name: later, values: [z]}\n  override: {exceptions: append}\n"
	got := lint(t, text)
	if codes(got) != rule.LintUnusedException || !strings.Contains(got[0].Message, `"idle"`) || got[0].Line != 8 {
		t.Errorf("got %v", got)
	}
	text = item("r", "evt.type = open and fd.name = x or evt.type = open and proc.name = a") +
		"- rule: r\n  condition: and user.name = x\n  override: {condition: append}\n"
	if got := codes(lint(t, text)); got != rule.NotePrecedence {
		t.Errorf("got %q", got)
	}
}

// TestLintLeavesLoadingAlone holds the results of loading to what they were without lints.
func TestLintLeavesLoadingAlone(t *testing.T) {
	text := item("r", "evt.type = open and proc.name = a and proc.name = b")
	set := rule.Load([]rule.Source{{Name: "rules.yaml", Content: []byte(text)}}, rule.Options{})
	before := string(set.AppendReportJSON(nil)) + string(set.AppendReport(nil, true))
	if len(set.Lint(field.Default())) == 0 {
		t.Error("nothing was found")
	}
	if after := string(set.AppendReportJSON(nil)) + string(set.AppendReport(nil, true)); after != before || strings.Contains(after, "GYR_") {
		t.Errorf("the report changed to %s", after)
	}
}

// TestLintUpstream lists the findings in the rules of others, which must be few and true.
func TestLintUpstream(t *testing.T) {
	dir := filepath.Dir(statetest.Corpus(t, "rules/upstream-current/falco_rules.yaml"))
	var sources []rule.Source
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, rule.Source{Name: name, Content: content})
	}
	got := rule.Load(sources, rule.Options{}).Lint(field.Default())
	for _, p := range got {
		t.Log(p.String())
	}
	// A macro that is meant to be replaced, and a rule behind a more general one of another file.
	if codes(got) != rule.LintAlwaysFalse+" "+rule.LintShadowed {
		t.Errorf("got %q", codes(got))
	}
}

func BenchmarkLint(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		text.WriteString(item(fmt.Sprintf("r%d", i), fmt.Sprintf("evt.type in (open, openat) and (fd.name startswith /a/%d or fd.name startswith /b/%d) and not proc.name in (a, b)", i, i)))
	}
	set := rule.Load([]rule.Source{{Name: "rules.yaml", Content: []byte(text.String())}}, rule.Options{})
	for b.Loop() {
		set.Lint(field.Default())
	}
}
