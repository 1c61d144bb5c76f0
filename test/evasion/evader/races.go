// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raceActs change what a system call's arguments point to while it runs, or hide where it came from.
var raceActs = []act{
	{"flip-path", flipPath},
	{"block-connect", blockConnect},
	{"fault-link", faultLink},
	{"fault-open", faultOpen},
	{"drop-page", dropPage},
	{"flip-arguments", flipArguments},
	{"int80", int80Open},
	{"from-heap", openFromHeap},
	{"dispatch", dispatch},
}

// isSecret says whether a descriptor is that of the secret.
func isSecret(fd int, want *unix.Stat_t) bool {
	var got unix.Stat_t
	return unix.Fstat(fd, &got) == nil && got.Ino == want.Ino && got.Dev == want.Dev
}

// raceFor runs a thread beside the opens of a path until the secret was often opened.
func raceFor(path *byte, beside func()) error {
	var want unix.Stat_t
	if err := unix.Stat(secret, &want); err != nil {
		return err
	}
	var stop atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		for !stop.Load() {
			beside()
		}
	}()
	defer func() { stop.Store(true); <-ended }()
	hits := 0
	for deadline := time.Now().Add(time.Second); hits < 2000 && time.Now().Before(deadline); {
		fd, err := call(unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(path)), unix.O_RDONLY)
		if err != nil {
			continue
		}
		if isSecret(fd, &want) {
			hits++
		}
		unix.Close(fd)
	}
	if hits == 0 {
		return errors.New("the secret was never opened")
	}
	return nil
}

// flipPath opens a path which another thread changes all the time.
func flipPath(string, []string) error {
	buffer := []byte(secret + "\x00")
	names := [2][]byte{[]byte(secret), []byte("/etc/motdxx")}
	i := 0
	return raceFor(&buffer[0], func() {
		copy(buffer, names[i&1])
		i++
		for range 200 { // long enough for an open to begin
			runtime.KeepAlive(buffer)
		}
	})
}

// dropPage opens a path whose page another thread takes away all the time: it cannot be read when the call returns.
func dropPage(dir string, _ []string) error {
	file := dir + "/page"
	if err := os.WriteFile(file, append([]byte(secret), make([]byte, 4096)...), 0o644); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	page, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return raceFor(&page[0], func() { _ = unix.Madvise(page, unix.MADV_DONTNEED) })
}

// blockConnect changes the address while the call waits for a server that does not answer.
func blockConnect(string, []string) error {
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(server, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	if err := unix.Listen(server, 0); err != nil {
		return err
	}
	bound, err := unix.Getsockname(server)
	if err != nil {
		return err
	}
	for range 2 { // fill the queue
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, bound); err != nil && err != unix.EINPROGRESS {
			return err
		}
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	port := bound.(*unix.SockaddrInet4).Port
	address := &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(port)>>8 | uint16(port)<<8, Addr: [4]byte{127, 0, 0, 1}}
	go func() {
		time.Sleep(200 * time.Millisecond) // the call is waiting now
		address.Addr = [4]byte{127, 9, 9, 9}
		address.Port = 0x3500 // 53
		for range 2 {
			if fd, _, err := unix.Accept(server); err == nil {
				unix.Close(fd)
			}
		}
	}()
	_, err = call(unix.SYS_CONNECT, uintptr(client), uintptr(unsafe.Pointer(address)), 16)
	return err
}

// Requests to a userfaultfd (include/uapi/linux/userfaultfd.h).
const (
	faultAPI      = 0xc018aa3f
	faultRegister = 0xc020aa00
	faultCopy     = 0xc028aa03
)

// pageSize is the unit of what can be missing.
const pageSize = 4096

// missingPage returns two pages, the second of which is missing. As soon as the kernel asks for it,
// change is called and the page is there, with a text at its start.
func missingPage(content string, change func()) ([]byte, error) {
	pages, err := unix.Mmap(-1, 0, 2*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	start := pointer(unsafe.Pointer(&pages[pageSize]))
	fd, err := call(unix.SYS_USERFAULTFD, unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	api := [3]uint64{0xaa}
	if _, err := call(unix.SYS_IOCTL, uintptr(fd), faultAPI, uintptr(unsafe.Pointer(&api))); err != nil {
		return nil, fmt.Errorf("userfaultfd api: %w", err)
	}
	register := [4]uint64{start, pageSize, 1}
	if _, err := call(unix.SYS_IOCTL, uintptr(fd), faultRegister, uintptr(unsafe.Pointer(&register))); err != nil {
		return nil, fmt.Errorf("userfaultfd register: %w", err)
	}
	fill := make([]byte, pageSize)
	copy(fill, content)
	go func() {
		runtime.LockOSThread()
		var event [32]byte
		if _, err := unix.Read(fd, event[:]); err != nil {
			return
		}
		change()
		request := [5]uint64{start, pointer(unsafe.Pointer(&fill[0])), pageSize}
		_, _ = call(unix.SYS_IOCTL, uintptr(fd), faultCopy, uintptr(unsafe.Pointer(&request)))
	}()
	return pages, nil
}

// faultOpen makes open wait in the middle of its path, and changes the first half meanwhile, which the kernel has copied.
func faultOpen(string, []string) error {
	var pages []byte
	pages, err := missingPage("dow\x00", func() { copy(pages[pageSize-8:], "/etc/mot") })
	if err != nil {
		return err
	}
	copy(pages[pageSize-8:], "/etc/sha")
	fd, err := call(unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&pages[pageSize-8])), unix.O_RDONLY)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// faultLink changes link's first path while link waits with its copy of both: for the directory, which another
// thread reads into a page that is missing. Which of its paths link copies first depends on the kernel's compiler.
func faultLink(string, []string) error {
	if err := coverEtc(secret, "/etc/motd"); err != nil {
		return err
	}
	from := []byte(secret + "\x00")
	reading, linked := make(chan struct{}), make(chan error, 1)
	pages, err := missingPage("", func() {
		close(reading)
		time.Sleep(200 * time.Millisecond) // link waits for the directory now
		copy(from, "/etc/motd\x00")
	})
	if err != nil {
		return err
	}
	etc, err := directory("/etc")
	if err != nil {
		return err
	}
	go func() {
		<-reading
		_, err := call(unix.SYS_LINKAT, ^uintptr(99), uintptr(unsafe.Pointer(&from[0])), ^uintptr(99), cString("/etc/x"), 0)
		linked <- err
	}()
	if _, err := call(unix.SYS_GETDENTS64, uintptr(etc), uintptr(unsafe.Pointer(&pages[pageSize])), pageSize); err != nil {
		return fmt.Errorf("read /etc: %w", err)
	}
	if err := <-linked; err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return readOnly("/etc/x", secret)
}

// readOnly reads a file, which must be the same as another one.
func readOnly(path, other string) error {
	var got, want unix.Stat_t
	if err := errors.Join(unix.Stat(path, &got), unix.Stat(other, &want)); err != nil {
		return err
	}
	if got.Dev != want.Dev || got.Ino != want.Ino {
		return fmt.Errorf("%s is not %s: the kernel took the changed path", path, other)
	}
	return read(path)
}

// flipArguments executes a program with an argument that another thread changes all the time. What
// counts is what the new program has got, whichever it was.
func flipArguments(_ string, args []string) error {
	buffer := append([]byte(args[1]), 0)
	name := cString(args[0])
	argv := [4]uintptr{name, uintptr(unsafe.Pointer(&buffer[0]))}
	var envv [1]uintptr
	go func() {
		for {
			buffer[0] ^= 'a' ^ 'b'
			runtime.Gosched()
		}
	}()
	_, err := call(unix.SYS_EXECVE, name, uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&envv)))
	return err
}

// dispatch lets the kernel hand system calls back to the program, by a switch that is off for now.
func dispatch(string, []string) error {
	const setDispatch, on = 59, 1
	runtime.LockOSThread()
	selector := new(byte)
	if err := unix.Prctl(setDispatch, on, 0, 0, uintptr(unsafe.Pointer(selector))); err != nil {
		return err
	}
	defer runtime.KeepAlive(selector)
	return read(secret)
}
