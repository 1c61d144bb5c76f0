// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"unsafe"
)

// FDType is the kind of an open descriptor. Values are the published SCAP_FD_* numbers.
type FDType uint8

// The descriptor types.
const (
	FDUnknown      FDType = 0
	FDFile         FDType = 1
	FDDirectory    FDType = 2
	FDIPv4Sock     FDType = 3
	FDIPv6Sock     FDType = 4
	FDIPv4ServSock FDType = 5
	FDIPv6ServSock FDType = 6
	FDFifo         FDType = 7
	FDUnixSock     FDType = 8
	FDEvent        FDType = 9
	FDUnsupported  FDType = 10
	FDSignalFD     FDType = 11
	FDEventPoll    FDType = 12
	FDInotify      FDType = 13
	FDTimerFD      FDType = 14
	FDNetlink      FDType = 15
	FDFileV2       FDType = 16
	FDBPF          FDType = 17
	FDUserFault    FDType = 18
	FDIOUring      FDType = 19
	FDMemFD        FDType = 20
	FDPidFD        FDType = 21
)

// FDFlags describe an open descriptor.
type FDFlags uint16

// The descriptor flags.
const (
	FDRoleClient FDFlags = 1 << iota
	FDRoleServer
	FDConnected
	FDConnectPending
	FDConnectFailed
	FDCloseOnExec
	FDUpperLayer
	FDLowerLayer
	FDNameChanged // the newest event changed the name
)

// L4Proto is a transport protocol, with the published numbers.
type L4Proto uint8

// The transport protocols.
const (
	L4Unknown L4Proto = 0
	L4NA      L4Proto = 1
	L4TCP     L4Proto = 2
	L4UDP     L4Proto = 3
	L4ICMP    L4Proto = 4
	L4Raw     L4Proto = 5
)

// FD is one open descriptor of a process.
type FD struct {
	Num     int64
	Type    FDType
	L4      L4Proto
	Flags   FDFlags
	Open    uint32 // published open flags (PPM_O_*)
	Dev     uint32
	MountID uint32
	Ino     uint64
	NLink   uint32
	PID     int64 // of a pidfd

	// Source and Dest are the ends of an IP socket; a listening socket has Dest alone.
	Source, Dest netip.AddrPort
	// UnixSource and UnixDest are the kernel's socket pointers of a unix socket.
	UnixSource, UnixDest uint64

	// The texts keep their memory when the slot is used again.
	name, raw, real []byte
}

// Name is the descriptor's name: the path of a file, the tuple of a socket. Borrowed.
func (f *FD) Name() string { return text(f.name) }

// RawName is the path as the program gave it. Borrowed.
func (f *FD) RawName() string { return text(f.raw) }

// RealPath is the path to which the kernel resolved the open; "" if unknown. Borrowed.
func (f *FD) RealPath() string { return text(f.real) }

// SetName, SetRawName and SetRealPath copy their argument into the slot's memory.
func (f *FD) SetName(s string) { f.name = append(f.name[:0], s...) }

// SetRawName sets the path as the program gave it.
func (f *FD) SetRawName(s string) { f.raw = append(f.raw[:0], s...) }

// SetRealPath sets the path to which the kernel resolved the open.
func (f *FD) SetRealPath(s string) { f.real = append(f.real[:0], s...) }

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
