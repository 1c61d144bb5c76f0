// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// actJuggle does with descriptors, directories and groups what can be done with them in the directory
// args[0], says so and waits; then one of its other threads executes the actor again, which waits, too.
func actJuggle(args []string) error {
	for _, step := range []func(dir string) error{juggleFiles, juggleRanges, jugglePassing, juggleKinds, juggleSockets, juggleDirs} {
		if err := step(args[0]); err != nil {
			return err
		}
	}
	if err := syscall.Setegid(1234); err != nil {
		return err
	}
	if err := sayAndWait(); err != nil {
		return err
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // this goroutine keeps the first thread, another gets another
			go execHold(failed)
			select {}
		}
		execHold(failed)
	}()
	return <-failed
}

// execHold executes the actor again, from a thread that is not the first.
func execHold(failed chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		failed <- errors.New("no second thread")
		return
	}
	failed <- unix.Exec("/proc/self/exe", []string{"hold", "hold"}, os.Environ())
}

// actHold waits.
func actHold([]string) error { return sayAndWait() }

// sayAndWait says that a stage is reached and waits for a line.
func sayAndWait() error {
	fmt.Println("ready")
	_, err := bufio.NewReaderSize(os.Stdin, 16).ReadString('\n')
	return err
}

// juggleFiles opens files and copies descriptors, also over others.
func juggleFiles(dir string) error {
	for i, flags := range []int{unix.O_CLOEXEC, 0, 0, unix.O_CLOEXEC} {
		fd, err := unix.Open(filepath.Join(dir, fmt.Sprint("file", i)), unix.O_CREAT|unix.O_RDWR|flags, 0o644)
		if err == nil {
			err = unix.Dup3(fd, 50+i, flags)
		}
		if err != nil {
			return err
		}
	}
	if err := unix.Dup3(51, 52, unix.O_CLOEXEC); err != nil { // over an open one
		return err
	}
	if err := unix.Dup3(50, 51, 0); err != nil { // which loses what it had
		return err
	}
	if _, err := unix.FcntlInt(50, unix.F_DUPFD, 60); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(51, unix.F_DUPFD_CLOEXEC, 65); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(53, unix.F_SETFD, 0); err != nil {
		return err
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("file0", link); err != nil {
		return err
	}
	_, err := unix.Openat(unix.AT_FDCWD, link, unix.O_RDONLY, 0)
	return err
}

// juggleRanges closes ranges, and marks one for the exec.
func juggleRanges(string) error {
	for fd := 100; fd < 130; fd++ {
		if err := unix.Dup3(50, fd, 0); err != nil {
			return err
		}
	}
	if err := unix.CloseRange(105, 109, 0); err != nil {
		return err
	}
	return unix.CloseRange(110, 119, unix.CLOSE_RANGE_CLOEXEC)
}

// jugglePassing sends a descriptor over a socket, and takes one by a pidfd.
func jugglePassing(dir string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(51, 52), nil, 0); err != nil {
		return err
	}
	oob := make([]byte, unix.CmsgSpace(8))
	if _, _, _, _, err := unix.Recvmsg(pair[1], make([]byte, 1), oob, 0); err != nil {
		return err
	}
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return err
	}
	_, err = unix.PidfdGetfd(pidfd, 53, 0)
	return err
}

// juggleKinds makes descriptors of every kind.
func juggleKinds(string) error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], 0); err != nil {
		return err
	}
	for _, make := range []func() (int, error){
		func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) },
		func() (int, error) { return unix.Eventfd(0, 0) },
		func() (int, error) { return unix.EpollCreate1(0) },
		func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) },
		func() (int, error) { return unix.InotifyInit1(0) },
		func() (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0) },
		func() (int, error) { return unix.Signalfd(-1, &unix.Sigset_t{}, 0) },
		func() (int, error) { return unix.MemfdCreate("juggled", 0) },
	} {
		if _, err := make(); err != nil {
			return err
		}
	}
	return nil
}

// juggleSockets listens, connects and accepts, and leaves a datagram socket open.
func juggleSockets(string) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	client, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return err
	}
	server, err := l.Accept()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	juggled = append(juggled, l, client, server)
	return err
}

// juggled keeps what would be closed when it is no longer needed.
var juggled []any

// juggleDirs changes the working directory by path and by descriptor.
func juggleDirs(dir string) error {
	for _, name := range []string{"one/two", "three"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Chdir(filepath.Join(dir, "one")); err != nil {
		return err
	}
	fd, err := unix.Open("two/../../three", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if _, err := unix.Openat(fd, "../file0", unix.O_RDONLY, 0); err != nil {
		return err
	}
	return unix.Fchdir(fd)
}
