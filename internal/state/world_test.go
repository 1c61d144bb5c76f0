// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

type p = statetest.P

// world is a state with a clock that goes on with every event.
type world struct {
	testing.TB
	s  *state.State
	ts uint64
}

const second = 1_000_000_000

// newWorld returns a state with init and a shell, process 100.
func newWorld(t testing.TB, o state.Options) *world {
	s := state.New(o)
	s.SetUsers(nil, nil)
	s.Enter(&state.Entry{TID: 1, PID: 1, VTID: 1, VPID: 1, Comm: "init", Exe: "/sbin/init", ExePath: "/sbin/init", Cwd: "/", Reaper: true})
	s.Enter(&state.Entry{TID: 100, PID: 100, PPID: 1, VTID: 100, VPID: 100, Comm: "bash", Exe: "bash", ExePath: "/bin/bash",
		Cwd: "/home/me", SID: 100, PGID: 100, VPGID: 100, Env: []byte("A=b\x00")})
	return &world{TB: t, s: s, ts: 1000 * second}
}

// do applies an event of the thread, rules and all, one millisecond after the last.
func (w *world) do(tid int64, typ event.Type, params p) (*state.Thread, *state.FD, int64) {
	w.Helper()
	w.ts += 1_000_000
	ev := statetest.Event(w, typ, w.ts, tid, params)
	th, fd, num := w.s.Apply(ev)
	var copied *state.FD
	if fd != nil {
		c := *fd
		copied = &c
	}
	w.s.After(ev)
	return th, copied, num
}

// fork makes a child as the fork tracepoint tells it.
func (w *world) fork(parent, child int64) *state.Process {
	w.Helper()
	w.do(child, event.Clone, p{"res": 0, "exe": "bash", "tid": int(child), "pid": int(child), "ptid": int(parent), "comm": "bash",
		"vtid": int(child), "vpid": int(child), "uid": 0, "gid": 0, "sid": 100, "caller": int(parent), "start_time": w.ts})
	return w.s.Process(child)
}

// thread makes another thread of a process.
func (w *world) thread(pid, tid int64) *state.Thread {
	w.Helper()
	w.do(tid, event.Clone, p{"res": 0, "exe": "bash", "tid": int(tid), "pid": int(pid), "ptid": 1, "comm": "worker", "flags": 8192 | 1,
		"vtid": int(tid), "vpid": int(pid), "start_time": w.ts})
	return w.s.Thread(tid)
}

// exec makes a process execute a program.
func (w *world) exec(pid int64, path string, args ...string) *state.Process {
	w.Helper()
	w.do(pid, event.Execve, p{"res": 0, "exe": path, "args": args, "tid": int(pid), "pid": int(pid), "ptid": 1, "comm": path[len(path)-3:],
		"trusted_exepath": path, "env": []string{"HOME=/root"}, "pgid": int(pid), "vpgid": int(pid), "uid": 0, "gid": 0})
	return w.s.Process(pid)
}

func (w *world) exit(tid int64) {
	w.Helper()
	w.do(tid, event.ProcExit, p{"status": 0, "reaper_tid": 0})
}

func (w *world) open(tid, fd int64, name string) *state.FD {
	w.Helper()
	_, f, _ := w.do(tid, event.OpenAt, p{"fd": int(fd), "dirfd": -100, "name": name, "flags": 1, "real_path": "/real" + name})
	return f
}
