// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"fmt"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// parentSide is the clone event of the caller, which gets the child's number.
func (w *world) parentSide(typ event.Type, parent, child int64, more p) {
	w.Helper()
	params := p{"res": int(child), "exe": "bash", "tid": int(parent), "pid": int(parent), "ptid": 1, "comm": "bash",
		"vtid": int(parent), "vpid": int(parent)}
	for k, v := range more {
		params[k] = v
	}
	w.do(parent, typ, params)
}

func TestCloneOrders(t *testing.T) {
	for name, f := range map[string]func(w *world){
		"child first":  func(w *world) { w.fork(100, 200); w.parentSide(event.Clone, 100, 200, nil) },
		"parent first": func(w *world) { w.parentSide(event.Clone, 100, 200, nil); w.fork(100, 200) },
		"child only":   func(w *world) { w.fork(100, 200) },
		"parent only":  func(w *world) { w.parentSide(event.Clone3, 100, 200, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, state.Options{})
			w.open(100, 3, "/x")
			f(w)
			c := w.s.Process(200)
			if c == nil {
				t.Fatal("no child")
			}
			got := fmt.Sprint(c.Exe, c.ExePath, c.Cwd, c.PPID, c.Parent.PID, c.Lineage.PID, c.Threads, c.Env, c.SID, c.VPID, c.FDs.Len(), c.Comm())
			if want := "bash/bin/bash/home/me/100 100 100 1 [A=b] 100 200 1bash"; got != want {
				t.Errorf("child is %s, want %s", got, want)
			}
			if n := w.s.Stats().Threads; n != 3 {
				t.Errorf("%d threads", n)
			}
		})
	}
}

func TestCloneParentSideStaysOut(t *testing.T) {
	for name, f := range map[string]func(w *world){
		"vfork":             func(w *world) { w.parentSide(event.VFork, 100, 200, nil) },
		"vfork flag":        func(w *world) { w.parentSide(event.Clone, 100, 200, p{"flags": 134217728}) },
		"new pid namespace": func(w *world) { w.parentSide(event.Clone, 100, 200, p{"flags": 64}) },
		"clone parent":      func(w *world) { w.parentSide(event.Clone, 100, 200, p{"flags": 256}) },
		"in a container":    func(w *world) { w.parentSide(event.Clone, 100, 200, p{"vtid": 7, "vpid": 7}) },
		"already exited": func(w *world) {
			w.fork(100, 200)
			w.exit(200)
			w.parentSide(event.Clone, 100, 200, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, state.Options{})
			f(w)
			if c := w.s.Process(200); c != nil {
				t.Errorf("child %+v", c)
			}
		})
	}
}

func TestCloneTakesUnknownCallerFromItsEvent(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.parentSide(event.Clone, 300, 301, p{"exe": "nginx", "comm": "nginx", "ptid": 1})
	a, b := w.s.Process(300), w.s.Process(301)
	if a == nil || b == nil || a.Exe != "nginx" || a.PPID != 1 || b.Parent != a {
		t.Errorf("caller %+v, child %+v", a, b)
	}
}

func TestPIDReuse(t *testing.T) {
	w := newWorld(t, state.Options{})
	first := w.fork(100, 200)
	w.exec(200, "/bin/old")
	w.thread(200, 201)
	w.ts += 10 * second
	second := w.fork(1, 200)
	if first == second || second.ExePath != "/sbin/init" || second.Threads != 1 || w.s.Thread(201) != nil {
		t.Errorf("process %+v", second)
	}
	if n := w.s.Stats().Stale; n != 1 {
		t.Errorf("%d stale entries", n)
	}
	// The caller's side of a clone that was held up for long must not replace the child.
	w.ts += 60 * 1_000_000_000
	w.parentSide(event.Clone, 1, 200, p{"start_time": uint64(5)})
	if w.s.Process(200) != second {
		t.Error("a late event of the caller replaced the child")
	}
}

func TestThreads(t *testing.T) {
	w := newWorld(t, state.Options{})
	c := w.fork(100, 200)
	th := w.thread(200, 201)
	w.thread(200, 202)
	if th.Proc != c || c.Threads != 3 || th.Comm != "worker" || c.Comm() != "bash" {
		t.Fatalf("thread %+v of %+v", th, c)
	}
	w.open(201, 5, "/etc/hosts")
	if f := c.FDs.Get(5); f == nil || f.Name() != "/etc/hosts" {
		t.Errorf("descriptor %+v", f)
	}

	w.exit(200)
	if c.Threads != 2 || w.s.Thread(200) == nil || !w.s.Thread(200).Dead || c.Comm() != "bash" || c.Gone {
		t.Errorf("without its leader: %+v", c)
	}
	w.exec(200, "/bin/new") // by thread 201 or 202, which goes by the leader's number now
	if c.Threads != 1 || w.s.Thread(201) != nil || w.s.Thread(202) != nil || c.Main.Dead || c.ExePath != "/bin/new" {
		t.Errorf("after the exec: %+v", c)
	}
	w.exit(200)
	if w.s.Process(200) != nil || w.s.Thread(200) != nil || !c.Gone {
		t.Errorf("after the end: %+v", c)
	}
}

func TestLastThreadEndsAfterLeader(t *testing.T) {
	w := newWorld(t, state.Options{})
	c := w.fork(100, 200)
	w.thread(200, 201)
	w.exit(200)
	w.exit(201)
	if !c.Gone || w.s.Process(200) != nil || w.s.Thread(200) != nil || w.s.Stats().Threads != 2 {
		t.Errorf("left: %+v", w.s.Stats())
	}
}

func TestExec(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.fork(100, 200)
	w.open(200, 3, "/kept")
	w.do(200, event.OpenAt, p{"fd": 4, "dirfd": -100, "name": "/closed", "flags": 4096})
	w.do(200, event.Fcntl, p{"res": 0, "fd": 3, "cmd": 3, "arg": 0})
	_, _, _ = w.do(200, event.Execve, p{"res": 0, "exe": "./run", "args": []string{"a b", "", "c"}, "tid": 200, "pid": 200, "ptid": 100,
		"comm": "run", "trusted_exepath": "/opt/run (deleted)", "env": []string{"X=1", "Y=2"}, "flags": 1 | 2, "tty": 34816, "vpgid": 200, "pgid": 200,
		"loginuid": 1000, "uid": 1000, "gid": 1001, "cap_inheritable": 1, "cap_permitted": 2, "cap_effective": 3, "exe_ino": 9,
		"exe_ino_ctime": 10, "exe_ino_mtime": 11, "exe_dev": 12, "exe_nlink": 13, "interp": "/bin/sh", "sid": 99, "args_len": 5000, "env_len": 6000,
		"start_time": uint64(77), "cgroups": []string{"io=/x", "mem_cgroup=/docker/605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22"}})
	c := w.s.Process(200)
	th := c.Main
	got := fmt.Sprint(c.Exe, " ", c.ExePath, " ", len(c.Args), " ", c.ArgLine, " ", c.CmdLine, " ", c.Env, th.UID, th.GID, th.Caps, c.TTY, c.LoginUID, c.SID, c.PGID,
		c.ArgsLen, c.EnvLen, c.Exec, c.Cgroups, c.Container.ID, c.Container.Type, c.FDs.Len(), c.PPID, c.StartTime)
	want := "./run /opt/run 3 a b  c run a b  c [X=1 Y=2] 1000 1001 {1 2 3} 34816 1000 99 200 5000 6000 {9 10 11 1000000999990 12 13 /bin/sh  true true false false true} " +
		"[{blkio /x} {memory /docker/605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22}]605439acbd4fdocker1 100 77"
	if got != want {
		t.Errorf("after the exec\n%s, want\n%s", got, want)
	}
	w.do(200, event.Execveat, p{"res": -2, "exe": "failed", "tid": 200, "pid": 200})
	if c.Exe != "./run" {
		t.Error("a failed exec changed the program")
	}
}

func TestExecOfUnknownThread(t *testing.T) {
	w := newWorld(t, state.Options{})
	c := w.exec(500, "/bin/foo", "-x")
	if c == nil || c.ExePath != "/bin/foo" || c.CmdLine != "foo -x" || c.Parent == nil || c.Parent.PID != 1 {
		t.Errorf("process %+v", c)
	}
}

func TestReparenting(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(w *world)
		reaper int
		want   int64
	}{
		{"kernel names it", func(w *world) {}, 1, 1},
		{"nearest subreaper", func(w *world) { w.do(100, event.Prctl, p{"res": 0, "option": 36, "arg2_int": 1}) }, 0, 100},
		{"init", func(w *world) {}, 0, 1},
		{"unset subreaper", func(w *world) {
			w.do(100, event.Prctl, p{"res": 0, "option": 36, "arg2_int": 1})
			w.do(100, event.Prctl, p{"res": 0, "option": 36, "arg2_int": 0})
		}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, state.Options{})
			c.before(w)
			middle := w.fork(100, 200)
			leaf := w.fork(200, 300)
			w.exec(200, "/bin/middle")
			w.do(200, event.ProcExit, p{"reaper_tid": c.reaper})
			if leaf.PPID != c.want || leaf.Parent == nil || leaf.Parent.PID != c.want {
				t.Errorf("parent is %d, want %d", leaf.PPID, c.want)
			}
			if leaf.Lineage != middle || middle.ExePath != "/bin/middle" || !middle.Gone || middle.Lineage.PID != 100 {
				t.Errorf("lineage is %+v", leaf.Lineage)
			}
			if w.s.Stats().Gone != 1 {
				t.Errorf("%+v", w.s.Stats())
			}
			w.exit(300)
			if st := w.s.Stats(); st.Gone != 0 || st.LineageBytes != 0 {
				t.Errorf("still held: %+v", st)
			}
		})
	}
}

func TestParentsInAnyOrder(t *testing.T) {
	s := state.New(state.Options{})
	s.Enter(&state.Entry{TID: 30, PID: 30, PPID: 20, Comm: "c"})
	s.Enter(&state.Entry{TID: 10, PID: 10, PPID: 1, Comm: "a"})
	c := s.Process(30)
	if c.Ancestor(1) != nil {
		t.Errorf("parent %+v", c.Ancestor(1))
	}
	s.Enter(&state.Entry{TID: 20, PID: 20, PPID: 10, Comm: "b"})
	if c.Ancestor(0) != c || c.Ancestor(1).Comm() != "b" || c.Ancestor(2).Comm() != "a" || c.Ancestor(3) != nil {
		t.Error("the line is not linked")
	}
}

func TestAncestorsInALoop(t *testing.T) {
	s := state.New(state.Options{})
	s.Enter(&state.Entry{TID: 10, PID: 10, PPID: 20, Comm: "a"})
	s.Enter(&state.Entry{TID: 20, PID: 20, PPID: 10, Comm: "b"})
	if p := s.Process(10).Ancestor(1000); p != nil {
		t.Errorf("ancestor %+v", p)
	}
}

func TestLineageIsBounded(t *testing.T) {
	w := newWorld(t, state.Options{MaxLineageDepth: 10})
	last := int64(100)
	for i := range int64(100) {
		w.fork(last, 1000+i)
		if last != 100 {
			w.exit(last)
		}
		last = 1000 + i
	}
	n := 0
	for p := w.s.Process(last).Lineage; p != nil; p = p.Lineage {
		n++
	}
	if st := w.s.Stats(); n > 12 || st.Gone > 12 || st.LineageCut == 0 {
		t.Errorf("%d generations, %+v", n, st)
	}

	w = newWorld(t, state.Options{MaxLineageBytes: 20_000})
	for i := range int64(200) {
		w.fork(100, 1000+2*i)
		w.fork(1000+2*i, 1001+2*i)
		w.exit(1000 + 2*i)
	}
	st := w.s.Stats()
	if st.LineageBytes > 20_000 || st.LineageEvicted == 0 {
		t.Errorf("%+v", st)
	}
	if p := w.s.Process(1001); p.Lineage == nil || p.Lineage.PID != 100 {
		t.Errorf("the heirs of an evicted process descend from its own lineage, not %+v", p.Lineage)
	}
}

func TestCredentials(t *testing.T) {
	w := newWorld(t, state.Options{})
	th := w.s.Thread(100)
	w.do(100, event.SetUID, p{"res": 0, "uid": 5})
	w.do(100, event.SetUID, p{"res": -1, "uid": 6})
	w.do(100, event.SetGID, p{"res": 0, "gid": 7})
	if th.UID != 5 || th.GID != 7 {
		t.Errorf("%d %d", th.UID, th.GID)
	}
	none := uint64(0xffffffff)
	w.do(100, event.SetResUID, p{"res": 0, "ruid": 1, "euid": 8, "suid": 3})
	w.do(100, event.SetResGID, p{"res": 0, "rgid": 1, "egid": none, "sgid": 3})
	w.do(100, event.SetREGID, p{"res": 0, "rgid": 1, "egid": 9})
	w.do(100, event.SetREUID, p{"res": 0, "ruid": 1, "euid": none})
	if th.UID != 8 || th.GID != 9 {
		t.Errorf("%d %d", th.UID, th.GID)
	}
	w.do(100, event.Capset, p{"res": 0, "cap_inheritable": 1, "cap_permitted": 2, "cap_effective": 3})
	if th.Caps != (state.Caps{Inheritable: 1, Permitted: 2, Effective: 3}) {
		t.Errorf("%+v", th.Caps)
	}
	w.do(100, event.Unshare, p{"res": 0, "flags": 1048576})
	if th.Caps.Effective != 1<<41-1 {
		t.Errorf("%+v", th.Caps)
	}
	w.do(100, event.SetSID, p{"res": 44})
	w.do(100, event.SetRLimit, p{"res": 0, "cur": 123, "resource": 7})
	if th.Proc.SID != 44 || th.Proc.FDLimit != 123 {
		t.Errorf("%+v", th.Proc)
	}
	w.do(1, event.PRLimit, p{"res": 0, "newcur": -1, "oldcur": 55, "pid": 100, "resource": 7})
	if th.Proc.FDLimit != 55 {
		t.Errorf("%d", th.Proc.FDLimit)
	}
}

func TestDirectories(t *testing.T) {
	w := newWorld(t, state.Options{})
	pr := w.s.Process(100)
	w.do(100, event.Chdir, p{"res": 0, "path": "../you/./x//"})
	if pr.Cwd != "/home/you/x/" {
		t.Error(pr.Cwd)
	}
	w.do(100, event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "/srv", "flags": 1024})
	w.do(100, event.Fchdir, p{"res": 0, "fd": 3})
	if pr.Cwd != "/srv/" {
		t.Error(pr.Cwd)
	}
	w.do(100, event.GetCwd, p{"res": 5, "path": "/"})
	if pr.Cwd != "/" {
		t.Error(pr.Cwd)
	}
	w.do(100, event.Chdir, p{"res": -2, "path": "/no"})
	w.do(100, event.Chroot, p{"res": 0, "path": "jail"})
	if pr.Cwd != "/" || pr.Root != "/jail" {
		t.Error(pr.Cwd, pr.Root)
	}
}

func TestLeaders(t *testing.T) {
	s := state.New(state.Options{})
	s.Enter(&state.Entry{TID: 10, PID: 10, VTID: 10, VPID: 10, SID: 10, PGID: 10, VPGID: 10, Comm: "sh"})
	s.Enter(&state.Entry{TID: 20, PID: 20, PPID: 10, VTID: 20, VPID: 20, SID: 10, PGID: 20, VPGID: 20, Comm: "job"})
	th := s.Thread(20)
	if s.SessionLeader(th).Comm() != "sh" || s.GroupLeader(th).Comm() != "job" || s.VGroupLeader(th).Comm() != "job" {
		t.Error("leaders on the host")
	}
	// In a child namespace session 5 is not the host's process 5.
	s.Enter(&state.Entry{TID: 5, PID: 5, VTID: 5, VPID: 5, Comm: "other"})
	s.Enter(&state.Entry{TID: 30, PID: 30, PPID: 10, VTID: 5, VPID: 5, SID: 5, PGID: 30, VPGID: 5, Comm: "cinit"})
	s.Enter(&state.Entry{TID: 31, PID: 31, PPID: 30, VTID: 6, VPID: 6, SID: 5, PGID: 30, VPGID: 5, Comm: "child"})
	th = s.Thread(31)
	if s.SessionLeader(th).Comm() != "cinit" || s.VGroupLeader(th).Comm() != "cinit" || s.GroupLeader(th).Comm() != "cinit" {
		t.Error("leaders in a namespace")
	}
	s.Enter(&state.Entry{TID: 40, PID: 40, PPID: 10, VTID: 40, VPID: 40, SID: -1, PGID: 777, VPGID: -1, Comm: "lost"})
	th = s.Thread(40)
	if s.SessionLeader(th) != nil || s.GroupLeader(th) != nil || s.VGroupLeader(th) != nil {
		t.Error("leaders that are not known")
	}
}

func TestTableIsBounded(t *testing.T) {
	w := newWorld(t, state.Options{MaxThreads: 50})
	for i := range int64(100) {
		w.fork(100, 1000+i)
	}
	st := w.s.Stats()
	if st.Threads != 50 || st.Processes != 50 || st.ThreadsDropped == 0 {
		t.Errorf("%+v", st)
	}
	if th, _, _ := w.do(5000, event.Read, p{"res": 1, "fd": 1}); th == nil || !th.Fake {
		t.Errorf("thread %+v", th)
	}
}

func TestUnknownThread(t *testing.T) {
	w := newWorld(t, state.Options{})
	th, fd, num := w.do(7, event.Open, p{"fd": 3, "name": "/x", "flags": 1})
	if !th.Fake || th.Comm != "<NA>" || th.Proc.PID != -1 || th.UID != state.NoID || fd == nil || fd.Name() != "/x" || num != 3 {
		t.Errorf("%+v %+v %d", th, fd, num)
	}
	if _, fd, _ = w.do(7, event.Read, p{"res": 1, "fd": 3}); fd == nil || fd.Name() != "/x" {
		t.Errorf("descriptor %+v", fd)
	}
	if th, _, _ := w.do(8, event.ProcExit, nil); th != nil {
		t.Errorf("exit of %+v", th)
	}
	w.exit(7)
	if st := w.s.Stats(); st.Threads != 2 || st.FDs != 0 {
		t.Errorf("%+v", st)
	}
}

func TestUsersFromEvents(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.do(1, event.UserAdded, p{"uid": 7, "gid": 8, "name": "me", "home": "/h", "shell": "/s"})
	w.do(1, event.GroupAdded, p{"gid": 8, "name": "us"})
	if u, ok := w.s.User(7, nil); !ok || u != (state.User{UID: 7, GID: 8, Name: "me", Home: "/h", Shell: "/s"}) {
		t.Errorf("user %+v", u)
	}
	if g, ok := w.s.Group(8, nil); !ok || g.Name != "us" {
		t.Errorf("group %+v", g)
	}
	w.do(1, event.UserDeleted, p{"uid": 7})
	if _, ok := w.s.User(7, nil); ok {
		t.Error("still there")
	}
	if u, ok := w.s.User(0, nil); !ok || u.Name != "root" {
		t.Errorf("user %+v", u)
	}
}
