// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// testResolved makes calls on paths that a symbolic link hides and looks whether the kernel's own are in
// the events, where the kernel allows programs at its security checks.
func testResolved(t *testing.T, s *Source) {
	if len(s.resolving) == 0 {
		t.Skip("this kernel refuses programs at its security checks")
	}
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(real+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	via := dir + "/link/"
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, ino, _ := inode(t, real+"/file")
	type p = map[string]any
	var wants []want
	do := func(err error, typ event.Type, params p) {
		t.Helper()
		if err != nil {
			t.Fatal(event.Lookup(typ).Name, ": ", err)
		}
		wants = append(wants, want{typ, params})
	}
	const cwd = unix.AT_FDCWD
	do(unix.Linkat(cwd, via+"file", cwd, via+"hard", 0), event.LinkAt, p{"oldpath": via + "file", "real_path": real + "/file", "real_target": real + "/hard", "real_ino": ino, "real_nlink": int64(1)})
	do(unix.Symlinkat("../x", cwd, via+"soft"), event.SymlinkAt, p{"real_path": real + "/soft", "real_target": "../x"})
	do(unix.Renameat(cwd, via+"hard", cwd, via+"moved"), event.RenameAt, p{"oldpath": via + "hard", "real_path": real + "/hard", "real_target": real + "/moved", "real_ino": ino, "real_nlink": int64(2)})
	do(unix.Unlinkat(cwd, via+"moved", 0), event.UnlinkAt, p{"real_path": real + "/moved", "real_ino": ino, "real_nlink": int64(2)})
	do(unix.Mkdirat(cwd, via+"d", 0o700), event.MkdirAt, p{"real_path": real + "/d", "real_ino": int64(0)})
	do(unix.Unlinkat(cwd, via+"d", unix.AT_REMOVEDIR), event.UnlinkAt, p{"name": via + "d", "real_path": real + "/d"})
	do(unix.Fchmodat(cwd, via+"file", 0o640, 0), event.FchmodAt, p{"filename": via + "file", "real_path": real + "/file", "real_ino": ino})
	owner := func() bool { // before 6.1 no program can stand at a function with structures as arguments
		for _, coll := range s.resolving {
			if coll.Programs["see_chown"] != nil {
				return true
			}
		}
		return false
	}
	if owner() {
		do(unix.Fchownat(cwd, via+"file", 0, 0, 0), event.FChownAt, p{"real_path": real + "/file", "real_ino": ino})
	}
	do(unix.Truncate(via+"file", 0), event.Truncate, p{"real_path": real + "/file", "real_ino": ino})
	// A call that fails says nothing, not even what the one before it saw.
	path, _ := unix.BytePtrFromString(via + "file")
	_, _, _ = unix.RawSyscall(unix.SYS_MKDIRAT, ^uintptr(99), uintptr(unsafe.Pointer(path)), 0)
	wants = append(wants, want{event.MkdirAt, p{"res": -int64(unix.EEXIST), "real_path": ""}})
	awaitEvents(t, s, int64(unix.Gettid()), wants)
}
