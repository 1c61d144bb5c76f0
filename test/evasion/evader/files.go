// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// secret is the file that most acts are after.
const secret = "/etc/shadow"

// read opens a file for reading and closes it.
func read(path string) error { return openAt(unix.AT_FDCWD, path, unix.O_RDONLY) }

// openAt opens a file relative to a directory's descriptor and closes it.
func openAt(dir int, path string, flags int) error {
	fd, err := unix.Openat(dir, path, flags, 0o644)
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	return unix.Close(fd)
}

// directory returns a descriptor of a directory.
func directory(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open directory %q: %w", path, err)
	}
	return fd, nil
}

// symlink makes a symbolic link with the given name in dir and returns its path.
func symlink(dir, name, target string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.Symlink(target, path)
}

// copyFile copies a file and makes the copy executable.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// coverEtc puts an empty file system with some files over /etc. The test has given this process
// mounts of its own, so that nobody else sees it.
func coverEtc(files ...string) error { return cover("/etc", files...) }

// cover puts an empty file system with some files over a directory. The files are made elsewhere
// first, so that no rule sees them being made.
func cover(dir string, files ...string) error {
	stage := filepath.Join(os.Args[2], "cover"+strings.ReplaceAll(dir, "/", "-"))
	if err := os.Mkdir(stage, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", stage, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", stage, err)
	}
	for _, file := range files {
		file = stage + strings.TrimPrefix(file, dir)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte("made by a test\n"), 0o644); err != nil {
			return err
		}
	}
	if err := unix.Mount(stage, dir, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("cover %s: %w", dir, err)
	}
	return nil
}

// texts holds what raw calls point to where it is.
var texts []*byte

// cString returns the address of a zero-terminated copy of a text, which lasts, for raw calls.
func cString(text string) uintptr {
	p, err := unix.BytePtrFromString(text)
	if err != nil {
		panic(err) // the acts' texts have no NUL
	}
	texts = append(texts, p)
	return uintptr(unsafe.Pointer(p))
}

// call makes a raw system call. What its arguments point to stays where it is until it returns.
//
//go:uintptrescapes
func call(nr uintptr, args ...uintptr) (int, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

// self is the path of this program's file.
func self() string {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(path, " (deleted)")
}
