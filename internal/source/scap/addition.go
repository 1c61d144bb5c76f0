// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// An addition is what only Gyrfalcon has to tell of an event. It stands behind the event within its
// block, where other readers look no more, as an option in the way of pcapng files:
//
//	u16 code   2989: a custom option of bytes that stays with its block
//	u16 length of what follows, without padding
//	u32 mark   "GYR1"
//	u8  what   bits, see below
//	u8  n      number of parameters
//	u16 number that what asks for; otherwise 0
//	n × u16 (u32 for events with large parameters) lengths, then the parameters' bytes
const (
	additionCode = 2989
	additionMark = 0x31525947
	additionHead = 12
	additionBody = 8 // where the lengths begin, counted from the mark
	// What an addition tells.
	additionMade = 1 // the event is an enter side that its exit side tells again: to be left out
	additionID   = 2 // the first parameter is the number: the id of the system call
	additionType = 4 // the number is the event's type, and all its parameters stand here
)

// maxAddition is the longest addition; parameters that do not fit are left out.
const maxAddition = 1<<16 - 64

// appendAddition appends an addition with the parameters of ev from first on.
func appendAddition(dst []byte, what uint8, number uint16, ev *event.Event, first int) []byte {
	start := len(dst)
	n, size, width := 0, 0, 2
	if ev != nil {
		n = ev.NumParams() - first
		if ev.Info().Flags&event.LargePayload != 0 {
			width = 4
		}
		for i := first; i < ev.NumParams(); i++ {
			size += width + len(ev.Param(i))
		}
		if size > maxAddition {
			n = 0
		}
	}
	dst = binary.LittleEndian.AppendUint16(dst, additionCode)
	dst = append(dst, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, additionMark)
	dst = append(dst, what, uint8(n))
	dst = binary.LittleEndian.AppendUint16(dst, number)
	for i := range n {
		size := len(ev.Param(first + i))
		if width == 4 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(size))
		} else {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(size))
		}
	}
	for i := range n {
		dst = append(dst, ev.Param(first+i)...)
	}
	binary.LittleEndian.PutUint16(dst[start+2:], uint16(len(dst)-start-4))
	return dst
}

// additionsOf returns the addition behind an event in a block, without code and length, and the options from
// the first on that says what /proc told at it (learned.go); nil if there is none. rec is the rest of the block from the event's
// header on.
func additionsOf(block, rec []byte) (addition, learned []byte) {
	size := uint64(binary.LittleEndian.Uint32(rec[16:]))
	at := len(block) - blockTail - len(rec) // of the event in the block
	end := (uint64(at) + size + 3) &^ 3
	for end+8 <= uint64(len(block)-blockTail) {
		b := block[end : len(block)-blockTail]
		n := int(binary.LittleEndian.Uint16(b[2:]))
		if binary.LittleEndian.Uint16(b) != additionCode || n < 4 || n > len(b)-4 {
			break
		}
		switch mark := binary.LittleEndian.Uint32(b[4:]); {
		case mark == additionMark && n >= additionHead-4 && addition == nil:
			addition = b[4 : 4+n]
		case mark == learnedMark && learned == nil:
			learned = b
		}
		end += (4 + uint64(n) + 3) &^ 3
	}
	return addition, learned
}

// restore appends to dst the event of rec as it was before what others do not know was cut off. It
// returns nil if the two do not fit.
func restore(dst, rec, addition []byte) []byte {
	what, more := addition[4], int(addition[5])
	number := binary.LittleEndian.Uint16(addition[6:])
	own := int(paramsOf(rec))
	size := binary.LittleEndian.Uint32(rec[16:])
	typ := typeOf(rec)
	if what&additionType != 0 {
		typ, own, size = event.Type(number), 0, event.HeaderLen
	}
	info := event.Lookup(typ)
	if info == nil {
		return nil
	}
	width := 2
	if info.Flags&event.LargePayload != 0 {
		width = 4
	}
	head := event.HeaderLen + own*width
	if uint64(size) > uint64(len(rec)) || own > event.MaxParams || own+more > event.MaxParams || head > int(size) ||
		more*width > len(addition)-additionBody {
		return nil
	}
	dst = append(dst, rec[:head]...)
	dst = append(dst, addition[additionBody:additionBody+more*width]...)
	data := len(dst)
	dst = append(dst, rec[head:size]...)
	dst = append(dst, addition[additionBody+more*width:]...)
	binary.LittleEndian.PutUint32(dst[16:], uint32(len(dst)))
	binary.LittleEndian.PutUint16(dst[20:], uint16(typ))
	binary.LittleEndian.PutUint32(dst[22:], uint32(own+more))
	if what&additionID != 0 && len(dst) >= data+2 {
		binary.LittleEndian.PutUint16(dst[data:], number)
	}
	return dst
}
