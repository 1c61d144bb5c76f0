// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rounds lets f run RATE times a second for SECONDS and says how often it ran.
func rounds(args []string, f func() error) error {
	rate, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	const step = 10 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	done, began := 0, time.Now()
	for ; done < rate*seconds && time.Since(began) < time.Duration(3*seconds)*time.Second; <-tick.C {
		for due := int(time.Since(began).Seconds()*float64(rate)) + 1; done < due && done < rate*seconds; done++ {
			if err := f(); err != nil {
				return err
			}
		}
	}
	fmt.Println(done)
	return nil
}

// actThreadStorm starts and ends RATE threads a second for SECONDS.
func actThreadStorm(args []string) error {
	var running sync.WaitGroup
	defer running.Wait()
	return rounds(args, func() error {
		running.Go(func() { runtime.LockOSThread() }) // the thread ends with the goroutine that keeps it
		return nil
	})
}

// actForkStorm starts and ends RATE processes a second for SECONDS, without an exec.
func actForkStorm(args []string) error {
	return rounds(args, func() error {
		pid, errno := rawFork()
		switch {
		case errno != 0:
			return errno
		case pid == 0:
			rawExit()
		}
		var status unix.WaitStatus
		for {
			if _, err := unix.Wait4(int(pid), &status, 0, nil); err != unix.EINTR {
				return err
			}
		}
	})
}

// rawFork makes a child that has only this thread, and may make nothing but raw system calls.
//
//go:norace
func rawFork() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	return pid, errno
}

func rawExit() {
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// actForkBomb is a process that doubles as often as it may, and so do its children: it must run in a
// cgroup with a limit. It ends when it is killed.
func actForkBomb([]string) error {
	pause := unix.NsecToTimespec(int64(20 * time.Millisecond))
	for {
		if _, errno := rawFork(); errno != 0 {
			syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
		}
	}
}

// actDeepOpen makes DEPTH nested directories named COMPONENT below DIR, each relative to the last one,
// makes the file NAME in the innermost and opens it relative to it; then it removes all of them while it
// stays in there, and opens a file that is not there.
func actDeepOpen(args []string) error {
	depth, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	component, name := args[2], args[3]
	dirs := make([]int, 1, depth+1)
	if dirs[0], err = unix.Open(args[0], unix.O_DIRECTORY|unix.O_RDONLY, 0); err != nil {
		return err
	}
	for range depth {
		last := dirs[len(dirs)-1]
		if err := unix.Mkdirat(last, component, 0o755); err != nil {
			return err
		}
		fd, err := unix.Openat(last, component, unix.O_DIRECTORY|unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		dirs = append(dirs, fd)
	}
	last := dirs[depth]
	fd, err := unix.Openat(last, name, unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	unix.Close(fd)
	if err := unix.Unlinkat(last, name, 0); err != nil {
		return err
	}
	if err := unix.Fchdir(last); err != nil {
		return err
	}
	for i := depth; i > 0; i-- {
		if err := unix.Unlinkat(dirs[i-1], component, unix.AT_REMOVEDIR); err != nil {
			return err
		}
	}
	if _, err := unix.Openat(last, name+".gone", unix.O_CREAT|unix.O_WRONLY, 0o644); !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("a removed directory takes files: %w", err)
	}
	return nil
}

// actLongOpen opens, in vain, a path of just under PATH_MAX bytes that ends in NAME, and one of exactly
// PATH_MAX, which the kernel refuses.
func actLongOpen(args []string) error {
	for size, want := range map[int]error{unix.PathMax - 1: unix.ENOENT, unix.PathMax: unix.ENAMETOOLONG} {
		tail := "/" + args[0]
		path := strings.Repeat("/aaaaaaaaaaaaaaa", unix.PathMax/16)[:size-len(tail)] + tail
		if _, err := unix.Open(path, unix.O_RDONLY, 0); !errors.Is(err, want) {
			return fmt.Errorf("a path of %d bytes: %w, want %w", size, err, want)
		}
	}
	return nil
}

// actOddNames opens a file whose name is NAME followed by bytes that are no text, under a process name of
// such bytes, and then executes PROGRAM with them as its argument.
func actOddNames(args []string) error {
	path := args[0] + odd
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(unsafe.StringData(oddName))), 0, 0, 0); err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	unix.Close(fd)
	return unix.Exec(args[1], []string{args[1], path, odd}, []string{"A=" + odd})
}

// odd are bytes that break what does not expect them: no UTF-8, halves of it, surrogates, line ends, a
// terminal's escape sequences in 7 and 8 bits, control characters, a text's direction, quotes, templates.
const odd = "\xff\xfe\xc3(\xed\xa0\x80\n\r\t\x1b[31m\x1b]0;x\x07\u009b2J\x01\x7f\u202e\u2028\"'\\%evt.num{}"

// oddName is that for the name of a process, which takes 15 bytes.
const oddName = "\x1b[31m\n\xff\xc3\x01\"\x7f%c\x00"
