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

// Socket reports whether descriptors of the type are sockets of IP.
func (t FDType) Socket() bool { return t >= FDIPv4Sock && t <= FDIPv6ServSock }

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

// FD is one open descriptor of a process. Processes that were forked share entries until one of
// them changes its own, so only the state writes to an entry that stands in a table.
type FD struct {
	Num     int64
	Type    FDType
	L4      L4Proto // as the socket was made; see Transport
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

	// The three texts lie in one buffer, which keeps its memory when the entry is used again.
	// Equal texts share their bytes.
	buf             []byte
	name, raw, real span

	since uint64 // when a snapshot told of it, 0 if an event did
	refs  int32  // tables that hold the entry
	bytes int32  // what the pool counts for it
}

// span is a part of an entry's buffer.
type span struct{ off, len uint16 }

// maxText is the longest text that an entry keeps; longer ones are cut.
const maxText = 8192

// Name is the descriptor's name: the path of a file, the tuple of a socket. Borrowed.
func (f *FD) Name() string { return f.text(f.name) }

// RawName is the path as the program gave it. Borrowed.
func (f *FD) RawName() string { return f.text(f.raw) }

// RealPath is the path to which the kernel resolved the open; "" if unknown. Borrowed.
func (f *FD) RealPath() string { return f.text(f.real) }

// SetName copies the name into the entry's memory.
func (f *FD) SetName(s string) { f.set(&f.name, s) }

// SetRawName copies the path as the program gave it into the entry's memory.
func (f *FD) SetRawName(s string) { f.set(&f.raw, s) }

// SetRealPath copies the path to which the kernel resolved the open into the entry's memory.
func (f *FD) SetRealPath(s string) { f.set(&f.real, s) }

// Transport is the transport protocol as it is reported: a socket that has neither connected nor
// bound has none yet, unless it is a raw one.
func (f *FD) Transport() L4Proto {
	switch {
	case f.Type < FDIPv4Sock || f.Type > FDIPv6ServSock:
		return L4NA
	case f.L4 == L4Raw || f.Flags&(FDRoleClient|FDRoleServer) != 0:
		return f.L4
	}
	return L4NA
}

// text is the part of the buffer that s describes.
func (f *FD) text(s span) string {
	return text(f.buf[s.off : int(s.off)+int(s.len)])
}

// set stores s as the text that at describes, next to the other two.
func (f *FD) set(at *span, s string) {
	s = s[:min(len(s), maxText)]
	*at = span{}
	others := [...]span{f.name, f.raw, f.real}
	kept := 0
	for _, o := range others {
		if o.len == 0 {
			continue
		}
		if f.text(o) == s {
			*at = o
			return
		}
		kept = max(kept, int(o.off)+int(o.len))
	}
	if len(s) == 0 {
		return
	}
	if kept+len(s) > 3*maxText {
		f.compact()
		f.set(at, s)
		return
	}
	f.buf = append(f.buf[:kept], s...)
	*at = span{uint16(kept), uint16(len(s))}
}

// compact moves the texts to the start of a new buffer.
func (f *FD) compact() {
	old := *f
	f.buf, f.name, f.raw, f.real = nil, span{}, span{}, span{}
	f.SetName(old.Name())
	f.SetRawName(old.RawName())
	f.SetRealPath(old.RealPath())
}

// setNameBuf makes b, which was appended to the empty buffer of f, its name.
func (f *FD) setNameBuf(b []byte) {
	f.buf = b[:min(len(b), maxText)]
	f.name = span{0, uint16(len(f.buf))}
	f.raw, f.real = span{}, span{}
}

// clear empties the entry but for its memory.
func (f *FD) clear() {
	*f = FD{buf: f.buf[:0], bytes: f.bytes}
}

// copyFrom makes f an equal of o with memory of its own.
func (f *FD) copyFrom(o *FD) {
	buf, bytes := f.buf[:0], f.bytes
	*f = *o
	f.buf, f.bytes, f.refs = append(buf, o.buf...), bytes, 0
}

// text returns b as a string without copying it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
