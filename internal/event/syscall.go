// SPDX-License-Identifier: Apache-2.0

package event

import "runtime"

// Syscall describes one system call (or tracepoint) that can be asked for.
type Syscall struct {
	// Code is the published number of the call, the same on every architecture (ppm_sc).
	Code uint16
	Name string
	// AMD64 and ARM64 are the kernel's numbers, -1 where the architecture lacks the call.
	AMD64, ARM64 int16
	// Event is the exit event that reports the call; Generic for those without one of their own.
	Event Type
	// State says that the state engine needs the call, whatever the rules ask for.
	State bool
}

// Number returns the call's number on the architecture that the program runs on, -1 if it has none.
func (s *Syscall) Number() int {
	if runtime.GOARCH == "arm64" {
		return int(s.ARM64)
	}
	return int(s.AMD64)
}

// Syscalls returns all system calls by code. The result must not be changed.
func Syscalls() []Syscall { return syscalls[:] }

var (
	syscallByName   = map[string]*Syscall{}
	syscallByNumber [1024]*Syscall
	eventsByName    = map[string][]Type{}
)

func init() {
	for i := range syscalls {
		s := &syscalls[i]
		if _, dup := syscallByName[s.Name]; !dup {
			syscallByName[s.Name] = s
		}
		if n := s.Number(); n >= 0 && n < len(syscallByNumber) {
			syscallByNumber[n] = s
		}
	}
	for i := range table {
		info := &table[i]
		info.result = -1
		for n := range info.Params {
			p := &info.Params[n]
			if p.Name == "res" || (p.Name == "fd" && n == 0 && info.Flags&CreatesFD != 0 && info.Code&1 == 1) {
				info.result = int8(n)
				break
			}
		}
		if info.Flags&Unused == 0 {
			eventsByName[info.Name] = append(eventsByName[info.Name], info.Code)
		}
	}
}

// SyscallByName returns the system call of that name, nil if there is none.
func SyscallByName(name string) *Syscall { return syscallByName[name] }

// SyscallByCode returns the system call with that published code, nil if there is none.
func SyscallByCode(code uint16) *Syscall {
	if int(code) >= len(syscalls) {
		return nil
	}
	return &syscalls[code]
}

// SyscallByNumber returns the system call with that number on this architecture, nil if unknown.
func SyscallByNumber(nr int) *Syscall {
	if nr < 0 || nr >= len(syscallByNumber) {
		return nil
	}
	return syscallByNumber[nr]
}

// GenericCall is the system call that a generic event stands for, nil if it is unknown.
func (e *Event) GenericCall() *Syscall {
	if code, ok := e.Uint(0); ok && code > 0 && code < 1<<16 {
		if sc := SyscallByCode(uint16(code)); sc != nil {
			return sc
		}
	}
	if nr, ok := e.Uint(1); ok && nr > 0 && nr < 1<<16 {
		return SyscallByNumber(int(nr))
	}
	return nil
}

// TypesByName returns the codes of all events of that name, old versions and both directions; nil
// if no event has it. The result must not be changed.
func TypesByName(name string) []Type { return eventsByName[name] }
