// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// actReleaseAgent makes the kernel start PROGRAM, by a cgroup hierarchy of its own at DIR whose release
// agent it is, and waits until there is a file RAN.
func actReleaseAgent(args []string) error {
	root := filepath.Join(args[0], "groups")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("none", root, "cgroup", 0, fmt.Sprintf("none,name=gyr-actor-%d", os.Getpid())); err != nil {
		return fmt.Errorf("mount a cgroup hierarchy: %w", err)
	}
	group := filepath.Join(root, "g")
	defer func() { // without groups the hierarchy goes with its mount
		_ = os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte("0"), 0o644)
		_ = unix.Rmdir(group)
		_ = unix.Unmount(root, unix.MNT_DETACH)
	}()
	for _, step := range []func() error{
		func() error { return os.WriteFile(filepath.Join(root, "release_agent"), []byte(args[1]), 0o644) },
		func() error { return os.Mkdir(group, 0o755) },
		func() error { return os.WriteFile(filepath.Join(group, "notify_on_release"), []byte("1"), 0o644) },
		func() error { return os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0o644) },
		func() error { return os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte("0"), 0o644) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return awaitFile(args[2])
}

// awaitFile waits until a file exists.
func awaitFile(path string) error {
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		} else if time.Now().After(deadline) {
			return err
		}
	}
}

// actDeletedExec copies PROGRAM to the file TO, takes its name away and executes it.
func actDeletedExec(args []string) error {
	if err := copyFile(args[0], args[1]); err != nil {
		return err
	}
	fd, err := unix.Open(args[1], unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := unix.Unlink(args[1]); err != nil {
		return err
	}
	return unix.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), args[1:], os.Environ())
}

// actSetXAttr gives PATH the attribute NAME.
func actSetXAttr(args []string) error {
	// For security.capability: revision 2, effective, CAP_SETUID (struct vfs_cap_data).
	value := []byte{1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	return unix.Setxattr(args[0], args[1], value, 0)
}

// actGetFD takes a descriptor out of a process, which is itself.
func actGetFD([]string) error {
	process, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return err
	}
	_, err = unix.PidfdGetfd(process, 0, 0)
	return err
}
