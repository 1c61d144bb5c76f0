// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// moreMark begins what only Gyrfalcon tells of a thread or a descriptor. It stands behind the last
// value that others know, within the entry's length, where their readers look no more.
const moreMark = 0x32525947 // "GYR2"

// appendThreadMore appends what the published entry of a thread has no place for.
func appendThreadMore(b []byte, t *state.Thread) []byte {
	p := t.Proc
	bits := uint32(0)
	if p.Reaper {
		bits |= 1
	}
	if p.Exec.Deleted {
		bits |= 2
	}
	if t.Dead {
		bits |= 4
	}
	b = binary.LittleEndian.AppendUint32(b, moreMark)
	b = binary.LittleEndian.AppendUint32(b, bits)
	for _, v := range []uint64{t.CloneTS, p.CloneTS, p.StartTime, p.ExecTS, p.ArgsLen, p.EnvLen} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, p.Exec.Dev)
	b = binary.LittleEndian.AppendUint32(b, p.Exec.NLink)
	b = appendText(b, p.Exec.Interp, maxPath)
	comm := strings.TrimSuffix(p.CmdLine[:len(p.CmdLine)-len(p.ArgLine)], " ")
	b = appendText(b, comm, maxPath) // as of the exec
	b = appendText(b, p.ArgsTail, maxBlock)
	return appendWholeEnv(b, t)
}

// appendWholeEnv appends the environment if the published entry has no place for all of it.
func appendWholeEnv(b []byte, t *state.Thread) []byte {
	at, p := len(b), t.Proc
	b = append(b, 0, 0)
	if follower(t) != 0 && p.Main != nil {
		return b
	}
	for _, s := range p.Env {
		b = append(append(b, s...), 0)
	}
	size := len(b) - at - 2
	if size <= maxBlock || size > 1<<16-1 {
		return b[:at+2]
	}
	binary.LittleEndian.PutUint16(b[at:], uint16(size))
	return b
}

// readThreadMore reads what appendThreadMore wrote, if it is there.
func readThreadMore(c *cursor, e *state.Entry) {
	if c.short || c.left() < 4 || binary.LittleEndian.Uint32(c.b[c.at:]) != moreMark {
		return
	}
	c.u32()
	bits := c.u32()
	e.Reaper, e.Exec.Deleted, e.Dead = bits&1 != 0, bits&2 != 0, bits&4 != 0
	e.CloneTS, e.ProcCloneTS, e.StartTime, e.ExecTS = c.u64(), c.u64(), c.u64(), c.u64()
	e.ArgsLen, e.EnvLen = c.u64(), c.u64()
	e.Exec.Dev, e.Exec.NLink, e.Exec.Interp = c.u32(), c.u32(), c.text()
	e.ExecComm = c.text()
	if c.short || c.left() < 4 {
		return // of a version before ours
	}
	e.ArgsTail = c.text()
	if env := c.bytes(); len(env) > 0 {
		e.Env = env
	}
}

// What the bits of a descriptor tell: how its texts and addresses differ from the published ones.
const (
	moreName uint32 = 1 << iota
	moreRaw
	moreRawIsName
	moreReal
	moreRealIsName
	moreSource // the address is a valid one
	moreDest
	moreSource4 // of a socket of the other family
	moreDest4
)

// oldFDTypes is the last type of descriptors that the libraries of 2022 know; they refuse captures
// with others.
const oldFDTypes = state.FDFileV2

// appendFD appends the entry of a descriptor.
func appendFD(b []byte, f *state.FD) []byte {
	start := len(b)
	typ := f.Type
	if typ > oldFDTypes || typ == state.FDFile {
		// Plain files are written in their newer form, what others do not know as of no known type.
		if typ = state.FDUnsupported; f.Type == state.FDFile {
			typ = state.FDFileV2
		}
	}
	b = binary.LittleEndian.AppendUint64(beginEntry(b), uint64(f.Num))
	b = binary.LittleEndian.AppendUint64(b, f.Ino)
	b = append(b, byte(typ))
	switch typ {
	case state.FDIPv4Sock, state.FDIPv6Sock:
		b = appendAddr(appendAddr(b, f.Source.Addr(), typ), f.Dest.Addr(), typ)
		b = binary.LittleEndian.AppendUint16(b, f.Source.Port())
		b = append(binary.LittleEndian.AppendUint16(b, f.Dest.Port()), byte(f.L4))
	case state.FDIPv4ServSock, state.FDIPv6ServSock:
		b = appendAddr(b, f.Dest.Addr(), typ)
		b = append(binary.LittleEndian.AppendUint16(b, f.Dest.Port()), byte(f.L4))
	case state.FDUnixSock:
		b = binary.LittleEndian.AppendUint64(b, f.UnixSource)
		b = appendText(binary.LittleEndian.AppendUint64(b, f.UnixDest), f.Name(), maxPath)
	case state.FDFileV2:
		b = appendText(binary.LittleEndian.AppendUint32(b, f.Open), f.Name(), maxPath)
		b = binary.LittleEndian.AppendUint32(b, f.Dev)
	default:
		b = appendText(b, f.Name(), maxPath)
	}
	return endEntry(appendFDMore(b, f), start)
}

// appendAddr appends an address as wide as the type of the socket wants it.
func appendAddr(b []byte, a netip.Addr, typ state.FDType) []byte {
	if typ == state.FDIPv4Sock || typ == state.FDIPv4ServSock {
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		if a = a.Unmap(); a.Is4() {
			v := a.As4()
			copy(b[at:], v[:])
		}
		return b
	}
	var v [16]byte
	if a.IsValid() {
		v = a.As16()
	}
	return append(b, v[:]...)
}

// appendFDMore appends what the published entry of a descriptor has no place for.
func appendFDMore(b []byte, f *state.FD) []byte {
	name, raw, full := f.Name(), f.RawName(), f.RealPath()
	bits := moreName
	if len(name) <= maxPath && !f.Type.Socket() {
		bits = 0 // it stands in front
	}
	switch {
	case raw == "":
	case raw == name:
		bits |= moreRawIsName
	default:
		bits |= moreRaw
	}
	switch {
	case full == "":
	case full == name:
		bits |= moreRealIsName
	default:
		bits |= moreReal
	}
	for _, a := range []struct {
		addr        netip.AddrPort
		valid, four uint32
	}{{f.Source, moreSource, moreSource4}, {f.Dest, moreDest, moreDest4}} {
		if a.addr.IsValid() {
			bits |= a.valid
		}
		if a.addr.Addr().Is4() {
			bits |= a.four
		}
	}
	b = binary.LittleEndian.AppendUint32(b, moreMark)
	b = binary.LittleEndian.AppendUint32(b, bits)
	b = append(b, byte(f.Type), byte(f.L4))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.Flags&^state.FDNameChanged))
	for _, v := range []uint32{f.Open, f.Dev, f.MountID, f.NLink} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(f.PID))
	for _, t := range []struct {
		bit  uint32
		text string
	}{{moreName, name}, {moreRaw, raw}, {moreReal, full}} {
		if bits&t.bit != 0 {
			b = appendText(b, t.text, 1<<16-1)
		}
	}
	return b
}

// readFDMore reads what appendFDMore wrote, if it is there.
func readFDMore(c *cursor, f *state.FD) {
	if c.short || c.left() < 4 || binary.LittleEndian.Uint32(c.b[c.at:]) != moreMark {
		return
	}
	c.u32()
	bits := c.u32()
	f.Type, f.L4, f.Flags = state.FDType(c.u8()), state.L4Proto(c.u8()), state.FDFlags(c.u16())
	f.Open, f.Dev, f.MountID, f.NLink = c.u32(), c.u32(), c.u32(), c.u32()
	f.PID = c.i64()
	f.Source = moreAddr(f.Source, bits&moreSource != 0, bits&moreSource4 != 0)
	f.Dest = moreAddr(f.Dest, bits&moreDest != 0, bits&moreDest4 != 0)
	name := f.Name()
	if bits&moreName != 0 {
		name = c.text()
		f.SetName(name)
	}
	switch {
	case bits&moreRaw != 0:
		f.SetRawName(c.text())
	case bits&moreRawIsName != 0:
		f.SetRawName(name)
	}
	switch {
	case bits&moreReal != 0:
		f.SetRealPath(c.text())
	case bits&moreRealIsName != 0:
		f.SetRealPath(name)
	}
}

// moreAddr is an address as it was.
func moreAddr(a netip.AddrPort, valid, four bool) netip.AddrPort {
	switch {
	case !valid:
		return netip.AddrPort{}
	case four:
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return a
}
