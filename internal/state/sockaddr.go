// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Address families, as records carry them.
const (
	familyUnix    = 1
	familyINet    = 2
	familyINet6   = 10
	familyNetlink = 16
)

// ends are the two ends of a socket, or the one of an address in dst.
type ends struct {
	family           byte
	src, dst         netip.AddrPort
	unixSrc, unixDst uint64
	path             []byte
}

// parseTuple reads a parameter of type SockTuple.
func parseTuple(b []byte) (e ends, ok bool) {
	if len(b) == 0 {
		return e, false
	}
	e.family = b[0]
	b = b[1:]
	switch {
	case e.family == familyINet && len(b) >= 12:
		e.src, e.dst = inet(b), inet(b[6:])
	case e.family == familyINet6 && len(b) >= 36:
		e.src, e.dst = inet6(b), inet6(b[18:])
		e.unmap()
	case e.family == familyUnix && len(b) >= 16:
		e.unixSrc, e.unixDst = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		e.path = untilNUL(b[16:])
	default:
		return e, false
	}
	return e, true
}

// parseAddr reads a parameter of type SockAddr into dst.
func parseAddr(b []byte) (e ends, ok bool) {
	if len(b) == 0 {
		return e, false
	}
	e.family = b[0]
	b = b[1:]
	switch {
	case e.family == familyINet && len(b) >= 6:
		e.dst = inet(b)
	case e.family == familyINet6 && len(b) >= 18:
		e.dst = inet6(b)
		e.unmap()
	case e.family == familyUnix:
		e.path = untilNUL(b)
	default:
		return e, false
	}
	return e, true
}

// unmap turns IPv4 addresses in the guise of IPv6 ones into what they are.
func (e *ends) unmap() {
	if !e.dst.Addr().Is4In6() || e.src.IsValid() && !e.src.Addr().Is4In6() {
		return
	}
	e.family = familyINet
	e.dst = netip.AddrPortFrom(e.dst.Addr().Unmap(), e.dst.Port())
	if e.src.IsValid() {
		e.src = netip.AddrPortFrom(e.src.Addr().Unmap(), e.src.Port())
	}
}

// inet reads an IPv4 address and the port behind it.
func inet(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.LittleEndian.Uint16(b[4:]))
}

// inet6 reads an IPv6 address and the port behind it.
func inet6(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), binary.LittleEndian.Uint16(b[16:]))
}

// untilNUL is b up to its first NUL.
func untilNUL(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// appendTuple appends the name of a connected socket.
func (e *ends) appendTuple(dst []byte) []byte {
	if e.family == familyUnix {
		dst = strconv.AppendUint(dst, e.unixSrc, 16)
		dst = append(dst, "->"...)
		dst = strconv.AppendUint(dst, e.unixDst, 16)
		dst = append(dst, ' ')
		return append(dst, e.path...)
	}
	dst = appendEnd(dst, e.src)
	dst = append(dst, "->"...)
	return appendEnd(dst, e.dst)
}

// appendAddr appends the name of a socket that is bound to dst.
func (e *ends) appendAddr(dst []byte) []byte {
	if e.family == familyUnix {
		return append(dst, e.path...)
	}
	return appendEnd(dst, e.dst)
}

// appendEnd appends address and port, IPv6 without brackets as rules know it.
func appendEnd(dst []byte, a netip.AddrPort) []byte {
	dst = a.Addr().AppendTo(dst)
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(a.Port()), 10)
}
