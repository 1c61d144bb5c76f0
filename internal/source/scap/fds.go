// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// readFD reads one entry of a list of descriptors, of which the first tells whose they are.
func (s *Source) readFD(b []byte) (int, error) {
	if !s.lists.headed {
		c := cursor{b: b}
		tid := c.i64()
		if c.short {
			return 0, errEntryShort
		}
		if s.o.State != nil {
			s.lists.thread = s.o.State.Thread(tid)
		}
		s.lists.headed = true
		return c.at, nil
	}
	if padding(b) {
		return len(b), nil
	}
	sized := s.list.version >= 2
	c, n, err := s.entry(b, sized)
	if err != nil {
		return 0, err
	}
	var f state.FD
	fdEntry(&c, &f, sized)
	if c.short {
		return 0, errEntryShort
	}
	if !sized {
		n = c.at
	}
	if t := s.lists.thread; t != nil {
		s.o.State.EnterFD(t.Proc, &f)
	}
	return n, nil
}

// openCloseExec is the flag of files that an exec closes.
const openCloseExec = 4096

// fdEntry reads the values of a descriptor.
func fdEntry(c *cursor, f *state.FD, sized bool) {
	f.Num, f.Ino, f.Type = c.i64(), c.u64(), state.FDType(c.u8())
	switch f.Type {
	case state.FDIPv4Sock, state.FDIPv6Sock:
		n := 4
		if f.Type == state.FDIPv6Sock {
			n = 16
		}
		src, dst := c.addr(n), c.addr(n)
		f.Source, f.Dest = netip.AddrPortFrom(src, c.u16()), netip.AddrPortFrom(dst, c.u16())
		if f.L4 = state.L4Proto(c.u8()); f.L4 == state.L4TCP {
			f.Flags |= state.FDConnected
		}
		f.SetName(string(appendEnd(append(appendEnd(nil, f.Source), "->"...), f.Dest)))
	case state.FDIPv4ServSock, state.FDIPv6ServSock:
		n := 4
		if f.Type == state.FDIPv6ServSock {
			n = 16
		}
		f.Dest = netip.AddrPortFrom(c.addr(n), c.u16())
		f.L4 = state.L4Proto(c.u8())
		f.SetName(string(appendEnd(nil, f.Dest)))
	case state.FDUnixSock:
		f.UnixSource, f.UnixDest = c.u64(), c.u64()
		f.SetName(c.text())
	case state.FDFileV2:
		if f.Open = c.u32(); f.Open&openCloseExec != 0 {
			f.Flags |= state.FDCloseOnExec
		}
		f.SetName(c.text())
		if sized && c.left() >= 4 {
			f.Dev = c.u32()
		}
	default:
		name := c.text()
		if f.Type > state.FDPidFD {
			name = fmt.Sprintf("unknown-type:[%d]", f.Type)
			f.Type = state.FDUnsupported
		}
		f.SetName(name)
	}
	if sized {
		readFDMore(c, f)
	}
}

// appendEnd appends one end of a connection as descriptors' names show it, without brackets.
func appendEnd(b []byte, a netip.AddrPort) []byte {
	b = a.Addr().AppendTo(b)
	return strconv.AppendUint(append(b, ':'), uint64(a.Port()), 10)
}
