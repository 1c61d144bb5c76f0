// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bytes"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// TestFailedCallsAreNotCritical makes so many calls in vain that their records would fill the critical ring
// over and over: they must leave its room to what changes something, and still be told.
func TestFailedCallsAreNotCritical(t *testing.T) {
	path, long := []byte("/gyr-is-not-here\x00"), append(bytes.Repeat([]byte{'x'}, 4000), 0)
	argv := []unsafe.Pointer{unsafe.Pointer(&path[0]), unsafe.Pointer(&long[0]), nil}
	for _, tc := range []struct {
		name  string
		typ   event.Type
		times int
		errno unix.Errno
		call  func() unix.Errno
	}{
		{"execve", event.Execve, 10_000, unix.ENOENT, func() unix.Errno {
			_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&path[0])), uintptr(unsafe.Pointer(&argv[0])), 0)
			return errno
		}},
		{"clone", event.Clone, 60_000, unix.EINVAL, func() unix.Errno {
			_, _, errno := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWNS|unix.CLONE_FS, 0, 0, 0, 0, 0)
			return errno
		}},
		{"setuid", event.SetUID, 400_000, unix.EINVAL, func() unix.Errno {
			_, _, errno := unix.RawSyscall(unix.SYS_SETUID, 1<<32-1, 0, 0)
			return errno
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openLive(t, Config{Syscalls: named(tc.name)})
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range tc.times {
				if errno := tc.call(); errno != tc.errno {
					t.Fatalf("%s: %v, want %v", tc.name, errno, tc.errno)
				}
			}
			runtime.KeepAlive(argv)
			if n := s.counter(countCriticalLost); n > 0 {
				t.Errorf("the critical ring lost %d records", n)
			}
			if s.counter(countBulkLost) == 0 {
				t.Errorf("%d calls did not fill a ring: the test shows nothing", tc.times)
			}
			paramsOf(t, s, tc.typ, "res", 100) // or it fails
		})
	}
}
