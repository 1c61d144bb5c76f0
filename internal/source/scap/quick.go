// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Nearly all events of a capture are plain: of today, without anything behind them, whole in the window. They take a
// short way.

// anyParams and notPlain are values of plainParams besides numbers of parameters.
const (
	anyParams = -1
	notPlain  = -2
)

// plainParams is how many parameters events of a type have if they are plain.
var plainParams [event.NumTypes]int16

// makePlain fills the table, once the classes are known.
func makePlain() {
	for t, c := range classes {
		switch c {
		case current:
			plainParams[t] = anyParams
		case managed:
			plainParams[t] = int16(complete[t])
		default:
			plainParams[t] = notPlain
		}
	}
}

// blockAlign is what the lengths of blocks are multiples of.
const blockAlign = 4

// leastPlain is the length of the shortest block that is looked at.
const leastPlain = blockHead + 2 + eventFlagLen + event.HeaderLen + blockTail

// Skip makes Next ask unwanted of plain events before it looks at them, with the record: one for which unwanted returns
// true is counted and not delivered. Most events are plain, but no caller may rely on it. Only the header of the
// record is known to be sound.
func (s *Source) Skip(unwanted func(rec []byte) bool) { s.unwanted = unwanted }

// quick delivers the next event if that is a plain one that is wanted; ok is false if the long way has to be taken.
func (s *Source) quick(ev *event.Event) (ok bool, err error) {
	w := &s.w
	for {
		b := w.buf[w.start:w.end]
		if len(b) < leastPlain {
			return false, nil
		}
		size := binary.LittleEndian.Uint32(b[4:])
		if size < leastPlain || uint64(size) > uint64(len(b)) {
			return false, nil
		}
		b = b[:size]
		rec := b[blockHead+2 : size-blockTail]
		switch blockType(binary.LittleEndian.Uint32(b)) {
		case blockEvent2, blockLarge:
		case blockFlags2, blockLargeF:
			if binary.LittleEndian.Uint32(rec)&stateOnly != 0 {
				return false, nil
			}
			rec = rec[eventFlagLen:]
		default:
			return false, nil
		}
		if !s.isPlain(rec) || binary.LittleEndian.Uint32(b[size-blockTail:]) != size {
			return false, nil
		}
		if s.unwanted != nil && s.unwanted(rec) {
			s.num++
			w.advance(int(size))
			continue
		}
		s.pending, s.prompt = int(size), false
		if err := ev.Decode(rec); err != nil {
			s.blockAt = w.offset
			return true, s.ended(s.fail("event", err))
		}
		s.num++
		ev.Num, ev.CPU = s.num, int16(binary.LittleEndian.Uint16(b[blockHead:]))
		if s.num%statsEvery == 0 {
			s.delivered.Store(s.num)
		}
		return true, nil
	}
}

// isPlain reports whether the record is of today and fills its block, up to what aligns that.
func (s *Source) isPlain(rec []byte) bool {
	typ := typeOf(rec)
	if int(typ) >= len(plainParams) {
		return false
	}
	if behind := int64(len(rec)) - int64(binary.LittleEndian.Uint32(rec[16:])); behind < 0 || behind >= blockAlign {
		return false
	}
	if n := plainParams[typ]; n != anyParams && (n == notPlain || uint32(n) != paramsOf(rec)) {
		return false
	}
	return typ != event.ProcExit || len(s.conv.kept) == 0
}
