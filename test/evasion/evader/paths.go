// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// pathActs reach a file by a path that does not name it.
var pathActs = []act{
	{"open", func(_ string, args []string) error { return read(args[0]) }},
	{"link-and-up", linkAndUp},
	{"image-link", imageLink},
	{"magic-cwd", func(string, []string) error {
		if err := os.Chdir("/etc"); err != nil {
			return err
		}
		return read("/proc/self/cwd/shadow")
	}},
	{"magic-fd", magicFD("/proc/self/fd/%d")},
	{"magic-dev-fd", magicFD("/dev/fd/%d")},
	{"magic-child", magicChild},
	{"direct-link", func(dir string, _ []string) error {
		link, err := symlink(dir, "x", "/etc/pam.d/login")
		if err != nil {
			return err
		}
		return read(link)
	}},
	{"root-link-write", rootLinkWrite},
	{"hard-link", hardLink},
	{"old-hard-link", oldHardLink},
	{"bind", bindMount},
	{"tree", cloneTree},
	{"overlay", overlayMount},
	{"dirfd", inEtc(func(fd int) error { return openAt(fd, "shadow", unix.O_RDONLY) })},
	{"chdir", func(string, []string) error {
		if err := unix.Chdir("/etc"); err != nil {
			return err
		}
		return read("shadow")
	}},
	{"fchdir", inEtc(func(fd int) error {
		if err := unix.Fchdir(fd); err != nil {
			return err
		}
		return read("shadow")
	})},
	{"in-root", inEtc(func(fd int) error {
		got, err := unix.Openat2(fd, "/shadow", &unix.OpenHow{Flags: unix.O_RDONLY, Resolve: unix.RESOLVE_IN_ROOT})
		if err != nil {
			return err
		}
		return unix.Close(got)
	})},
	{"handle", openHandle},
	{"rename-over", func(string, []string) error {
		if err := coverEtc("/etc/x", secret); err != nil {
			return err
		}
		return unix.Rename("/etc/x", secret)
	}},
	{"exchange", func(dir string, _ []string) error {
		if err := coverEtc("/etc/x", secret); err != nil {
			return err
		}
		return unix.Renameat2(unix.AT_FDCWD, secret, unix.AT_FDCWD, "/etc/x", unix.RENAME_EXCHANGE)
	}},
	{"rename-root", func(string, []string) error {
		if err := coverEtc("/etc/x", secret); err != nil {
			return err
		}
		return unix.Rename("/etc/x", "/proc/self/root/etc/shadow")
	}},
	{"rename-link", renameThroughLink},
	{"long-argument", func(string, []string) error { return read("/etc" + strings.Repeat("/.", 1800) + "/shadow") }},
	{"components", func(dir string, _ []string) error { return deepKeys(dir, 120, "d") }},
	{"deep", func(dir string, _ []string) error { return deepKeys(dir, 40, strings.Repeat("d", 150)) }},
	{"decoy", func(string, []string) error {
		if err := coverEtc(secret); err != nil {
			return err
		}
		return read(secret)
	}},
	{"odd-name", func(dir string, _ []string) error {
		link, err := symlink(dir, "x\n{\"rule\":\"none\",\"output\":\"forged\"}\n\xff\x1b[2J", secret)
		if err != nil {
			return err
		}
		return read(link)
	}},
}

// inEtc does something with a descriptor of /etc.
func inEtc(do func(fd int) error) func(string, []string) error {
	return func(string, []string) error {
		fd, err := directory("/etc")
		if err != nil {
			return err
		}
		return do(fd)
	}
}

// linkAndUp climbs out of a linked directory: by text the path stays where the link lies.
func linkAndUp(dir string, _ []string) error {
	link, err := symlink(dir, "l", "/etc/security")
	if err != nil {
		return err
	}
	return read(link + "/../shadow")
}

// imageLink climbs out of a link that was there before, as in images where /var/spool/cron has one.
func imageLink(string, []string) error {
	if err := cover("/var/spool"); err != nil {
		return err
	}
	if err := os.Symlink("/etc/security", "/var/spool/crontabs"); err != nil {
		return err
	}
	return read("/var/spool/crontabs/../shadow")
}

// magicFD opens a file without rights and then again through the descriptor's link.
func magicFD(format string) func(string, []string) error {
	return func(string, []string) error {
		fd, err := unix.Open(secret, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return read(fmt.Sprintf(format, fd))
	}
}

// magicChild reads through the root link of a child that has mounts of its own.
func magicChild(string, []string) error {
	child := exec.Command("/bin/sleep", "10")
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	defer child.Process.Kill()
	return read(fmt.Sprintf("/proc/%d/root%s", child.Process.Pid, secret))
}

// rootLinkWrite writes to a watched file through a link to the root directory.
func rootLinkWrite(dir string, _ []string) error {
	if err := coverEtc("/etc/profile"); err != nil {
		return err
	}
	link, err := symlink(dir, "r", "/")
	if err != nil {
		return err
	}
	return openAt(unix.AT_FDCWD, link+"/etc/profile", unix.O_WRONLY|unix.O_APPEND)
}

// hardLink gives the file a second name and reads that.
func hardLink(string, []string) error {
	if err := coverEtc(secret); err != nil {
		return err
	}
	if err := unix.Link(secret, "/etc/x"); err != nil {
		return err
	}
	return read("/etc/x")
}

// oldHardLink reads a second name that was made through a link to the directory, so that no rule
// about names knows of it.
func oldHardLink(dir string, _ []string) error {
	if err := cover("/mnt", "/mnt/kept/shadow"); err != nil {
		return err
	}
	if err := unix.Link("/mnt/kept/shadow", "/mnt/x"); err != nil {
		return err
	}
	return read("/mnt/x")
}

// bindMount reads through a second mount of the directory.
func bindMount(dir string, _ []string) error {
	if err := unix.Mount("/etc", dir, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return read(filepath.Join(dir, "shadow"))
}

// cloneTree does the same without mount: it copies the mount and puts the copy in place.
func cloneTree(dir string, _ []string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/etc", unix.OPEN_TREE_CLONE)
	if err != nil {
		return err
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	return read(filepath.Join(dir, "shadow"))
}

// overlayMount reads through an overlay with the directory below it.
func overlayMount(dir string, _ []string) error {
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		return err
	}
	options := "lowerdir=/etc:" + filepath.Join(dir, "empty")
	merged := filepath.Join(dir, "merged")
	if err := os.Mkdir(merged, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return err
	}
	return read(filepath.Join(merged, "shadow"))
}

// openHandle opens by a file handle: the open names no path at all.
func openHandle(string, []string) error {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, secret, 0)
	if err != nil {
		return err
	}
	mount, err := directory("/")
	if err != nil {
		return err
	}
	fd, err := unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// renameThroughLink moves a file onto a watched one whose directory was linked long ago.
func renameThroughLink(string, []string) error {
	if err := cover("/mnt"); err != nil {
		return err
	}
	if err := os.Symlink("../etc", "/mnt/l"); err != nil {
		return err
	}
	if err := coverEtc("/etc/x", secret); err != nil {
		return err
	}
	return unix.Rename("/mnt/l/x", "/mnt/l/shadow")
}

// deepKeys writes accepted keys below more directories than fit in a path: it goes down step by step.
func deepKeys(dir string, depth int, name string) error {
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	for range depth {
		if err := unix.Mkdir(name, 0o755); err != nil {
			return err
		}
		if err := unix.Chdir(name); err != nil {
			return err
		}
	}
	if err := unix.Mkdir(".ssh", 0o755); err != nil {
		return err
	}
	return openAt(unix.AT_FDCWD, ".ssh/authorized_keys", unix.O_WRONLY|unix.O_CREAT)
}
