// SPDX-License-Identifier: Apache-2.0

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below are made by their own numbers, where x/sys uses a newer relative.

func openCall(path string, flags int, mode uint32) (int, error) {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_OPEN, uintptr(unsafe.Pointer(p)), uintptr(flags), uintptr(mode))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func linkCall(from, to string) error { return twoPaths(unix.SYS_LINK, from, to) }

func symlinkCall(target, at string) error { return twoPaths(unix.SYS_SYMLINK, target, at) }

func dup2Call(from, to int) error { return unix.Dup2(from, to) }

// twoPaths makes a call that takes two paths.
func twoPaths(call uintptr, a, b string) error {
	p, err := unix.BytePtrFromString(a)
	if err != nil {
		return err
	}
	q, err := unix.BytePtrFromString(b)
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(call, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(q)), 0); errno != 0 {
		return errno
	}
	return nil
}
