// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// learner is a state that knows this process but none of the descriptors that it opens from now on.
func learner(t *testing.T, o state.Options) (s *state.State, self int64) {
	t.Helper()
	o.ProcLookup = true
	s, self = state.New(o), int64(os.Getpid())
	if th, _, _ := s.Apply(statetest.Event(t, event.GetCwd, now(), self, p{"res": 1, "path": "/"})); th.Fake {
		t.Fatal("this process is not known")
	}
	return s, self
}

// use applies an event that uses a descriptor.
func use(t *testing.T, s *state.State, tid int64, typ event.Type, params p) *state.FD {
	t.Helper()
	_, f, _ := s.Apply(statetest.Event(t, typ, now(), tid, params))
	return f
}

// TestUnknownDescriptorsAreRead opens things behind the state's back and lets events name them.
func TestUnknownDescriptorsAreRead(t *testing.T) {
	s, self := learner(t, state.Options{})
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	fd := func(f interface{ Fd() uintptr }) int { return int(f.Fd()) }

	f := use(t, s, self, event.Write, p{"res": 1, "fd": fd(file), "size": 1})
	if f == nil || f.Name() != file.Name() || f.Type != state.FDFileV2 || f.Ino == 0 || f.Flags&state.FDCloseOnExec == 0 {
		t.Errorf("file %+v", f)
	}
	before := s.Stats().FDLookups
	use(t, s, self, event.Write, p{"res": 1, "fd": fd(file), "size": 1})
	if n := s.Stats().FDLookups; n != before {
		t.Errorf("%d looks at what is known", n-before)
	}
	if f := use(t, s, self, event.OpenAt, p{"fd": 500, "dirfd": fd(folder), "name": "below", "flags": 1}); f == nil || f.Name() != dir+"/below" {
		t.Errorf("opened below: %+v", f)
	}
	// The second directory of a call with two.
	other, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	use(t, s, self, event.RenameAt2, p{"res": 0, "olddirfd": -100, "oldpath": "a", "newdirfd": fd(other), "newpath": "b"})
	if f := s.Process(self).FDs.Get(int64(fd(other))); f == nil || f.Name() != "/etc" || f.Type != state.FDDirectory {
		t.Errorf("second directory %+v", f)
	}
	// Of a call that failed, or closed it, nothing is asked.
	before = s.Stats().FDLookups
	for _, ev := range []*event.Event{
		statetest.Event(t, event.Read, now(), self, p{"res": -9, "fd": 777}),
		statetest.Event(t, event.Close, now(), self, p{"res": 0, "fd": 777}),
		statetest.Event(t, event.Read, now(), self, p{"res": 1, "fd": event.DirectFD}),
	} {
		s.Apply(ev)
		s.After(ev)
	}
	if n := s.Stats().FDLookups; n != before {
		t.Errorf("%d looks at what cannot be known", n-before)
	}
	if f := use(t, s, self, event.Read, p{"res": 1, "fd": 778}); f != nil || s.Stats().FDLookupsMissed != 1 {
		t.Errorf("unknown to the kernel, too: %+v %+v", f, s.Stats())
	}
}

// TestUnknownSocketsAreRead does so with the ends of connections, and with a pidfd.
func TestUnknownSocketsAreRead(t *testing.T) {
	s, self := learner(t, state.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	tuple := fmt.Sprintf("%s->%s", client.LocalAddr(), l.Addr())
	for _, c := range []struct {
		conn net.Conn
		role state.FDFlags
	}{{client, state.FDRoleClient}, {server, state.FDRoleServer}} {
		raw, err := c.conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var num int
		if err := raw.Control(func(fd uintptr) { num = int(fd) }); err != nil {
			t.Fatal(err)
		}
		f := use(t, s, self, event.Write, p{"res": 1, "fd": num, "size": 1})
		if f == nil || f.Name() != tuple || f.Flags&c.role == 0 || f.Transport() != state.L4TCP || f.Flags&state.FDConnected == 0 {
			t.Errorf("socket %+v %q, want %s", f, f.Name(), tuple)
		}
	}
	pidfd, err := unix.PidfdOpen(int(self), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if f := use(t, s, self, event.Fcntl, p{"res": 0, "fd": pidfd, "cmd": 2}); f == nil || f.Type != state.FDPidFD || f.PID != self || !strings.HasPrefix(f.Name(), "/proc/") {
		t.Errorf("pidfd, as CLONE_PIDFD makes one: %+v", f)
	}
}

// TestLooksAtDescriptorsAreBounded asks for more than a second allows.
func TestLooksAtDescriptorsAreBounded(t *testing.T) {
	s, self := learner(t, state.Options{MaxLookups: 5})
	for i := range 100 {
		use(t, s, self, event.Read, p{"res": 1, "fd": 10_000 + i})
	}
	st := s.Stats()
	if st.FDLookups > 20 || st.FDLookupsRefused < 80 {
		t.Errorf("%+v", st)
	}
}

// TestLimitsAreAsked lets prlimit ask for the limit, as every shell does.
func TestLimitsAreAsked(t *testing.T) {
	s, self := learner(t, state.Options{})
	use(t, s, self, event.PRLimit, p{"res": 0, "newcur": 0, "newmax": 0, "oldcur": 1024, "oldmax": 4096, "pid": 0, "resource": 7, "new_limit": 0})
	if n := s.Process(self).FDLimit; n != 1024 {
		t.Errorf("limit is %d", n)
	}
	use(t, s, self, event.PRLimit, p{"res": 0, "newcur": 2048, "newmax": 4096, "oldcur": 1024, "oldmax": 4096, "pid": 0, "resource": 7, "new_limit": 0x7ffe0000})
	if n := s.Process(self).FDLimit; n != 2048 {
		t.Errorf("limit is %d", n)
	}
}
