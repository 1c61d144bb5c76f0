// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

func TestReloadGoesOverBetweenTwoEvents(t *testing.T) {
	r := begin(t, nil)
	r.seen(t, 10)
	r.write(t, rulesNamed("b"))
	got := r.load(t, "")
	if got.Generation != 2 || !slices.Equal(got.Rules.Added, []string{"b"}) || !slices.Equal(got.Rules.Removed, []string{"a"}) || got.InUse != 1 {
		t.Errorf("got %+v", got)
	}
	r.seen(t, 20)
	r.finish(t)
	var want []string
	for n := range 20 {
		want = append(want, fmt.Sprintf("%s /n/%d", []string{"a", "b"}[n/10], n+1))
	}
	if got := alerts(r.out.String()); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, line := range []string{"Events detected: 20", "   b: 10\n   a: 10\n"} {
		if !strings.Contains(r.out.String(), line) {
			t.Errorf("%q is not in the summary:\n%s", line, r.out)
		}
	}
	if line := "reloaded (test): 1 rules in use; 1 rules added (b), 1 rules removed (a)"; !strings.Contains(r.log.String(), line) {
		t.Errorf("%q is not in\n%s", line, r.log)
	}
}

// part is a part of the program that a reload changes.
type part struct {
	refuse               error
	prepared, done, back int
}

func (p *part) prepare(*config.Config) (commit, abort func(), err error) {
	p.prepared++
	return func() { p.done++ }, func() { p.back++ }, p.refuse
}

func TestRefusedReloadsChangeNothing(t *testing.T) {
	var problems []diag.Problem
	first, second := &part{}, &part{}
	r := begin(t, func(r *reloaded, o *Options) {
		o.Reread = func() (*config.Config, []diag.Problem) {
			cfg := *r.cfg
			return &cfg, problems
		}
	})
	r.onReload(first)
	r.onReload(second)
	r.seen(t, 1)
	before := r.generation()

	r.write(t, "- rule: broken\n  condition: evt.tpye = x\n")
	got := r.load(t, "the rules cannot be used: "+r.rules)
	if len(got.Diagnostics) == 0 || !strings.Contains(strings.Join(got.Diagnostics, "\n"), r.rules+":1:3: error") {
		t.Errorf("diagnostics %q", got.Diagnostics)
	}
	r.write(t, "not: [yaml")
	r.load(t, "the rules cannot be used")
	if err := os.Remove(r.rules); err != nil {
		t.Fatal(err)
	}
	r.load(t, "no such file")
	r.write(t, rulesNamed("b"))

	problems = []diag.Problem{{File: "falco.yaml", Line: 3, Severity: diag.Error, Message: "a mistake"}, {File: "falco.yaml", Line: 9, Severity: diag.Error, Message: "another"}}
	r.load(t, "the configuration cannot be used: falco.yaml:3: a mistake (and 1 more)")
	problems = nil

	r.cfg.FileOutput = config.FileOutput{Enabled: true, Filename: "/absent/dir/file"}
	r.load(t, "file output: open /absent/dir/file")
	r.cfg.FileOutput = config.FileOutput{Enabled: true, Filename: filepath.Join(r.dir, "never")}
	second.refuse = errors.New("port is taken")
	r.load(t, "port is taken")
	if first.prepared != 1 || first.back != 1 || first.done != 0 || second.prepared != 1 || second.back != 0 {
		t.Errorf("parts: %+v %+v", first, second)
	}
	second.refuse = nil

	r.write(t, strings.Replace(rulesNamed("b"), "openat", "unlinkat", 1))
	r.flow.failure = errors.New("no more memory")
	r.load(t, "switch on system calls: no more memory")
	if first.back != 2 || second.back != 1 {
		t.Errorf("parts: %+v %+v", first, second)
	}

	if r.generation() != before || len(r.outputs.list()) != 1 || r.reload.refused.Load() != 7 || r.reload.done.Load() != 0 {
		t.Errorf("something changed: %d outputs, %d refused", len(r.outputs.list()), r.reload.refused.Load())
	}
	r.seen(t, 2)
	r.finish(t)
	if got := alerts(r.out.String()); !slices.Equal(got, []string{"a /n/1", "a /n/2"}) {
		t.Errorf("got %q", got)
	}
	if n := strings.Count(r.out.String(), ": Critical Falco internal: hot restart failure: "); n != 7 {
		t.Errorf("%d internal alerts:\n%s", n, r.out)
	}
	if log := r.log.String(); strings.Count(log, "error: reload refused (test), everything stays as it was") != 7 || !strings.Contains(log, "falco.yaml:9: error: another") {
		t.Errorf("the log:\n%s", log)
	}
}

// A reload with keys that nobody knows happens, and says so with their place and suggestion.
func TestReloadWarnsOfUnknownKeys(t *testing.T) {
	var content string
	r := begin(t, func(r *reloaded, o *Options) {
		o.Reread = func() (*config.Config, []diag.Problem) {
			cfg := *r.cfg
			_, problems := config.Load(config.Options{Path: "falco.yaml", Content: []byte(content)})
			return &cfg, problems
		}
	})
	content = "jsn_output: T000\n"
	r.write(t, rulesNamed("b"))
	r.load(t, "")
	content = "gyr: {contol: 1}\n"
	r.load(t, "the configuration cannot be used: falco.yaml:1:7: unknown key \"gyr.contol\"")
	r.finish(t)
	want := "warning: falco.yaml:1:1: unknown key \"jsn_output\", ignored\n  jsn_output: …\n  ^\n  hint: did you mean json_output?\n"
	if log := r.log.String(); !strings.Contains(log, want) || strings.Contains(log, "T000") {
		t.Errorf("no %q in the log:\n%s", want, log)
	}
}

func TestReloadSelectsWithoutGap(t *testing.T) {
	r := begin(t, nil)
	rule := func(call string) string {
		return fmt.Sprintf("- {rule: r, desc: d, condition: evt.type = %s, output: o, priority: INFO}\n", call)
	}
	names := func(i int) string {
		r.flow.mu.Lock()
		defer r.flow.mu.Unlock()
		var got []string
		for _, c := range r.flow.selected[i] {
			if c.Name == "mkdirat" || c.Name == "chmod" {
				got = append(got, c.Name)
			}
		}
		slices.Sort(got)
		return strings.Join(got, " ")
	}
	r.write(t, rule("mkdirat"))
	got := r.load(t, "")
	if !slices.Equal(got.Syscalls.Added, []string{"mkdirat"}) || !slices.Equal(got.Rules.Added, []string{"r"}) {
		t.Errorf("got %+v", got)
	}
	r.write(t, rule("chmod"))
	got = r.load(t, "")
	if !slices.Equal(got.Syscalls.Added, []string{"chmod"}) || !slices.Equal(got.Syscalls.Removed, []string{"mkdirat"}) || !slices.Equal(got.Rules.Changed, []string{"r"}) {
		t.Errorf("got %+v", got)
	}
	// Nothing to switch on: one selection; nothing to switch at all: none.
	if len(r.flow.selected) != 3 || names(0) != "mkdirat" || names(1) != "chmod mkdirat" || names(2) != "chmod" {
		t.Errorf("selections %q %q %q of %d", names(0), names(1), names(2), len(r.flow.selected))
	}
	r.load(t, "")
	if len(r.flow.selected) != 3 {
		t.Errorf("%d selections", len(r.flow.selected))
	}
}

func TestReloadSelectsInOrder(t *testing.T) {
	r := begin(t, nil)
	g := r.generation()
	// The loop is held up, so that what happens before and after it goes over can be told apart.
	hold, held := make(chan struct{}), make(chan struct{})
	r.flow.record = func(n uint64) []byte {
		if n == 1 {
			close(held)
			<-hold
		}
		return openat(3, "/n/1")
	}
	r.flow.limit.Store(1)
	<-held
	r.write(t, strings.Replace(rulesNamed("b"), "openat", "mkdirat", 1)+strings.Replace(rulesNamed("c"), "openat", "chmod", 1))
	result := make(chan *control.Reload, 1)
	go func() {
		got, _ := r.Reload(context.Background(), "test")
		result <- got
	}()
	await(t, "the selection", func() bool { r.flow.mu.Lock(); defer r.flow.mu.Unlock(); return len(r.flow.selected) == 1 }, r)
	if r.generation() != g {
		t.Error("the rules went over in the middle of an event")
	}
	close(hold)
	if got := <-result; got == nil || !got.OK {
		t.Fatalf("got %+v", got)
	}
}

func TestReloadKeepsOutputs(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	r := begin(t, func(r *reloaded, _ *Options) {
		r.cfg.FileOutput = config.FileOutput{Enabled: true, Filename: one, KeepAlive: true}
	})
	r.seen(t, 5)
	stdout := r.outputs.list()[1].queue
	if r.outputs.list()[1].row.name != "stdout" {
		t.Fatal("stdout is not the second output")
	}
	r.cfg.FileOutput.Filename = two
	got := r.load(t, "")
	if !slices.Equal(got.Outputs.Changed, []string{"file " + two}) || !got.Rules.Empty() || r.outputs.list()[1].queue != stdout {
		t.Errorf("got %+v", got)
	}
	r.seen(t, 8)
	r.cfg.FileOutput.Enabled = false
	if got := r.load(t, ""); !slices.Equal(got.Outputs.Removed, []string{"file " + two}) {
		t.Errorf("got %+v", got)
	}
	r.seen(t, 9)
	r.finish(t)
	for file, want := range map[string][]string{one: {"a /n/1", "a /n/2", "a /n/3", "a /n/4", "a /n/5"}, two: {"a /n/6", "a /n/7", "a /n/8"}} {
		if b, _ := os.ReadFile(file); !slices.Equal(alerts(string(b)), want) {
			t.Errorf("%s has\n%s", file, b)
		}
	}
	if n := len(alerts(r.out.String())); n != 9 {
		t.Errorf("%d alerts on stdout", n)
	}
	if !strings.Contains(r.log.String(), "Lost: nothing") {
		t.Errorf("the log:\n%s", r.log)
	}
}

func TestReloadKeepsWhatNeedsARestart(t *testing.T) {
	r := begin(t, func(r *reloaded, o *Options) {
		o.Reread = func() (*config.Config, []diag.Problem) {
			cfg := *r.cfg
			cfg.Engine.ModernEBPF.BufSizePreset, cfg.Gyr.HostRoot, cfg.FalcoLibs.Snaplen, cfg.Gyr.DrainTimeout = 7, "/elsewhere", 1000, 77
			return &cfg, nil
		}
	})
	got := r.load(t, "")
	want := []string{"engine.modern_ebpf.buf_size_preset", "falco_libs.snaplen", "gyr.host_root"}
	if !slices.Equal(got.Restart, want) {
		t.Errorf("got %q", got.Restart)
	}
	c := r.App.config()
	if c.Engine.ModernEBPF.BufSizePreset != 4 || c.Gyr.HostRoot != r.dir || c.FalcoLibs.Snaplen != 80 || c.Gyr.DrainTimeout != 77 {
		t.Errorf("in force: %+v", c)
	}
	r.finish(t)
	if line := "warning: the new value of engine.modern_ebpf.buf_size_preset needs a restart"; !strings.Contains(r.log.String(), line) {
		t.Errorf("%q is not in\n%s", line, r.log)
	}
}

func TestReloadChangesTheLog(t *testing.T) {
	r := begin(t, nil)
	r.cfg.LogLevel, r.cfg.Gyr.Log.Format = "error", config.LogJSON
	r.load(t, "")
	r.App.log.Warn("unheard")
	r.App.log.Error("heard")
	r.finish(t)
	if log := r.log.String(); strings.Contains(log, "unheard") || !strings.Contains(log, `"level":"error","msg":"heard"`) {
		t.Errorf("the log:\n%s", log)
	}
}

func TestReloadSaysWhatTheStateMissed(t *testing.T) {
	r := begin(t, func(r *reloaded, _ *Options) { r.cfg.BaseSyscalls.Repair = true })
	r.cfg.BaseSyscalls.Repair = false
	got := r.load(t, "")
	r.finish(t)
	if !slices.Contains(got.Syscalls.Added, "socket") || !strings.Contains(r.log.String(), "warning: the state did not see these system calls until now") {
		t.Errorf("got %+v\n%s", got, r.log)
	}
}

func TestReloadBySignal(t *testing.T) {
	r := begin(t, nil)
	r.write(t, rulesNamed("b"))
	if err := unix.Kill(os.Getpid(), unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await(t, "the reload", func() bool { return r.reload.done.Load() == 1 }, r)
	if last := r.reload.last.Load(); last.Reason != "SIGHUP" || !slices.Equal(last.Rules.Added, []string{"b"}) {
		t.Errorf("got %+v", last)
	}
}

func TestReloadAtTheEnd(t *testing.T) {
	r := begin(t, nil)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for {
				if _, err := r.Reload(context.Background(), "test"); err != nil {
					if !errors.Is(err, errNoGeneration) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	await(t, "some reloads", func() bool { return r.reload.done.Load() > 3 }, r)
	r.finish(t)
	asking.Wait()
	if r.reload.refused.Load() != 0 || strings.Contains(r.out.String(), "Critical") {
		t.Errorf("the end was taken for a failure:\n%s", r.log)
	}
}

func TestControlSocket(t *testing.T) {
	var socket string
	r := begin(t, func(r *reloaded, _ *Options) {
		socket = filepath.Join(r.dir, "run", "gyr.sock")
		r.cfg.Gyr.Control.Socket = socket
	})
	r.seen(t, 3)
	c := control.NewClient(socket)
	r.write(t, rulesNamed("b"))
	var got control.Reload
	if err := c.Post(t.Context(), control.PathReload, nil, &got); err != nil || !got.OK || got.Reason != "gyr reload" {
		t.Fatal(err, got)
	}
	r.seen(t, 5)
	r.write(t, "- nonsense")
	if err := c.Post(t.Context(), control.PathReload, nil, &got); err != nil || got.OK || len(got.Diagnostics) == 0 {
		t.Fatal(err, got)
	}
	var st control.Status
	if err := c.Get(t.Context(), control.PathStatus, &st); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(st)
	if st.PID != os.Getpid() || !st.Watching || st.Generation != 2 || st.Reloads != 1 || st.Refused != 1 || st.Events < 5 || st.Alerts != 5 ||
		st.RulesInUse != 1 || len(st.Outputs) != 1 || st.Outputs[0].Where != "stdout" || st.LastReload == nil || st.LastReload.OK || st.RSSBytes == 0 {
		t.Errorf("got %s", text)
	}
	// A second one goes on without.
	other := begin(t, func(o *reloaded, _ *Options) { o.cfg.Gyr.Control.Socket = socket })
	other.finish(t)
	if line := fmt.Sprintf("is held by process %d", os.Getpid()); !strings.Contains(other.log.String(), line) {
		t.Errorf("%q is not in\n%s", line, other.log)
	}
	r.finish(t)
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestReloadsLeaveNothingBehind(t *testing.T) {
	r := begin(t, nil)
	r.load(t, "")
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for i := range 10 {
		r.cfg.FileOutput = config.FileOutput{Enabled: i%2 == 0, Filename: filepath.Join(r.dir, "out")}
		r.write(t, rulesNamed(fmt.Sprint("r", i)))
		r.load(t, "")
	}
	r.reload.draining.Wait()
	await(t, "the end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files }, r)
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}
