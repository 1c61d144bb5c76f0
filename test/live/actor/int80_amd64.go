// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// int80 makes a 32-bit system call out of a 64-bit program.
func int80(nr, a, b, c uint32) (result int32)

// actInt80Open opens PATH by the 32-bit call open (5), though the program is one of 64 bits.
func actInt80Open(args []string) error {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_32BIT)
	if err != nil {
		return err
	}
	copy(page, args[0])
	if fd := int80(5, uint32(uintptr(unsafe.Pointer(&page[0]))), unix.O_RDONLY, 0); fd < 0 {
		return fmt.Errorf("open: %w", unix.Errno(-fd))
	}
	return nil
}
