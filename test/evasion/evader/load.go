// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loadActs make noise and then act.
var loadActs = []act{
	{"flood", flood},
	{"names", manyNames},
	{"descriptors", manyDescriptors},
	{"storm", storm},
	{"noise", func(_ string, args []string) error {
		for range 300 {
			if err := read(secret); err != nil {
				return err
			}
		}
		return unix.Exec(args[0], args, os.Environ())
	}},
	{"huge", func(dir string, args []string) error {
		long := strings.Repeat("x", 100<<10)
		for range 10 {
			cmd := exec.Command(args[0], args[1], long, long)
			cmd.Env = []string{"A=" + long, "B=" + long}
			if err := cmd.Run(); err != nil {
				return err
			}
		}
		return nil
	}},
	{"realtime", realtime},
}

// flood opens files as fast as it can on all processors, and executes a program in the midst of it.
func flood(_ string, args []string) error {
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for range 50_000 {
				if fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err == nil {
					unix.Close(fd)
				}
			}
		})
	}
	err := exec.Command(args[0], args[1:]...).Run()
	group.Wait()
	return err
}

// manyNames makes the tables of names grow: each file that it opens has a long name of its own.
func manyNames(dir string, args []string) error {
	long := filepath.Join(dir, strings.Repeat("n", 200))
	for i := range 20_000 {
		fd, err := unix.Open(fmt.Sprintf("%s%d", long, i%500), unix.O_WRONLY|unix.O_CREAT, 0o600)
		if err != nil {
			return err
		}
		unix.Close(fd)
	}
	return unix.Exec(args[0], args, os.Environ())
}

// manyDescriptors opens as many descriptors as it may.
func manyDescriptors(_ string, args []string) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	for range 100_000 {
		if _, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			break
		}
	}
	return unix.Exec(args[0], args, os.Environ())
}

// storm starts processes in a row, each of which ends at once, and acts behind them.
func storm(_ string, args []string) error {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 75 {
				_ = exec.Command("/bin/true").Run()
			}
		})
	}
	group.Wait()
	return exec.Command(args[0], args[1:]...).Run()
}

// realtime takes a processor for itself for a while and acts meanwhile.
func realtime(_ string, args []string) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread()
		priority := int32(1)
		_, err := call(unix.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&priority))) // SCHED_FIFO
		for start := time.Now(); time.Since(start) < 300*time.Millisecond; {
			runtime.KeepAlive(start)
		}
		ended <- err
	}()
	if err := exec.Command(args[0], args[1:]...).Run(); err != nil {
		return err
	}
	<-ended // without the right to real time it has only been busy
	return nil
}
