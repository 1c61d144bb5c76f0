// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the mixed workload may cost with the default rules.
const (
	maxSlowdown  = 0.05 // share of the workload's time
	maxGyrShare  = 0.25 // of one processor
	maxResident  = 96   // MiB, with many processes
	manyProcess  = 1000
	mixedRounds  = 5
	pingRounds   = 60_000
	execsASecond = 200
)

// part is one part of the mixed workload.
type part struct {
	name string
	run  func(t *testing.T, s *scene)
}

var parts = []part{
	{"compile a Go program", compileProgram},
	{"tar a tree", tarTree},
	{"socket ping-pong", func(t *testing.T, s *scene) { s.run(build.actor, "ping-pong", strconv.Itoa(pingRounds)) }},
}

// TestMixedWorkload measures how much slower a mixed workload, beside 200 execs a second, gets with
// gyr watching, and what gyr itself uses. It needs the machine for itself: make bench-live.
func TestMixedWorkload(t *testing.T) {
	if os.Getenv("GYR_BENCH_LIVE") == "" {
		t.Skip("takes minutes and a quiet machine (GYR_BENCH_LIVE=1 runs it)")
	}
	needLive(t)
	needBuild(t)
	stopShared()
	s := newScene(t, "mixed")
	var with, without [8]time.Duration
	share := 1.0
	for round := range mixedRounds {
		runParts(t, s, &without, round)
		w, err := start()
		if err != nil {
			t.Fatal(err)
		}
		began, used := time.Now(), cpuTime(t, w)
		runParts(t, s, &with, round)
		part := float64(cpuTime(t, w)-used) / float64(time.Since(began))
		share = min(share, part)
		t.Logf("round %d: gyr used %.1f %% of a processor, %d MiB resident", round, 100*part, resident(t, w))
		summary, err := w.stop()
		if err != nil {
			t.Error(err)
		}
		if round == 0 {
			t.Log(tail(summary, "Events seen:"))
		}
	}
	var sumWith, sumWithout time.Duration
	for i, p := range parts {
		t.Logf("%-22s %8v without gyr, %8v with: %+.1f %%", p.name, without[i].Round(time.Millisecond), with[i].Round(time.Millisecond),
			100*(float64(with[i])/float64(without[i])-1))
		sumWith, sumWithout = sumWith+with[i], sumWithout+without[i]
	}
	slowdown := float64(sumWith)/float64(sumWithout) - 1
	t.Logf("together: %+.1f %%; gyr: %.1f %% of a processor at best", 100*slowdown, 100*share)
	if slowdown > maxSlowdown {
		t.Errorf("the workload is slowed by %.1f %%, want at most %.0f %%", 100*slowdown, 100*maxSlowdown)
	}
	if share > maxGyrShare {
		t.Errorf("gyr uses %.1f %% of a processor, want at most %.0f %%", 100*share, 100*maxGyrShare)
	}
}

// runParts runs all parts beside the execs and keeps the best time of each.
func runParts(t *testing.T, s *scene, best *[8]time.Duration, round int) {
	execs := exec.Command(build.actor, "spawn-rate", strconv.Itoa(execsASecond), build.nothing)
	if err := execs.Start(); err != nil {
		t.Fatal(err)
	}
	defer execs.Wait()
	defer execs.Process.Kill()
	for i, p := range parts {
		began := time.Now()
		p.run(t, s)
		if took := time.Since(began); round == 0 || took < best[i] {
			best[i] = took
		}
	}
}

// compileProgram compiles a program with all that it imports.
func compileProgram(t *testing.T, s *scene) {
	dir := s.path("program/main.go")
	source := "package main\n\nimport (\n\t\"encoding/json\"\n\t\"os\"\n)\n\nfunc main() { json.NewEncoder(os.Stdout).Encode(os.Args) }\n"
	if err := os.WriteFile(dir, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(cache, "out"), dir)
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(cache, "cache"), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// tarTree reads the Go tree. tar would not read for /dev/null, so that a pipe takes its output.
func tarTree(t *testing.T, _ *scene) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", "-C", strings.TrimSpace(string(root)), "-cf", "-", "src")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{out}, make([]byte, 1<<20)); n < 1<<20 {
		t.Fatalf("tar gave %d bytes: %v", n, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestResident holds the memory of gyr with the default rules while many processes live.
func TestResident(t *testing.T) {
	s := newScene(t, "resident")
	w, err := alone(t)
	if err != nil {
		t.Fatal(err)
	}
	for range manyProcess {
		cmd := exec.Command(build.actor, "sleep", "1h", s.mark)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	barrier(t, w, "resident-wall")
	got := resident(t, w)
	t.Logf("%d MiB resident with %d processes more", got, manyProcess)
	if got > maxResident {
		t.Errorf("%d MiB resident, want at most %d", got, maxResident)
	}
	if _, err := w.stop(); err != nil {
		t.Error(err)
	}
}

// cpuTime is what gyr has used of the processors so far.
func cpuTime(t *testing.T, w *watcher) time.Duration {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", w.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		t.Fatal("gyr has no threads: ", err)
	}
	var sum time.Duration
	for _, task := range tasks {
		if data, err := os.ReadFile(task); err == nil {
			n, _ := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64)
			sum += time.Duration(n)
		}
	}
	return sum
}

// resident is gyr's memory in MiB.
func resident(t *testing.T, w *watcher) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}
