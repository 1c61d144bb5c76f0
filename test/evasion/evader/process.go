// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// processActs are not the process that they seem to be.
var processActs = []act{
	{"set-name", func(_ string, args []string) error { return asThread(args[0], func() error { return read(secret) }) }},
	{"write-comm", func(_ string, args []string) error {
		if err := os.WriteFile("/proc/self/comm", []byte(args[0]), 0o644); err != nil {
			return err
		}
		return read(secret)
	}},
	{"child-of", childOf},
	{"rewrite-arguments", rewriteArguments},
	{"move-arguments", moveArguments},
	{"exec", func(_ string, args []string) error { return unix.Exec(args[0], args, os.Environ()) }},
	{"exec-as", func(_ string, args []string) error { return unix.Exec(args[0], args[1:], os.Environ()) }},
	{"memfd-exec", memfdExec("/proc/self/fd/%d")},
	{"memfd-execveat", memfdExec("")},
	{"own-memory", ownMemory},
	{"executable-memory", executableMemory},
	{"write-process", writeProcess},
	{"poke", poke},
	{"deleted-exec", deletedExec},
	{"orphan", orphan},
	{"orphan-child", func(_ string, args []string) error {
		for os.Getppid() == atoi(args[0]) { // until the parent is gone and somebody else adopted us
			time.Sleep(time.Millisecond)
		}
		return unix.Exec(args[1], args[1:], os.Environ())
	}},
	{"binary-format", binaryFormat},
}

func atoi(text string) (n int) {
	fmt.Sscan(text, &n)
	return n
}

// The main goroutine stays on the main thread, whose name is the process's.
func init() { runtime.LockOSThread() }

// asThread gives the main thread another name and does something on it.
func asThread(name string, do func() error) error {
	address := cString(name)
	if err := unix.Prctl(unix.PR_SET_NAME, address, 0, 0, 0); err != nil {
		return err
	}
	return do()
}

// childOf takes the name ARGS[0] and lets a child of that name's do the rest.
func childOf(_ string, args []string) error {
	return asThread(args[0], func() error {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	})
}

// rewriteArguments overwrites its own argument vector, which /proc/PID/cmdline shows.
func rewriteArguments(string, []string) error {
	for i := range os.Args {
		if n := len(os.Args[i]); n > 0 {
			own := unsafe.Slice(unsafe.StringData(os.Args[i]), n)
			for j := range own {
				own[j] = "/sbin/init"[j%10]
			}
		}
	}
	return read(secret)
}

// moveArguments points the kernel to another argument vector.
func moveArguments(string, []string) error {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	start := uintptr(unsafe.Pointer(&page[0]))
	end := start + uintptr(copy(page, "/sbin/init\x00"))
	// The start may not pass the end: which of both has to go first depends on where the page lies.
	for range 2 {
		_ = unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_ARG_END, end, 0, 0)
		_ = unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_ARG_START, start, 0, 0)
	}
	return read(secret)
}

// memfdExec executes a copy of a program in memory, by a path or, without one, by the descriptor alone.
func memfdExec(format string) func(string, []string) error {
	return func(_ string, args []string) error {
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
		if format != "" {
			return unix.Exec(fmt.Sprintf(format, fd), args, os.Environ())
		}
		return execFD(fd, args)
	}
}

// execFD executes the file of a descriptor: the call names no path.
func execFD(fd int, args []string) error {
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	empty := cString("")
	_, err = call(unix.SYS_EXECVEAT, uintptr(fd), empty, uintptr(unsafe.Pointer(&argv[0])),
		uintptr(unsafe.Pointer(&envv[0])), unix.AT_EMPTY_PATH)
	return err
}

// ownMemory writes to memory that it may only read, through its memory's file.
func ownMemory(string, []string) error {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	if _, err := mem.WriteAt([]byte{0xc3}, int64(uintptr(unsafe.Pointer(&page[0])))); err != nil {
		return err
	}
	if page[0] != 0xc3 {
		return fmt.Errorf("nothing was written")
	}
	return nil
}

// executableMemory makes memory executable that it wrote itself.
func executableMemory(string, []string) error {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	page[0] = 0xc3
	return unix.Mprotect(page, unix.PROT_READ|unix.PROT_EXEC)
}

// writeProcess writes into the memory of a process; its own will do for the kernel.
func writeProcess(string, []string) error {
	local := []unix.Iovec{{Base: &message[0], Len: 3}}
	remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&message[3])), Len: 3}}
	_, err := unix.ProcessVMWritev(os.Getpid(), local, remote, 0)
	return err
}

// poke writes a word into a child's memory by ptrace, without having attached: the child asked for it.
func poke(string, []string) error {
	runtime.LockOSThread()
	child := exec.Command("/bin/true")
	child.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	defer child.Process.Kill()
	var status unix.WaitStatus
	if _, err := unix.Wait4(child.Process.Pid, &status, 0, nil); err != nil {
		return err
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(child.Process.Pid, &regs); err != nil {
		return err
	}
	_, err := unix.PtracePokeText(child.Process.Pid, uintptr(programCounter(&regs)), []byte("\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc"))
	return err
}

// deletedExec executes a program whose file has no name any more.
func deletedExec(dir string, args []string) error {
	path := filepath.Join(dir, "gone")
	if err := copyFile(args[0], path); err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := unix.Unlink(path); err != nil {
		return err
	}
	return execFD(fd, args)
}

// orphan forks twice and exits between, so that what runs has no parent that did anything.
func orphan(dir string, args []string) error {
	cmd := exec.Command(self(), append([]string{"orphan-child", dir, fmt.Sprint(os.Getpid())}, args...)...)
	return cmd.Start()
}

// binaryFormat registers a binary format in a user namespace of its own and lets it run a file that is no program.
func binaryFormat(dir string, args []string) error {
	if len(args) == 0 {
		cmd := exec.Command(self(), "binary-format", dir, "inside")
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}}
		return cmd.Run()
	}
	mounted := filepath.Join(dir, "formats")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("binfmt_misc", mounted, "binfmt_misc", 0, ""); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(mounted, "register"), []byte(":gyrev:E::gyrev::/bin/true:\n"), 0o200); err != nil {
		return err
	}
	file := filepath.Join(dir, "data.gyrev")
	if err := os.WriteFile(file, []byte("no program"), 0o755); err != nil {
		return err
	}
	return exec.Command(file).Run()
}
