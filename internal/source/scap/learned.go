// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// What /proc told of threads and descriptors while an event was applied stands behind that event, as
// options like an addition, several if one does not hold it all:
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

// Bounds of what one option holds and of what is told at one event, in bytes. A process can take 24 KiB, a
// process of which nothing was known brings its ancestors.
const (
	maxLearned    = 1<<16 - 64
	maxLearnedAll = 1 << 20
)

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

// learn keeps entries for the next event. It returns false if they are too much.
func (e *encoder) learn(entries []byte) bool {
	if len(entries) > maxLearned || len(e.learned)+len(entries) > maxLearnedAll {
		return false
	}
	begin := 0
	if n := len(e.options); n > 0 {
		begin = e.options[n-1]
	}
	if len(e.options) == 0 || len(e.learned)-begin+len(entries) > maxLearned {
		e.options = append(e.options, len(e.learned))
	}
	e.learned = append(e.learned, entries...)
	return true
}

// appendLearned appends what /proc told, as options to the block of an event that begins at start.
func (e *encoder) appendLearned(dst []byte, start int) []byte {
	for i, begin := range e.options {
		end := len(e.learned)
		if i+1 < len(e.options) {
			end = e.options[i+1]
		}
		dst = pad(dst, start)
		dst = binary.LittleEndian.AppendUint16(dst, additionCode)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(4+end-begin))
		dst = binary.LittleEndian.AppendUint32(dst, learnedMark)
		dst = append(dst, e.learned[begin:end]...)
	}
	e.options, e.learned = e.options[:0], e.learned[:0]
	return dst
}

// learn gives the state what the options say that /proc told at the event that comes next.
func (s *Source) learn(options []byte) {
	for len(options) >= 8 {
		n := int(binary.LittleEndian.Uint16(options[2:]))
		if binary.LittleEndian.Uint16(options) != additionCode || n < 4 || n > len(options)-4 {
			return
		}
		if binary.LittleEndian.Uint32(options[4:]) == learnedMark {
			s.learnEntries(options[8 : 4+n])
		}
		options = options[min((4+n+3)&^3, len(options)):]
	}
}

// learnEntries takes the entries of one option. What makes no sense ends them.
func (s *Source) learnEntries(b []byte) {
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
