// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// actSpawn starts a program and waits for it.
func actSpawn(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// actSpawnMany starts PROGRAM as often as COUNT says, with its number and the further arguments.
func actSpawnMany(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range count {
		if err := exec.Command(args[1], append([]string{strconv.Itoa(i)}, args[2:]...)...).Run(); err != nil {
			return err
		}
	}
	return nil
}

// actLoginAs executes a program in a login session of the user UID, where the kernel keeps such.
func actLoginAs(args []string) error {
	runtime.LockOSThread() // the kernel keeps it per thread
	if err := os.WriteFile("/proc/thread-self/loginuid", []byte(args[0]), 0o644); err != nil && !os.IsNotExist(err) {
		return err
	}
	return unix.Exec(args[1], args[1:], os.Environ())
}

// actKill sends the signal NUMBER to PID.
func actKill(args []string) error {
	sig, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return unix.Kill(pid, syscall.Signal(sig))
}

// actMemfdExec copies PROGRAM to memory and executes it from there.
func actMemfdExec(args []string) error {
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("gyr", 0)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, data); err != nil {
		return err
	}
	return unix.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), args, os.Environ())
}

// actCopyExec copies the program FROM to the file TO and executes that.
func actCopyExec(args []string) error {
	if err := copyFile(args[0], args[1]); err != nil {
		return err
	}
	return unix.Exec(args[1], args[1:], os.Environ())
}

// actOverlayExec mounts an overlay at BASE and executes a program out of its upper or lower LAYER.
func actOverlayExec(args []string) error {
	layer, base := args[0], args[1]
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, ""); err != nil {
		return err
	}
	dir := func(name string) string { return filepath.Join(base, name) }
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(dir(name), 0o755); err != nil {
			return err
		}
	}
	if err := copyFile("/bin/true", filepath.Join(dir("lower"), "inlower")); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir("lower"), dir("upper"), dir("work"))
	if err := unix.Mount("overlay", dir("merged"), "overlay", 0, options); err != nil {
		return err
	}
	if err := copyFile("/bin/true", filepath.Join(dir("merged"), "inupper")); err != nil {
		return err
	}
	program := filepath.Join(dir("merged"), "in"+layer)
	return unix.Exec(program, append([]string{program}, args[2:]...), os.Environ())
}

// actSetns enters the name space that it is already in.
func actSetns([]string) error {
	runtime.LockOSThread()
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return unix.Setns(fd, unix.CLONE_NEWUTS)
}

// actInitModule offers the kernel a module that it must refuse.
func actInitModule([]string) error {
	if err := unix.InitModule([]byte("not a module"), "gyr=1"); err == nil {
		return fmt.Errorf("the kernel took it")
	}
	return nil
}

// actKexec hands over a kernel with flags that do not exist, so that it is refused.
func actKexec([]string) error {
	const noSuchFlags = 0xdead
	_, _, errno := unix.Syscall6(unix.SYS_KEXEC_LOAD, 0, 0, 0, noSuchFlags, 0, 0)
	if errno == 0 {
		return fmt.Errorf("the kernel took it")
	}
	return nil
}

// actCloneUser starts a child in a user name space of its own.
func actCloneUser([]string) error {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	return cmd.Run()
}

func actPtraceSeize([]string) error {
	runtime.LockOSThread()
	child := exec.Command("/bin/sleep", "10")
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	defer child.Process.Kill()
	if err := unix.PtraceSeize(child.Process.Pid); err != nil {
		return err
	}
	return nil
}

func actPtraceTraceme([]string) error {
	runtime.LockOSThread()
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// vmBuffers are a local and a remote buffer in this very process.
func vmBuffers() (local []unix.Iovec, remote []unix.RemoteIovec) {
	from, to := make([]byte, 64), make([]byte, 64)
	local = []unix.Iovec{{Base: &from[0], Len: 64}}
	remote = []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&to[0])), Len: 64}}
	return local, remote
}

func actVMWrite([]string) error {
	local, remote := vmBuffers()
	_, err := unix.ProcessVMWritev(os.Getpid(), local, remote, 0)
	return err
}

func actVMRead([]string) error {
	local, remote := vmBuffers()
	_, err := unix.ProcessVMReadv(os.Getpid(), local, remote, 0)
	return err
}

// actIOUring asks for an io_uring with ENTRIES entries; none is an error of the caller's.
func actIOUring(args []string) error {
	entries, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	params := make([]byte, 120)
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&params[0])), 0)
	if errno != 0 && entries > 0 {
		return errno
	}
	return nil
}

func actUserfaultfd([]string) error {
	const userModeOnly = 1
	_, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, userModeOnly, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// actBPFProg loads the smallest socket filter there is: r0 = 0; exit.
func actBPFProg([]string) error {
	code := []uint64{0xb7, 0x95}
	license := []byte("GPL\x00")
	attr := struct {
		progType, count uint32
		code, license   uint64
		rest            [96]byte
	}{1, uint32(len(code)), address(&code[0]), address(&license[0]), [96]byte{}}
	return bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

func actBPFMap([]string) error {
	attr := struct{ mapType, key, value, entries, flags uint32 }{2, 4, 4, 1, 0}
	return bpf(unix.BPF_MAP_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

func bpf(cmd int, attr unsafe.Pointer, size uintptr) error {
	_, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(attr), size)
	runtime.KeepAlive(attr)
	if errno != 0 {
		return errno
	}
	return nil
}

func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }
