// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// paramsOf returns a parameter's bytes in the next n events of a type that this thread makes.
func paramsOf(t *testing.T, s *Source, typ event.Type, name string, n int) (texts []string) {
	t.Helper()
	var ev event.Event
	for until := time.Now().Add(10 * time.Second); len(texts) < n && time.Now().Before(until); {
		switch err := s.Next(&ev); {
		case err == nil && ev.Type() == typ && ev.TID() == int64(unix.Gettid()):
			texts = append(texts, string(ev.Param(ev.Info().ParamIndex(name))))
		case err != nil && !errors.Is(err, source.ErrIdle):
			t.Fatal(err)
		}
	}
	if len(texts) < n {
		t.Fatalf("only %d of %d events of %v", len(texts), n, typ)
	}
	return texts
}

// TestAbstractNames holds that the name of an abstract socket ends where it ends: the kernel keeps no NUL behind
// it, but what its memory was last used for.
func TestAbstractNames(t *testing.T) {
	s := openLive(t, Config{Syscalls: named("recvfrom")})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bound := func(name string) int {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name})
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	var used []int
	for i := range 64 { // memory of the same size, with something in it
		used = append(used, bound(fmt.Sprintf("%s%02d", strings.Repeat("g", 16), i)))
	}
	for _, fd := range used {
		unix.Close(fd)
	}
	const times = 16
	for i := range times {
		name := fmt.Sprintf("gyr-%02d", i)
		fd := bound(name)
		defer unix.Close(fd)
		from := bound(name + "x")
		defer unix.Close(from)
		if err := unix.Sendto(from, []byte("x"), 0, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := unix.Recvfrom(fd, make([]byte, 8), 0); err != nil {
			t.Fatal(err)
		}
	}
	for i, tuple := range paramsOf(t, s, event.RecvFrom, "tuple", times) {
		if want := fmt.Sprintf("gyr-%02d\x00", i); len(tuple) < 17 || tuple[17:] != want {
			t.Errorf("the socket's name is %q, want %q", tuple[min(17, len(tuple)):], want)
		}
	}
}

// TestFileTimes holds that a time is told only of calls that give one to the file.
func TestFileTimes(t *testing.T) {
	s := openLive(t, Config{Syscalls: named("utimensat")})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const now, omit = 1<<30 - 1, 1<<30 - 2
	rows := []struct {
		times []unix.Timespec
		want  string
	}{
		{nil, ""},
		{[]unix.Timespec{{Sec: 1}, {Sec: 5, Nsec: 7}}, "\x07\xf2\x05\x2a\x01\x00\x00\x00"},
		{[]unix.Timespec{{Sec: 1}, {Sec: 9, Nsec: now}}, ""},
		{[]unix.Timespec{{Sec: 1}, {Sec: 9, Nsec: omit}}, ""},
	}
	for _, r := range rows {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, r.times, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range paramsOf(t, s, event.UTimeNSAt, "mtime", len(rows)) {
		if got != rows[i].want {
			t.Errorf("%v: the time is %q, want %q", rows[i].times, got, rows[i].want)
		}
	}
}

// TestFilesWithoutPlace holds that the real path of files that have neither a name nor a place, such as pipes and
// namespaces, is not that of the root directory.
func TestFilesWithoutPlace(t *testing.T) {
	s := openLive(t, Config{Syscalls: named("openat")})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pipe := make([]int, 2)
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	memory, err := unix.MemfdCreate("gyr", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(memory)
	rows := []struct{ path, want string }{
		{"/", "/\x00"},
		{"/proc/self/ns/mnt", ""},
		{fmt.Sprint("/proc/self/fd/", pipe[0]), ""},
		{fmt.Sprint("/proc/self/fd/", memory), "/memfd:gyr\x00"},
		{"/proc/self/root/etc", "/etc\x00"},
	}
	for _, r := range rows {
		fd, err := unix.Openat(unix.AT_FDCWD, r.path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
	}
	for i, path := range paramsOf(t, s, event.OpenAt, "real_path", len(rows)) {
		if path != rows[i].want {
			t.Errorf("%s is %q, want %q", rows[i].path, path, rows[i].want)
		}
	}
}
