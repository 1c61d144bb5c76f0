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

// Skip makes Next ask unwanted of plain events before it looks at them, with the event's type and its record: one for
// which unwanted returns true is counted and not delivered. Most events are plain, but no caller may rely on it.
// Only the header of the record is known to be sound; behind it may lie more than the event. nil ends it.
func (s *Source) Skip(unwanted func(typ event.Type, rec []byte) bool) { s.unwanted = unwanted }

// quick delivers the next event if that is a plain one, and goes by those that are not wanted before it; ok is false if
// the long way has to be taken.
func (s *Source) quick(ev *event.Event) (ok bool, err error) {
	w := &s.w
	for {
		b := w.buf[w.start:w.end]
		if len(b) < leastPlain {
			return false, nil
		}
		size := binary.LittleEndian.Uint32(b[4:])
		if size < leastPlain || uint64(size) > uint64(len(b)) || binary.LittleEndian.Uint32(b[size-blockTail:]) != size {
			return false, nil
		}
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
		typ := typeOf(rec)
		behind := int64(len(rec)) - int64(binary.LittleEndian.Uint32(rec[16:]))
		plain := uint64(behind) < blockAlign && int(typ) < len(plainParams) && fits(typ, rec) &&
			(typ != event.ProcExit || len(s.conv.kept) == 0)
		if s.unwanted != nil {
			if plain && s.unwanted(typ, rec) || !plain && behind >= blockAlign && s.goesBy(b[:size], rec) {
				s.num++
				if w.advance(int(size)); s.num%statsEvery == 0 {
					s.delivered.Store(s.num)
				}
				continue
			}
		}
		if !plain {
			return false, nil
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

// fits reports whether the record has the number of parameters that events of its type have today.
func fits(typ event.Type, rec []byte) bool {
	n := plainParams[typ]
	return n == anyParams || uint32(n) == paramsOf(rec) && n != notPlain
}

// goesBy reports whether an event that is plain but for what stands behind it is not wanted. It may be an event of ours,
// whose type is told there.
func (s *Source) goesBy(block, rec []byte) bool {
	a, learned := additionsOf(block, rec)
	if learned != nil || a != nil && a[4]&additionMade != 0 {
		return false
	}
	typ := typeOf(rec)
	if a != nil && a[4]&additionType != 0 {
		if typ != event.Generic {
			return false
		}
		typ = event.Type(binary.LittleEndian.Uint16(a[6:]))
		return int(typ) < len(plainParams) && plainParams[typ] == anyParams && s.unwanted(typ, rec)
	}
	return int(typ) < len(plainParams) && fits(typ, rec) && typ != event.ProcExit && s.unwanted(typ, rec)
}
