// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"net/netip"
)

// cursor reads the values of one entry. Behind the end it yields zeros and notes that it is short.
type cursor struct {
	b     []byte
	at    int
	short bool
}

var nothing [16]byte

// take returns the next n bytes, up to 16 zeros if they are not there.
func (c *cursor) take(n int) []byte {
	if n > len(c.b)-c.at {
		c.short, c.at = true, len(c.b)
		return nothing[:min(n, len(nothing))]
	}
	b := c.b[c.at : c.at+n]
	c.at += n
	return b
}

// left is how many bytes are left.
func (c *cursor) left() int { return len(c.b) - c.at }

func (c *cursor) u8() uint8   { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }
func (c *cursor) i64() int64  { return int64(c.u64()) }
func (c *cursor) flag() bool  { return c.u8() != 0 }

// bytes is a value with its length before it.
func (c *cursor) bytes() []byte {
	n := int(c.u16())
	if n > c.left() {
		c.short, c.at = true, len(c.b)
		return nil
	}
	return c.take(n)
}

// text is the same as text, without final NULs.
func (c *cursor) text() string {
	b := c.bytes()
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// addr is an IP address of 4 or 16 bytes.
func (c *cursor) addr(n int) netip.Addr {
	a, _ := netip.AddrFromSlice(c.take(n))
	return a
}
