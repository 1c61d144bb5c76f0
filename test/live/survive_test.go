// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the trials do to gyr, and what it may keep of it.
const (
	stoppedFor   = 3 * time.Second
	stoppedExecs = 50
	stormRate    = 2000 // a second
	stormSeconds = 3
	bombMost     = 300 // processes
	bombFor      = time.Second
	maxGrowth    = 32 // MiB resident
)

// miner is the rule of the marked commands.
const miner = "Known Cryptominer Process Executed"

// trial is a gyr under trial, with its web server.
type trial struct {
	*watcher
	port int
}

// newTrial starts a gyr for trials, after a line of shell.
func newTrial(t *testing.T, shell string, args ...string) *trial {
	t.Helper()
	needLive(t)
	needBuild(t)
	port := freePort(t)
	w, err := startIn(shell, append([]string{"-o", "webserver.enabled=true", "-o", "webserver.listen_address=127.0.0.1", "-o", fmt.Sprint("webserver.listen_port=", port),
		"-o", "webserver.prometheus_metrics_enabled=true", "-o", "metrics.enabled=true", "-o", "gyr.control.socket=", "-o", "gyr.self_test_interval=1000"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
	return &trial{w, port}
}

// get is what the web server says, 0 if it cannot be reached.
func (w *trial) get(path string) (code int, body string) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", w.port, path))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// figure is a figure of /metrics.
func (w *trial) figure(t *testing.T, name string) int {
	t.Helper()
	_, text := w.get("/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
	}
	t.Fatalf("no figure %s in\n%s", name, text)
	return 0
}

// uses are what gyr has of the machine, and how large its tables are.
type uses struct{ resident, fds, threads, stateThreads, stateFDs int }

func (w *trial) uses(t *testing.T) (u uses) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", w.cmd.Process.Pid)
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatalf("gyr is gone: %v\n%s", err, w.log())
	}
	tasks, _ := os.ReadDir(dir + "task")
	return uses{resident(t, w.watcher), len(fds), len(tasks), w.figure(t, "falcosecurity_scap_n_threads_total"), w.figure(t, "falcosecurity_scap_n_fds_total")}
}

// recovers holds that gyr is well after a trial: it is healthy, detects, and has given back what it took.
func (w *trial) recovers(t *testing.T, before uses) {
	t.Helper()
	mark := strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-") + "-wall"
	barrier(t, w.watcher, mark)
	var code int
	var body string
	var after uses
	small := func() bool {
		return after.stateThreads <= before.stateThreads+400 && after.fds <= before.fds+4 && after.threads <= before.threads+8 &&
			after.resident <= before.resident+maxGrowth
	}
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		code, body = w.get("/healthz")
		if after = w.uses(t); code == http.StatusOK && small() || time.Now().After(until) {
			break
		}
	}
	if code != http.StatusOK {
		t.Errorf("health: %d %s\n%s", code, body, w.log())
	}
	t.Logf("before %+v, after %+v", before, after)
	if !small() {
		t.Errorf("gyr keeps more than it had: before %+v, after %+v", before, after)
	}
}

// onlyMiners holds that what happened in a scene brought no other alerts.
func (w *trial) onlyMiners(t *testing.T, mark string) {
	t.Helper()
	for _, a := range w.find(of("", mark)) {
		if a.Rule != miner {
			t.Errorf("a false alert: %s: %s", a.Rule, a.Output)
		}
	}
}

// distinct counts the command lines of a scene's miners that brought an alert.
func (w *trial) distinct(want int, mark string) int {
	seen := map[string]bool{}
	for _, a := range w.wait(want, 20*time.Second, of(miner, mark)) {
		seen[fmt.Sprint(a.Fields["proc.cmdline"])] = true
	}
	return len(seen)
}

// TestSurvives does to one gyr, with the default rules, what exhausts watchers.
func TestSurvives(t *testing.T) {
	w := newTrial(t, "", "-o", "append_output[].extra_fields[]=proc.args.truncated", "-o", "append_output[].extra_fields[]=proc.args.len",
		"-o", "append_output[].extra_fields[]=proc.args.tail", "-o", "append_output[].extra_fields[]=proc.env.truncated")
	barrier(t, w.watcher, "survive-begins")
	for _, trial := range []struct {
		name string
		do   func(*testing.T, *trial)
	}{{"stopped", stopped}, {"threads", threadStorm}, {"processes", forkStorm}, {"fork bomb", forkBomb}, {"arguments", longArguments}} {
		t.Run(trial.name, func(t *testing.T) {
			before := w.uses(t)
			trial.do(t, w)
			w.recovers(t, before)
		})
	}
	summary, err := w.stop()
	if err != nil {
		t.Error(err)
	}
	t.Logf("gyr's summary:\n%s", tail(summary, "Events seen:"))
	checkLosses(t, summary)
}

// stopped stops gyr for some seconds, under load. Commands are in the ring that only they use, so that each
// brings its alert when gyr goes on.
func stopped(t *testing.T, w *trial) {
	s := newScene(t, "survive-stopped")
	target, fake := s.file("target"), s.fake("xmrig")
	if err := w.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer w.cmd.Process.Signal(syscall.SIGCONT)
	began := time.Now()
	floods := make([]*exec.Cmd, 2)
	for i := range floods {
		floods[i] = exec.Command(build.actor, "open-flood", strconv.Itoa(floodPairs), target)
		if err := floods[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	s.run(build.actor, "spawn-many", strconv.Itoa(stoppedExecs), fake, s.mark)
	time.Sleep(time.Until(began.Add(stoppedFor))) // this is what is tried, not a synchronisation
	if err := w.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, f := range floods {
		if err := f.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n := w.distinct(stoppedExecs, s.mark+"/xmrig"); n != stoppedExecs {
		t.Errorf("alerts for %d of %d commands\n%s", n, stoppedExecs, w.log())
	}
	w.onlyMiners(t, s.mark)
	if lost := w.figure(t, "falcosecurity_scap_n_drops_total"); lost == 0 {
		t.Log("nothing was lost")
	} else {
		t.Logf("%d events were lost, and counted", lost)
	}
}

// storm runs an act of the actor that starts and ends something, and holds that all ends were seen.
func storm(t *testing.T, w *trial, act string) {
	s := newScene(t, "survive-"+act)
	ends := w.figure(t, `gyrfalcon_events_total{type="procexit"}`)
	out, err := exec.Command(build.actor, act, strconv.Itoa(stormRate), strconv.Itoa(stormSeconds), s.mark).Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || n < stormRate/4 {
		t.Fatalf("%s did %q: %v", act, out, err)
	}
	barrier(t, w.watcher, s.mark+"-seen")
	seen := w.figure(t, `gyrfalcon_events_total{type="procexit"}`) - ends
	t.Logf("%d started and ended, %d ends seen", n, seen)
	if seen < n {
		t.Errorf("only %d of %d ends were seen", seen, n)
	}
	w.onlyMiners(t, s.mark)
}

func threadStorm(t *testing.T, w *trial) { storm(t, w, "thread-storm") }
func forkStorm(t *testing.T, w *trial)   { storm(t, w, "fork-storm") }

// pidsCgroup makes a cgroup that allows so many processes.
func pidsCgroup(t *testing.T, most int) (dir string) {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		dir = filepath.Join(root, fmt.Sprintf("gyr-live-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(dir, "pids.max"), fmt.Append(nil, most), 0o644) == nil {
			return dir
		}
		os.Remove(dir)
	}
	if os.Getenv(requireVar) == "1" {
		t.Fatal("no cgroup hierarchy limits processes here")
	}
	t.Skip("no cgroup hierarchy limits processes here")
	return ""
}

// emptyCgroup kills all that runs in a cgroup, and removes it.
func emptyCgroup(t *testing.T, dir string) {
	t.Helper()
	os.WriteFile(filepath.Join(dir, "pids.max"), []byte("0"), 0o644)
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0o644) // version 2 only
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, pid := range strings.Fields(string(procs)) {
			if n, err := strconv.Atoi(pid); err == nil && n > 1 {
				_ = unix.Kill(n, unix.SIGKILL)
			}
		}
		if err == nil && len(procs) == 0 && os.Remove(dir) == nil {
			return
		}
	}
	t.Errorf("%s cannot be emptied", dir)
}

// forkBomb lets processes double until a cgroup allows no more, and then try in vain.
func forkBomb(t *testing.T, w *trial) {
	s := newScene(t, "survive-bomb")
	dir := pidsCgroup(t, bombMost)
	defer emptyCgroup(t, dir)
	bomb := exec.Command("/bin/sh", "-c", `echo 0 >"$0"/cgroup.procs && exec "$@"`, dir, build.actor, "fork-bomb", s.mark)
	if err := bomb.Start(); err != nil {
		t.Fatal(err)
	}
	defer bomb.Wait()
	defer bomb.Process.Kill()
	most := 0
	for until := time.Now().Add(20 * time.Second); most < bombMost*9/10 && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		now, _ := os.ReadFile(filepath.Join(dir, "pids.current"))
		n, _ := strconv.Atoi(strings.TrimSpace(string(now)))
		most = max(most, n)
	}
	if most < bombMost*9/10 {
		t.Fatalf("the bomb made only %d processes", most)
	}
	end := time.Now().Add(bombFor)
	barrier(t, w.watcher, "survive-during-bomb")
	time.Sleep(time.Until(end)) // they try in vain
	w.onlyMiners(t, s.mark)
}

// longArguments executes a command with nearly as many arguments as the kernel takes, 2 MiB with the environment.
func longArguments(t *testing.T, w *trial) {
	for _, c := range []struct {
		name      string
		args, env int // how many of 100 KiB
	}{{"one", 1, 0}, {"vector", 15, 0}, {"environment", 0, 15}, {"both", 9, 9}} {
		s := newScene(t, "survive-args-"+c.name)
		argv := []string{s.actor("xmrig"), "sleep", "1s"}
		for i := range c.args {
			argv = append(argv, strings.Repeat(string(rune('a'+i)), 100<<10))
		}
		argv = append(argv, "the-end")
		for i := range c.env {
			s.env = append(s.env, fmt.Sprintf("E%d=%s", i, strings.Repeat("e", 100<<10)))
		}
		s.runArgv(argv[0], argv)
		found := w.wait(1, 20*time.Second, of(miner, s.mark+"/xmrig"))
		if len(found) == 0 {
			t.Errorf("%s: no alert", c.name)
			continue
		}
		a := &found[0]
		if len(a.line) > 64<<10 {
			t.Errorf("%s: the alert has %d bytes", c.name, len(a.line))
		}
		length := 0
		for _, arg := range argv {
			length += len(arg) + 1
		}
		text := func(field string) string { return fmt.Sprint(a.Fields[field]) }
		if got, want := text("proc.args.truncated"), fmt.Sprint(c.args > 0); got != want {
			t.Errorf("%s: proc.args.truncated is %s, want %s", c.name, got, want)
		}
		if got, want := text("proc.env.truncated"), fmt.Sprint(c.env > 0); got != want {
			t.Errorf("%s: proc.env.truncated is %s, want %s", c.name, got, want)
		}
		if got, _ := strconv.ParseFloat(text("proc.args.len"), 64); int(got) != length {
			t.Errorf("%s: proc.args.len is %s, want %d", c.name, text("proc.args.len"), length)
		}
		if got := text("proc.args.tail"); c.args > 0 && !strings.HasSuffix(got, " the-end") {
			t.Errorf("%s: proc.args.tail ends in %q", c.name, got[max(0, len(got)-40):])
		}
		w.onlyMiners(t, s.mark)
	}
}

// lostOf is what the summary says was lost for a reason.
func lostOf(summary, what string) int {
	m := regexp.MustCompile(`(?m)^   ` + regexp.QuoteMeta(what) + `: (\d+)$`).FindStringSubmatch(summary)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
