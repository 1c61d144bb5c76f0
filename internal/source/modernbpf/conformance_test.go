// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// callRow makes one system call and says what its event must carry. Arguments are numbers, texts, buffers and
// pointers; a text that begins with "@" is the number of a descriptor of the stage, and "$D" in texts its directory.
// The result is not in want: it is what the call returned.
type callRow struct {
	call string
	out  outcome
	args []any
	want map[string]any
}

// outcome is how a call must end.
type outcome uint8

const (
	good   outcome = iota // it succeeds
	bad                   // it fails
	either                // that depends on the machine
)

type (
	a = []any
	w = map[string]any
)

// callStage is what calls work on.
type callStage struct {
	dir  string
	fds  map[string]int
	keep []any
}

// newStage opens the descriptors that rows name.
func newStage(t *testing.T) *callStage {
	t.Helper()
	s := &callStage{dir: t.TempDir(), fds: map[string]int{}}
	must := func(name string) func(int, error) {
		return func(fd int, err error) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s.fds["@"+name] = fd
			t.Cleanup(func() { unix.Close(fd) })
		}
	}
	for _, name := range []string{"file", "plain", "away", "mode", "old"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte("0123456789"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must("file")(unix.Open(s.dir+"/file", unix.O_RDWR, 0))
	must("out")(unix.Open(s.dir+"/out", unix.O_RDWR|unix.O_CREAT, 0o600))
	must("dir")(unix.Open(s.dir, unix.O_RDONLY|unix.O_DIRECTORY, 0))
	must("udp")(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	must("tcp")(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	must("epoll")(unix.EpollCreate1(0))
	must("inotify")(unix.InotifyInit1(0))
	if fd, err := unix.PidfdOpen(os.Getpid(), 0); err == nil {
		must("self")(fd, nil)
	} else {
		s.fds["@self"] = 9999
	}
	if id, _, errno := unix.Syscall(unix.SYS_SEMGET, 0, 1, 0o600); errno == 0 {
		s.fds["@sem"] = int(id)
		t.Cleanup(func() { _, _, _ = unix.Syscall(unix.SYS_SEMCTL, id, 0, 0) })
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	must("in")(pipe[0], nil)
	must("into")(pipe[1], nil)
	var pair [2]int
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	must("here")(pair[0], nil)
	must("there")(pair[1], nil)
	return s
}

// arg is an argument as the register that the call gets.
func (s *callStage) arg(v any) uintptr {
	switch v := v.(type) {
	case int:
		return uintptr(v)
	case string:
		if strings.HasPrefix(v, "@") {
			return uintptr(s.fds[v])
		}
		b, _ := unix.BytePtrFromString(strings.ReplaceAll(v, "$D", s.dir))
		s.keep = append(s.keep, b)
		return uintptr(unsafe.Pointer(b))
	case []byte:
		s.keep = append(s.keep, v)
		return uintptr(unsafe.Pointer(&v[0]))
	case []uint64:
		s.keep = append(s.keep, v)
		return uintptr(unsafe.Pointer(&v[0]))
	case []uint32:
		s.keep = append(s.keep, v)
		return uintptr(unsafe.Pointer(&v[0]))
	case func(*callStage) any:
		return s.arg(v(s))
	}
	panic(fmt.Sprintf("argument of type %T", v))
}

// value is what an event must carry, in the form in which wants compare.
func (s *callStage) value(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case string:
		if strings.HasPrefix(v, "@") {
			return int64(s.fds[v])
		}
		return strings.ReplaceAll(v, "$D", s.dir)
	}
	return v
}

// pointers makes a vector of buffers (struct iovec), or of texts.
func pointers(items ...any) func(*callStage) any {
	return func(s *callStage) any {
		var v []uint64
		for _, i := range items {
			if n, ok := i.(int); ok {
				v = append(v, uint64(n))
				continue
			}
			v = append(v, uint64(s.arg(i)))
		}
		return v
	}
}

// testConformance makes every system call that the driver decodes, with success and with failure as
// far as that can be done here, and compares the event with what was asked for.
func testConformance(t *testing.T, s *Source) {
	defer lossless(t, s)()
	stage := newStage(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var wants []want
	ran := 0
	for i := range callRows {
		r := &callRows[i]
		sc := event.SyscallByName(r.call)
		if sc == nil {
			t.Fatalf("row %d: no system call %q", i, r.call)
		}
		if sc.Number() < 0 {
			continue
		}
		var args [6]uintptr
		for n, v := range r.args {
			args[n] = stage.arg(v)
		}
		res, _, errno := uintptr(0), uintptr(0), unix.EINTR
		for errno == unix.EINTR { // the runtime's signals
			res, _, errno = unix.RawSyscall6(uintptr(sc.Number()), args[0], args[1], args[2], args[3], args[4], args[5])
		}
		value := int64(res)
		if errno != 0 {
			value = -int64(errno)
		}
		if errno != unix.ENOSYS && (r.out == good && errno != 0 || r.out == bad && errno == 0) {
			t.Errorf("row %d, %s%v: %v", i, r.call, r.args, errno)
		}
		params := map[string]any{}
		for name, v := range r.want {
			params[name] = stage.value(v)
		}
		info := event.Lookup(sc.Event)
		if name, is := info.ResultName(); is && params[name] == nil {
			params[name] = value
			if info.Params[info.ParamIndex(name)].Type == event.Uint32 || info.Params[info.ParamIndex(name)].Type == event.UID {
				params[name] = int64(uint32(value))
			}
		}
		wants = append(wants, want{sc.Event, params})
		ran++
	}
	awaitEvents(t, s, int64(unix.Gettid()), wants)
	runtime.KeepAlive(stage)
	t.Logf("%d calls made", ran)
}

// TestConformanceIsComplete checks that every row of the driver has a success and a failure in the table, or a
// reason why not.
func TestConformanceIsComplete(t *testing.T) {
	var seen = map[string][2]bool{}
	for _, r := range callRows {
		s := seen[r.call]
		s[0] = s[0] || r.out != bad
		s[1] = s[1] || r.out != good
		seen[r.call] = s
	}
	for _, r := range rows {
		s, reason := seen[r.syscall], notProvoked[r.syscall]
		switch {
		case reason != "" && s[0] && s[1]:
			t.Errorf("%s is in the table and has a reason not to be", r.syscall)
		case reason == "" && !s[0]:
			t.Errorf("%s has no row that succeeds", r.syscall)
		case reason == "" && !s[1]:
			t.Errorf("%s has no row that fails", r.syscall)
		}
		delete(seen, r.syscall)
	}
	for name := range seen {
		t.Errorf("%s has rows in the table and none in the driver", name)
	}
}
