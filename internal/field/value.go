// SPDX-License-Identifier: Apache-2.0

package field

import (
	"math"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Value gets the field's value for printing, whatever its kind. ok is false if there is none. A
// field that is printed differently from how it is compared gives its printed form.
func (f *Field) Value(c *Context, a *Arg) (Value, bool) {
	if f.Print != nil {
		return f.Print(c, a)
	}
	return f.raw(c, a)
}

// raw gets the value that comparisons see.
func (f *Field) raw(c *Context, a *Arg) (v Value, ok bool) {
	v = Value{Type: f.Type, Format: f.Format, Kind: f.Kind}
	switch f.Kind {
	case KindString, KindBytes:
		v.Str, ok = f.Str(c, a)
	case KindInt:
		var n int64
		n, ok = f.Int(c, a)
		v.Num = uint64(n)
	case KindUint:
		v.Num, ok = f.Uint(c, a)
	case KindBool:
		var b bool
		if b, ok = f.Bool(c, a); b {
			v.Num = 1
		}
	case KindFloat:
		v.Float, ok = f.Float(c, a)
	case KindIP:
		v.IP, ok = f.IP(c, a)
	case KindDynamic:
		return f.Any(c, a)
	default:
		return f.list(c, a)
	}
	return v, ok
}

// list gets the texts of a list field's elements.
func (f *Field) list(c *Context, a *Arg) (Value, bool) {
	v := Value{Type: f.Type, Format: f.Format, Kind: f.Kind}
	switch f.Kind {
	case KindStrings:
		c.Strs = f.Strs(c, a, c.Strs[:0])
		v.List = c.Strs
	case KindInts:
		c.Ints = f.Ints(c, a, c.Ints[:0])
		c.Strs = c.Strs[:0]
		for _, n := range c.Ints {
			c.Strs = append(c.Strs, c.Keep(strconv.AppendInt(c.Arena(), n, 10)))
		}
		v.List = c.Strs
	case KindUints:
		c.Uints = f.Uints(c, a, c.Uints[:0])
		c.Strs = c.Strs[:0]
		for _, n := range c.Uints {
			c.Strs = append(c.Strs, c.Keep(strconv.AppendUint(c.Arena(), n, 10)))
		}
		v.List = c.Strs
	default:
		c.IPs = f.IPs(c, a, c.IPs[:0])
		c.Strs = c.Strs[:0]
		for _, ip := range c.IPs {
			c.Strs = append(c.Strs, c.Keep(ip.AppendTo(c.Arena())))
		}
		v.List = c.Strs
	}
	return v, len(v.List) > 0
}

// AppendText appends the value as it stands in an output text.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Kind {
	case KindString, KindBytes:
		return append(dst, v.Str...)
	case KindBool:
		return strconv.AppendBool(dst, v.Num != 0)
	case KindFloat:
		return strconv.AppendFloat(dst, v.Float, 'f', 1, 64)
	case KindIP:
		return appendAddr(dst, v.IP)
	case KindInt, KindUint:
		return v.appendNumber(dst)
	case KindNet:
		return append(dst, "<IPNET>"...)
	}
	dst = append(dst, '(')
	for i, s := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, s...)
	}
	return append(dst, ')')
}

// appendNumber appends an integer in the value's print format.
func (v Value) appendNumber(dst []byte) []byte {
	switch v.Format {
	case event.FormatHex:
		return appendHex(dst, v.Num&mask(v.Type))
	case event.FormatOct:
		return strconv.AppendUint(dst, v.Num&mask(v.Type), 8)
	case event.FormatPadded10:
		return appendPadded(dst, v.Num)
	}
	if v.Kind == KindInt {
		return strconv.AppendInt(dst, int64(v.Num), 10)
	}
	return strconv.AppendUint(dst, v.Num, 10)
}

// AppendJSON appends the value as it stands among an alert's output fields.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind {
	case KindInt, KindUint:
		switch v.Format {
		case event.FormatHex, event.FormatOct:
			dst = append(dst, '"')
			return append(v.appendNumber(dst), '"')
		}
		v.Format = event.FormatDec
		return v.appendNumber(dst)
	case KindBool:
		return strconv.AppendBool(dst, v.Num != 0)
	case KindFloat:
		return appendJSONFloat(dst, v.Float)
	case KindIP:
		dst = append(dst, '"')
		return append(appendAddr(dst, v.IP), '"')
	case KindString, KindBytes:
		if v.Typed {
			return strconv.AppendUint(dst, v.Num, 10)
		}
		return appendJSONString(dst, v.Str)
	case KindNet:
		return append(dst, `"<IPNET>"`...)
	}
	dst = append(dst, '[')
	for i, s := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v.Kind == KindStrings || v.Kind == KindIPs {
			dst = appendJSONString(dst, s)
		} else {
			dst = append(dst, s...)
		}
	}
	return append(dst, ']')
}

// mask is the width of an integer type, so that signed numbers print in hex as they are stored.
func mask(t event.ParamType) uint64 {
	switch t {
	case event.Int8, event.Uint8, event.Flags8, event.EnumFlags8, event.SigType, event.L4Proto, event.SockFamily:
		return 0xff
	case event.Int16, event.Uint16, event.Flags16, event.EnumFlags16, event.SyscallID, event.Port:
		return 0xffff
	case event.Int32, event.Uint32, event.Flags32, event.EnumFlags32, event.Mode, event.UID, event.GID,
		event.Bool, event.SigSet, event.FD32, event.PID32:
		return math.MaxUint32
	}
	return math.MaxUint64
}

const upperHex = "0123456789ABCDEF"

func appendHex(dst []byte, n uint64) []byte {
	shift := 60
	for shift > 0 && n>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, upperHex[n>>shift&15])
	}
	return dst
}

// appendPadded appends n with at least nine digits.
func appendPadded(dst []byte, n uint64) []byte {
	for limit := uint64(100_000_000); n < limit && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}

// appendAddr appends an address; IPv4 addresses mapped to IPv6 read as IPv4.
func appendAddr(dst []byte, ip netip.Addr) []byte {
	if !ip.IsValid() {
		return append(dst, "<NA>"...)
	}
	return ip.Unmap().WithZone("").AppendTo(dst)
}

func appendJSONFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	for _, b := range dst[n:] {
		if b == '.' || b == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendJSONString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD, and
// characters that steer a terminal or the order of the text escapes.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b < utf8.RuneSelf && b != '"' && b != '\\' && b != 0x7f {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if steers(r) {
				dst = append(dst, s[start:i]...)
				dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
				start = i + size
			}
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendJSONEscape(dst, b)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// steers reports whether a character above ASCII steers a terminal or the order of the text.
func steers(r rune) bool {
	return r >= 0x80 && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func appendJSONEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	if b >= utf8.RuneSelf {
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
}
