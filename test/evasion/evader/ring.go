// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations and flags of io_uring.
const (
	ringConnect                                         = 16
	ringOpenat, ringStatx                               = 18, 21
	ringSend, ringRecv, ringOpenat2                     = 26, 27, 28
	ringRename, ringUnlink, ringMkdir, ringSym, ringLnk = 35, 36, 37, 38, 39
	ringSocket, ringCommand                             = 45, 46

	ringPolled    = 2 // the kernel's own thread takes the requests
	ringGetEvents = 1
	ringWakeUp    = 2
)

// submission is struct io_uring_sqe.
type submission struct {
	op, flags    uint8
	priority     uint16
	fd           int32
	offset, addr uint64
	length, how  uint32
	data         uint64
	_            [3]uint64
}

// ring is an io_uring.
type ring struct {
	fd             int
	flags          uint32
	queues, places []byte
	completions    []byte
	params         [30]uint32 // struct io_uring_params
}

// ringActs make calls through an io_uring.
var ringActs = []act{
	{"ring-openat", inRing(0, func(r *ring, _ string) error {
		return r.do(submission{op: ringOpenat, fd: unix.AT_FDCWD, addr: text(secret)})
	})},
	{"ring-openat-polled", inRing(ringPolled, func(r *ring, _ string) error {
		return r.do(submission{op: ringOpenat, fd: unix.AT_FDCWD, addr: text(secret)})
	})},
	{"ring-openat2", inRing(0, func(r *ring, _ string) error {
		how := &unix.OpenHow{Flags: unix.O_RDONLY}
		defer runtime.KeepAlive(how)
		return r.do(submission{op: ringOpenat2, fd: unix.AT_FDCWD, addr: text(secret), length: 24, offset: pointer(unsafe.Pointer(how))})
	})},
	{"ring-connect", inRing(0, ringConnects)},
	{"ring-send", inRing(0, func(r *ring, _ string) error { return r.exchange(ringSend, ringRecv) })},
	{"ring-rename", inRing(0, func(r *ring, _ string) error {
		if err := coverEtc("/etc/x", secret); err != nil {
			return err
		}
		return r.do(submission{op: ringRename, fd: unix.AT_FDCWD, addr: text("/etc/x"), length: 0xffffff9c, offset: text(secret)})
	})},
	{"ring-unlink", inRing(0, func(r *ring, _ string) error {
		if err := cover("/var/log", "/var/log/auth.log"); err != nil {
			return err
		}
		return r.do(submission{op: ringUnlink, fd: unix.AT_FDCWD, addr: text("/var/log/auth.log")})
	})},
	{"ring-link", inRing(0, func(r *ring, _ string) error {
		if err := coverEtc(secret); err != nil {
			return err
		}
		return r.do(submission{op: ringLnk, fd: unix.AT_FDCWD, addr: text(secret), length: 0xffffff9c, offset: text("/etc/x")})
	})},
	{"ring-symlink", inRing(0, func(r *ring, dir string) error {
		return r.do(submission{op: ringSym, fd: unix.AT_FDCWD, addr: text(secret), offset: text(filepath.Join(dir, "x"))})
	})},
	{"ring-mkdir", inRing(0, func(r *ring, dir string) error {
		if err := cover("/usr/local/bin"); err != nil {
			return err
		}
		return r.do(submission{op: ringMkdir, fd: unix.AT_FDCWD, addr: text("/usr/local/bin/x"), length: 0o755})
	})},
	{"ring-statx", inRing(0, func(r *ring, _ string) error {
		buffer := make([]byte, 256)
		defer runtime.KeepAlive(buffer)
		return r.do(submission{op: ringStatx, fd: unix.AT_FDCWD, addr: text(secret), length: unix.STATX_BASIC_STATS, offset: pointer(unsafe.Pointer(&buffer[0]))})
	})},
	{"ring-socket", inRing(0, func(r *ring, _ string) error {
		return r.do(submission{op: ringSocket, fd: unix.AF_INET, offset: unix.SOCK_DGRAM})
	})},
	{"ring-command", inRing(0, func(r *ring, _ string) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		return r.do(submission{op: ringCommand, fd: int32(fd)}) // how many bytes wait at a socket
	})},
}

func text(s string) uint64 { return uint64(cString(s)) }

func pointer(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }

// inRing makes an io_uring for an act.
func inRing(flags uint32, do func(r *ring, dir string) error) func(string, []string) error {
	return func(dir string, _ []string) error {
		r := &ring{flags: flags}
		r.params[2], r.params[4] = flags, 100 // milliseconds until the kernel's thread sleeps
		fd, err := call(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&r.params)))
		if err != nil {
			return fmt.Errorf("io_uring_setup: %w", err)
		}
		r.fd = fd
		for _, m := range []struct {
			to     *[]byte
			offset int64
		}{{&r.queues, 0}, {&r.completions, 0x8000000}, {&r.places, 0x10000000}} {
			if *m.to, err = unix.Mmap(fd, m.offset, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
				return err
			}
		}
		return do(r, dir)
	}
}

// do submits a request and waits for its end. Words of the parameters tell where the queues' heads and tails lie.
func (r *ring) do(s submission) error {
	tail := (*atomic.Uint32)(unsafe.Pointer(&r.queues[r.params[11]]))
	i := tail.Load() & 7
	*(*submission)(unsafe.Pointer(&r.places[64*i])) = s
	*(*uint32)(unsafe.Pointer(&r.queues[r.params[16]+4*i])) = i
	tail.Add(1)
	count, flags := uintptr(1), uintptr(ringGetEvents)
	if r.flags&ringPolled != 0 {
		count, flags = 0, ringGetEvents|ringWakeUp
	}
	if _, err := call(unix.SYS_IO_URING_ENTER, uintptr(r.fd), count, 1, flags); err != nil {
		return fmt.Errorf("io_uring_enter: %w", err)
	}
	head := (*atomic.Uint32)(unsafe.Pointer(&r.completions[r.params[20]]))
	result := *(*int32)(unsafe.Pointer(&r.completions[r.params[25]+16*(head.Load()&15)+8]))
	head.Add(1)
	if result < 0 {
		return fmt.Errorf("operation %d: %w", s.op, unix.Errno(-result))
	}
	return nil
}

// ringConnects connects to a socket of its own.
func ringConnects(r *ring, _ string) error {
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	address := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(server, &unix.SockaddrInet4{Addr: address.Addr}); err != nil {
		return err
	}
	if err := unix.Listen(server, 1); err != nil {
		return err
	}
	bound, err := unix.Getsockname(server)
	if err != nil {
		return err
	}
	port := bound.(*unix.SockaddrInet4).Port
	address.Port = uint16(port)>>8 | uint16(port)<<8
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(address)
	return r.do(submission{op: ringConnect, fd: int32(client), addr: pointer(unsafe.Pointer(address)), offset: 16})
}

// exchange sends and receives a message on a pair of sockets.
func (r *ring) exchange(send, receive uint8) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	for i, op := range []uint8{send, receive} {
		s := submission{op: op, fd: int32(pair[i]), addr: pointer(unsafe.Pointer(&message[0])), length: uint32(len(message))}
		if err := r.do(s); err != nil {
			return err
		}
	}
	return nil
}
