// SPDX-License-Identifier: Apache-2.0

package field

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unsafe"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// The socket families that addresses and tuples are printed for.
const (
	afUnix  = 1
	afInet  = 2
	afInet6 = 10
)

// atFDCWD is the descriptor number that stands for the current directory.
const atFDCWD = -100

// param is one parameter of an event with its type known: parameters of type Dyn are unwrapped.
type param struct {
	info   *event.Param
	typ    event.ParamType
	format event.Format
	data   []byte
}

// paramAt returns parameter i of the context's event; ok is false if the record lacks it.
func paramAt(c *Context, i int) (p param, ok bool) {
	params := c.Ev.Info().Params
	if uint(i) >= uint(len(params)) {
		return p, false
	}
	data := c.Ev.Param(i)
	if data == nil {
		return p, false
	}
	info := &params[i]
	p = param{info, info.Type, info.Format, data}
	if p.typ == event.Dyn && len(data) > 0 {
		p.data = nil
		if n := int(data[0]); n < len(info.Dyn) {
			p.typ, p.format, p.data = info.Dyn[n].Type, info.Dyn[n].Format, data[1:]
		}
	}
	return p, true
}

// text is the parameter's bytes up to its final NUL.
func (p *param) text() string {
	b := p.data
	if n := len(b); n > 0 && b[n-1] == 0 {
		b = b[:n-1]
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// uint is the parameter as an unsigned number of its width.
func (p *param) uint() uint64 {
	switch len(p.data) {
	case 8:
		return binary.LittleEndian.Uint64(p.data)
	case 4:
		return uint64(binary.LittleEndian.Uint32(p.data))
	case 2:
		return uint64(binary.LittleEndian.Uint16(p.data))
	case 1:
		return uint64(p.data[0])
	}
	return 0
}

// int is the parameter as a signed number of its width.
func (p *param) int() int64 {
	switch len(p.data) {
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(p.data)))
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(p.data)))
	case 1:
		return int64(int8(p.data[0]))
	}
	return int64(p.uint())
}

// appendEmpty appends what stands for a parameter without bytes.
func appendEmpty(dst []byte, typ event.ParamType) []byte {
	switch typ {
	case event.ByteBuf, event.SockTuple, event.FDList, event.Dyn, event.CharBufArray, event.CharBufPairArray:
		return append(dst, "NULL"...)
	}
	return append(dst, "<NA>"...)
}

// appendRaw appends the parameter's plain text: numbers as digits, paths as they were given.
func (p *param) appendRaw(dst []byte, c *Context) []byte {
	if len(p.data) == 0 {
		return appendEmpty(dst, p.typ)
	}
	switch p.typ {
	case event.CharBuf, event.FSPath, event.FSRelPath:
		return append(dst, p.text()...)
	case event.ByteBuf, event.CharBufArray, event.CharBufPairArray:
		return appendBuffer(dst, p.data, c.Machine != nil && c.Machine.Base64)
	case event.Int8, event.Int16, event.Int32, event.Int64, event.Uint64:
		return p.appendInt(dst) // offsets are declared unsigned but may be negative
	case event.FD, event.FD32, event.PID, event.PID32, event.Errno:
		return strconv.AppendInt(dst, p.int(), 10)
	case event.Flags8, event.Flags16, event.Flags32, event.EnumFlags8, event.EnumFlags16, event.EnumFlags32:
		return strconv.AppendUint(dst, p.uint(), 10)
	case event.UID, event.GID:
		return strconv.AppendInt(dst, int64(int32(p.uint())), 10)
	case event.RelTime:
		if p.uint() == math.MaxUint64 {
			return append(dst, "none"...)
		}
		return strconv.AppendUint(dst, p.uint(), 10)
	case event.AbsTime:
		return appendTime(dst, p.uint(), time.Local, time.DateTime, true)
	case event.Bool:
		return strconv.AppendBool(dst, p.uint() != 0)
	case event.Double:
		return strconv.AppendFloat(dst, math.Float64frombits(p.uint()), 'f', 1, 64)
	case event.SigSet:
		return appendSignals(dst, uint32(p.uint()))
	}
	return p.appendAddress(dst, c)
}

// appendAddress appends the plain text of addresses and of what is left: unsigned numbers.
func (p *param) appendAddress(dst []byte, c *Context) []byte {
	switch p.typ {
	case event.SockAddr:
		return appendSockAddr(dst, p.data)
	case event.SockTuple:
		return appendTuple(dst, p.data)
	case event.FDList:
		return appendFDList(dst, c, p.data)
	case event.IPv4Addr, event.IPv6Addr, event.IPAddr, event.IPv4Net, event.IPv6Net, event.IPNet:
		if ip, ok := addrOf(p.data); ok {
			return appendAddr(dst, ip)
		}
		return append(dst, "<NA>"...)
	}
	switch p.format {
	case event.FormatHex:
		return appendHex(dst, p.uint())
	case event.FormatOct:
		return appendOctal(dst, p.uint())
	case event.FormatPadded10:
		return appendPadded(dst, p.uint())
	}
	return strconv.AppendUint(dst, p.uint(), 10)
}

// appendInt appends a signed number in the parameter's format.
func (p *param) appendInt(dst []byte) []byte {
	switch p.format {
	case event.FormatHex:
		return appendHex(dst, p.uint())
	case event.FormatOct:
		return appendOctal(dst, p.uint())
	}
	return strconv.AppendInt(dst, p.int(), 10)
}

// appendProcess appends the name of the process that the event is about, nothing if it is unknown. Who was
// sent a signal may have exited just before the sender's call returned.
func (p *param) appendProcess(dst []byte, c *Context) []byte {
	n := len(dst)
	dst = appendComm(dst, c, p.int())
	if len(dst) == n && c.State != nil && c.Ev.Info().Category.Base() == event.CatSignal {
		if res, ok := c.Ev.Int(0); ok && res == 0 {
			dst = append(dst, c.State.ExitedComm(p.int())...)
		}
	}
	return dst
}

// appendResolved appends the parameter's meaning: a flag's names, a descriptor's file, an errno's
// name. It appends nothing if there is no more to say than appendRaw does.
func (p *param) appendResolved(dst []byte, c *Context) []byte {
	if len(p.data) == 0 {
		return dst
	}
	switch p.typ {
	case event.FD, event.FD32:
		return appendFDMeaning(dst, c, p.int())
	case event.PID, event.PID32:
		return p.appendProcess(dst, c)
	case event.Errno:
		if n := p.int(); n < 0 {
			return append(dst, errnoName(n)...)
		}
	case event.FSPath:
		if path := p.text(); isRelative(path) {
			return appendJoin(dst, cwd(c), path)
		}
	case event.FSRelPath:
		if path := p.text(); isRelative(path) {
			n := len(dst)
			dst, _ = appendDir(dst, c, int(p.info.DirFD))
			return joinOnto(dst, n, path)
		}
	case event.Flags8, event.Flags16, event.Flags32, event.Mode:
		return appendFlags(dst, p.info.Flags, uint32(p.uint()))
	case event.EnumFlags8, event.EnumFlags16, event.EnumFlags32:
		return appendEnum(dst, p.info.Flags, uint32(p.uint()))
	case event.SigType:
		return append(dst, signalName(int(p.uint()))...)
	case event.SyscallID:
		if sc := event.SyscallByCode(uint16(p.uint())); sc != nil {
			return append(dst, sc.Name...)
		}
	case event.RelTime:
		if n := p.uint(); n != math.MaxUint64 {
			dst = strconv.AppendFloat(dst, float64(n)/1e9, 'g', 6, 64)
			return append(dst, 's')
		}
	case event.UID:
		return appendUser(dst, c, uint32(p.uint()))
	case event.GID:
		return appendGroup(dst, c, uint32(p.uint()))
	}
	return dst
}

func isRelative(path string) bool { return path != "" && path[0] != '/' && path != "<NA>" }

// appendFlags appends the names of the bits that are set, in the table's order. A name that is
// exactly the value ends it; otherwise a name takes its bits away from those behind it.
func appendFlags(dst []byte, t *event.FlagTable, v uint32) []byte {
	if t == nil {
		return dst
	}
	start, rest := len(dst), v
	for i := range t.Flags {
		f := &t.Flags[i]
		whole := f.Value == v
		if !whole && (f.Value == 0 || rest&f.Value != f.Value) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, '|')
		}
		dst = append(dst, f.Name...)
		rest &^= f.Value
		if whole {
			break
		}
	}
	return dst
}

// appendEnum appends every name of the value.
func appendEnum(dst []byte, t *event.FlagTable, v uint32) []byte {
	if t == nil {
		return dst
	}
	start := len(dst)
	for i := range t.Flags {
		if t.Flags[i].Value != v {
			continue
		}
		if len(dst) > start {
			dst = append(dst, '|')
		}
		dst = append(dst, t.Flags[i].Name...)
	}
	return dst
}

// appendOctal appends n in base 8 with a leading 0, as C's %#o prints it.
func appendOctal(dst []byte, n uint64) []byte {
	if n != 0 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 8)
}

// appendBuffer appends raw bytes with dots for what cannot be printed, or as Base64.
func appendBuffer(dst, data []byte, b64 bool) []byte {
	if b64 {
		return base64.StdEncoding.AppendEncode(dst, data)
	}
	for _, b := range data {
		if b < ' ' || b > '~' {
			b = '.'
		}
		dst = append(dst, b)
	}
	return dst
}

// appendSignals appends the names of a set of signals: bit n stands for signal n+1.
func appendSignals(dst []byte, set uint32) []byte {
	start := len(dst)
	for n := range 32 {
		if set>>n&1 == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, signalName(n+1)...)
	}
	return dst
}

func addrOf(b []byte) (netip.Addr, bool) {
	switch {
	case len(b) >= 16:
		return netip.AddrFrom16([16]byte(b[:16])), true
	case len(b) >= 4:
		return netip.AddrFrom4([4]byte(b[:4])), true
	}
	return netip.Addr{}, false
}

// appendEnd appends an address and a port, each of which starts b; width is the address's size.
func appendEnd(dst, b []byte, width int) []byte {
	ip, _ := addrOf(b[:width])
	dst = appendAddr(dst, ip)
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint16(b[width:])), 10)
}

func appendSockAddr(dst, b []byte) []byte {
	family, rest := b[0], b[1:]
	switch {
	case family == afInet && len(rest) >= 6:
		return appendEnd(dst, rest, 4)
	case family == afInet6 && len(rest) >= 18:
		return appendEnd(dst, rest, 16)
	case family == afUnix:
		return append(dst, cString(rest)...)
	}
	dst = append(dst, "family "...)
	return strconv.AppendUint(dst, uint64(family), 10)
}

func appendTuple(dst, b []byte) []byte {
	family, rest := b[0], b[1:]
	width := 0
	switch {
	case family == afInet && len(rest) >= 12:
		width = 4
	case family == afInet6 && len(rest) >= 36:
		width = 16
	case family == afUnix && len(rest) >= 16:
		dst = strconv.AppendUint(dst, binary.LittleEndian.Uint64(rest), 16)
		dst = append(dst, "->"...)
		dst = strconv.AppendUint(dst, binary.LittleEndian.Uint64(rest[8:]), 16)
		dst = append(dst, ' ')
		return append(dst, cString(rest[16:])...)
	default:
		dst = append(dst, "family "...)
		return strconv.AppendUint(dst, uint64(family), 10)
	}
	dst = appendEnd(dst, rest, width)
	dst = append(dst, "->"...)
	return appendEnd(dst, rest[width+2:], width)
}

// cString is b up to its first NUL.
func cString(b []byte) []byte {
	for i, x := range b {
		if x == 0 {
			return b[:i]
		}
	}
	return b
}
