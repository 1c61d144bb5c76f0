// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// maxBody is the longest body, with the length at the end, of a block that is not marked as large:
// readers have a buffer of this size for the others.
const maxBody = 1 << 16

// oldSyscalls is how many ids of system calls the libraries of 2022 know (measured with sysdig 0.29.3,
// which ends with a fault in memory at those from 329 on).
const oldSyscalls = 329

// encoder turns records into blocks. The zero value writes the widest format.
type encoder struct {
	format  Format
	snapLen int
	ev      event.Event
	cut     []byte
	params  [event.MaxParams][]byte
	learned []byte // what /proc told since the last event that was written
	options []int  // where in it each option begins
	// told are the types whose enter sides come by themselves: they are not made again.
	told [event.NumTypes]bool
}

// appendEvent appends the block of a record, in the widest format with the block of its enter side
// before it. Records of our own types become those of a system call without an event of its own. What
// is no record, or only there for the state of who listens live, is left out.
func (e *encoder) appendEvent(dst, rec []byte, cpu int16, stateOnly bool) []byte {
	if e.ev.Decode(rec) != nil {
		return dst
	}
	ev, info := &e.ev, e.ev.Info()
	typ := ev.Type()
	if info.Category&event.CatIter != 0 {
		return dst // the tables tell it
	}
	if e.snapLen > 0 {
		e.shorten()
	}
	if info.IsOwn() {
		return e.appendOwn(dst, cpu, stateOnly)
	}
	if typ.IsEnter() {
		e.told[typ] = true
	} else if e.format == Widest && len(enterSides[typ]) > 0 && !e.told[typ-1] && ev.NumParams() >= info.Published {
		dst = e.appendEnter(dst, cpu, stateOnly)
	}
	var what uint8
	var id uint16
	if typ <= event.Generic && e.format == Widest {
		if n, ok := ev.Uint(0); ok && n >= oldSyscalls {
			what, id = additionID, uint16(n)
		}
	}
	n := min(ev.NumParams(), info.Published)
	start := len(dst)
	dst = appendHead(dst, cpu, stateOnly)
	body := len(dst)
	if n == ev.NumParams() {
		dst = append(dst, ev.Record()...)
	} else {
		dst = appendCut(dst, ev, n)
	}
	if what&additionID != 0 {
		copy(dst[body+event.HeaderLen+2*n:], []byte{0, 0})
	}
	if n < ev.NumParams() || what != 0 {
		dst = pad(dst, start)
		dst = appendAddition(dst, what, id, ev, n)
	}
	dst = e.appendLearned(dst, start)
	return finishEvent(dst, start, stateOnly, info.Flags&event.LargePayload != 0)
}

// ownSyscalls holds the system call of each event of ours.
var ownSyscalls = func() (t [event.NumTypes]*event.Syscall) {
	for i := range event.Syscalls() {
		if s := &event.Syscalls()[i]; s.Event >= event.FirstOwn && t[s.Event] == nil {
			t[s.Event] = s
		}
	}
	return t
}()

// appendOwn appends the block of an event of ours.
func (e *encoder) appendOwn(dst []byte, cpu int16, stateOnly bool) []byte {
	ev := &e.ev
	call := ownSyscalls[ev.Type()]
	if call == nil {
		return dst
	}
	id := call.Code
	if id >= oldSyscalls && e.format == Widest {
		id = 0
	}
	var b [4]byte
	binary.LittleEndian.PutUint16(b[:], id)
	binary.LittleEndian.PutUint16(b[2:], uint16(call.Number()))
	e.params[0], e.params[1] = b[:2], b[2:]
	start := len(dst)
	dst = appendHead(dst, cpu, stateOnly)
	dst = event.AppendRecord(dst, ev.Time(), ev.TID(), event.Generic, e.params[:2]...)
	dst = appendAddition(pad(dst, start), additionType, uint16(ev.Type()), ev, 0)
	dst = e.appendLearned(dst, start)
	return finishEvent(dst, start, stateOnly, false)
}

// appendHead appends the start of an event's block: its type and length come last.
func appendHead(dst []byte, cpu int16, stateOnlyEvent bool) []byte {
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(cpu))
	if stateOnlyEvent {
		dst = binary.LittleEndian.AppendUint32(dst, stateOnly)
	}
	return dst
}

// finishEvent completes an event's block.
func finishEvent(dst []byte, start int, stateOnlyEvent, large bool) []byte {
	dst = endBlock(dst, start)
	large = large || len(dst)-start-blockHead > maxBody
	typ := blockEvent2
	switch {
	case large && stateOnlyEvent:
		typ = blockLargeF
	case large:
		typ = blockLarge
	case stateOnlyEvent:
		typ = blockFlags2
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(typ))
	return dst
}

// pad fills the block that begins at start up to a multiple of 4.
func pad(dst []byte, start int) []byte {
	for (len(dst)-start)%4 != 0 {
		dst = append(dst, 0)
	}
	return dst
}

// appendCut appends the event's record with its first n parameters only.
func appendCut(dst []byte, ev *event.Event, n int) []byte {
	rec := ev.Record()
	width := 2
	if ev.Info().Flags&event.LargePayload != 0 {
		width = 4
	}
	start := len(dst)
	head := event.HeaderLen + n*width
	data := event.HeaderLen + ev.NumParams()*width
	size := 0
	for i := range n {
		size += len(ev.Param(i))
	}
	dst = append(dst, rec[:head]...)
	dst = append(dst, rec[data:data+size]...)
	binary.LittleEndian.PutUint32(dst[start+16:], uint32(head+size))
	binary.LittleEndian.PutUint32(dst[start+22:], uint32(n))
	return dst
}

// shorten cuts the event's data to the length that is wanted.
func (e *encoder) shorten() {
	ev := &e.ev
	long := false
	for i := range ev.NumParams() {
		e.params[i] = ev.Param(i)
		if i < ev.Info().Published && isData(&ev.Info().Params[i]) && len(e.params[i]) > e.snapLen {
			e.params[i] = e.params[i][:e.snapLen]
			long = true
		}
	}
	if !long {
		return
	}
	e.cut = event.AppendRecord(e.cut[:0], ev.Time(), ev.TID(), ev.Type(), e.params[:ev.NumParams()]...)
	_ = ev.Decode(e.cut) // it is as valid as before
}

// isData reports whether a parameter holds what was read or written.
func isData(p *event.Param) bool { return p.Type == event.ByteBuf && p.Name == "data" }

// enterParam says where an enter side's parameter stands in the exit side.
type enterParam struct{ at int8 }

// enterSides holds, by exit type, where the parameters of the enter side stand in it; empty for types
// whose enter side tells nothing.
var enterSides [event.NumTypes][]enterParam

// init derives the table from the conversions: what they take from an enter event went from there.
func init() {
	for _, c := range conversions {
		if c.do != extend || c.typ.IsEnter() {
			continue
		}
		enter := event.Lookup(c.typ - 1)
		side := enterSides[c.typ]
		for i, v := range parseValues(c.values) {
			if v.from != fromEnter && v.from != fromEnterDefault || int(v.at) >= enter.Published {
				continue
			}
			if side == nil {
				side = make([]enterParam, enter.Published)
				for k := range side {
					side[k].at = -1
				}
			}
			side[v.at].at = int8(int(c.params) + i)
		}
		enterSides[c.typ] = side
	}
	// Without the path that was asked for these would only make readers doubt what the exit tells.
	for _, typ := range []event.Type{event.Generic, event.Execve, event.Execveat} {
		enterSides[typ] = nil
	}
}

// appendEnter appends the block of the enter side of e.ev, made of what the exit side tells.
func (e *encoder) appendEnter(dst []byte, cpu int16, stateOnly bool) []byte {
	ev := &e.ev
	side := enterSides[ev.Type()]
	for i, p := range side {
		if p.at >= 0 {
			e.params[i] = ev.Param(int(p.at))
		} else {
			e.params[i] = defaultOf(event.Lookup(ev.Type() - 1).Params[i].Type)
		}
	}
	start := len(dst)
	dst = appendHead(dst, cpu, stateOnly)
	dst = event.AppendRecord(dst, ev.Time(), ev.TID(), ev.Type()-1, e.params[:len(side)]...)
	dst = pad(dst, start)
	dst = appendAddition(dst, additionMade, 0, nil, 0)
	return finishEvent(dst, start, stateOnly, event.Lookup(ev.Type()-1).Flags&event.LargePayload != 0)
}
