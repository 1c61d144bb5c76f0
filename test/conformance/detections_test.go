// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// detection is one recorded run of Falco's own test suites.
type detection struct {
	ID     string `json:"id"`
	Runner string `json:"runner"`
	Input  struct {
		Rules     []string `json:"rules"`
		Config    string   `json:"config"`
		Capture   string   `json:"capture"`
		Available bool     `json:"capture_available"`
		Args      []string `json:"args"`
		Plugin    string   `json:"plugin_source"`
	} `json:"input"`
	Expected struct {
		ExitCode   int    `json:"exit_code"`
		Detections *found `json:"detections"`
		patterns
	} `json:"expected"`
	// Real is what the real program found where somebody has looked; it counts more.
	Real *found `json:"falco_0_44_1"`
}

// found is how many alerts there were: numbers, or ">0".
type found struct {
	ExitCode   *int           `json:"exit_code"`
	Total      any            `json:"total"`
	ByRule     map[string]any `json:"by_rule"`
	ByPriority map[string]any `json:"by_priority"`
}

// patterns are what must and must not stand in the output.
type patterns struct {
	StdoutRegex    []string `json:"stdout_regex"`
	StdoutNotRegex []string `json:"stdout_not_regex"`
	StderrRegex    []string `json:"stderr_regex"`
	StderrNotRegex []string `json:"stderr_not_regex"`
}

// noDetections are the rows that cannot be run, each with the reason.
var noDetections = []struct{ prefix, why string }{
	{"testing/TestK8SAudit_", "the plugin k8saudit: audit events come from gyr's own source"},
	{"testing/TestFalco_Legacy_ProgramOutputStrict", "the expected lines are of a capture that is not there; Falco 0.44.1 does not have them either"},
	{"libs-e2e/test_ipv6_client", "the capture is not there"},
	{"libs-cycledumper/filter", "about gyr record: its own tests"},
	{"libs-", "TestLibsDetections does"},
}

// runs reports whether a row can be run, and if not why.
func (d *detection) runs() (why string) {
	for _, n := range noDetections {
		if strings.HasPrefix(d.ID, n.prefix) {
			return n.why
		}
	}
	if !d.Input.Available {
		return "the capture is not public any more"
	}
	return ""
}

// detections reads the rows.
func detections(t *testing.T) []detection {
	f, err := os.Open(filepath.Join(corpora(t), "detections.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []detection
	in := bufio.NewScanner(f)
	for in.Buffer(nil, 1<<24); in.Scan(); {
		var d detection
		if err := json.Unmarshal(in.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, d)
	}
	return rows
}

// built is the program, built once for the tests that run it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gyr-conformance")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gyr")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/gyrfalcon/gyrfalcon/cmd/gyr").CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build: %w\n%s", err, out)
	}
	runs = dir
	return path, nil
})

// runs is the directory of the built program, "" if there is none.
var runs string

// TestMain removes what the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	if runs != "" {
		os.RemoveAll(runs)
	}
	os.Exit(code)
}

// gyr returns the path of the program.
func gyr(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDetections runs the program as Falco's test suite runs Falco: alerts by rule and priority, exit code,
// output.
func TestDetections(t *testing.T) {
	rows := detections(t)
	bin := gyr(t)
	agreed, skipped := 0, 0
	for _, d := range rows {
		if why := d.runs(); why != "" {
			skipped++
			t.Logf("not run: %s: %s", d.ID, why)
			continue
		}
		if problems := d.run(t, bin); len(problems) > 0 {
			t.Errorf("%s: %s", d.ID, strings.Join(problems, "; "))
			continue
		}
		agreed++
	}
	t.Logf("detections: %d of %d rows agree, %d cannot be run", agreed, len(rows)-skipped, skipped)
}

// captureFile is where the corpora keep the capture of a row.
func (d *detection) captureFile(dir string) string {
	_, name, _ := strings.Cut(d.Input.Capture, "trace_files/")
	return filepath.Join(dir, "scap", "falco__"+strings.ReplaceAll(name, "/", "__"))
}

// run runs the program and lists what is not as it should be.
func (d *detection) run(t *testing.T, bin string) (problems []string) {
	dir := corpora(t)
	args := []string{"-e", d.captureFile(dir)}
	for _, r := range d.Input.Rules {
		args = append(args, "-r", filepath.Join(dir, r))
	}
	if d.Input.Config != "" {
		args = append(args, "-c", filepath.Join(dir, d.Input.Config))
	}
	args = append(args, d.Input.Args...)
	if !slices.ContainsFunc(d.Input.Args, func(a string) bool { return strings.HasPrefix(a, "json_output=") }) {
		args = append(args, "-o", "json_output=true")
	}
	cmd := exec.Command(bin, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	want, wantExit := d.Expected.Detections, d.Expected.ExitCode
	if d.Real != nil {
		want, wantExit = d.Real, *d.Real.ExitCode
	}
	if got := cmd.ProcessState.ExitCode(); got != wantExit {
		problem("exit code %d, want %d: %s", got, wantExit, cut(stderr.Bytes()))
	}
	if want != nil {
		want.compare(stdout.Bytes(), problem)
	}
	d.Expected.compare(stdout.String(), stderr.String(), problem)
	return problems
}

// compare counts the alerts in lines of JSON.
func (f *found) compare(out []byte, problem func(string, ...any)) {
	rules, priorities, total := map[string]int{}, map[string]int{}, 0
	for line := range bytes.Lines(out) {
		var a wantAlert
		if bytes.HasPrefix(line, []byte{'{'}) && json.Unmarshal(line, &a) == nil {
			rules[a.Rule]++
			priorities[strings.ToLower(a.Priority)[:4]]++
			total++
		}
	}
	check := func(what string, got int, want any) {
		switch want := want.(type) {
		case nil:
		case float64:
			if got != int(want) {
				problem("%s: %d alerts, want %d", what, got, int(want))
			}
		default:
			if want != ">0" || got == 0 {
				problem("%s: %d alerts, want %v", what, got, want)
			}
		}
	}
	check("total", total, f.Total)
	for name, n := range f.ByRule {
		check(name, rules[name], n)
	}
	for name, n := range f.ByPriority {
		check(name, priorities[strings.ToLower(name)[:4]], n)
	}
}

// compare looks for the patterns.
func (p *patterns) compare(stdout, stderr string, problem func(string, ...any)) {
	check := func(list []string, where, text string, want bool) {
		for _, pattern := range list {
			if regexp.MustCompile(pattern).MatchString(text) != want {
				problem("%s: %q found: %t: %s", where, pattern, !want, cut([]byte(text)))
			}
		}
	}
	check(p.StdoutRegex, "stdout", stdout, true)
	check(p.StdoutNotRegex, "stdout", stdout, false)
	check(p.StderrRegex, "stderr", stderr, true)
	check(p.StderrNotRegex, "stderr", stderr, false)
}

// TestLibsDetections checks what upstream's libraries expect of captures, through "gyr replay".
func TestLibsDetections(t *testing.T) {
	dir, bin := corpora(t), gyr(t)
	replayed := func(name string, args ...string) []string {
		t.Helper()
		out, err := exec.Command(bin, append([]string{"replay", filepath.Join(dir, "scap", name)}, args...)...).Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return strings.Fields(string(out))
	}
	ends := "%fd.cip,%fd.sip,%fd.cport,%fd.sport,%fd.l4proto"
	for _, c := range []struct{ file, filter, want string }{
		{"libs__curl_google.scap", "thread.tid=17497 and evt.type in (sendto, recvfrom) and fd.cnet=2600:1f18:262c:6542::/64 and fd.snet=2607:f8b0:4004:802::/64 and fd.is_server=false",
			"2600:1f18:262c:6542:9aa6:df7a:9a47:d29e,2607:f8b0:4004:802::2004,37140,80,tcp"},
		{"libs__single_ipv6_conn.scap", "thread.tid=25888 and evt.type=connect and fd.name exists and fd.cport != 0", "2001:db8::4,2001:db8::3,54405,1234,tcp"},
	} {
		got := replayed(c.file, "-p", ends, c.filter)
		if len(got) == 0 || slices.ContainsFunc(got, func(s string) bool { return s != c.want }) {
			t.Errorf("%s: %q, want only %q", c.file, got, c.want)
		}
	}
	plain := replayed("libs__curl_google.scap")
	if len(plain) == 0 || !slices.Equal(plain, replayed("libs__curl_google_comments.scap")) {
		t.Error("comments of the section change the events")
	}
	for name, want := range map[string]int{"futex": 15, "nanosleep": 38} {
		if got := len(replayed("libs__sample.scap", "-p", "%evt.num", "evt.type="+name)); got != want {
			t.Errorf("%d events %s, want %d", got, name, want)
		}
	}
	for filter, want := range map[string]string{
		"evt.rawtime=1690557263532873130 and thread.tid=762": "nanosleep,0,0",
		"evt.rawtime=1690557262892768316 and thread.tid=418": "futex,0,81,1",
	} {
		format := "%evt.type,%evt.rawarg.res,%evt.rawarg.interval"
		if strings.HasPrefix(want, "futex") {
			format = "%evt.type,%evt.rawarg.res,%evt.rawarg.op,%evt.rawarg.val"
		}
		if got := replayed("libs__sample.scap", "-p", format, filter); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
}

// TestReplayEscapes holds that what a capture says cannot forge lines: there is a socket in this one whose name
// ends with a line feed.
func TestReplayEscapes(t *testing.T) {
	file := filepath.Join(corpora(t), "scap", "bencer-soe__example4__example4-1.scap")
	for _, format := range []string{"%fd.name|%evt.args", "%fd.name\t|%evt.args"} {
		out, err := exec.Command(gyr(t), "replay", file, "-p", format, "evt.num=409").Output()
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(out), "\n"); lines != 1 || !strings.Contains(string(out), `.sock\n`) || strings.Count(string(out), "\t") != strings.Count(format, "\t") {
			t.Errorf("%q", out)
		}
	}
}

// maxEmptyReplay is how long a replay of next to nothing may take, start of the process included. On a machine
// at rest it takes a fraction (docs/performance.md).
const maxEmptyReplay = 3 * time.Second

// TestEmptyReplay holds that a replay starts at once, reads a capture without a match and ends well.
func TestEmptyReplay(t *testing.T) {
	bin, file := gyr(t), filepath.Join(corpora(t), "scap", "falco__empty.scap")
	best := time.Hour
	for range 3 {
		began := time.Now()
		out, err := exec.Command(bin, "-e", file).Output()
		if err != nil || !strings.Contains(string(out), "Events detected: 0") {
			t.Fatalf("%v: %s", err, out)
		}
		best = min(best, time.Since(began))
	}
	t.Logf("%v", best.Round(time.Millisecond))
	if best > maxEmptyReplay {
		t.Errorf("%v, at most %v are allowed", best, maxEmptyReplay)
	}
}
