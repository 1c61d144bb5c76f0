// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// openLive opens a source for the calls, or skips the test where the machine does not allow that.
// GYR_REQUIRE_LIVE=1 makes a skip a failure.
func openLive(t testing.TB, cfg Config) *Source {
	t.Helper()
	s := New(cfg)
	if err := s.Open(context.Background()); err != nil {
		if major, minor := kernelVersion(t); cfg.Form == FormFast && (major < 6 || major == 6 && minor < 2) {
			t.Skip("the fast form is for Linux 6.2 and later: ", err)
		}
		if os.Getenv("GYR_REQUIRE_LIVE") == "1" {
			var ve *ebpf.VerifierError
			if errors.As(err, &ve) {
				t.Logf("%-40v", ve)
			}
			t.Fatal(err)
		}
		t.Skip("no live capture here: ", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// kernelVersion is the running kernel's version.
func kernelVersion(t testing.TB) (major, minor int) {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatalf("version of the kernel: %v", err)
	}
	return major, minor
}

// allCalls are the calls that have a row.
func allCalls() []*event.Syscall {
	var calls []*event.Syscall
	for i := range rows {
		calls = append(calls, event.SyscallByName(rows[i].syscall))
	}
	return calls
}

// want is an expected event: its type and the parameters that are known, by name. Texts are compared
// without their final NUL; numbers as int64.
type want struct {
	typ    event.Type
	params map[string]any
}

// paramValue is a parameter in the form in which wants name it.
func paramValue(ev *event.Event, i int) any {
	switch ev.Info().Params[i].Type {
	case event.CharBuf, event.FSPath, event.FSRelPath:
		s, _ := ev.Text(i)
		return string([]byte(s))
	case event.ByteBuf, event.CharBufArray, event.SockAddr, event.SockTuple, event.Dyn, event.FDList:
		return string(ev.Param(i))
	case event.Uint8, event.Uint16, event.Uint32, event.Flags8, event.Flags16, event.Flags32, event.EnumFlags8, event.EnumFlags16,
		event.EnumFlags32, event.UID, event.GID, event.Mode:
		v, _ := ev.Uint(i)
		return int64(v)
	}
	v, _ := ev.Int(i)
	return v
}

// containing is wanted of a text that has all these parts.
type containing []string

// mismatch says in what an event differs from what is wanted; "" if in nothing.
func (w *want) mismatch(ev *event.Event) string {
	if ev.Type() != w.typ {
		return "type"
	}
	for name, v := range w.params {
		i := ev.Info().ParamIndex(name)
		if i < 0 {
			return "no parameter " + name
		}
		got := paramValue(ev, i)
		if parts, ok := v.(containing); ok {
			for _, part := range parts {
				if s, _ := got.(string); !strings.Contains(s, part) {
					return fmt.Sprintf("%s = %#v, want %q in it", name, got, part)
				}
			}
		} else if got != v {
			return fmt.Sprintf("%s = %#v, want %#v", name, got, v)
		}
	}
	return ""
}

// liveParts are what a source is held to.
var liveParts = []struct {
	name string
	do   func(*testing.T, *Source)
}{
	{"conformance", testConformance}, {"calls", testCalls}, {"rings", testRings}, {"resolved", testResolved},
	{"process", testProcess}, {"traces", testTraces}, {"select", testSelect}, {"clock", testClockSteps}, {"hotplug", testHotplug},
	{"no-alloc", testNextDoesNotAllocate},
}

// TestLive opens a source with each form of the programs and holds it to all parts. To load the programs takes
// seconds in the guests of test/kernels, so that the parts share a source; each begins with all calls selected.
func TestLive(t *testing.T) {
	for _, form := range []string{FormFast, FormPortable} {
		t.Run(form, func(t *testing.T) {
			file, err := os.Create(filepath.Join(t.TempDir(), "open"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			s := openLive(t, Config{Syscalls: allCalls(), Form: form, CPUsPerRing: 1})
			t.Run("snapshot", func(t *testing.T) { testSnapshot(t, s, file) })
			for _, part := range liveParts {
				t.Run(part.name, func(t *testing.T) {
					begin(t, s)
					part.do(t, s)
				})
			}
		})
	}
}

// begin selects all calls and reads away what came before.
func begin(t *testing.T, s *Source) {
	t.Helper()
	if err := s.Select(allCalls()); err != nil {
		t.Fatal(err)
	}
	var ev event.Event
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		if err := s.Next(&ev); errors.Is(err, source.ErrIdle) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// lossless returns a function that fails the test if events were lost since the call of lossless.
func lossless(t *testing.T, s *Source) (check func()) {
	before := s.Stats()
	return func() {
		t.Helper()
		if st := s.Stats(); st.Lost() != before.Lost() {
			t.Errorf("%d events lost: %+v, before %+v", st.Lost()-before.Lost(), st.Losses, before.Losses)
		}
	}
}

// TestLiveTwice makes the calls with second programs beside the first ones. Kernels that need those have them
// in TestLive.
func TestLiveTwice(t *testing.T) {
	if sched, _ := heldUp(); sched || os.Getenv(guestVar) == "1" {
		t.Skip("this kernel has second programs in all tests, or in none")
	}
	for _, form := range []string{FormFast, FormPortable} {
		t.Run(form, func(t *testing.T) {
			testCalls(t, openLive(t, Config{Syscalls: allCalls(), CPUsPerRing: 2, Form: form, twice: true, callsTwice: true}))
		})
	}
}

// testCalls performs real system calls and compares what the kernel's programs report.
func testCalls(t *testing.T, s *Source) {
	defer lossless(t, s)()
	dir := t.TempDir()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := int64(unix.Gettid())

	var wants []want
	expect := func(typ event.Type, params map[string]any) { wants = append(wants, want{typ, params}) }
	performCalls(t, dir, expect)

	awaitEvents(t, s, tid, wants)
}

const enoent = -int64(unix.ENOENT)

// inode returns device and inode of a path as events carry them.
func inode(t *testing.T, path string) (dev, ino, nlink int64) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int64(uint32(st.Dev)), int64(st.Ino), int64(st.Nlink)
}

// performCalls makes the calls, and says before each what event it expects.
func performCalls(t *testing.T, dir string, expect func(event.Type, map[string]any)) {
	t.Helper()
	type p = map[string]any
	cstr := func(s string) uintptr { b, _ := unix.BytePtrFromString(s); return uintptr(unsafe.Pointer(b)) }
	call := func(nr uintptr, a ...uintptr) int64 {
		var args [6]uintptr
		copy(args[:], a)
		r, _, e := unix.RawSyscall6(nr, args[0], args[1], args[2], args[3], args[4], args[5])
		if e != 0 {
			return -int64(e)
		}
		return int64(r)
	}
	const cwd = -100
	at := ^uintptr(99) // AT_FDCWD
	real := filepath.Join(dir, "real")
	link := filepath.Join(dir, "link")
	hard := filepath.Join(dir, "hard")
	if err := os.WriteFile(real, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}

	call(unix.SYS_SYMLINKAT, cstr(real), at, cstr(link))
	expect(event.SymlinkAt, p{"res": int64(0), "target": real, "linkdirfd": int64(cwd), "linkpath": link})
	call(unix.SYS_LINKAT, at, cstr(real), at, cstr(hard), 0)
	expect(event.LinkAt, p{"res": int64(0), "olddir": int64(cwd), "oldpath": real, "newpath": hard, "flags": int64(0)})

	dev, ino, nlink := inode(t, real)
	fd := call(unix.SYS_OPENAT, at, cstr(link), unix.O_RDWR|unix.O_CLOEXEC, 0)
	expect(event.OpenAt, p{"fd": fd, "dirfd": int64(cwd), "name": link, "flags": int64(3 | 4096), "mode": int64(0), "dev": dev, "ino": ino,
		"real_path": real, "nlink": nlink})
	missing := filepath.Join(dir, "missing")
	call(unix.SYS_OPENAT, at, cstr(missing), unix.O_RDONLY, 0)
	expect(event.OpenAt, p{"fd": enoent, "name": missing, "flags": int64(1), "real_path": "", "ino": int64(0)})
	how := unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC, Mode: 0o640, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	made := filepath.Join(dir, "made")
	fd2 := call(unix.SYS_OPENAT2, at, cstr(dir+"/./made"), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how))
	expect(event.OpenAt2, p{"fd": fd2, "name": dir + "/./made", "flags": int64(2 | 4 | 256 | 1<<14), "mode": int64(0o640), "resolve": int64(4), "real_path": made})

	buf := []byte("written")
	n := call(unix.SYS_WRITE, uintptr(fd2), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	expect(event.Write, p{"res": n, "data": "written", "fd": fd2, "size": int64(len(buf))})
	in := make([]byte, 3)
	call(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&in[0])), 3)
	expect(event.Read, p{"res": int64(3), "data": "con", "fd": fd, "size": int64(3)})
	call(unix.SYS_DUP3, uintptr(fd), 777, unix.O_CLOEXEC)
	expect(event.Dup3, p{"res": int64(777), "oldfd": fd, "newfd": int64(777), "flags": int64(4096)})
	call(unix.SYS_FCNTL, 777, unix.F_DUPFD_CLOEXEC, 780)
	expect(event.Fcntl, p{"fd": int64(777), "cmd": int64(26), "arg": int64(780)})
	call(unix.SYS_FCHMOD, uintptr(fd2), 0o4755)
	expect(event.Fchmod, p{"res": int64(0), "fd": fd2, "mode": int64(0o4755)})
	call(unix.SYS_FCHMODAT, at, cstr(made), 0o600)
	expect(event.FchmodAt, p{"res": int64(0), "dirfd": int64(cwd), "filename": made, "mode": int64(0o600)})
	call(unix.SYS_FCHOWNAT, at, cstr(made), 0, 0, unix.AT_SYMLINK_NOFOLLOW)
	expect(event.FChownAt, p{"res": int64(0), "pathname": made, "uid": int64(0), "gid": int64(0), "flags": int64(1024)})
	call(unix.SYS_RENAMEAT2, at, cstr(made), at, cstr(made+"2"), unix.RENAME_NOREPLACE)
	expect(event.RenameAt2, p{"res": int64(0), "oldpath": made, "newpath": made + "2", "flags": int64(1)})
	call(unix.SYS_UNLINKAT, at, cstr(made+"2"), 0)
	expect(event.UnlinkAt, p{"res": int64(0), "dirfd": int64(cwd), "name": made + "2", "flags": int64(0)})
	call(unix.SYS_MKDIRAT, at, cstr(dir+"/d"), 0o711)
	expect(event.MkdirAt, p{"res": int64(0), "path": dir + "/d", "mode": int64(0o711)})
	call(unix.SYS_CLOSE, uintptr(fd2))
	expect(event.Close, p{"res": int64(0), "fd": fd2})
	call(unix.SYS_CLOSE_RANGE, 770, 790, 0)
	expect(event.CloseRange, p{"res": int64(0), "first": int64(770), "last": int64(790), "flags": int64(0)})

	var pipe [2]int32
	call(unix.SYS_PIPE2, uintptr(unsafe.Pointer(&pipe)), unix.O_CLOEXEC)
	expect(event.Pipe2, p{"res": int64(0), "fd1": int64(pipe[0]), "fd2": int64(pipe[1]), "flags": int64(4096)})
	mfd := call(unix.SYS_MEMFD_CREATE, cstr("hidden"), unix.MFD_CLOEXEC)
	expect(event.MemFDCreate, p{"fd": mfd, "name": "hidden", "flags": int64(1)})
	for _, f := range []int64{fd, int64(pipe[0]), int64(pipe[1]), mfd} {
		call(unix.SYS_CLOSE, uintptr(f))
		expect(event.Close, p{"res": int64(0), "fd": f})
	}
	socketCalls(t, dir, call, expect)

	call(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 0)
	expect(event.Prctl, p{"res": int64(0), "option": int64(36), "arg2_str": "", "arg2_int": int64(0)})
	call(unix.SYS_PTRACE, unix.PTRACE_DETACH, 999999, 0, 0)
	expect(event.Ptrace, p{"res": -int64(unix.ESRCH), "request": int64(12), "pid": int64(999999)})
	call(unix.SYS_SETNS, 9999, unix.CLONE_NEWNS)
	expect(event.SetNS, p{"res": -int64(unix.EBADF), "fd": int64(9999), "nstype": int64(32)})
	call(unix.SYS_KILL, uintptr(os.Getpid()), 0)
	expect(event.Kill, p{"res": int64(0), "pid": int64(os.Getpid()), "sig": int64(0)})
	call(unix.SYS_MOUNT, cstr("what"), cstr(missing), cstr("tmpfs"), unix.MS_NOSUID, 0)
	expect(event.Mount, p{"res": enoent, "dev": "what", "dir": missing, "type": "tmpfs", "flags": int64(2)})
	call(unix.SYS_BPF, 999, 0, 0)
	expect(event.BPF, p{"cmd": int64(999)})
	call(unix.SYS_FINIT_MODULE, 9999, cstr("a=b"), 0)
	expect(event.FInitModule, p{"fd": int64(9999), "uargs": "a=b", "flags": int64(0)})
	call(unix.SYS_MPROTECT, 4096, 4096, unix.PROT_READ|unix.PROT_EXEC)
	expect(event.MProtect, p{"addr": int64(4096), "length": int64(4096), "prot": int64(5)})
	argv := [3]uintptr{cstr("zero"), cstr("one"), 0}
	envp := [2]uintptr{cstr("K=V"), 0}
	call(unix.SYS_EXECVE, cstr(missing), uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&envp)))
	expect(event.Execve, p{"res": enoent, "exe": "zero", "args": "one\x00", "env": "K=V\x00", "filename": missing})
}

// socketCalls are the calls on sockets of performCalls.
func socketCalls(t *testing.T, dir string, call func(uintptr, ...uintptr) int64, expect func(event.Type, map[string]any)) {
	t.Helper()
	type p = map[string]any
	lfd := call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	expect(event.Socket, p{"fd": lfd, "domain": int64(2), "type": int64(unix.SOCK_STREAM | unix.SOCK_CLOEXEC), "proto": int64(0), "flags": int64(4096)})
	addr := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	call(unix.SYS_BIND, uintptr(lfd), uintptr(unsafe.Pointer(&addr)), unsafe.Sizeof(addr))
	expect(event.Bind, p{"res": int64(0), "addr": "\x02\x7f\x00\x00\x01\x00\x00", "fd": lfd})
	call(unix.SYS_LISTEN, uintptr(lfd), 5)
	expect(event.Listen, p{"res": int64(0), "fd": lfd, "backlog": int64(5)})
	sa, err := unix.Getsockname(int(lfd))
	if err != nil {
		t.Fatal(err)
	}
	port := sa.(*unix.SockaddrInet4).Port
	le := func(n int) string { return string([]byte{byte(n), byte(n >> 8)}) }
	addr.Port = uint16(port>>8 | port<<8)
	cfd := call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
	expect(event.Socket, p{"fd": cfd})
	call(unix.SYS_CONNECT, uintptr(cfd), uintptr(unsafe.Pointer(&addr)), unsafe.Sizeof(addr))
	ca, err := unix.Getsockname(int(cfd))
	if err != nil {
		t.Fatal(err)
	}
	cport := ca.(*unix.SockaddrInet4).Port
	tuple := "\x02\x7f\x00\x00\x01" + le(cport) + "\x7f\x00\x00\x01" + le(port)
	expect(event.Connect, p{"res": int64(0), "tuple": tuple, "fd": cfd, "addr": "\x02\x7f\x00\x00\x01" + le(port)})
	afd := call(unix.SYS_ACCEPT4, uintptr(lfd), 0, 0, unix.SOCK_NONBLOCK)
	expect(event.Accept4, p{"fd": afd, "tuple": tuple, "queuemax": int64(5), "flags": int64(64)})
	data := []byte("hello")
	call(unix.SYS_SENDTO, uintptr(cfd), uintptr(unsafe.Pointer(&data[0])), 5, 0, 0, 0)
	expect(event.SendTo, p{"res": int64(5), "data": "hello", "fd": cfd, "size": int64(5), "tuple": tuple})
	back := make([]byte, 16)
	iov := unix.Iovec{Base: &back[0], Len: 16}
	msg := unix.Msghdr{Iov: &iov, Iovlen: 1}
	call(unix.SYS_RECVMSG, uintptr(afd), uintptr(unsafe.Pointer(&msg)), 0)
	expect(event.RecvMsg, p{"res": int64(5), "size": int64(5), "data": "hello", "fd": afd, "tuple": tuple})
	one, size := int32(1), uint32(4)
	call(unix.SYS_SETSOCKOPT, uintptr(cfd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, uintptr(unsafe.Pointer(&one)), 4)
	expect(45, p{"res": int64(0), "fd": cfd, "level": int64(1), "optname": int64(9), "val": "\x02\x01\x00\x00\x00", "optlen": int64(4)})
	call(unix.SYS_GETSOCKOPT, uintptr(cfd), unix.SOL_SOCKET, unix.SO_ERROR, uintptr(unsafe.Pointer(&one)), uintptr(unsafe.Pointer(&size)))
	expect(event.GetSockOpt, p{"res": int64(0), "level": int64(1), "optname": int64(4), "val": "\x01\x00\x00\x00\x00\x00\x00\x00\x00", "optlen": int64(4)})
	for _, fd := range []int64{afd, cfd, lfd} {
		call(unix.SYS_CLOSE, uintptr(fd))
		expect(event.Close, p{"fd": fd})
	}

	ufd := call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	expect(event.Socket, p{"fd": ufd, "domain": int64(1)})
	ua := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	path := "/nowhere/socket"
	for i := range len(path) {
		ua.Path[i] = int8(path[i])
	}
	call(unix.SYS_CONNECT, uintptr(ufd), uintptr(unsafe.Pointer(&ua)), uintptr(2+len(path)+1))
	expect(event.Connect, p{"res": enoent, "tuple": "", "fd": ufd, "addr": "\x01" + path + "\x00"})
	call(unix.SYS_CLOSE, uintptr(ufd))
	expect(event.Close, p{"fd": ufd})
}
