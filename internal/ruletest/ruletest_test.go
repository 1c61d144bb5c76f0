// SPDX-License-Identifier: Apache-2.0

package ruletest_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/ruletest"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

const testRules = `
- list: shells
  items: [sh, bash]
- macro: opened
  condition: (evt.type in (open, openat) and fd.num >= 0)
- macro: trusted
  condition: (proc.exepath in (/usr/bin/passwd, /usr/bin/su) or proc.aname = cron)
- rule: shadow
  desc: d
  condition: opened and fd.name = /etc/shadow and not trusted
  output: shadow opened | file=%fd.name real=%fd.path.real process=%proc.name user=%user.name
  priority: WARNING
- rule: etc
  desc: d
  condition: opened and fd.name startswith /etc/
  output: etc opened | file=%fd.name
  priority: INFO
- rule: connected
  desc: d
  condition: evt.type = connect and evt.rawres >= 0 and fd.sport = 443
  output: connected | connection=%fd.name port=%fd.sport
  priority: INFO
- rule: off
  desc: d
  condition: evt.type = unlink
  output: o
  priority: INFO
  enabled: false
- rule: shell in container
  desc: d
  condition: evt.type = execve and evt.rawres = 0 and proc.name in (shells) and container.id != host
  output: shell | user=%user.name container=%container.id parent=%proc.pname args=%proc.args cwd=%proc.cwd tty=%proc.tty
  priority: INFO
- rule: calls without an event of their own
  desc: d
  condition: evt.type in (kexec_load, reboot)
  output: o
  priority: INFO
`

// run writes rules and tests to a directory and runs the tests.
func run(t testing.TB, tests string, o ruletest.Options) *ruletest.Report {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"r.yaml": testRules, "r_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ruletest.Find([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	return ruletest.Run(files, o)
}

// text is the report with the directory left out.
func text(r *ruletest.Report, verbose bool) string {
	var b bytes.Buffer
	r.WriteText(&b, verbose)
	return regexp.MustCompile(`/\S*/`).ReplaceAllStringFunc(b.String(), func(s string) string {
		if strings.Contains(s, "Test") {
			return ""
		}
		return s
	})
}

// TestPassing holds what must be possible to what it must lead to.
func TestPassing(t *testing.T) {
	for name, c := range map[string]string{
		"a path alone": `{name: x, events: [open: /etc/shadow], expect: shadow}`,
		"output fields": `{name: x, by: user_shell, events: [open: {name: shadow, real_path: /mnt/shadow}, chdir: /etc, openat: shadow],
			expect: {rule: shadow, count: 1, output: {fd.name: /etc/shadow, fd.path.real: /etc/shadow, proc.name: bash, user.name: alice}}}`,
		"nothing else fires":  `{name: x, events: [open: /etc/shadow], expect: shadow, forbid: any}`,
		"nothing fires":       `{name: x, events: [open: /srv/x, open: {name: /etc/shadow, fd: EACCES}], forbid: any}`,
		"failed by result":    `{name: x, events: [open: {name: /etc/shadow, res: EACCES}], forbid: [shadow]}`,
		"a list of actors":    `{name: x, events: [{open: /etc/shadow, by: [shell, nginx]}, {open: /etc/shadow, by: everywhere}], expect: {rule: shadow, count: 11}, forbid: []}`,
		"a new process":       `{name: x, events: [{spawn: cat /etc/shadow, as: cat}, {open: /etc/shadow, by: cat}], expect: {rule: shadow, output: {proc.name: cat}}}`,
		"a trusted one":       `{name: x, events: [{spawn: passwd, as: p}, {open: /etc/shadow, by: p}], forbid: shadow, expect: etc}`,
		"becomes another":     `{name: x, events: [execve: passwd, open: /etc/shadow], forbid: shadow}`,
		"a failed exec":       `{name: x, events: [execve: {run: passwd, res: ENOENT}, open: /etc/shadow], expect: shadow}`,
		"a socket of its own": `{name: x, events: [connect: 192.0.2.1:443], expect: {rule: connected, output: {fd.name: "10.0.0.2:40001->192.0.2.1:443", fd.sport: 443}}}`,
		"a tuple":             `{name: x, events: [connect: {tuple: "10.0.0.2:1->192.0.2.1:443"}], expect: {rule: connected, output: {fd.name: "10.0.0.2:1->192.0.2.1:443"}}}`,
		"IPv6":                `{name: x, events: [connect: "[2001:db8::1]:443"], expect: {rule: connected, output: {fd.name: "2001:db8::2:40001->2001:db8::1:443"}}}`,
		"a refused one":       `{name: x, events: [connect: {addr: 192.0.2.1:443, res: ECONNREFUSED}], forbid: connected}`,
		"a rule that is off":  `{name: x, enable: ["off"], events: [unlink: /x], expect: "off"}`,
		"its near miss":       `{name: x, events: [unlink: /x], forbid: "off"}`,
		"a container": `{name: x, by: app, events: [spawn: {run: "sh -c 'a b'", cwd: /tmp, tty: true}],
			expect: {rule: shell in container, output: {user.name: app, proc.pname: server, proc.args: -c a b, proc.cwd: /tmp/, proc.tty: 34816}}}`,
		"into a container": `{name: x, by: shim, events: [spawn: {run: bash, container: app, user: www-data}], expect: {rule: shell in container, output: {user.name: www-data}}}`,
		"on the host":      `{name: x, events: [spawn: bash], forbid: any}`,
		"rare calls":       `{name: x, events: [reboot, kexec_load: ], expect: {rule: calls without an event of their own, count: 2}}`,
		"fields":           `{name: x, fields: {evt.type: openat, fd.num: 3, fd.name: /etc/shadow, proc.exepath: /bin/x}, expect: shadow, forbid: any}`,
		"other fields":     `{name: x, fields: {evt.type: openat, fd.num: 3, fd.name: /etc/shadow, proc.aname: [bash, cron]}, forbid: shadow, expect: etc}`,
		"time":             `{name: x, events: [open: /etc/shadow, {open: /etc/shadow, after: 1h}], expect: {rule: shadow, count: 2}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if r := run(t, "cases:\n  - "+c+"\n", ruletest.Options{}); !r.OK() {
				t.Error(text(r, true))
			}
		})
	}
}

// TestFailing holds that what is not so fails, with the reason.
func TestFailing(t *testing.T) {
	for name, c := range map[string]struct{ test, want string }{
		"did not fire": {`{name: x, events: [open: /srv/x], expect: shadow}`,
			"rule \"shadow\" did not fire\n          nearest was event 1 (open):\n            fd.name = /etc/shadow is false: fd.name is \"/srv/x\"\n"},
		"another one": {`{name: x, by: sshd, events: [open: /etc/shadow], expect: connected}`,
			"the rule looks at other types of events than open\n"},
		"a negated macro": {`{name: x, events: [execve: su, open: /etc/shadow], expect: shadow}`,
			"trusted is true:\n              proc.exepath in (/usr/bin/passwd, /usr/bin/su) is true: proc.exepath is \"/usr/bin/su\"\n"},
		"instead": {`{name: x, events: [execve: su, open: /etc/shadow], expect: shadow}`, "instead event 2 (open) raised \"etc\"\n"},
		"hidden":  {`{name: x, events: [open: /etc/shadow], expect: etc}`, "its condition holds for event 1 (open), but another rule matched first"},
		"no value": {`{name: x, events: [connect: {addr: 192.0.2.1:80, fd: 9}], expect: connected}`,
			"fd.sport = 443 is false: fd.sport is 80\n"},
		"forbidden": {`{name: x, events: [open: /etc/shadow], forbid: shadow}`,
			"event 1 (open): rule \"shadow\" fired, which the case forbids\n          shadow opened | file=/etc/shadow"},
		"unexpected": {`{name: x, events: [open: /etc/shadow], expect: connected, forbid: any}`, "rule \"shadow\" fired, which the case does not expect"},
		"too often":  {`{name: x, events: [open: /etc/shadow, open: /etc/shadow], expect: {rule: shadow, count: 1}}`, "rule \"shadow\" fired 2 times, not 1"},
		"never":      {`{name: x, events: [open: /etc/shadow], expect: {rule: shadow, count: 0}}`, "rule \"shadow\" fired 1 times, not 0"},
		"output": {`{name: x, events: [open: /etc/shadow], expect: {rule: shadow, output: {user.name: bob}}}`,
			"fired, but not with the output that the case expects\n          user.name is \"root\", not \"bob\""},
		"off":    {`{name: x, events: [unlink: /x], expect: "off"}`, `the rule is switched off (enable: ["off"] in the case switches it on)`},
		"fields": {`{name: x, fields: {evt.type: open, fd.num: 3, fd.name: /x}, expect: shadow}`, "fd.name = /etc/shadow is false: fd.name is \"/x\""},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, "cases:\n  - "+c.test+"\n", ruletest.Options{})
			if got := text(r, false); r.OK() || !strings.Contains(got, c.want) || !strings.Contains(got, "  FAIL  r_test.yaml:2: x\n") {
				t.Errorf("got\n%s\nwant in it\n%s", got, c.want)
			}
		})
	}
}

// TestMistakes holds what is said of broken files.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ test, want string }{
		{"", "r_test.yaml: error: the file is empty"},
		{"cases: [", "error: not valid YAML"},
		{"a: b\n", "r_test.yaml:1:1: error: unknown key of a file of tests \"a\"\n  a: b\n  ^\n  hint: "},
		{"cases: []\n", "the file has no cases"},
		{"case: []\n", "hint: did you mean cases?"},
		{"cases:\n  - {events: [open: x], forbid: any}\n", "2:5: error: a case needs a name"},
		{"cases:\n  - {name: x, events: [open: x]}\n", "the case expects nothing and forbids nothing"},
		{"cases:\n  - {name: x, forbid: any}\n", "a case has either events, fields or a capture"},
		{"cases:\n  - {name: x, forbid: any, events: [opne: /x]}\n", "2:37: error: unknown event \"opne\"\n"},
		{"cases:\n  - {name: x, forbid: any, events: [opne: /x]}\n", "hint: did you mean open?"},
		{"cases:\n  - {name: x, forbid: any, events: [open: {nam: /x}]}\n", "unknown parameter of open \"nam\""},
		{"cases:\n  - {name: x, forbid: any, events: [open: {name: /x, flags: O_RDOLY}]}\n", "did you mean O_RDONLY?"},
		{"cases:\n  - {name: x, forbid: any, events: [open: {name: /x, fd: EACCESS}]}\n", "did you mean EACCES?"},
		{"cases:\n  - {name: x, forbid: any, events: [chmod: {filename: /x, mode: 755}]}\n", "write 0755"},
		{"cases:\n  - {name: x, forbid: any, events: [rename: /x]}\n", "name the parameters of rename"},
		{"cases:\n  - {name: x, forbid: any, events: [{open: x, close: 3}]}\n", `an event has one name, here are "open" and "close"`},
		{"cases:\n  - {name: x, forbid: any, events: [{by: shell}]}\n", "an event needs a name"},
		{"cases:\n  - {name: x, forbid: any, by: shel, events: [open: x]}\n", "did you mean shell?"},
		{"cases:\n  - {name: x, forbid: any, events: [connect: nowhere]}\n", `"nowhere" is no address`},
		{"cases:\n  - {name: x, forbid: any, events: [connect: {tuple: x}]}\n", `"x" is no pair of addresses`},
		{"cases:\n  - {name: x, forbid: any, events: [kill: {pid: ngix, sig: SIGKILL}]}\n", "did you mean nginx?"},
		{"cases:\n  - {name: x, forbid: any, events: [kill: {pid: nginx, sig: SIGKIL}]}\n", `unknown signal "SIGKIL"`},
		{"cases:\n  - {name: x, forbid: any, events: [spawn: {run: x, user: alcie}]}\n", "did you mean alice?"},
		{"cases:\n  - {name: x, forbid: any, events: [spawn: {run: x, container: ap}]}\n", "did you mean app?"},
		{"cases:\n  - {name: x, forbid: any, events: [spawn: {run: x, caps: CAP_SYS_ADMN}]}\n", "did you mean CAP_SYS_ADMIN?"},
		{"cases:\n  - {name: x, forbid: any, events: [spawn: {run: x, args: [y]}]}\n", "run stands for exe and args"},
		{"cases:\n  - {name: x, forbid: shadw, events: [open: x]}\n", "2:23: error: unknown rule \"shadw\"\n"},
		{"cases:\n  - {name: x, expect: {rule: shadow, output: {fd.nam: x}}, events: [open: x]}\n", "did you mean fd.name?"},
		{"cases:\n  - {name: x, forbid: any, fields: {evt.type: open, proc.nam: x}}\n", "did you mean proc.name?"},
		{"cases:\n  - {name: x, forbid: any, fields: {evt.type: open, fd.num: x}}\n", `"x" is no value of fd.num`},
		{"cases:\n  - {name: x, forbid: any, fields: {proc.name: x}}\n", "need an evt.type"},
		{"cases:\n  - {name: x, forbid: any, capture: x.scap}\n", "2:37: error: capture files cannot be read here"},
		{"machine: {processes: {a: {parent: b}, b: {parent: a}}}\ncases:\n  - {name: x, forbid: any, events: [open: x]}\n", "is its own ancestor"},
		{"machine: {processes: {a: {pid: 1}}}\ncases:\n  - {name: x, forbid: any, events: [open: x]}\n", "process 1 runs already"},
		{"machine: {processes: {a: {fds: {3: nonsense}}}}\ncases:\n  - {name: x, forbid: any, events: [open: x]}\n", `"nonsense" is no descriptor`},
		{"rules: nothere.yaml\ncases:\n  - {name: x, forbid: any, events: [open: x]}\n", `1:8: error: rules file "nothere.yaml" cannot be read`},
	} {
		r := run(t, c.test, ruletest.Options{})
		if got := text(r, false); r.OK() || !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot\n%s\nwant in it\n%s", c.test, got, c.want)
		}
	}
}

func TestRunSelects(t *testing.T) {
	tests := "cases:\n  - {name: one, events: [open: /etc/shadow], expect: shadow}\n  - {name: two, events: [unlink: /x], forbid: connected}\n"
	for re, want := range map[string]int{"one": 1, "shadow": 1, "connec": 1, "": 2, "three": 0} {
		r := run(t, tests, ruletest.Options{Run: regexp.MustCompile(re)})
		if passed, _ := r.Count(); passed != want || r.OK() != (want > 0) {
			t.Errorf("%q: %d passed, want %d", re, passed, want)
		}
	}
}

func TestCoverage(t *testing.T) {
	r := run(t, "cases:\n  - {name: one, events: [open: /etc/shadow, unlink: /x, open: /srv/x], expect: shadow}\n", ruletest.Options{Coverage: true})
	for _, rc := range r.Coverage.Rules {
		if rc.Rule != "shadow" {
			continue
		}
		var missing []string
		for _, p := range rc.Missing() {
			missing = append(missing, fmt.Sprintf("%s %t %t", p.Text, p.True, p.False))
		}
		// What stands behind a false part is not evaluated.
		want := "fd.num >= 0 true false; proc.exepath in (/usr/bin/passwd, /usr/bin/su) false true; proc.aname = cron true false"
		if got := strings.Join(missing, "; "); got != want && got != strings.Replace(want, "cron true false", "cron false true", 1) {
			t.Errorf("missing: %s", got)
		}
		if both, all := rc.Count(); both != all-3 || !rc.Fired {
			t.Errorf("%d of %d, fired %t", both, all, rc.Fired)
		}
	}
	got := text(r, false)
	if !strings.Contains(got, "never false:  fd.num >= 0\n") || !strings.Contains(got, "never tested: evt.rawres = 0\n") || !strings.Contains(got, "no test makes the rule true\n") {
		t.Error(got)
	}
}

func TestReports(t *testing.T) {
	tests := "cases:\n  - {name: good, events: [open: /etc/shadow], expect: shadow}\n  - {name: \"bad <&>\", events: [open: /etc/shadow], forbid: shadow}\n"
	r := run(t, tests, ruletest.Options{})
	var b bytes.Buffer
	if err := r.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Line    int    `xml:"line,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	if c := suites.Suites[0].Cases; suites.Tests != 2 || suites.Failures != 1 || c[0].Failure != nil || c[1].Name != "bad <&>" || c[1].Line != 3 ||
		!strings.Contains(c[1].Failure.Message, "which the case forbids") {
		t.Errorf("%+v", suites)
	}
	b.Reset()
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Passed, Failed int
		OK             bool
	}
	if err := json.Unmarshal(b.Bytes(), &report); err != nil || report.Passed != 1 || report.Failed != 1 || report.OK {
		t.Errorf("%+v %v", report, err)
	}
}

// TestCapture plays a recorded file.
func TestCapture(t *testing.T) {
	file := statetest.Corpus(t, "scap/falco__cat_write.scap")
	capture := func(path string, st *state.State) source.Source { return scap.New(scap.Options{Path: path, State: st}) }
	r := run(t, "cases:\n  - {name: x, capture: "+file+", expect: etc, forbid: connected}\n", ruletest.Options{Capture: capture})
	if !r.OK() {
		t.Error(text(r, true))
	}
	r = run(t, "cases:\n  - {name: x, capture: nothere.scap, forbid: connected}\n", ruletest.Options{Capture: capture})
	if got := text(r, false); r.OK() || !strings.Contains(got, "nothere.scap") {
		t.Error(got)
	}
}

func TestIsTest(t *testing.T) {
	for content, want := range map[string]bool{
		"# c\n\ncases:\n  - x\n": true, "- rule: x\n": false, "---\n- list: x\n": false, "": false, "# x\n---\nmachine: {}\n": true, "[]": false,
	} {
		if got := ruletest.IsTest([]byte(content)); got != want {
			t.Errorf("%q: %t", content, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("machine: &m {processes: {a: {fds: {0: pipe}, run: x}}}\ncases:\n- {name: x, by: a, forbid: any, events: [connect: 1.2.3.4:5, spawn: {run: 'a \"b', env: {A: b}}]}\n"))
	f.Add([]byte("cases:\n- &a {name: x, fields: {evt.type: open, fd.num: 3}, expect: [{rule: r, count: 1, output: {fd.name: x}}]}\n- *a\n"))
	f.Add([]byte("cases:\n- {name: x, forbid: any, events: [clone: {flags: CLONE_NEWUSER}, mount: {dev: a, flags: [BIND, REMOUNT]}, setuid: {uid: alice}, open: {name: x, mode: 0o644}]}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, problems := ruletest.Parse("x_test.yaml", content)
		for _, p := range problems {
			_ = p.Text()
		}
	})
}

// TestContainer holds what fields tell of containers of the machine.
func TestContainer(t *testing.T) {
	tests := `machine:
  containers:
    web: {runtime: podman, age: 2s, image: "registry.example:5000/web:1.2", labels: {b: x, a: y}, users: {web: 7}}
  processes:
    web: {parent: shim, run: sh, container: web, user: web}
rules: embedded.yaml
cases:
  - {name: x, by: web, events: [spawn: id], expect: {rule: r, output: {container.id: 4b5e57f6eb2f, container.type: podman, container.image.repository: "registry.example:5000/web",
      container.image.tag: "1.2", "container.label[a]": y, container.name: web, user.name: web, proc.vpid: 2, container.duration: 2002000000}}}
`
	rules := "- rule: r\n  desc: d\n  condition: evt.type = execve and container.duration < 5000000000\n  priority: INFO\n  output: >\n" +
		"    %container.id %container.type %container.image.repository %container.image.tag %container.label[a] %container.name %user.name %proc.vpid %container.duration\n"
	dir := t.TempDir()
	for name, text := range map[string]string{"embedded.yaml": rules, "r_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := ruletest.Run([]string{filepath.Join(dir, "r_test.yaml")}, ruletest.Options{}); !r.OK() {
		t.Error(text(r, true))
	}
}
