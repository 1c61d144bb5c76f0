// SPDX-License-Identifier: Apache-2.0

// Package live runs the built program on the running kernel: every default rule against a real
// process that does the thing, and against a near miss; the delay of an alert; a flood.
package live

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/test/host"
)

// requireVar makes a machine that cannot run these tests a failure instead of a skip.
const requireVar = host.RequireVar

// alert is one line of the program's JSON output.
type alert struct {
	Rule     string
	Output   string
	Priority string
	Time     time.Time
	Fields   map[string]any `json:"output_fields"`
	arrived  time.Time
	line     string
}

// watcher is a running gyr and what it has said so far.
type watcher struct {
	cmd     *exec.Cmd
	exited  chan struct{}
	started time.Time
	ready   time.Duration // from start to "watching"

	mu     sync.Mutex
	alerts []alert
	news   chan struct{} // closed and replaced with every alert
	stderr bytes.Buffer
	bad    []string // lines of stdout that are no alerts
}

// build is what TestMain leaves for the tests: the directory of the programs built once.
var build struct {
	once    sync.Once
	dir     string
	gyr     string
	actor   string
	nothing string // does nothing, whatever its arguments are
	err     error
}

// shared is the gyr that most tests share, nil while none runs.
var shared struct {
	sync.Mutex
	w *watcher
}

func TestMain(m *testing.M) {
	enterCgroups := host.LeaveCgroups()
	code := m.Run()
	enterCgroups()
	if summary, err := stopShared(); err != nil {
		fmt.Fprintf(os.Stderr, "gyr ended badly: %v\n%s", err, summary)
		code = 1
	}
	if build.dir != "" {
		os.RemoveAll(build.dir)
	}
	host.RemoveCgroups()
	os.Exit(code)
}

// needLive skips the test where eBPF cannot be used, or fails it where that is required.
func needLive(t testing.TB) { t.Helper(); host.NeedLive(t) }

// needBuild builds the programs once.
func needBuild(t testing.TB) {
	t.Helper()
	build.once.Do(func() {
		build.dir, build.err = os.MkdirTemp("/tmp", "gyrlive")
		if build.err != nil {
			return
		}
		os.Chmod(build.dir, 0o755)
		build.gyr = filepath.Join(build.dir, "bin", "gyr")
		build.actor = filepath.Join(build.dir, "bin", "actor")
		build.nothing = filepath.Join(build.dir, "bin", "nothing")
		for out, pkg := range map[string]string{build.gyr: "../../cmd/gyr", build.actor: "./actor"} {
			cmd := exec.Command("go", "build", "-o", out, pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				build.err = fmt.Errorf("build %s: %w\n%s", pkg, err, text)
				return
			}
		}
		data, err := os.ReadFile("/bin/true")
		if err == nil {
			err = os.WriteFile(build.nothing, data, 0o755)
		}
		build.err = err
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
}

// watch returns the shared gyr, started with every default rule, the ones that are off included.
func watch(t testing.TB) *watcher {
	t.Helper()
	needLive(t)
	needBuild(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.w == nil {
		w, err := start("-o", "rule_matching=all", "-o", "rules[].enable.rule=*")
		if err != nil {
			t.Fatal(err)
		}
		shared.w = w
	}
	return shared.w
}

// stopShared ends the shared gyr, for tests that need the machine for themselves.
func stopShared() (summary string, err error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.w != nil {
		summary, err = shared.w.stop()
		shared.w = nil
	}
	return summary, err
}

// start runs gyr with the embedded rules and waits until it watches.
func start(args ...string) (*watcher, error) { return startIn("", args...) }

// startIn is start after a line of shell, which can limit what gyr gets.
func startIn(shell string, args ...string) (*watcher, error) {
	w := &watcher{exited: make(chan struct{}), news: make(chan struct{}), started: time.Now()}
	w.cmd = exec.Command(build.gyr, append([]string{"-o", "json_output=true"}, args...)...)
	if shell != "" {
		w.cmd = exec.Command("/bin/sh", append([]string{"-c", "set -e\n" + shell + "\nexec \"$@\"", "sh"}, w.cmd.Args...)...)
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := w.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	watching := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { w.readAlerts(stdout) })
	readers.Go(func() { w.readLog(stderr, watching) })
	go func() {
		readers.Wait()
		_ = w.cmd.Wait()
		close(w.exited)
	}()
	select {
	case <-watching:
		w.ready = time.Since(w.started)
		return w, nil
	case <-w.exited:
		return nil, fmt.Errorf("gyr ended at once:\n%s", w.log())
	case <-time.After(30 * time.Second):
		_ = w.cmd.Process.Kill()
		<-w.exited
		return nil, fmt.Errorf("gyr does not watch:\n%s", w.log())
	}
}

func (w *watcher) readAlerts(r io.Reader) {
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		a := alert{arrived: time.Now(), line: string(line)}
		w.mu.Lock()
		if json.Unmarshal(line, &a) == nil && a.Rule != "" {
			w.alerts = append(w.alerts, a)
			close(w.news)
			w.news = make(chan struct{})
		} else {
			w.bad = append(w.bad, string(line))
		}
		w.mu.Unlock()
	}
}

func (w *watcher) readLog(r io.Reader, watching chan<- struct{}) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	said := false
	for lines.Scan() {
		w.mu.Lock()
		w.stderr.Write(lines.Bytes())
		w.stderr.WriteByte('\n')
		w.mu.Unlock()
		if !said && strings.Contains(lines.Text(), "watching") {
			said = true
			close(watching)
		}
	}
}

func (w *watcher) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stderr.String()
}

// find returns the alerts that satisfy want.
func (w *watcher) find(want func(*alert) bool) (found []alert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.alerts {
		if want(&w.alerts[i]) {
			found = append(found, w.alerts[i])
		}
	}
	return found
}

// wait waits until at least n alerts satisfy want.
func (w *watcher) wait(n int, timeout time.Duration, want func(*alert) bool) []alert {
	deadline := time.After(timeout)
	for {
		w.mu.Lock()
		news := w.news
		w.mu.Unlock()
		found := w.find(want)
		if len(found) >= n {
			return found
		}
		select {
		case <-news:
		case <-w.exited:
			return found
		case <-deadline:
			return found
		}
	}
}

// of says that an alert is of a rule and bears a mark. An empty rule stands for any.
func of(rule, mark string) func(*alert) bool {
	return func(a *alert) bool {
		return (rule == "" || a.Rule == rule) && strings.Contains(a.Output, mark)
	}
}

// stop ends gyr as a user would and returns what it said on stderr.
func (w *watcher) stop() (summary string, err error) {
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", err
	}
	select {
	case <-w.exited:
	case <-time.After(20 * time.Second):
		_ = w.cmd.Process.Signal(syscall.SIGKILL)
		<-w.exited
		return w.log(), errors.New("gyr did not stop within 20 s")
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		return w.log(), fmt.Errorf("exit code %d", code)
	}
	return w.log(), nil
}
