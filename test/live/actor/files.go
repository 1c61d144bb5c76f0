// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openFlags translates letters to open flags: r, w and rw, then a (append), c (create), t
// (truncate) and x (executable when created).
func openFlags(text string) (flags int, mode uint32) {
	mode = 0o644
	switch {
	case strings.HasPrefix(text, "rw"):
		flags = unix.O_RDWR
	case strings.HasPrefix(text, "w"):
		flags = unix.O_WRONLY
	}
	for _, c := range text {
		switch c {
		case 'a':
			flags |= unix.O_APPEND
		case 'c':
			flags |= unix.O_CREAT
		case 't':
			flags |= unix.O_TRUNC
		case 'x':
			mode |= 0o111
		}
	}
	return flags, mode
}

func openOnce(how, path string) error {
	flags, mode := openFlags(how)
	fd, err := unix.Open(path, flags, mode)
	if err != nil {
		return fmt.Errorf("open %q: %w", path, err)
	}
	return unix.Close(fd)
}

// actOpen opens FLAGS PATH.
func actOpen(args []string) error { return openOnce(args[0], args[1]) }

// actCreat makes a file by creat.
func actCreat(args []string) error {
	fd, err := creat(args[0])
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// actOpenat2 opens DIR NAME by openat2, relative to the directory.
func actOpenat2(args []string) error {
	dir, err := unix.Open(args[0], unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	fd, err := unix.Openat2(dir, args[1], &unix.OpenHow{Flags: unix.O_RDONLY})
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// actOpenHandle opens PATH by its file handle, so that the open itself names no path.
func actOpenHandle(args []string) error {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, args[0], 0)
	if err != nil {
		return err
	}
	mount, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	fd, err := unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// actOpenBound mounts the directory of PATH at DIR and opens the file there.
func actOpenBound(args []string) error {
	if err := unix.Mount(filepath.Dir(args[0]), args[1], "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return openOnce("r", filepath.Join(args[1], filepath.Base(args[0])))
}

// actOpenLate waits for DURATION and reads PATH.
func actOpenLate(args []string) error {
	if err := actSleep(args); err != nil {
		return err
	}
	return openOnce("r", args[1])
}

// actOpenFlood opens and closes PATH as often as COUNT says.
func actOpenFlood(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range count {
		if err := openOnce("r", args[1]); err != nil {
			return err
		}
	}
	return nil
}

// actRenameat renames FROM to TO, both relative to a descriptor of DIR.
func actRenameat(args []string) error {
	dir, err := unix.Open(args[0], unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return unix.Renameat(dir, args[1], dir, args[2])
}

// actLinkat links FROM as TO, both relative to a descriptor of DIR.
func actLinkat(args []string) error {
	dir, err := unix.Open(args[0], unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return unix.Linkat(dir, args[1], dir, args[2], 0)
}

// actChmod changes the mode of PATH to the octal MODE.
func actChmod(args []string) error {
	mode, err := strconv.ParseUint(args[1], 8, 32)
	if err != nil {
		return err
	}
	return unix.Chmod(args[0], uint32(mode))
}

func actSleep(args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	time.Sleep(d)
	return nil
}

// actMount mounts SOURCE DIR TYPE; for a cgroup it takes the first controller that can be mounted.
func actMount(args []string) error {
	if err := os.MkdirAll(args[1], 0o755); err != nil {
		return err
	}
	if args[2] != "cgroup" {
		return unix.Mount(args[0], args[1], args[2], 0, "")
	}
	var err error
	for _, controller := range []string{"pids", "freezer", "memory", "cpu", "devices", "none,name=gyr"} {
		if err = unix.Mount(args[0], args[1], args[2], 0, controller); err == nil {
			return nil
		}
	}
	return err
}

// actMoveMount mounts an empty file system at DIR without mount.
func actMoveMount(args []string) error {
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	fs, err := unix.Fsopen("tmpfs", 0)
	if err != nil {
		return err
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	fd, err := unix.Fsmount(fs, 0, 0)
	if err != nil {
		return err
	}
	return unix.MoveMount(fd, "", unix.AT_FDCWD, args[0], unix.MOVE_MOUNT_F_EMPTY_PATH)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
