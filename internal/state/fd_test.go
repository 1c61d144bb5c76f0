// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

func TestOpenNames(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.do(100, event.OpenAt, p{"fd": 9, "dirfd": -100, "name": "/var/lib", "flags": 1024})
	for _, c := range []struct {
		dirfd int
		name  string
		want  string
	}{
		{-100, "/etc/passwd", "/etc/passwd"},
		{-100, "//etc/./x/..//passwd/", "/etc/passwd"},
		{-100, "a", "/home/me/a"},
		{-100, "../../../../a", "/a"},
		{-100, "", "/home/me"},
		{-100, "/", "/"},
		{9, "x/y", "/var/lib/x/y"},
		{9, "../z", "/var/z"},
		{9, "/abs", "/abs"},
		{77, "rel", "<UNKNOWN>/rel"},
		{77, "/abs", "/abs"},
		{-100, "/" + strings.Repeat("a", 1100), "/DIR_TOO_LONG/FILENAME_TOO_LONG"},
	} {
		_, f, num := w.do(100, event.OpenAt, p{"fd": 3, "dirfd": c.dirfd, "name": c.name, "flags": 1})
		if f == nil || f.Name() != c.want || num != 3 {
			t.Errorf("open of %q below %d is %q, want %q", c.name, c.dirfd, f.Name(), c.want)
		}
	}
}

func TestOpenKeepsWhatTheKernelTells(t *testing.T) {
	w := newWorld(t, state.Options{})
	_, f, _ := w.do(100, event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "link//x", "flags": 1 | 32768 | 4096, "dev": 5, "ino": 6,
		"real_path": "/etc/shadow", "nlink": 2, "mnt_id": 7})
	got := fmt.Sprint(f.Name(), " ", f.RawName(), " ", f.RealPath(), " ", f.Dev, f.Ino, f.NLink, f.MountID, f.Flags == state.FDCloseOnExec|state.FDUpperLayer|state.FDNameChanged)
	if want := "/home/me/link/x link/x /etc/shadow 5 6 2 7 true"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	_, f, _ = w.do(100, event.Read, p{"res": 1, "fd": 3})
	if f.Flags&state.FDNameChanged != 0 || f.RealPath() != "/etc/shadow" {
		t.Errorf("later: %+v", f)
	}
	_, f, _ = w.do(100, event.OpenByHandleAt, p{"fd": 4, "mountfd": 3, "flags": 1, "path": "/by/handle", "real_path": "/r"})
	if f.Name() != "/by/handle" || f.RealPath() != "/r" {
		t.Errorf("%q %q", f.Name(), f.RealPath())
	}
	_, f, num := w.do(100, event.OpenAt, p{"fd": -13, "dirfd": -100, "name": "/x"})
	if f != nil || num != -1 {
		t.Errorf("a failed open has descriptor %d %+v", num, f)
	}
	_, f, _ = w.do(100, event.Creat, p{"fd": 3, "name": "new", "creat_flags": 2})
	if f.Name() != "/home/me/new" || f.Flags&state.FDLowerLayer == 0 {
		t.Errorf("%+v", f)
	}
}

func TestOpenBelievesTheEnterEvent(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.do(100, event.OpenAtEnter, p{"dirfd": -100, "name": "/etc/shadow", "flags": 1})
	w.do(100, event.Read, p{"res": 0, "fd": 0})
	_, f, _ := w.do(100, event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "/tmp/x", "flags": 2 | 16384})
	if f.Name() != "/etc/shadow" || f.Open != 1|16384 {
		t.Errorf("%q %d", f.Name(), f.Open)
	}
	_, f, _ = w.do(100, event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "/tmp/x", "flags": 2})
	if f.Name() != "/tmp/x" {
		t.Errorf("the enter event served twice: %q", f.Name())
	}
	w.do(100, event.ConnectEnter, p{"fd": 4, "addr": statetest.Addr("6.6.6.6:66")})
	_, f, _ = w.do(100, event.Connect, p{"res": 0, "tuple": statetest.Tuple("10.0.0.1:1", "8.8.8.8:53"), "fd": 4, "addr": statetest.Addr("8.8.8.8:53")})
	if f.Name() != "10.0.0.1:1->6.6.6.6:66" {
		t.Errorf("%q", f.Name())
	}
}

func TestClose(t *testing.T) {
	w := newWorld(t, state.Options{})
	fds := func() int { return w.s.Process(100).FDs.Len() }
	for fd := range int64(10) {
		w.open(100, fd, "/x")
	}
	_, f, num := w.do(100, event.Close, p{"res": 0, "fd": 3})
	if f == nil || f.Name() != "/x" || num != 3 || fds() != 9 {
		t.Errorf("%+v %d", f, fds())
	}
	w.do(100, event.Close, p{"res": -9, "fd": 4})
	if fds() != 9 {
		t.Error("a close that failed for a bad number closed")
	}
	w.do(100, event.Close, p{"res": -4, "fd": 4})
	if fds() != 8 {
		t.Error("an interrupted close has closed all the same")
	}
	w.do(100, event.CloseRange, p{"res": 0, "first": 5, "last": 7})
	if fds() != 5 {
		t.Errorf("%d left", fds())
	}
	w.do(100, event.CloseRange, p{"res": 0, "first": 8, "last": 0xffffffff, "flags": 4})
	if fds() != 5 || w.s.Process(100).FDs.Get(9).Flags&state.FDCloseOnExec == 0 {
		t.Error("close-on-exec of a range")
	}
	w.exec(100, "/bin/new")
	if fds() != 3 {
		t.Errorf("%d after exec", fds())
	}
}

func TestDup(t *testing.T) {
	w := newWorld(t, state.Options{})
	fds := w.s.Process(100)
	w.do(100, event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "/x", "flags": 4096})
	w.open(100, 1, "/old")
	_, f, num := w.do(100, event.Dup2, p{"res": 1, "oldfd": 3, "newfd": 1})
	if f.Name() != "/x" || num != 1 || f.Flags&state.FDCloseOnExec != 0 || fds.FDs.Get(1).Name() != "/x" || fds.FDs.Get(3).Flags&state.FDCloseOnExec == 0 {
		t.Errorf("%+v", f)
	}
	if _, f, _ = w.do(100, event.Dup3, p{"res": 5, "oldfd": 3, "newfd": 5, "flags": 4096}); f.Flags&state.FDCloseOnExec == 0 {
		t.Errorf("%+v", f)
	}
	if _, f, _ = w.do(100, event.Fcntl, p{"res": 6, "fd": 1, "cmd": 26}); f.Num != 6 || f.Flags&state.FDCloseOnExec == 0 {
		t.Errorf("%+v", f)
	}
	w.do(100, event.Dup2, p{"res": 6, "oldfd": 6, "newfd": 6})
	w.do(100, event.Dup2, p{"res": -9, "oldfd": 60, "newfd": 6})
	if f := fds.FDs.Get(6); f == nil || f.Name() != "/x" {
		t.Errorf("%+v", f)
	}
	w.do(100, event.Dup2, p{"res": 6, "oldfd": 70, "newfd": 6})
	if fds.FDs.Get(6) != nil {
		t.Error("the old entry survived what was dup'ed over it")
	}
}

func TestForkSharesUntilWritten(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.open(100, 3, "/x")
	before := w.s.Stats().FDs
	c := w.fork(100, 200)
	if w.s.Stats().FDs != before || c.FDs.Get(3) != w.s.Process(100).FDs.Get(3) {
		t.Error("the child's entries are copies")
	}
	w.do(200, event.Fcntl, p{"res": 0, "fd": 3, "cmd": 3, "arg": 1})
	if c.FDs.Get(3).Flags&state.FDCloseOnExec == 0 || w.s.Process(100).FDs.Get(3).Flags&state.FDCloseOnExec != 0 {
		t.Error("the flag of one is that of the other")
	}
	w.do(100, event.Close, p{"res": 0, "fd": 3})
	if c.FDs.Get(3) == nil {
		t.Error("the parent closed the child's descriptor")
	}
	w.exit(200)
	if st := w.s.Stats(); st.FDs != 0 {
		t.Errorf("%d entries left", st.FDs)
	}
}

func TestCloneFiles(t *testing.T) {
	w := newWorld(t, state.Options{})
	w.do(200, event.Clone, p{"res": 0, "exe": "x", "tid": 200, "pid": 200, "ptid": 100, "flags": 1, "vtid": 200, "vpid": 200})
	w.open(200, 3, "/x")
	if w.s.Process(100).FDs.Get(3) == nil {
		t.Error("the table is not shared")
	}
	w.exec(200, "/bin/new")
	w.do(200, event.Close, p{"res": 0, "fd": 3})
	if w.s.Process(100).FDs.Get(3) == nil || w.s.Process(200).FDs.Get(3) != nil {
		t.Error("exec does not end the sharing")
	}
}

func TestSockets(t *testing.T) {
	w := newWorld(t, state.Options{})
	_, f, _ := w.do(100, event.Socket, p{"fd": 3, "domain": 2, "type": 1 | 0x80000, "proto": 0})
	if f.Type != state.FDIPv4Sock || f.L4 != state.L4TCP || f.Transport() != state.L4NA || f.Flags != state.FDCloseOnExec {
		t.Errorf("socket %+v", f)
	}
	_, f, _ = w.do(100, event.Connect, p{"res": -111, "tuple": statetest.Tuple("1.1.1.1:1", "2.2.2.2:2"), "fd": 3})
	if f.Name() != "" {
		t.Errorf("refused %q", f.Name())
	}
	_, f, _ = w.do(100, event.Connect, p{"res": -115, "tuple": statetest.Tuple("1.1.1.1:1", "2.2.2.2:2"), "fd": 3})
	if f.Name() != "1.1.1.1:1->2.2.2.2:2" || f.Flags&(state.FDRoleClient|state.FDConnected|state.FDConnectPending|state.FDNameChanged) !=
		state.FDRoleClient|state.FDConnected|state.FDConnectPending|state.FDNameChanged || f.Transport() != state.L4TCP {
		t.Errorf("connect %q %+v", f.Name(), f)
	}
	w.do(100, event.Socket, p{"fd": 4, "domain": 10, "type": 1, "proto": 6})
	_, f, _ = w.do(100, event.Bind, p{"res": 0, "addr": statetest.Addr("[::]:80"), "fd": 4})
	if f.Name() != ":::80" || f.Type != state.FDIPv6ServSock || f.Dest.Port() != 80 || f.Source.IsValid() || f.Transport() != state.L4TCP {
		t.Errorf("bind %q %+v", f.Name(), f)
	}
	_, f, _ = w.do(100, event.Accept4, p{"fd": 5, "tuple": statetest.Tuple("[::ffff:9.9.9.9]:99", "[::ffff:1.1.1.1]:80"), "flags": 0})
	if f.Name() != "9.9.9.9:99->1.1.1.1:80" || f.Type != state.FDIPv4Sock || f.Flags&(state.FDRoleServer|state.FDConnected) != state.FDRoleServer|state.FDConnected {
		t.Errorf("accept %q %+v", f.Name(), f)
	}
	w.do(100, event.Socket, p{"fd": 6, "domain": 1, "type": 1})
	_, f, _ = w.do(100, event.Bind, p{"res": 0, "addr": statetest.Addr("/run/sock"), "fd": 6})
	if f.Name() != "/run/sock" || f.Type != state.FDUnixSock {
		t.Errorf("unix bind %q", f.Name())
	}
	_, f, _ = w.do(100, event.Connect, p{"res": 0, "tuple": statetest.UnixTuple(0, 0xabc, "/run/x"), "fd": 8})
	if f.Name() != "0->abc /run/x" || f.Type != state.FDUnixSock {
		t.Errorf("unix connect %q", f.Name())
	}
	_, f, num := w.do(100, event.SocketPair, p{"res": 0, "fd1": 10, "fd2": 11, "source": 1, "peer": 2, "domain": 1, "type": 1})
	if num != 11 || f.UnixSource != 2 || w.s.Process(100).FDs.Get(10).UnixDest != 2 {
		t.Errorf("socketpair %d %+v", num, f)
	}
	for proto, want := range map[int]state.L4Proto{1: state.L4Raw, 17: state.L4Raw, 255: state.L4Raw} {
		if _, f, _ = w.do(100, event.Socket, p{"fd": 3, "domain": 2, "type": 3, "proto": proto}); f.Transport() != want {
			t.Errorf("raw socket of %d: %d", proto, f.Transport())
		}
	}
}

func TestDatagrams(t *testing.T) {
	w := newWorld(t, state.Options{})
	client, server := "10.0.0.9:5000", "10.0.0.1:53"
	// A client that writes first.
	w.do(100, event.Socket, p{"fd": 3, "domain": 2, "type": 2, "proto": 0})
	_, f, _ := w.do(100, event.SendTo, p{"res": 1, "fd": 3, "tuple": statetest.Tuple(client, server)})
	if f.Name() != client+"->"+server || f.Flags&state.FDRoleClient == 0 || f.L4 != state.L4UDP || f.Flags&state.FDNameChanged == 0 {
		t.Errorf("%q %+v", f.Name(), f)
	}
	_, f, _ = w.do(100, event.RecvFrom, p{"res": 1, "fd": 3, "tuple": statetest.Tuple(server, client)})
	if f.Name() != client+"->"+server || f.Flags&state.FDNameChanged != 0 {
		t.Errorf("%q %+v", f.Name(), f)
	}
	_, f, _ = w.do(100, event.SendTo, p{"res": 1, "fd": 3, "tuple": statetest.Tuple(client, "8.8.8.8:53")})
	if f.Name() != client+"->8.8.8.8:53" || f.Flags&state.FDNameChanged == 0 {
		t.Errorf("%q %+v", f.Name(), f)
	}
	// A server that has bound its port.
	w.do(100, event.Socket, p{"fd": 4, "domain": 2, "type": 2, "proto": 17})
	w.do(100, event.Bind, p{"res": 0, "addr": statetest.Addr(server), "fd": 4})
	_, f, _ = w.do(100, event.RecvMsg, p{"res": 1, "fd": 4, "tuple": statetest.Tuple(client, server)})
	if f.Name() != client+"->"+server || f.Flags&state.FDRoleServer == 0 {
		t.Errorf("%q %+v", f.Name(), f)
	}
	_, f, _ = w.do(100, event.SendMsg, p{"res": 1, "fd": 4, "tuple": statetest.Tuple(server, "7.7.7.7:7")})
	if f.Name() != "7.7.7.7:7->"+server {
		t.Errorf("%q %+v", f.Name(), f)
	}
	// Nothing but what was sent is known of this one.
	_, f, _ = w.do(100, event.SendTo, p{"res": 1, "fd": 30, "tuple": statetest.Tuple(client, server)})
	if f == nil || f.Name() != client+"->"+server {
		t.Errorf("%+v", f)
	}
}

func TestTypedDescriptors(t *testing.T) {
	for typ, want := range map[event.Type]state.FDType{
		event.EventFD2: state.FDEvent, event.SignalFD4: state.FDSignalFD, event.TimerFDCreate: state.FDTimerFD,
		event.InotifyInit1: state.FDInotify, event.EpollCreate1: state.FDEventPoll, event.UserFaultFD: state.FDUserFault,
		event.IOUringSetup: state.FDIOUring, event.MemFDCreate: state.FDMemFD, event.BPF: state.FDBPF, event.PidFDOpen: state.FDPidFD,
	} {
		w := newWorld(t, state.Options{})
		result := event.Lookup(typ).Params[0].Name
		_, f, num := w.do(100, typ, p{result: 3})
		if f == nil || f.Type != want || num != 3 {
			t.Errorf("event %d: %+v", typ, f)
		}
		if _, f, num = w.do(100, typ, p{result: -24}); f != nil || num != -1 {
			t.Errorf("event %d failed: %d %+v", typ, num, f)
		}
	}
	w := newWorld(t, state.Options{})
	if _, f, num := w.do(100, event.BPF, p{"fd": 0, "cmd": 2}); f != nil || num != -1 {
		t.Errorf("bpf without a descriptor: %d %+v", num, f)
	}
	if _, f, _ := w.do(100, event.MemFDCreate, p{"fd": 3, "name": "x", "flags": 1}); f.Name() != "x" || f.Flags&state.FDCloseOnExec == 0 {
		t.Errorf("%+v", f)
	}
	w.open(1, 7, "/of/init")
	if _, f, _ := w.do(100, event.PidFDOpen, p{"fd": 4, "pid": 1}); f.Name() != "/proc/1" {
		t.Errorf("%+v", f)
	}
	if _, f, num := w.do(100, event.PidFDGetFD, p{"fd": 5, "pid_fd": 4, "target_fd": 7}); f == nil || f.Name() != "/of/init" || num != 5 {
		t.Errorf("%d %+v", num, f)
	}
}

func TestFDMemoryIsBounded(t *testing.T) {
	w := newWorld(t, state.Options{MaxFDBytes: 100_000})
	w.fork(100, 200)
	for fd := range int64(5000) {
		w.open(100, fd, "/some/file")
	}
	st := w.s.Stats()
	if st.FDBytes > 110_000 || st.FDsEvicted == 0 {
		t.Errorf("%+v", st)
	}
	// Another process still gets room.
	if f := w.open(200, 3, "/y"); f == nil || w.s.Process(200).FDs.Get(3) == nil {
		t.Error("a small process is shut out")
	}
}

// TestFDTable compares the table with a map under random operations.
func TestFDTable(t *testing.T) {
	w := newWorld(t, state.Options{})
	want := map[int64]bool{}
	x := uint64(1)
	for range 20_000 {
		x = x*6364136223846793005 + 1442695040888963407
		num := int64(x>>33) % 300
		if x>>63 == 0 {
			num *= 1 << 16
		}
		if x>>62&1 == 0 {
			w.open(100, num, "/x")
			want[num] = true
		} else {
			w.do(100, event.Close, p{"res": 0, "fd": int(num)})
			delete(want, num)
		}
	}
	fds := w.s.Process(100).FDs
	if fds.Len() != len(want) {
		t.Errorf("%d entries, want %d", fds.Len(), len(want))
	}
	for num := range want {
		if f := fds.Get(num); f == nil || f.Num != num {
			t.Errorf("no entry %d", num)
		}
	}
	n := 0
	fds.Each(func(f *state.FD) bool { n++; return want[f.Num] })
	if n != len(want) {
		t.Errorf("visited %d", n)
	}
}

func TestReceivedDescriptors(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "passed"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := state.New(state.Options{ProcLookup: true})
	self := int64(os.Getpid())
	w := &world{TB: t, s: s, ts: uint64(1) << 62}
	w.do(self, event.Read, p{"res": 0, "fd": 0})
	w.do(self, event.Close, p{"res": 0, "fd": int(file.Fd())})
	control := binary.LittleEndian.AppendUint64(nil, 20)
	control = binary.LittleEndian.AppendUint32(control, 1)
	control = binary.LittleEndian.AppendUint32(control, 1)
	control = binary.LittleEndian.AppendUint32(control, uint32(file.Fd()))
	w.do(self, event.RecvMsg, p{"res": 1, "fd": 0, "msgcontrol": control})
	if f := s.Process(self).FDs.Get(int64(file.Fd())); f == nil || f.Name() != file.Name() {
		t.Errorf("descriptor %+v", f)
	}
	if st := s.Stats(); st.ReceivedKnown != 1 {
		t.Errorf("%+v", st)
	}
}

// TestOwnDescriptors enters the descriptors that events of ours make.
func TestOwnDescriptors(t *testing.T) {
	w := newWorld(t, state.Options{})
	for i, c := range []struct {
		typ    event.Type
		params p
		kind   state.FDType
		name   string
		closes bool
	}{
		{event.FSOpen, p{"fsname": "tmpfs", "flags": 1}, state.FDUnsupported, "", true},
		{event.FSPick, p{"dirfd": -100, "path": "/", "flags": 0}, state.FDUnsupported, "", false},
		{event.FSMount, p{"fs_fd": 3, "flags": 1}, state.FDDirectory, "/", true},
		{event.OpenTree, p{"dirfd": -100, "path": "x", "flags": 0x80001}, state.FDDirectory, "/home/me/x", true},
		{event.OpenTreeAttr, p{"dirfd": 99, "path": "x"}, state.FDDirectory, "<UNKNOWN>/x", false},
		{event.MemFDSecret, p{"flags": 0x80000}, state.FDMemFD, "/secretmem", true},
		{event.LandlockCreate, p{}, state.FDUnsupported, "", true},
		{event.FanotifyInit, p{"flags": 1}, state.FDUnsupported, "", true},
		{event.PerfEventOpen, p{"flags": 8}, state.FDUnsupported, "", true},
	} {
		c.params["fd"] = 10 + i
		_, f, num := w.do(100, c.typ, c.params)
		if f == nil || num != int64(10+i) || f.Type != c.kind || f.Name() != c.name || f.Flags&state.FDCloseOnExec != 0 != c.closes {
			t.Errorf("%s: %d %+v %q", event.Lookup(c.typ).Name, num, f, f.Name())
		}
		c.params["fd"] = -1
		if _, f, num := w.do(100, c.typ, c.params); f != nil || num != -1 {
			t.Errorf("%s failed: %d %+v", event.Lookup(c.typ).Name, num, f)
		}
	}
}
