// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/modernbpf"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// mirror is a state that follows the kernel's events in this process.
type mirror struct {
	*state.State
	src source.Source
	ev  event.Event
}

// newMirror starts to follow the calls that the state needs and no more.
func newMirror(t *testing.T, lookup bool) *mirror {
	t.Helper()
	needLive(t)
	sel := engine.Select(filter.SyscallSet{}, engine.BaseSyscalls{})
	var calls []*event.Syscall
	for code := range sel.Wanted.All() {
		calls = append(calls, event.SyscallByCode(code))
	}
	m := &mirror{State: state.New(state.Options{ProcLookup: lookup}), src: modernbpf.New(modernbpf.Config{Syscalls: calls})}
	if err := m.src.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.src.Close() })
	return m
}

// follow applies all events up to now.
func (m *mirror) follow(t *testing.T) {
	t.Helper()
	until := uint64(time.Now().UnixNano())
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		err := m.src.Next(&m.ev)
		if errors.Is(err, source.ErrIdle) {
			if uint64(time.Now().UnixNano()) > until+uint64(time.Second) {
				return
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(&m.ev)
		m.After(&m.ev)
		if m.ev.Info().Category&event.CatIter == 0 && m.ev.Time() > until {
			return
		}
	}
	t.Fatal("the events do not come to now")
}

// TestStateIsTheKernels has a process do all that can be done with descriptors, and compares what the state
// made of it with what the kernel says, before and after one of its threads executes another program.
func TestStateIsTheKernels(t *testing.T) {
	needLive(t)
	needBuild(t)
	m := newMirror(t, true)
	m.follow(t)
	s := newScene(t, "juggle")
	cmd := exec.Command(build.actor, "juggle", s.dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	said := bufio.NewReader(out)
	pid := int64(cmd.Process.Pid)
	for _, stage := range []string{"before the exec", "after the exec"} {
		if line, err := said.ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("%s: the actor says %q: %v", stage, line, err)
		}
		m.follow(t)
		t.Run(stage, func(t *testing.T) { m.compare(t, pid) })
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	m.follow(t)
	if p := m.Process(pid); p != nil {
		t.Errorf("after its end: %+v", p)
	}
	if st := m.Stats(); st.FDLookups > st.Received+20 {
		t.Errorf("the state had to look at /proc: %+v", st)
	}
}

// compare compares a process with its files below /proc.
func (m *mirror) compare(t *testing.T, pid int64) {
	p := m.Process(pid)
	if p == nil || p.Main == nil {
		t.Fatalf("no process %d", pid)
	}
	dir := fmt.Sprintf("/proc/%d/", pid)
	link := func(name string) string {
		target, err := os.Readlink(dir + name)
		if err != nil {
			t.Error(err)
		}
		return target
	}
	same := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	comm, _ := os.ReadFile(dir + "comm")
	same("comm", p.Comm(), strings.TrimSpace(string(comm)))
	same("exe", p.ExePath, link("exe"))
	same("cwd", p.Cwd, link("cwd")+"/")
	tasks, _ := os.ReadDir(dir + "task")
	same("threads", p.Threads, len(tasks))
	status, _ := os.ReadFile(dir + "status")
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line) // of an identifier: real, effective, saved, that of files
		switch fields[0] {
		case "Uid:":
			same("user", p.Main.UID, fields[2])
		case "Gid:":
			same("group", p.Main.GID, fields[2])
		case "PPid:":
			same("parent", p.PPID, fields[1])
		case "CapEff:":
			same("capabilities", fmt.Sprintf("%016x", p.Main.Caps.Effective), fields[1])
		}
	}
	entries, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatal(err)
	}
	open := map[int64]bool{}
	for _, e := range entries {
		num, _ := strconv.ParseInt(e.Name(), 10, 64)
		open[num] = true
		compareFD(t, p.FDs.Get(num), num, link("fd/"+e.Name()), dir)
	}
	p.FDs.Each(func(f *state.FD) bool {
		if !open[f.Num] {
			t.Errorf("descriptor %d is not open: %d %q", f.Num, f.Type, f.Name())
		}
		return true
	})
	t.Logf("%d descriptors, %d threads", len(open), len(tasks))
}

// compareFD compares a descriptor with its link and its other file below /proc.
func compareFD(t *testing.T, f *state.FD, num int64, link, dir string) {
	if f == nil {
		t.Errorf("descriptor %d (%s) is missing", num, link)
		return
	}
	kind, rest, _ := strings.Cut(link, ":")
	var ok bool
	switch {
	case filepath.IsAbs(link) && strings.HasPrefix(link, "/memfd:"):
		ok = f.Type == state.FDMemFD && (f.Name() == "juggled" || strings.HasPrefix(f.Name(), "/memfd:juggled"))
	case filepath.IsAbs(link):
		ok = f.Type == state.FDFileV2 || f.Type == state.FDDirectory
		ok = ok && (f.Name() == link || f.RealPath() == link)
	case kind == "pipe":
		ok = f.Type == state.FDFifo && "["+strconv.FormatUint(f.Ino, 10)+"]" == rest
	case kind == "socket":
		ok = f.Type >= state.FDIPv4Sock && f.Type <= state.FDUnixSock && f.Type != state.FDFifo
	case kind == "anon_inode":
		types := map[string]state.FDType{"eventfd": state.FDEvent, "eventpoll": state.FDEventPoll, "signalfd": state.FDSignalFD,
			"timerfd": state.FDTimerFD, "inotify": state.FDInotify, "pidfd": state.FDPidFD}
		want, known := types[strings.Trim(rest, "[]")]
		ok = known && f.Type == want
	}
	if !ok {
		t.Errorf("descriptor %d is %d %q (really %q), want %s", num, f.Type, f.Name(), f.RealPath(), link)
	}
	info, err := os.ReadFile(fmt.Sprintf("%sfdinfo/%d", dir, num))
	if err != nil {
		t.Error(err)
		return
	}
	for line := range strings.Lines(string(info)) {
		if octal, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, _ := strconv.ParseUint(strings.TrimSpace(octal), 8, 32)
			if closes := flags&unix.O_CLOEXEC != 0; closes != (f.Flags&state.FDCloseOnExec != 0) {
				t.Errorf("descriptor %d (%s) closes at an exec: want %v", num, link, closes)
			}
		}
	}
}

// TestStateAfterAStorm lets many short processes come and go at once: all that is left of them is nothing.
func TestStateAfterAStorm(t *testing.T) {
	needLive(t)
	needBuild(t)
	m := newMirror(t, false)
	m.follow(t)
	const workers, each = 8, 60
	pids := make(chan int, workers*each)
	for range workers {
		go func() {
			for range each {
				cmd := exec.Command("/bin/sh", "-c", build.nothing+" & "+build.nothing+" | cat; wait")
				if err := cmd.Run(); err != nil {
					t.Error(err)
				}
				pids <- cmd.Process.Pid
			}
		}()
	}
	seen := 0
	for range workers * each {
		pid := int64(<-pids)
		m.follow(t)
		if p := m.Process(pid); p != nil {
			if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
				t.Errorf("process %d has ended: %+v", pid, p)
			}
		}
		seen++
	}
	st := m.Stats()
	t.Logf("%d shells; %+v", seen, st)
	if st.ThreadsAdded < workers*each*4 {
		t.Errorf("only %d threads came", st.ThreadsAdded)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	running := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			running++
		}
	}
	// Kernel threads are not in the state; others come and go on this machine, too.
	if st.Processes > running+50 {
		t.Errorf("%d processes in the state, %d in the kernel", st.Processes, running)
	}
}
