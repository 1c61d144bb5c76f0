// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// What /proc told of threads and descriptors while an event was applied stands behind that event, as an
// option like an addition:
//
//	u32 mark   "GYR3"
//	entries    u8 kind, then by kind
//	           1: a thread: 5 × u64 the times of state.Held, then an entry of the process list
//	           2: a descriptor: u64 number of the process, u64 time at which it was seen, then an entry of
//	              the list of descriptors
//	           3: likewise, one of the thread before
const (
	learnedMark   = 0x33525947
	learnedThread = 1
	learnedFD     = 2
	learnedTheirs = 3
)

// maxLearned bounds what is told at one event, in bytes.
const maxLearned = 1<<16 - 64

// AppendLearned appends the entries of a thread that /proc told of and, if it leads a process, of that
// one's descriptors, as far as they fit.
func AppendLearned(dst []byte, t *state.Thread) []byte {
	start, h := len(dst), t.Held()
	dst = append(dst, learnedThread)
	for _, v := range []uint64{h.Thread, h.Process, h.Cwd, h.FDsFrom, h.FDsTo} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	dst = appendThread(dst, t)
	if t != t.Proc.Main {
		return dst
	}
	t.Proc.FDs.Each(func(f *state.FD) bool {
		before := len(dst)
		if dst = appendLearnedFD(dst, learnedTheirs, t.Proc, f); len(dst)-start > maxLearned {
			dst = dst[:before]
			return false
		}
		return true
	})
	return dst
}

// AppendLearnedFD appends the entry of a descriptor that /proc told of.
func AppendLearnedFD(dst []byte, p *state.Process, f *state.FD) []byte {
	return appendLearnedFD(dst, learnedFD, p, f)
}

// appendLearnedFD appends an entry of that kind.
func appendLearnedFD(dst []byte, kind byte, p *state.Process, f *state.FD) []byte {
	dst = append(dst, kind)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.PID))
	dst = binary.LittleEndian.AppendUint64(dst, f.Since())
	return appendFD(dst, f)
}

// appendLearned appends what /proc told as an option to the block of an event that begins at start.
func (e *encoder) appendLearned(dst []byte, start int) []byte {
	if len(e.learned) == 0 {
		return dst
	}
	entries := e.learned
	e.learned = e.learned[:0]
	dst = pad(dst, start)
	dst = binary.LittleEndian.AppendUint16(dst, additionCode)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(4+len(entries)))
	dst = binary.LittleEndian.AppendUint32(dst, learnedMark)
	return append(dst, entries...)
}

// learn gives the state what /proc told at the event that comes next. What makes no sense ends it.
func (s *Source) learn(b []byte) {
	for len(b) > 0 {
		c := cursor{b: b, at: 1}
		var n int
		var ok bool
		switch b[0] {
		case learnedThread:
			n, ok = s.learnThread(&c)
		case learnedFD, learnedTheirs:
			n, ok = s.learnFD(&c, b[0] == learnedTheirs)
		}
		if !ok {
			return
		}
		b = b[n:]
	}
}

// learnThread reads a thread and returns where its entry ends.
func (s *Source) learnThread(c *cursor) (end int, ok bool) {
	h := state.Held{Thread: c.u64(), Process: c.u64(), Cwd: c.u64(), FDsFrom: c.u64(), FDsTo: c.u64()}
	entry, n, err := s.entry(c.b[c.at:], true)
	if c.short || err != nil {
		return 0, false
	}
	e := procEntry(&entry, 9)
	if entry.short || e.TID <= 0 || e.PID <= 0 {
		return 0, false
	}
	s.o.State.LearnThread(e, h)
	return c.at + n, true
}

// learnFD reads a descriptor and returns where its entry ends.
func (s *Source) learnFD(c *cursor, theirs bool) (end int, ok bool) {
	pid, since := c.i64(), c.u64()
	entry, n, err := s.entry(c.b[c.at:], true)
	if c.short || err != nil {
		return 0, false
	}
	var f state.FD
	if fdEntry(&entry, &f, true); entry.short {
		return 0, false
	}
	s.o.State.LearnFD(pid, &f, since, theirs)
	return c.at + n, true
}
