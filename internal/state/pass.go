// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state/container"
)

// Most events leave nothing behind in the state, and many of the rest little that Apply's way is long for. Of
// those that no rule asks for, a replay takes the short one.

// Twin returns an empty State with the same options for another goroutine.
func (s *State) Twin() *State {
	o := s.opt
	o.Containers = container.NewMatcher() // it remembers what it was asked
	return New(o)
}

// What an event leaves behind, and so how Pass takes it.
const (
	leavesNothing = iota // it has no handler
	leavesIfDone         // nothing if the call failed
	leavesIfDup          // nothing but after certain commands of fcntl, if it did not fail
	leavesMemory         // the memory figures of brk, mmap and munmap
	leavesCounts         // those of switch
	leavesLess           // close: a descriptor less
	leavesMore           // more than is passed
)

// leaves holds what the events of each type leave behind.
var leaves [event.NumTypes]uint8

// leavingIfDone are the types whose handlers begin by looking whether the call failed, and do nothing then that
// outlives the event.
var leavingIfDone = []event.Type{
	event.Open, event.OpenAt, event.OpenAt2, event.Creat, event.OpenByHandleAt,
	event.Dup, event.Dup2, event.Dup3, event.Socket, event.SocketPair, event.Pipe, event.Pipe2,
	event.Send, event.SendTo, event.SendMsg, event.SendMMsg, event.Recv, event.RecvFrom, event.RecvMsg, event.RecvMMsg,
	event.EventFD, event.EventFD2, event.SignalFD, event.SignalFD4, event.TimerFDCreate, event.InotifyInit,
	event.InotifyInit1, event.EpollCreate, event.EpollCreate1, event.MemFDCreate,
}

// makeLeaves fills the table, once the handlers are known.
func makeLeaves() {
	for i := range leaves {
		if handlers[i] != nil || !hasThread(event.Lookup(event.Type(i))) {
			leaves[i] = leavesMore
		}
	}
	for _, t := range leavingIfDone {
		leaves[t] = leavesIfDone
	}
	leaves[event.Fcntl], leaves[event.Close], leaves[event.Switch] = leavesIfDup, leavesLess, leavesCounts
	leaves[brk], leaves[mmap], leaves[mmap2], leaves[munmap] = leavesMemory, leavesMemory, leavesMemory, leavesMemory
}

// Pass does with the event of a record what Apply and After do together, as far as rules can see of later events, if
// there is a short way to that; it reports whether there was. typ is the event's type where the record, as captures hold
// it, has another. The record's header has to be sound, its parameters need not be. Live states have no short ways: they
// look for what they miss.
func (s *State) Pass(typ event.Type, rec []byte) bool {
	how := leaves[typ]
	switch how {
	case leavesMore:
		return false
	case leavesIfDone:
		// An enter event waits for the exit, whether that failed or not.
		if s.enters || !failed(rec) {
			return false
		}
	case leavesIfDup:
		if !failed(rec) && duplicates(rec) {
			return false
		}
	}
	// Threads that are not known are entered at their first event, whatever that is.
	t := s.threads.known(int64(binary.LittleEndian.Uint64(rec[8:])))
	if t == nil || s.told.some || s.opt.ProcLookup || s.snap.open {
		return false
	}
	switch how {
	case leavesMemory, leavesCounts:
		return s.passMemory(how, rec, t)
	case leavesLess:
		return s.passClose(rec, t)
	}
	return true
}

// lenWidth is the size of a parameter's length in records of events without large payloads.
const lenWidth = 2

// The lengths of the first parameters as they stand in a record.
const (
	memoryLens = 0x0004_0004_0004_0008 // the result and three figures
	switchLens = 0x0004_0008_0008_0008 // the next thread, two counters, the first of three figures
	closeLens  = 0x0008_0008           // result and descriptor, as of fcntl too
	figureLens = 0x0004_0004           // two figures
)

// values returns the parameters of a record, which has at least n, and size bytes of them; nil otherwise.
func values(rec []byte, n, size int) []byte {
	k := binary.LittleEndian.Uint32(rec[22:])
	at := event.HeaderLen + lenWidth*int(k)
	if k < uint32(n) || k > event.MaxParams || len(rec) < at+size {
		return nil
	}
	return rec[at : at+size]
}

// passMemory takes the figures of an event as onMemory and onSwitch do.
func (s *State) passMemory(how uint8, rec []byte, t *Thread) bool {
	if t.snapshot >= binary.LittleEndian.Uint64(rec) {
		return true
	}
	lens := rec[event.HeaderLen:]
	var b []byte
	if how == leavesCounts {
		b = values(rec, 6, 36)
		if b == nil || binary.LittleEndian.Uint64(lens) != switchLens || binary.LittleEndian.Uint32(lens[8:]) != figureLens {
			return false
		}
		t.PFMajor, t.PFMinor = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
		if main := t.Proc.Main; main != nil {
			t = main // the threads share their memory
		}
		b = b[24:]
	} else {
		b = values(rec, 4, 20)
		if b == nil || binary.LittleEndian.Uint64(lens) != memoryLens {
			return false
		}
		b = b[8:]
	}
	t.VM = VM{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])}
	return true
}

// passClose removes a descriptor, as onClose and After do.
func (s *State) passClose(rec []byte, t *Thread) bool {
	b := values(rec, 2, 16)
	if b == nil || binary.LittleEndian.Uint32(rec[event.HeaderLen:]) != closeLens {
		return false
	}
	s.ts = binary.LittleEndian.Uint64(rec)
	res, num := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	if res != errBadFD && num >= 0 && !s.held(t.Proc, num) {
		s.pool.remove(&t.Proc.FDs, num)
	}
	return true
}

// failed reports whether the record tells of an error in its first parameter. Those who ask have no large payloads.
func failed(rec []byte) bool {
	b := values(rec, 1, 8)
	return b != nil && binary.LittleEndian.Uint16(rec[event.HeaderLen:]) == 8 && int64(binary.LittleEndian.Uint64(b)) < 0
}

// duplicates reports whether a record of fcntl has one of the commands that change descriptors, or may have.
func duplicates(rec []byte) bool {
	b := values(rec, 3, 17)
	lens := rec[event.HeaderLen:]
	if b == nil || binary.LittleEndian.Uint32(lens) != closeLens || binary.LittleEndian.Uint16(lens[4:]) != 1 {
		return true
	}
	switch b[16] {
	case fcntlDupFD, fcntlDupFDCloseExec, fcntlSetFD:
		return true
	}
	return false
}
