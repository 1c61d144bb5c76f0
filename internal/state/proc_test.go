// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

func now() uint64 { return uint64(time.Now().UnixNano()) }

func TestScanFindsThisProcess(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	s := state.New(state.Options{ProcLookup: true})
	started := time.Now()
	n, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d threads in %v; %+v", n, time.Since(started), s.Stats())

	self := s.Process(int64(os.Getpid()))
	if self == nil {
		t.Fatal("not found")
	}
	exe, _ := os.Executable()
	cwd, _ := os.Getwd()
	if self.ExePath != exe || self.Cwd != cwd+"/" || self.PPID != int64(os.Getppid()) || self.Exe != os.Args[0] ||
		len(self.Args) != len(os.Args)-1 || self.Threads < 2 || self.VPID <= 0 || self.StartTime == 0 || self.FDLimit <= 0 || len(self.Env) == 0 {
		t.Errorf("%+v", self)
	}
	args, env := 0, 0
	for _, s := range os.Args {
		args += len(s) + 1
	}
	for _, s := range os.Environ() {
		env += len(s) + 1
	}
	if self.ArgsLen != uint64(args) || self.EnvLen != uint64(env) {
		t.Errorf("%d bytes of arguments and %d of environment, want %d and %d", self.ArgsLen, self.EnvLen, args, env)
	}
	if p := self.Ancestor(1); p == nil || p.PID != int64(os.Getppid()) {
		t.Errorf("parent %+v", p)
	}
	if th := s.Thread(self.PID); th.UID != uint32(os.Geteuid()) || th.GID != uint32(os.Getegid()) || th.Comm == "" {
		t.Errorf("%+v", th)
	}
	names := map[string]*state.FD{}
	self.FDs.Each(func(f *state.FD) bool { names[f.Name()] = f; return true })
	if f := names[file.Name()]; f == nil || f.Type != state.FDFileV2 || f.Ino == 0 || f.Open&3 != 3 || f.Flags&state.FDCloseOnExec == 0 {
		t.Errorf("file %+v", f)
	}
	if f := names[listener.Addr().String()]; f == nil || f.Type != state.FDIPv4ServSock || f.Flags&state.FDRoleServer == 0 {
		t.Errorf("listener %+v of %v", f, names)
	}
	tuple := client.LocalAddr().String() + "->" + client.RemoteAddr().String()
	roles := state.FDFlags(0)
	self.FDs.Each(func(f *state.FD) bool {
		if f.Name() == tuple {
			roles |= f.Flags & (state.FDRoleClient | state.FDRoleServer)
		}
		return true
	})
	if roles != state.FDRoleClient|state.FDRoleServer {
		t.Errorf("no client and server of %s among %v", tuple, names)
	}
}

func TestLookupOnDemand(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := int64(cmd.Process.Pid)
	for range 100 { // until the child has executed
		if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(b) == "sleep\n" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	s := state.New(state.Options{ProcLookup: true})
	ev := statetest.Event(t, event.Read, now(), pid, p{"res": 1, "fd": 0})
	th, fd, _ := s.Apply(ev)
	if th.Fake || th.Comm != "sleep" || th.Proc.ArgLine != "60" || fd == nil || fd.Name() != "/dev/null" {
		t.Errorf("%+v %+v", th, fd)
	}
	if me := th.Proc.Parent; me == nil || me.PID != int64(os.Getpid()) {
		t.Errorf("parent %+v", me)
	}
	// A thread that does not exist is asked for once in a while, not with every event.
	before := s.Stats().Lookups
	for range 10 {
		th, _, _ = s.Apply(statetest.Event(t, event.Read, now(), 1<<22-1, p{"res": 1, "fd": 0}))
	}
	if st := s.Stats(); !th.Fake || st.Lookups > before+2 || st.LookupsMissed == 0 {
		t.Errorf("%+v", st)
	}
	// Threads whose events tell all are not looked up.
	s = state.New(state.Options{ProcLookup: true})
	s.Apply(statetest.Event(t, event.ProcExit, now(), pid, nil))
	if st := s.Stats(); st.Lookups != 0 {
		t.Errorf("%+v", st)
	}
}

func TestLookupsAreBounded(t *testing.T) {
	s := state.New(state.Options{ProcLookup: true, MaxLookups: 5})
	for i := range int64(100) {
		s.Apply(statetest.Event(t, event.Read, now(), 1<<22-1-i, p{"res": 1, "fd": 0}))
	}
	if st := s.Stats(); st.Lookups > 10 || st.LookupsRefused < 90 {
		t.Errorf("%+v", st)
	}
}

// TestNoDoubleAfterScan plays events that happened before the scan saw their effects.
func TestNoDoubleAfterScan(t *testing.T) {
	clock := uint64(5000 * second)
	s := state.New(state.Options{ProcLookup: true, Now: func() uint64 { return clock }})
	s.SetUsers(nil, nil)
	if _, err := s.Scan(); err != nil {
		t.Fatal(err)
	}
	pid := int64(os.Getpid())
	self := s.Process(pid)
	cwd, fds, threads := self.Cwd, self.FDs.Len(), self.Threads
	w := &world{TB: t, s: s, ts: clock - second}
	w.do(pid, event.Chdir, p{"res": 0, "path": "sub"})
	_, f, num := w.do(pid, event.OpenAt, p{"fd": 0, "dirfd": -100, "name": "/of/old", "flags": 1})
	if f == nil || f.Name() != "/of/old" || num != 0 {
		t.Errorf("rules see %+v", f)
	}
	w.do(pid, event.Close, p{"res": 0, "fd": 1})
	w.do(pid, event.SetUID, p{"res": 0, "uid": 4242})
	w.do(pid, event.Clone, p{"res": 0, "tid": int(pid), "pid": int(pid), "ptid": 1, "exe": "again"})
	w.do(pid, event.ProcExit, nil)
	if self.Cwd != cwd || self.FDs.Len() != fds || self.FDs.Get(0).Name() == "/of/old" || s.Thread(pid).UID == 4242 ||
		self.Threads != threads || s.Process(pid) != self || self.Exe == "again" {
		t.Errorf("%+v", self)
	}
	w.ts = clock + second
	w.do(pid, event.Chdir, p{"res": 0, "path": "sub"})
	w.do(pid, event.Close, p{"res": 0, "fd": 1})
	if self.Cwd != cwd+"sub/" || self.FDs.Len() != fds-1 {
		t.Errorf("later events do not count: %q %d", self.Cwd, self.FDs.Len())
	}
}

func TestIteratorEvents(t *testing.T) {
	w := newWorld(t, state.Options{})
	task := func(tid, pid, ppid int) {
		w.do(int64(tid), event.IterTask, p{"ppid": ppid, "pgid": pid, "vpgid": 3, "sid": 5, "comm": "srv", "argv": []string{"./srv", "-d", "x"},
			"exepath": "/opt/srv", "flags": 1, "env": []string{"A=1"}, "cwd": "/var", "fdlimit": 99, "euid": 7, "egid": 8, "cap_permitted": 1,
			"cap_effective": 2, "cap_inheritable": 3, "exe_ino_num": 4, "vtgid": tid - 300, "vpid": pid - 300, "cgroups": []string{"memory=/k8s.io/t1"},
			"root": "/r", "start_time": uint64(123), "tty": 1, "loginuid": 1000, "pid": pid, "exe_dev": 11, "exe_nlink": 1, "args_len": 8, "env_len": 4})
	}
	task(501, 501, 500)
	task(500, 500, 100)
	task(502, 501, 500)
	if c := w.s.Process(501); c == nil || c.Threads != 2 || c.Ancestor(1) == nil || c.Ancestor(1).PID != 500 || c.Ancestor(2).PID != 100 {
		t.Fatalf("%+v", c)
	}
	c := w.s.Process(500)
	got := fmt.Sprint(c.Exe, c.ExePath, c.Args, c.Cwd, c.Root, c.Env, c.VPID, c.SID, c.PGID, c.VPGID, c.Container.ID, c.Container.Type, c.StartTime, c.LoginUID,
		c.Exec.Writable, c.Exec.Dev, c.ArgsLen, c.EnvLen, c.Main.UID, c.Main.VTID, c.Main.Caps)
	if want := "./srv/opt/srv[-d x]/var//r[A=1] 200 5 500 3t1containerd123 1000 true 11 8 4 7 200 {3 1 2}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}

	ip := []byte{127, 0, 0, 1}
	any4 := []byte{0, 0, 0, 0}
	w.do(500, event.IterRegular, p{"fd": 3, "path": "/log", "flags": 2 | 4096, "mnt_id": 5, "ino_num": 6, "dev": 7, "nlink": 1})
	w.do(500, event.IterPipe, p{"fd": 4, "path": "pipe:[1]", "ino_num": 1})
	w.do(500, event.IterInet, p{"fd": 5, "sk_type": 1, "sk_proto": 6, "local_ip": ip, "local_port": 80, "remote_ip": ip, "remote_port": 999})
	w.do(500, event.IterInet, p{"fd": 6, "sk_type": 1, "sk_proto": 6, "local_ip": any4, "local_port": 80, "remote_ip": any4, "remote_port": 0})
	w.do(500, event.IterInet6, p{"fd": 7, "sk_type": 2, "sk_proto": 17, "local_ip": make([]byte, 16), "local_port": 5, "remote_ip": append(make([]byte, 15), 1), "remote_port": 9})
	w.do(500, event.IterUnix, p{"fd": 8, "sk_type": 1, "sk_pointer": 77, "sun_path": "/run/s", "ino_num": 3})
	w.do(500, event.IterAnonInode, p{"fd": 9, "fd_type": 2, "path": "anon_inode:[eventpoll]"})
	w.do(500, event.IterNetlink, p{"fd": 10, "sk_type": 3, "ino_num": 3})
	w.do(500, event.IterDirectory, p{"fd": 11, "path": "/dir", "ino_num": 3, "dev": 2})
	w.do(500, event.IterMemFD, p{"fd": 12, "path": "/memfd:x", "ino_num": 3})
	w.do(999, event.IterMemFD, p{"fd": 12, "path": "/memfd:x", "ino_num": 3})
	snapshot := w.ts
	w.do(1, event.Read, p{"res": 0, "fd": 0}) // ends the snapshot
	var all []string
	for fd := range int64(13) {
		if f := c.FDs.Get(fd); f != nil {
			all = append(all, fmt.Sprint(fd, ":", f.Type, " ", f.Name(), " ", f.Flags))
		}
	}
	want := "3:16 /log 32|4:7  0|5:3 127.0.0.1:999->127.0.0.1:80 6|6:5 0.0.0.0:80 2|7:4 :::5->::1:9 5|8:8 /run/s 0|9:12  0|10:15  0|11:2 /dir 0|12:20 /memfd:x 0"
	if got := strings.Join(all, "|"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if st := w.s.Stats(); st.SnapshotLost != 1 {
		t.Errorf("%+v", st)
	}
	// What happened before is known already, what comes after counts.
	w.ts = snapshot - second
	w.do(500, event.Close, p{"res": 0, "fd": 3})
	w.do(500, event.Execve, p{"res": 0, "exe": "old", "tid": 500, "pid": 500})
	if c.FDs.Get(3) == nil || c.Exe == "old" {
		t.Error("an event from before the snapshot was applied")
	}
	w.ts = snapshot + second
	w.do(500, event.Close, p{"res": 0, "fd": 3})
	w.do(502, event.ProcExit, nil)
	if c.FDs.Get(3) != nil || w.s.Process(501).Threads != 1 {
		t.Error("an event from after the snapshot was not applied")
	}
}

// TestSnapshotTakesTime plays events that happened while the iterator went from one descriptor to
// the next.
func TestSnapshotTakesTime(t *testing.T) {
	w := newWorld(t, state.Options{})
	c := w.s.Process(100)
	w.do(100, event.IterPipe, p{"fd": 3})
	during := w.ts
	w.ts += second
	w.do(100, event.IterPipe, p{"fd": 4})
	w.ts = during
	w.do(100, event.Close, p{"res": 0, "fd": 3}) // was there when the iterator came by, is gone now
	w.do(100, event.Close, p{"res": 0, "fd": 4}) // came back before the iterator did
	w.open(100, 5, "/new")                       // came after the iterator
	if c.FDs.Get(3) != nil || c.FDs.Get(4) == nil || c.FDs.Get(5) == nil {
		t.Errorf("%v %v %v", c.FDs.Get(3), c.FDs.Get(4), c.FDs.Get(5))
	}
}

func TestPurge(t *testing.T) {
	s := state.New(state.Options{ProcLookup: true})
	s.SetUsers(nil, nil)
	for pid := int64(1 << 22); pid < 1<<22+10; pid++ {
		s.Enter(&state.Entry{TID: pid, PID: pid, Comm: "gone"})
	}
	self := int64(os.Getpid())
	s.Enter(&state.Entry{TID: self, PID: self, Comm: "alive"})
	for i := range uint64(5) {
		s.Apply(statetest.Event(t, event.ProcExit, (1000+i*400)*second, 1<<23, nil))
		s.Apply(statetest.Event(t, event.SetSID, (1000+i*400)*second, self, p{"res": -1}))
	}
	if st := s.Stats(); st.Threads != 1 || st.Purged != 10 {
		t.Errorf("%+v", st)
	}
}

// The times are those that were asked for: with short ones a missed end is found soon.
func TestPurgeTimes(t *testing.T) {
	s := state.New(state.Options{ProcLookup: true, PurgeInterval: time.Second, PurgeTimeout: 5 * time.Second})
	s.SetUsers(nil, nil)
	for pid := int64(1 << 22); pid < 1<<22+40; pid++ {
		s.Enter(&state.Entry{TID: pid, PID: pid, Comm: "gone"})
	}
	s.Apply(statetest.Event(t, event.ProcExit, 1000*second, 1<<23, nil))
	for i := range uint64(10) {
		s.Apply(statetest.Event(t, event.ProcExit, (1006+2*i)*second, 1<<23, nil))
	}
	if st := s.Stats(); st.Threads != 0 || st.Purged != 40 {
		t.Errorf("%+v", st)
	}
}

func TestUserFiles(t *testing.T) {
	root := t.TempDir()
	etc := filepath.Join(root, "etc")
	write := func(name, text string, mtime time.Time) {
		file := filepath.Join(etc, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, mtime, mtime); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(etc, 0o700); err != nil {
		t.Fatal(err)
	}
	write("passwd", "root:x:0:0:root:/root:/bin/bash\n+nis:x:9:9::/:\nweb:x:33:34:Web,,:/var/www:/bin/false\nalias:x:33:1::/:/\nbad\n", time.Unix(1, 0))
	write("group", "web:x:34:\n", time.Unix(1, 0))
	s := state.New(state.Options{HostRoot: root})
	if u, ok := s.User(33, nil); !ok || u != (state.User{UID: 33, GID: 34, Name: "web", Home: "/var/www", Shell: "/bin/false"}) {
		t.Errorf("%+v", u)
	}
	if g, ok := s.Group(34, nil); !ok || g.Name != "web" {
		t.Errorf("%+v", g)
	}
	if _, ok := s.User(9, nil); ok {
		t.Error("an entry that names another source is a user")
	}
	write("passwd", "new:x:33:34::/:/bin/sh\n", time.Unix(2, 0))
	s.Apply(statetest.Event(t, event.ProcExit, 100*second, 1<<23, nil))
	w := &world{TB: t, s: s, ts: 100 * second}
	w.do(1, event.Read, p{"res": 0, "fd": 0})
	if u, _ := s.User(33, nil); u.Name != "new" {
		t.Errorf("after the change %+v", u)
	}
	if _, ok := s.User(state.NoID, nil); ok {
		t.Error("nobody has a name")
	}
	if n := testing.AllocsPerRun(100, func() { s.User(33, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestContainerUsers(t *testing.T) {
	root := t.TempDir()
	self := strconv.Itoa(os.Getpid())
	etc := filepath.Join(root, "proc", self, "root/etc")
	if err := os.MkdirAll(etc, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(etc, "passwd"), []byte("app:x:1000:1000::/app:/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := state.New(state.Options{HostRoot: root, ProcLookup: true})
	th := s.Enter(&state.Entry{TID: int64(os.Getpid()), PID: int64(os.Getpid()), Cgroups: []byte("memory=/k8s.io/t1\x00")})
	if u, ok := s.User(1000, th); !ok || u.Name != "app" {
		t.Errorf("%+v of %+v", u, th.Proc.Container)
	}
	if _, ok := s.User(1000, nil); ok {
		t.Error("the host has the container's user")
	}
}

// TestUserFilesStayWithinTheRoot has a container whose file is a link out of it.
func TestUserFilesStayWithinTheRoot(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("leak:x:7:7::/:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "etc/passwd")); err != nil {
		t.Fatal(err)
	}
	if u, ok := state.New(state.Options{HostRoot: root}).User(7, nil); ok {
		t.Errorf("%+v", u)
	}
}
