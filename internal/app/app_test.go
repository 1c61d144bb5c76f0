// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// memory is a source that delivers records from a list.
type memory struct {
	records [][]byte
	at      int
	// endless makes it idle behind the last record instead of ending.
	endless bool
	stats   source.Stats
	openErr error
	fail    error // what Next returns behind the last record
	stopped bool
	closed  bool
	onIdle  func()
}

func (m *memory) Open(context.Context) error { return m.openErr }
func (m *memory) Close() error               { m.closed = true; return nil }
func (m *memory) Stop() error                { m.stopped = true; return nil }
func (m *memory) Stats() source.Stats {
	s := m.stats
	s.Events = uint64(m.at)
	return s
}

func (m *memory) Next(ev *event.Event) error {
	if m.at == len(m.records) {
		switch {
		case m.fail != nil:
			return m.fail
		case m.stopped || !m.endless:
			return io.EOF
		}
		if m.onIdle != nil {
			m.onIdle()
		}
		time.Sleep(time.Millisecond)
		return source.ErrIdle
	}
	rec := m.records[m.at]
	m.at++
	ev.Num = uint64(m.at)
	return ev.Decode(rec)
}

// blind is a memory source that claims to be testable; seeing makes it keep that promise.
type blind struct {
	memory
	seeing bool
	path   string // what the test opens
	on     []bool
}

func (b *blind) SelfTest(on bool) error {
	b.on = append(b.on, on)
	return nil
}

func i64(n int64) []byte  { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// openat is the record of an openat that returned fd.
func openat(fd int64, name string) []byte {
	return event.AppendRecord(nil, 1, 100, event.OpenAt, i64(fd), i64(-100), append([]byte(name), 0), u32(1), u32(0), u32(0x801), i64(77))
}

const someRules = `
- rule: shadow
  desc: d
  condition: evt.type = openat and evt.arg.name = /etc/shadow
  output: opened %evt.arg.name
  priority: CRITICAL
- rule: passwd
  desc: d
  condition: evt.type = openat and evt.arg.name = /etc/passwd
  output: opened %evt.arg.name
  priority: INFO
`

// syncBuffer is a buffer that several goroutines may write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// unheard is the default configuration without a control socket.
func unheard() *config.Config {
	cfg := config.Default()
	cfg.Gyr.Control.Socket = ""
	return cfg
}

// run runs the application over a source and returns what it wrote.
func run(t *testing.T, src source.Source, change func(*config.Config, *Options)) (stdout, stderr string, err error) {
	t.Helper()
	var out, log syncBuffer
	cfg := unheard()
	cfg.AppendOutput = nil
	cfg.TimeFormatISO8601 = true
	cfg.Gyr.HostRoot = t.TempDir()
	o := Options{
		Config: cfg, RulesPaths: []string{writeRules(t)}, Stdout: &out, Stderr: &log,
		NewSource: func(SourceOptions) (source.Source, error) { return src, nil },
	}
	if change != nil {
		change(cfg, &o)
	}
	err = Run(t.Context(), o)
	return out.String(), log.String(), err
}

func TestRunToTheEnd(t *testing.T) {
	src := &memory{records: [][]byte{openat(3, "/etc/shadow"), openat(4, "/etc/hosts"), openat(5, "/etc/passwd"), openat(6, "/etc/shadow")}}
	file := filepath.Join(t.TempDir(), "alerts.json")
	out, log, err := run(t, src, func(c *config.Config, _ *Options) {
		c.FileOutput = config.FileOutput{Enabled: true, Filename: file}
	})
	if err != nil {
		t.Fatal(err, log)
	}
	alerts := `1970-01-01T00:00:00.000000001+0000: Critical opened /etc/shadow
1970-01-01T00:00:00.000000001+0000: Informational opened /etc/passwd
1970-01-01T00:00:00.000000001+0000: Critical opened /etc/shadow
`
	want := alerts + `Events detected: 3
Rule counts by severity:
   CRITICAL: 2
   INFO: 1
Triggered rules by rule name:
   shadow: 2
   passwd: 1
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if b, _ := os.ReadFile(file); string(b) != alerts {
		t.Errorf("the file has\n%s", b)
	}
	for _, line := range []string{"2 of 2 rules are in use", "alerts   go to file " + file + ", stdout", "watching (started in", "Events seen: 4", "Lost: nothing"} {
		if !strings.Contains(log, line) {
			t.Errorf("%q is not in\n%s", line, log)
		}
	}
	if !src.closed {
		t.Error("the source was not closed")
	}
}

func TestRunStops(t *testing.T) {
	src := &memory{records: [][]byte{openat(3, "/etc/shadow")}, endless: true}
	ctx, cancel := context.WithCancel(t.Context())
	idles := 0
	src.onIdle = func() {
		if idles++; idles == 3 {
			// What is in the rings when the stop comes must still be told.
			src.records = append(src.records, openat(3, "/etc/passwd"))
			cancel()
		}
	}
	var out, log syncBuffer
	cfg := unheard()
	err := Run(ctx, Options{Config: cfg, RulesPaths: []string{writeRules(t)}, Stdout: &out, Stderr: &log,
		NewSource: func(SourceOptions) (source.Source, error) { return src, nil }})
	if err != nil || !src.stopped || !strings.Contains(out.String(), "Events detected: 2") {
		t.Errorf("%v, stopped %v\n%s%s", err, src.stopped, out.String(), log.String())
	}
}

// writeRules writes someRules to a file.
func writeRules(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(someRules), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunDuration(t *testing.T) {
	src := &memory{endless: true}
	_, log, err := run(t, src, func(_ *config.Config, o *Options) { o.Duration = 20 * time.Millisecond })
	if err != nil || !src.stopped {
		t.Errorf("%v\n%s", err, log)
	}
}

func TestRunFailures(t *testing.T) {
	tests := []struct {
		name   string
		src    *memory
		change func(*config.Config, *Options)
		want   string
	}{
		{"no rules file", &memory{}, func(_ *config.Config, o *Options) { o.RulesPaths = []string{"/absent.yaml"} }, `rules file "/absent.yaml": no such file`},
		{"none of the configured files", &memory{}, func(c *config.Config, o *Options) {
			o.RulesPaths, c.RulesFiles = nil, []string{"/absent.yaml"}
		}, "You must specify at least one rules file"},
		{"source does not open", &memory{openErr: errors.New("no kernel")}, nil, "cannot watch: no kernel"},
		{"source fails", &memory{fail: errors.New("broken")}, nil, "source: broken"},
		{"output cannot be opened", &memory{}, func(c *config.Config, _ *Options) {
			c.FileOutput = config.FileOutput{Enabled: true, Filename: "/absent/dir/file"}
		}, "file output: open /absent/dir/file"},
		{"pid file", &memory{}, func(_ *config.Config, o *Options) { o.PIDFile = "/absent/pid" }, "pid file: open /absent/pid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, log, err := run(t, tt.src, tt.change); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(log, "watching") && tt.src.fail == nil {
				t.Errorf("got %v\n%s", err, log)
			}
		})
	}
}

func TestLossesAreTold(t *testing.T) {
	src := &memory{records: [][]byte{openat(3, "/etc/shadow")}, stats: source.Stats{Losses: []source.Loss{{Reason: "bulk ring full", Events: 7}, {Reason: "other", Events: 0}}}}
	_, log, err := run(t, src, func(_ *config.Config, o *Options) { o.Stdout = failing{}; o.Verbose = true })
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Lost:\n   events, bulk ring full: 7\n   alerts to stdout, output failed: 1\n", "Driver Events:1\nDriver Drops:7\n", "output failed, alerts are lost output=stdout error=\"no room\""} {
		if !strings.Contains(log, line) {
			t.Errorf("%q is not in\n%s", line, log)
		}
	}
}

// failing is a writer that never takes anything.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestBlockedOutputDoesNotBlockTheStop(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	src := &memory{}
	for range 3000 { // far more than a pipe holds
		src.records = append(src.records, openat(3, "/etc/shadow"))
	}
	_, log, err := run(t, src, func(c *config.Config, o *Options) { o.Stdout, c.Gyr.DrainTimeout = w, 50 })
	if err != nil || src.at != 3000 {
		t.Errorf("%v after %d events", err, src.at)
	}
	if !regexp.MustCompile(`Events detected: 3000\n(?s:.*)alerts to stdout, not written before the stop: \d+\n`).MatchString(log) {
		t.Errorf("losses are not told:\n%s", log)
	}
}

// Next delivers the event of the self-test once it is on.
func (b *blind) Next(ev *event.Event) error {
	switch {
	case b.seeing && len(b.on) == 1:
		return ev.Decode(openat(-2, b.path))
	case len(b.on) == 2: // passed
		return io.EOF
	}
	return b.memory.Next(ev)
}

func TestSelfTest(t *testing.T) {
	src := &blind{seeing: true}
	src.endless = true
	a := &App{cfg: config.Default(), log: NewLogger(LogOptions{}), source: src}
	a.current.Store(&generation{cfg: a.cfg, cat: Catalogue(a.cfg)})
	test, err := a.beginSelfTest()
	if err != nil || len(src.on) != 1 || !src.on[0] {
		t.Fatal(err, src.on)
	}
	if test.path == "" || test.passed {
		t.Fatalf("%+v", test)
	}
	// A path is only ever opened by one test.
	other, err := a.beginSelfTest()
	if err != nil || other.path == test.path {
		t.Errorf("%v, %q twice", err, test.path)
	}
	test.began = time.Now().Add(-2 * selfTestTimeout)
	_, err = a.tickSelfTest(test, 0)
	if err == nil || !strings.Contains(err.Error(), "no event came at all") {
		t.Errorf("got %v", err)
	}
	if _, err = a.tickSelfTest(test, 9); err == nil || !strings.Contains(err.Error(), "9 other events came, but not this one") {
		t.Errorf("got %v", err)
	}
}

func TestSelfTestDecides(t *testing.T) {
	for seeing, limit := range map[bool]time.Duration{true: time.Minute, false: 200 * time.Millisecond} {
		src := &blind{seeing: seeing}
		src.endless = true
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		var out, log syncBuffer
		err := Run(ctx, Options{Config: unheard(), RulesPaths: []string{writeRules(t)}, Stdout: &out, Stderr: &log,
			NewSource: func(SourceOptions) (source.Source, error) { return src, nil },
			testPath:  func(p string) { src.path = p }})
		cancel()
		if said := strings.Contains(log.String(), "watching, self-test passed"); said != seeing {
			t.Errorf("seeing %v: %s", seeing, log.String())
		}
		if (err == nil) != seeing {
			t.Errorf("seeing %v: error %v", seeing, err)
		}
	}
}

func TestLogLines(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(LogOptions{Writer: &b, ISO8601: true})
	log.With("a", 1).WithGroup("g").Warn("text", "b", "two words", "c", "")
	log.Debug("hidden")
	log.Error("bad", "error", fmt.Errorf("x\ny"))
	got := regexp.MustCompile(`(?m)^\S+: `).ReplaceAllString(b.String(), "")
	if want := "warning: text a=1 g.b=\"two words\" g.c=\"\"\nerror: bad error=\"x\\ny\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCatalogue(t *testing.T) {
	cfg := config.Default()
	cfg.StaticFields = map[string]string{"site": "berlin"}
	suggested := func() string {
		var names []string
		for _, f := range Catalogue(cfg).All() {
			if f.Flags&field.FormatSuggested != 0 {
				names = append(names, f.Name)
			}
		}
		return strings.Join(names, " ")
	}
	const usual = "container.id container.name container.image.repository container.image.tag k8s.pod.name k8s.ns.name"
	if got := suggested(); got != usual+" static.site" {
		t.Errorf("got %s", got)
	}
	cfg.LoadPlugins = []string{"container", "k8smeta"}
	if got := suggested(); got != usual+" k8smeta.pod.name k8smeta.ns.name static.site" {
		t.Errorf("got %s", got)
	}
}

func TestLogDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := NewLogger(LogOptions{Writer: &b})
		for i := range 100 {
			log.Warn("again", "i", i)
		}
		log.Warn("something else")
		if n := strings.Count(b.String(), "\n"); n != logBurst+1 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(logWindow)
		log.Warn("later")
		if !strings.HasSuffix(b.String(), "(80 more times: again) warning: later\n") {
			t.Errorf("got %s", b.String())
		}
	})
}

// stuck is a writer that never returns.
type stuck struct{}

func (stuck) Write([]byte) (int, error) { select {} }

func TestStuckLogHoldsNobodyUp(t *testing.T) {
	log, stop := NewAsyncLogger(LogOptions{Writer: stuck{}, Level: slog.LevelDebug})
	for i := range 3 * logWaiting {
		log.Debug("line", "i", i)
	}
	stop()
	var b syncBuffer
	log, stop = NewAsyncLogger(LogOptions{Writer: &b})
	log.Info("first")
	log.Info("second")
	stop()
	if got := b.String(); !strings.Contains(got, "first\n") || !strings.HasSuffix(got, "second\n") {
		t.Errorf("got %q", got)
	}
	log.Info("third")
	if !strings.HasSuffix(b.String(), "third\n") {
		t.Error("a line after the stop is lost")
	}
}

// unaware is a live source that cannot tell what runs already.
type unaware struct{ memory }

func (*unaware) Snapshot() bool { return false }

// TestProcIsReadWithoutSnapshot checks that the state learns what runs already in any case.
func TestProcIsReadWithoutSnapshot(t *testing.T) {
	_, log, err := run(t, &unaware{}, func(c *config.Config, _ *Options) { c.Gyr.HostRoot = "" })
	if err != nil {
		t.Fatal(err, log)
	}
	if !regexp.MustCompile(`[1-9][0-9]* running threads read from /proc`).MatchString(log) {
		t.Errorf("nothing was read from /proc:\n%s", log)
	}
}

func TestLogAsJSON(t *testing.T) {
	var b syncBuffer
	log := NewLogger(LogOptions{Writer: &b, JSON: true})
	log.With("part", "x").WithGroup("g").Warn("two\nlines", "n", 3, "error", errors.New("no \"room\""))
	Reconfigure(log, LogOptions{Writer: &b, JSON: true, Level: slog.LevelError})
	log.Warn("not said")
	log.Error("said")
	Reconfigure(log, LogOptions{Writer: &b})
	log.Info("as text", "a", 1)
	lines := strings.Split(b.String(), "\n")
	var got map[string]any
	if len(lines) != 4 || json.Unmarshal([]byte(lines[0]), &got) != nil {
		t.Fatalf("got %q", lines)
	}
	group, _ := got["g"].(map[string]any)
	stamp, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["time"]))
	if got["level"] != "warning" || got["msg"] != "two\nlines" || got["part"] != "x" || group["n"] != 3.0 || group["error"] != `no "room"` || err != nil || stamp.Location() != time.UTC {
		t.Errorf("got %v %v", got, err)
	}
	if !strings.Contains(lines[1], `"level":"error","msg":"said"`) || !strings.HasSuffix(lines[2], ": as text a=1") {
		t.Errorf("got %q", lines)
	}
}

func TestStartPageAsJSON(t *testing.T) {
	_, log, err := run(t, &memory{}, func(c *config.Config, _ *Options) { c.Gyr.Log.Format = config.LogJSON })
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]map[string]any{}
	for line := range strings.Lines(log) {
		var got map[string]any
		if json.Unmarshal([]byte(line), &got) == nil {
			about[fmt.Sprint(got["about"])] = got
		}
	}
	if about["rules"]["in_use"] != 2.0 || about["rules"]["msg"] == "" || fmt.Sprint(about["alerts"]["outputs"]) != "[stdout]" || about["reloads"] == nil || about["config"] == nil {
		t.Errorf("got %v\n%s", about, log)
	}
}
