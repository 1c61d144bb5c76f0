// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringRequest is struct io_uring_sqe, as far as an open needs it.
type ringRequest struct {
	op, flags      uint8
	prio           uint16
	fd             int32
	off, addr      uint64
	len, openFlags uint32
	_              [4]uint64
}

// actRingOpen opens PATH through an io_uring: no system call names the file.
func actRingOpen(args []string) error {
	var params [30]uint32 // struct io_uring_params
	r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return fmt.Errorf("io_uring_setup: %w", errno)
	}
	ring := int(r)
	defer unix.Close(ring)
	const all = unix.PROT_READ | unix.PROT_WRITE
	queues, err := unix.Mmap(ring, 0, 4096, all, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	requests, err := unix.Mmap(ring, 0x10000000, 4096, all, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	path, err := unix.BytePtrFromString(args[0])
	if err != nil {
		return err
	}
	*(*ringRequest)(unsafe.Pointer(&requests[0])) = ringRequest{op: 18, fd: unix.AT_FDCWD, addr: uint64(uintptr(unsafe.Pointer(path)))}
	// The offsets of the submission queue's tail and of its array follow ten words of parameters.
	*(*uint32)(unsafe.Pointer(&queues[params[10+6]])) = 0
	*(*uint32)(unsafe.Pointer(&queues[params[10+1]])) = 1
	_, _, errno = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), 1, 1, 1, 0, 0)
	runtime.KeepAlive(path)
	if errno != 0 {
		return fmt.Errorf("io_uring_enter: %w", errno)
	}
	return nil
}
