// SPDX-License-Identifier: Apache-2.0

package evasion

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// alert is one line of the program's JSON output.
type alert struct {
	Rule   string
	Output string
}

// watcher is a running gyr and what it has said so far.
type watcher struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu     sync.Mutex
	alerts []alert
	log    strings.Builder
	bad    []string // lines that look like alerts and are none
}

// programs are what the tests run, built once.
type programs struct{ dir, gyr, evader, actor, nothing string }

// Guests of other kernels bring programs and rules along, since they cannot build, and are slow.
var (
	guestPrograms = os.Getenv("GYR_EVASION_PROGRAMS")
	rulesDir      = cmp.Or(os.Getenv("GYR_EVASION_RULES"), "../../rules")
	slowness      = time.Duration(1)
)

func init() {
	if guestPrograms != "" {
		slowness = 10
	}
}

// bring copies the programs that a guest brings along to where scenes can link them.
func bring(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	p := programs{dir, dir + "/gyr", dir + "/evader", dir + "/actor", dir + "/actor"}
	for _, path := range []string{p.gyr, p.evader, p.actor} {
		data, err := os.ReadFile(filepath.Join(guestPrograms, filepath.Base(path)))
		if err == nil {
			err = os.WriteFile(path, data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// build makes the programs.
func build(t *testing.T) programs {
	t.Helper()
	if guestPrograms != "" {
		return bring(t)
	}
	dir, err := os.MkdirTemp("/tmp", "gyrevasion")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	p := programs{dir, dir + "/bin/gyr", dir + "/bin/evader", dir + "/bin/actor", dir + "/bin/nothing"}
	for out, pkg := range map[string]string{p.gyr: "../../cmd/gyr", p.evader: "./evader", p.actor: "../live/actor"} {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, text)
		}
	}
	data, err := os.ReadFile("/bin/true")
	if err == nil {
		err = os.WriteFile(p.nothing, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// watch starts gyr with the default rules, all of them enabled, and further rules.
func watch(t *testing.T, p programs, further string) *watcher {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(rulesDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(p.dir, "witnesses.yaml")
	if err := os.WriteFile(file, []byte(further), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-o", "syscall_event_drops.threshold=0", "-o", "syscall_event_drops.rate=100", "-o", "syscall_event_drops.max_burst=100", "-o", "json_output=true", "-o", "rule_matching=all", "-o", "rules[].enable.rule=*"}
	for _, f := range append(files, file) {
		if !strings.HasSuffix(f, "_test.yaml") {
			args = append(args, "-r", f)
		}
	}
	w := &watcher{cmd: exec.Command(p.gyr, args...), exited: make(chan struct{})}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := w.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	readers.Go(func() { w.read(stdout, w.takeAlert) })
	readers.Go(func() { w.read(stderr, func(line string) { w.log.WriteString(line + "\n") }) })
	go func() {
		readers.Wait()
		_ = w.cmd.Wait()
		close(w.exited)
	}()
	if !w.until(30*time.Second*slowness, func() bool { return strings.Contains(w.log.String(), "watching") }) {
		_ = w.cmd.Process.Kill()
		<-w.exited
		t.Fatalf("gyr does not watch:\n%s", w.log.String())
	}
	return w
}

// read hands each line to take, under the lock.
func (w *watcher) read(r io.Reader, take func(line string)) {
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		w.mu.Lock()
		take(strings.TrimSuffix(line, "\n"))
		w.mu.Unlock()
	}
}

func (w *watcher) takeAlert(line string) {
	var a alert
	if json.Unmarshal([]byte(line), &a) == nil && a.Rule != "" {
		w.alerts = append(w.alerts, a)
	} else {
		w.bad = append(w.bad, line)
	}
}

// until waits until something holds, which is asked under the lock.
func (w *watcher) until(timeout time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		yes := holds()
		w.mu.Unlock()
		if yes {
			return true
		}
		select {
		case <-w.exited:
			return false
		default:
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// about returns the alerts that bear a mark, by rule.
func (w *watcher) about(mark string) map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string][]string{}
	for _, a := range w.alerts {
		if strings.Contains(a.Output, mark) {
			found[a.Rule] = append(found[a.Rule], a.Output)
		}
	}
	return found
}

// unmarked returns the alerts that bear no row's mark, the last hundred of them: what a row lacks may be
// among them.
func (w *watcher) unmarked() (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.alerts {
		if !strings.Contains(a.Output, "ev-") {
			lines = append(lines, a.Rule+": "+a.Output)
		}
	}
	return lines[max(0, len(lines)-100):]
}

// wall returns when all that has happened by now has been judged.
func (w *watcher) wall(t *testing.T, p programs, mark string) {
	t.Helper()
	s := &scene{programs: p, w: w, mark: mark, dir: filepath.Join(p.dir, mark)}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.barrier(); err != nil {
		t.Fatal(err)
	}
}

// lostByNow returns what gyr says of events that it lost, all that has happened by now being judged; "" if it lost
// none. It looks for losses once a second, when there is an event.
func (w *watcher) lostByNow(t *testing.T, p programs) (said string) {
	t.Helper()
	w.wall(t, p, "ev-wall-losses-x")
	time.Sleep(1100 * time.Millisecond)
	w.wall(t, p, "ev-wall-told-x")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.alerts {
		if a.Rule == "Falco internal: syscall event drop" {
			said = a.Output
		}
	}
	return said
}

// stop ends gyr as a user would.
func (w *watcher) stop() error {
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-w.exited:
	case <-time.After(20 * time.Second):
		_ = w.cmd.Process.Kill()
		<-w.exited
		return errors.New("gyr did not stop within 20 s")
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d", code)
	}
	return nil
}
