// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// namesRules report what has to do with a mark, with every text that somebody else chooses.
const namesRules = `
- rule: marked file
  desc: Opens of files whose names bear the mark.
  condition: evt.type in (open, openat, openat2) and evt.arg.name contains survive-odd
  output: opened | name=%evt.arg.name fd=%fd.name real=%fd.path.real proc=%proc.name cmd=%proc.cmdline cwd=%proc.cwd
  priority: WARNING
- rule: marked program
  desc: Programs whose arguments bear the mark.
  condition: evt.type in (execve, execveat) and proc.args contains survive-odd
  output: executed | args=%proc.args env=%proc.env name=%proc.name parent=%proc.pname cmd=%proc.cmdline
  priority: WARNING
`

// TestSurvivesNames opens and executes what has names that are long, deep or no text, and holds JSON to be
// JSON, and text to a line of printable characters an alert.
func TestSurvivesNames(t *testing.T) {
	needLive(t)
	needBuild(t)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(namesRules), 0o600); err != nil {
		t.Fatal(err)
	}
	asJSON := newTrial(t, "", "-r", rules)
	asText := newTrial(t, "", "-r", rules, "-o", "json_output=false")
	s := newScene(t, "survive-names")
	const component, depth, deeper = "a-component", 85, 110
	deep := s.path("deep/x")
	deep = filepath.Dir(deep)
	long := s.path("long/x")
	long = filepath.Dir(long)
	s.run(build.actor, "odd-names", s.dir+"/survive-odd-", build.nothing)
	s.run(build.actor, "long-open", "survive-odd-long")
	s.run(build.actor, "deep-open", deep, strconv.Itoa(depth), component, "survive-odd-deep")
	s.run(build.actor, "deep-open", deep, strconv.Itoa(deeper), component, "survive-odd-deeper")
	s.run(build.actor, "deep-open", long, "40", strings.Repeat("n", 255), "survive-odd-longest")
	s.run(s.fake("survive-last"), "survive-odd-last")

	last := func(a *alert) bool { return strings.Contains(a.line, "survive-odd-last") }
	if len(asJSON.wait(1, 20*time.Second, last)) == 0 {
		t.Fatalf("no alert of the last program\n%s", asJSON.log())
	}
	found := asJSON.find(func(*alert) bool { return true })
	for i := range found {
		line := found[i].line
		if !utf8.ValidString(line) || !json.Valid([]byte(line)) || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unprintable) {
			t.Errorf("no clean JSON: %.600q", line)
		}
		if len(line) > 64<<10 {
			t.Errorf("an alert of %d bytes", len(line))
		}
	}
	checkNames(t, found, filepath.Join(deep, strings.Repeat("/"+component, depth), "survive-odd-deep"))
	summary, err := asJSON.stop()
	if err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
	if summary, err = asText.stop(); err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
	lines := 0
	for _, line := range asText.bad { // text is no JSON, for the watcher
		switch {
		case strings.Contains(line, "opened | "), strings.Contains(line, "executed | "):
			lines++
		case strings.Contains(line, "survive-odd"), strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unprintable):
			t.Errorf("a line that is no alert: %.600q", line)
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unprintable) {
			t.Errorf("no clean text: %.600q", line)
		}
	}
	if lines != len(found) {
		t.Errorf("%d lines of text for %d alerts", lines, len(found))
	}
}

// unprintable says that a character makes a terminal or a log do something.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\u202e'
}

// checkNames holds that each act brought its alerts, and that the deep path is whole.
func checkNames(t *testing.T, found []alert, deepest string) {
	t.Helper()
	count := func(rule string, parts ...string) (n int) {
	next:
		for i := range found {
			for _, p := range parts {
				if !strings.Contains(found[i].Output, p) {
					continue next
				}
			}
			if found[i].Rule == rule {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		rule  string
		parts []string
	}{
		{"marked file", []string{"name=", "/survive-odd-"}},
		{"marked program", []string{"/survive-odd-"}},
		{"marked file", []string{"survive-odd-long", "aaaaaaa"}},
		{"marked file", []string{"real=" + deepest + " "}},
		{"marked file", []string{"/survive-odd-deep.gone "}},
		{"marked file", []string{"real=?/a-component/", "/a-component/survive-odd-deeper "}}, // of more than 100 components the last
		{"marked file", []string{"/survive-odd-deeper.gone "}},
		{"marked file", []string{"real=?/nnn", "nnn/survive-odd-longest "}}, // longer than any path may be: its end
		{"marked file", []string{"/survive-odd-longest.gone "}},
	} {
		if count(c.rule, c.parts...) == 0 {
			t.Errorf("no alert of %q with %q", c.rule, c.parts)
			for i := range found {
				if o := found[i].Output; found[i].Rule == "marked file" && (strings.Contains(o, "deep") || strings.Contains(o, "longest")) {
					_, real, _ := strings.Cut(o, " real=")
					t.Logf("%.80q ... real=%.80q (%d components in all)", o, real, strings.Count(real, "/"))
				}
			}
		}
	}
}

// memoryCgroup makes a cgroup that allows so many bytes, and returns the file that tells of the most that was used,
// and that whose line oom_kill counts what the kernel ended.
func memoryCgroup(t *testing.T, limit int) (dir, most, events string) {
	t.Helper()
	for _, v := range []struct{ root, limit, most, events string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"},
		{"/sys/fs/cgroup", "memory.max", "memory.peak", "memory.events"},
		{"/sys/fs/cgroup/unified", "memory.max", "memory.peak", "memory.events"},
	} {
		dir = filepath.Join(v.root, fmt.Sprintf("gyr-live-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(dir, v.limit), fmt.Append(nil, limit), 0o644) == nil {
			t.Cleanup(func() { emptyCgroup(t, dir) })
			return dir, filepath.Join(dir, v.most), filepath.Join(dir, v.events)
		}
		os.Remove(dir)
	}
	if os.Getenv(requireVar) == "1" {
		t.Fatal("no cgroup hierarchy limits memory here")
	}
	t.Skip("no cgroup hierarchy limits memory here")
	return "", "", ""
}

// smallMemory is the least memory that gyr must live with.
const smallMemory = 128 << 20

// TestSurvivesSmallMemory lets gyr, with the default rules, live in little memory while many processes run,
// files are opened and commands executed as fast as can be.
func TestSurvivesSmallMemory(t *testing.T) {
	needLive(t)
	dir, most, events := memoryCgroup(t, smallMemory)
	w := newTrial(t, "echo 0 >"+dir+"/cgroup.procs")
	if !strings.Contains(w.log(), "the cgroup allows 128 MiB") {
		t.Errorf("gyr says nothing of its limit:\n%s", w.log())
	}
	s := newScene(t, "survive-memory")
	many := exec.Command("/bin/sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do sleep 600 & i=$((i+1)); done; wait", manyProcess))
	many.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := many.Start(); err != nil {
		t.Fatal(err)
	}
	defer many.Wait()
	defer unix.Kill(-many.Process.Pid, unix.SIGKILL)
	target := s.file("target")
	floods := make([]*exec.Cmd, 2)
	for i := range floods {
		floods[i] = exec.Command(build.actor, "open-flood", strconv.Itoa(floodPairs), target)
		if err := floods[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	const execs = 500
	s.run(build.actor, "spawn-many", strconv.Itoa(execs), s.fake("xmrig"), s.mark)
	for _, f := range floods {
		if err := f.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n := w.distinct(execs, s.mark+"/xmrig"); n != execs {
		t.Errorf("alerts for %d of %d commands\n%s", n, execs, w.log())
	}
	barrier(t, w.watcher, "survive-memory-wall")
	if n := w.figure(t, "falcosecurity_scap_n_threads_total"); n < manyProcess {
		t.Errorf("%d threads in the state, with %d processes running", n, manyProcess)
	}
	peak, _ := os.ReadFile(most)
	n, _ := strconv.Atoi(strings.TrimSpace(string(peak)))
	t.Logf("%d MiB resident, at most %d MiB of the cgroup's %d in use", resident(t, w.watcher), n>>20, smallMemory>>20)
	text, _ := os.ReadFile(events)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == "oom_kill" && words[1] != "0" {
			t.Errorf("the kernel ended something for want of memory:\n%s", text)
		}
	}
	summary, err := w.stop()
	if err != nil {
		t.Error(err)
	}
	t.Logf("gyr's summary:\n%s", tail(summary, "Events seen:"))
	checkLosses(t, summary)
}

// TestSurvivesFewDescriptors gives gyr few descriptors: it lives with little more than its programs need, and
// says what is missing if they are not enough.
func TestSurvivesFewDescriptors(t *testing.T) {
	needLive(t)
	needBuild(t)
	if w, err := startIn("ulimit -n 24", "-o", "gyr.control.socket="); err == nil {
		w.stop()
		t.Error("24 descriptors are enough")
	} else if text := err.Error(); !strings.Contains(text, "too many open files") || !strings.Contains(text, "descriptors") || strings.Contains(text, "panic") {
		t.Errorf("with 24 descriptors gyr says: %s", text)
	}
	w := newTrial(t, "ulimit -n 256")
	// Connections that only wait take what is left.
	var held []int
	defer func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	}()
	for range 300 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, fd)
		_ = unix.Connect(fd, &unix.SockaddrInet4{Port: w.port, Addr: [4]byte{127, 0, 0, 1}})
	}
	full := func() bool {
		fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.cmd.Process.Pid))
		return len(fds) >= 250
	}
	for until := time.Now().Add(5 * time.Second); !full() && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
	}
	t.Logf("all descriptors taken: %t", full())
	barrier(t, w.watcher, "survive-descriptors-none")
	for _, fd := range held {
		unix.Close(fd)
	}
	held = nil
	barrier(t, w.watcher, "survive-descriptors-again")
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if code, body := w.get("/healthz"); code == 200 {
			break
		} else if time.Now().After(until) {
			t.Fatalf("health: %d %s\n%s", code, body, w.log())
		}
	}
	if summary, err := w.stop(); err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
}

// TestSurvivesFullDisk fills the file system of a file of alerts: other outputs go on, what is lost is counted and
// told once, and the file goes on when there is room.
func TestSurvivesFullDisk(t *testing.T) {
	needLive(t)
	needBuild(t)
	for _, keep := range []string{"false", "true"} {
		t.Run("keep_alive="+keep, func(t *testing.T) {
			mark := "survive-disk-" + keep
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
				t.Fatal(err)
			}
			defer unix.Unmount(dir, unix.MNT_DETACH)
			file, other := filepath.Join(dir, "alerts"), filepath.Join(dir, "other")
			if err := os.WriteFile(other, make([]byte, 448<<10), 0o600); err != nil {
				t.Fatal(err)
			}
			w := newTrial(t, "", "-o", "file_output.enabled=true", "-o", "file_output.filename="+file, "-o", "file_output.keep_alive="+keep)
			s := newScene(t, mark)
			const execs = 150
			s.run(build.actor, "spawn-many", strconv.Itoa(execs), s.fake("xmrig"), s.mark)
			if n := w.distinct(execs, mark+"/xmrig"); n != execs {
				t.Errorf("%d of %d alerts came to standard output", n, execs)
			}
			waitLog(t, w.watcher, "alerts are lost")
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
			barrier(t, w.watcher, mark+"-wall")
			waitLog(t, w.watcher, "works again")
			summary, err := w.stop()
			if err != nil {
				t.Error(err)
			}
			if n := strings.Count(summary, "alerts are lost"); n != 1 {
				t.Errorf("the loss is told %d times\n%s", n, summary)
			}
			lost := lostOf(summary, "alerts to file, output failed")
			if lost == 0 || lost >= execs {
				t.Errorf("%d alerts to the file lost\n%s", lost, summary)
			}
			data, _ := os.ReadFile(file)
			whole := 0
			for line := range strings.Lines(string(data)) {
				if json.Valid([]byte(line)) && strings.HasSuffix(line, "\n") {
					whole++
				} else {
					t.Errorf("a broken line in the file: %.300q", line)
				}
			}
			if !strings.Contains(string(data), mark+"-wall") {
				t.Error("the file has not gone on")
			}
			if all := len(w.find(of("", ""))); whole+lost != all {
				t.Errorf("%d alerts in the file and %d lost of %d", whole, lost, all)
			}
			t.Logf("%d alerts lost, %d in the file", lost, whole)
		})
	}
}

// waitLog waits until gyr has said something.
func waitLog(t *testing.T, w *watcher, text string) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !strings.Contains(w.log(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("gyr does not say %q:\n%s", text, w.log())
		}
	}
}
