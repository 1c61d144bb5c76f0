// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// twinActs do by a less known system call what a better known one does.
var twinActs = []act{
	{"call-open", func(string, []string) error { return pathCall(sysOpen, secret, unix.O_RDONLY) }},
	{"call-openat", func(string, []string) error {
		path := cString(secret)
		_, err := call(unix.SYS_OPENAT, ^uintptr(99), path, unix.O_RDONLY)
		return err
	}},
	{"call-openat2", func(string, []string) error {
		_, err := unix.Openat2(unix.AT_FDCWD, secret, &unix.OpenHow{Flags: unix.O_RDONLY})
		return err
	}},
	{"call-creat", func(string, []string) error {
		if err := coverEtc(); err != nil {
			return err
		}
		return pathCall(sysCreat, "/etc/profile", 0o644)
	}},
	{"call-handle", func(string, []string) error {
		_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, secret, 0)
		return err
	}},
	{"execveat", func(_ string, args []string) error {
		fd, err := unix.Open(args[0], unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return execFD(fd, args)
	}},
	{"fork", func(string, []string) error { return forkRead(sysFork) }},
	{"vfork", func(string, []string) error { return forkRead(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD)) }},
	{"clone3", func(string, []string) error {
		cloneArguments[4] = uint64(unix.SIGCHLD) // at the child's exit
		return forkRead(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&cloneArguments)), unsafe.Sizeof(cloneArguments))
	}},
	{"dup", redirect(func(fd int) error {
		if err := unix.Close(0); err != nil {
			return err
		}
		_, err := unix.Dup(fd)
		return err
	})},
	{"dup2", redirect(func(fd int) error { _, err := call(sysDup2, uintptr(fd), 0); return err })},
	{"dup3", redirect(func(fd int) error { return unix.Dup3(fd, 0, 0) })},
	{"fcntl", redirect(func(fd int) error {
		if err := unix.Close(0); err != nil {
			return err
		}
		_, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 0)
		return err
	})},
	{"getfd", takeDescriptor},
	{"passed", passedDescriptor},
	{"chmod", chmodBy(func(path string) error { return unix.Chmod(path, 0o4755) })},
	{"fchmod", chmodBy(func(path string) error {
		fd, err := unix.Open(path, unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return unix.Fchmod(fd, 0o4755)
	})},
	{"fchmodat2", chmodBy(func(path string) error {
		name := cString(path)
		_, err := call(unix.SYS_FCHMODAT2, ^uintptr(99), name, 0o4755, unix.AT_SYMLINK_NOFOLLOW)
		return err
	})},
	{"setuid-create", func(dir string, _ []string) error {
		unix.Umask(0)
		fd, err := unix.Open(filepath.Join(dir, "tool"), unix.O_WRONLY|unix.O_CREAT, 0o4755)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}},
	{"capability", func(dir string, _ []string) error {
		path := filepath.Join(dir, "tool")
		if err := copyFile("/bin/true", path); err != nil {
			return err
		}
		// struct vfs_cap_data, revision 2, effective: CAP_SETUID.
		value := []byte{1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		return unix.Setxattr(path, "security.capability", value, 0)
	}},
	{"pidfd-kill", func(string, []string) error {
		return withAgent(func(pid int) error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		})
	}},
	{"queue-kill", func(string, []string) error {
		return withAgent(func(pid int) error {
			info := [32]int32{int32(unix.SIGKILL), 0, -1} // si_code -1: SI_QUEUE
			_, err := call(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGKILL), uintptr(unsafe.Pointer(&info[0])))
			return err
		})
	}},
	{"kexec-file", func(string, []string) error {
		command := cString("")
		_, _ = call(unix.SYS_KEXEC_FILE_LOAD, ^uintptr(0), ^uintptr(0), 1, command, 0) // refused: there is no file
		return nil
	}},
	{"secret-memory", func(string, []string) error {
		if _, err := call(unix.SYS_MEMFD_SECRET, 0); err != nil && err != unix.ENOSYS {
			return err
		}
		return nil
	}},
	{"landlock", func(string, []string) error {
		_, err := call(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1) // the version of its interface
		return err
	}},
	{"userfaultfd", func(string, []string) error {
		const userModeOnly = 1
		_, err := call(unix.SYS_USERFAULTFD, userModeOnly)
		return err
	}},
}

// cloneArguments is struct clone_args.
var cloneArguments [8]uint64

// pathCall makes a raw call on a path.
func pathCall(nr uintptr, path string, more ...uintptr) error {
	address := cString(path)
	_, err := call(nr, append([]uintptr{address}, more...)...)
	return err
}

// forkRead makes a child by a raw call; the child only makes raw calls, since no other thread of Go's is with it.
func forkRead(nr uintptr, args ...uintptr) error {
	path := cString(secret)
	var a [2]uintptr
	copy(a[:], args)
	syscall.ForkLock.Lock()
	pid, _, errno := unix.RawSyscall(nr, a[0], a[1], 0)
	if errno == 0 && pid == 0 {
		unix.RawSyscall6(unix.SYS_OPENAT, ^uintptr(99), path, unix.O_RDONLY, 0, 0, 0)
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	syscall.ForkLock.Unlock()
	if errno != 0 {
		return errno
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

// redirect connects somewhere and puts the connection on the standard input.
func redirect(by func(fd int) error) func(string, []string) error {
	return func(string, []string) error {
		fd, err := connectSelf()
		if err != nil {
			return err
		}
		return by(fd)
	}
}

// takeDescriptor takes an open file out of a child that did nothing wrong.
func takeDescriptor(string, []string) error {
	child := exec.Command("/bin/sleep", "10")
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	file, err := os.Open(secret)
	if err != nil {
		return err
	}
	child.ExtraFiles = []*os.File{file}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	defer child.Process.Kill()
	fd, err := unix.PidfdOpen(child.Process.Pid, 0)
	if err != nil {
		return err
	}
	taken, err := unix.PidfdGetfd(fd, 3, 0)
	if err != nil {
		return err
	}
	return unix.Close(taken)
}

// passedDescriptor gets a connection through a unix socket and executes a shell on it.
func passedDescriptor(_ string, args []string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	connection, err := connectSelf()
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(connection), nil, 0); err != nil {
		return err
	}
	if err := unix.Close(connection); err != nil {
		return err
	}
	control := make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(pair[1], make([]byte, 1), control, 0)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return fmt.Errorf("nothing was passed: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	return execOn(fds[0], args)
}

// chmodBy changes the mode of a file of its own.
func chmodBy(by func(path string) error) func(string, []string) error {
	return func(dir string, _ []string) error {
		path := filepath.Join(dir, "tool")
		if err := copyFile("/bin/true", path); err != nil {
			return err
		}
		return by(path)
	}
}

// withAgent starts something that bears the name of a security agent, and does something to it once it
// runs: who starts a program goes on when the kernel closes its descriptors, which is before the program
// has its name and the exec is over.
func withAgent(do func(pid int) error) error {
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	agent := filepath.Join(dir, "osqueryd")
	if err := copyFile("/bin/cat", agent); err != nil {
		return err
	}
	cmd := exec.Command(agent)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := in.Write([]byte{'r'}); err != nil {
		return err
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("the agent does not answer: %w", err)
	}
	return do(cmd.Process.Pid)
}
