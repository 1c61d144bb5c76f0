// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/sys/unix"

// Calls that this architecture does not have: they fail.
const sysCreat, sysOpen, sysFork, sysDup2 = 0xffff, 0xffff, 0xffff, 0xffff

// programCounter is where a stopped process goes on.
func programCounter(regs *unix.PtraceRegs) uint64 { return regs.Pc }

// int80Open has no meaning here.
func int80Open(string, []string) error { return unix.ENOSYS }

// openFromHeap has its machine code for x86-64 only.
func openFromHeap(string, []string) error { return unix.ENOSYS }
