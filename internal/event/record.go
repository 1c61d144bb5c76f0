// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// HeaderLen is the length of a record's header: u64 ts, u64 tid, u32 len, u16 type, u32 nparams,
// packed, little endian (facts of the scap format, section 5).
const HeaderLen = 26

// MaxRecordLen is the largest record: parameter lengths are 16 bits, a capture block 64 KiB.
const MaxRecordLen = 1 << 16

// ErrShort says that a record ends before its header or its parameters do.
var ErrShort = errors.New("record is too short")

// Event is a decoded view of one record. It borrows the record: the source says until when (for
// rings and captures: until its next call of Next). An Event is reused, not shared between
// goroutines.
type Event struct {
	rec  []byte
	info *Info
	// end[i] is where parameter i ends in rec; parameter 0 starts at data.
	end    [MaxParams]uint32
	data   uint32
	params int

	// Num is the sequence number of the event in its source, from 1.
	Num uint64
	// CPU is the processor on which it happened.
	CPU int16
}

// Decode points e at a record. Num and CPU are left to the caller. Records that do not hold what
// their lengths say, whose type is unknown, or which have more parameters than MaxParams are refused.
func (e *Event) Decode(rec []byte) error {
	if len(rec) < HeaderLen {
		return ErrShort
	}
	size := binary.LittleEndian.Uint32(rec[16:])
	typ := Type(binary.LittleEndian.Uint16(rec[20:]))
	n := binary.LittleEndian.Uint32(rec[22:])
	if int(typ) >= len(table) {
		return fmt.Errorf("unknown event type %d", typ)
	}
	if uint64(size) > uint64(len(rec)) {
		return ErrShort
	}
	if n > MaxParams {
		return fmt.Errorf("event %q has %d parameters (at most %d)", table[typ].Name, n, MaxParams)
	}
	info := &table[typ]
	width := uint32(2)
	if info.Flags&LargePayload != 0 {
		width = 4
	}
	pos := HeaderLen + n*width
	if pos > size {
		return ErrShort
	}
	e.data = pos
	lens := rec[HeaderLen:pos]
	end := uint64(pos)
	if width == 2 {
		for i := range n {
			end += uint64(binary.LittleEndian.Uint16(lens[2*i:]))
			e.end[i] = uint32(end)
		}
	} else {
		for i := range n {
			end += uint64(binary.LittleEndian.Uint32(lens[4*i:]))
			if end > uint64(size) {
				return ErrShort
			}
			e.end[i] = uint32(end)
		}
	}
	if end > uint64(size) {
		return ErrShort
	}
	e.rec, e.info, e.params = rec[:size], info, int(n)
	return nil
}

// Sound reports whether Decode would take a record of a type of today, without decoding it.
func Sound(rec []byte) bool {
	if len(rec) < HeaderLen {
		return false
	}
	size, typ, n := binary.LittleEndian.Uint32(rec[16:]), binary.LittleEndian.Uint16(rec[20:]), binary.LittleEndian.Uint32(rec[22:])
	if int(typ) >= len(table) || uint64(size) > uint64(len(rec)) || n > MaxParams {
		return false
	}
	if table[typ].Flags&LargePayload != 0 {
		var ev Event
		return ev.Decode(rec) == nil
	}
	end := HeaderLen + 2*uint64(n)
	if end > uint64(size) {
		return false
	}
	// Four lengths at a time, as two sums side by side.
	const lanes = 0x0000_ffff_0000_ffff
	lens := rec[HeaderLen:end]
	for ; len(lens) >= 8; lens = lens[8:] {
		v := binary.LittleEndian.Uint64(lens)
		v = v&lanes + v>>16&lanes
		end += v&0xffff_ffff + v>>32
	}
	for ; len(lens) >= 2; lens = lens[2:] {
		end += uint64(binary.LittleEndian.Uint16(lens))
	}
	return end <= uint64(size)
}

// Record returns the borrowed record.
func (e *Event) Record() []byte { return e.rec }

// Info describes the event's type.
func (e *Event) Info() *Info { return e.info }

// Type is the event's code.
func (e *Event) Type() Type { return e.info.Code }

// Time is when the event happened, in nanoseconds since the epoch.
func (e *Event) Time() uint64 { return binary.LittleEndian.Uint64(e.rec) }

// TID is the thread (in the host's numbering) that caused the event.
func (e *Event) TID() int64 { return int64(binary.LittleEndian.Uint64(e.rec[8:])) }

// NumParams is how many parameters the record carries: old records have fewer than Info().Params.
func (e *Event) NumParams() int { return e.params }

// Param returns the borrowed bytes of parameter i. They are empty if the parameter has no value,
// nil if the record does not carry it.
func (e *Event) Param(i int) []byte {
	if uint(i) >= uint(e.params) {
		return nil
	}
	start := e.data
	if i > 0 {
		start = e.end[i-1]
	}
	return e.rec[start:e.end[i]:e.end[i]]
}

// Text returns parameter i as text without its final NUL, borrowed as Param's bytes are. ok is
// false if the parameter has no value.
func (e *Event) Text(i int) (text string, ok bool) {
	b := e.Param(i)
	if len(b) == 0 {
		return "", false
	}
	if b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), true
}

// Int returns parameter i as a signed integer of whatever width it has, up to 8 bytes. ok is
// false if it has no value or another width.
func (e *Event) Int(i int) (v int64, ok bool) {
	b := e.Param(i)
	switch len(b) {
	case 8:
		return int64(binary.LittleEndian.Uint64(b)), true
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b))), true
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b))), true
	case 1:
		return int64(int8(b[0])), true
	}
	return 0, false
}

// Uint returns parameter i as an unsigned integer of whatever width it has, up to 8 bytes. ok is
// false if it has no value or another width.
func (e *Event) Uint(i int) (v uint64, ok bool) {
	b := e.Param(i)
	switch len(b) {
	case 8:
		return binary.LittleEndian.Uint64(b), true
	case 4:
		return uint64(binary.LittleEndian.Uint32(b)), true
	case 2:
		return uint64(binary.LittleEndian.Uint16(b)), true
	case 1:
		return uint64(b[0]), true
	}
	return 0, false
}

// Result returns the event's return value: its first parameter, where that is a result ("res", or
// a descriptor "fd" of a call that makes one). ok is false for events without one.
func (e *Event) Result() (v int64, ok bool) {
	if e.info.result < 0 {
		return 0, false
	}
	return e.Int(int(e.info.result))
}

// AppendRecord appends a record with the given parameters to dst and returns the result. Sources
// that make events in user space use it (snapshot, tests, converters). Parameters longer than
// 65535 bytes are cut.
func AppendRecord(dst []byte, ts uint64, tid int64, typ Type, params ...[]byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, ts)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(tid))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(typ))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(params)))
	large := int(typ) < len(table) && table[typ].Flags&LargePayload != 0
	for _, p := range params {
		if large {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p)))
		} else {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(min(len(p), 0xffff)))
		}
	}
	for _, p := range params {
		if !large {
			p = p[:min(len(p), 0xffff)]
		}
		dst = append(dst, p...)
	}
	binary.LittleEndian.PutUint32(dst[start+16:], uint32(len(dst)-start))
	return dst
}
