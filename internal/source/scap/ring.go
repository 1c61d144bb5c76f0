// SPDX-License-Identifier: Apache-2.0

package scap

import "time"

// Ring keeps the newest records of a stream in memory, with the state as it was before the oldest of
// them. It consists of segments, each of which begins with the tables of its time: what a file holds
// that is made of it is exact from its first event on. It belongs to the goroutine of the events.
type Ring struct {
	segments []segment // oldest first; the last one is being filled
	limit    int       // bytes of a segment
	free     []*batch
	spare    []byte // memory of tables that were dropped
	total    int    // bytes of all segments
	next     int    // bytes of the last segment at which to ask again whether it is time for another
	rolled   time.Time
	cost     time.Duration // of the newest tables
	now      func() time.Time
}

// segment is a part of a ring.
type segment struct {
	tables  []byte
	batches []*batch
	bytes   int
}

// ringSegments is how many parts a ring has: it holds between three quarters and all of what it may.
const ringSegments = 4

// NewRing returns an empty ring of that many bytes of records, at least one batch a segment. The
// tables need memory besides. The first Roll begins it.
func NewRing(bytes int) *Ring {
	return &Ring{limit: max(bytes/ringSegments, DefaultBatchBytes), now: time.Now}
}

// ringShare bounds the time that is spent on tables: at most a fortieth. Where so much happens and so
// many processes run that it would be more, segments become longer, at most as long as the ring.
const ringShare = 40

// Roll begins a segment and drops the oldest if there are too many. tables appends what the state is
// now.
func (r *Ring) Roll(tables func(dst []byte) []byte) {
	for len(r.segments) >= ringSegments || len(r.segments) > 0 && r.total+r.limit > r.limit*ringSegments {
		r.drop()
	}
	began := r.now()
	dst := r.spare[:0]
	r.spare = nil
	r.segments = append(r.segments, segment{tables: tables(dst)})
	r.rolled = r.now()
	r.cost, r.next = r.rolled.Sub(began), r.limit
}

// drop forgets the oldest segment and keeps its memory.
func (r *Ring) drop() {
	s := r.segments[0]
	r.segments = append(r.segments[:0], r.segments[1:]...)
	r.spare = s.tables
	r.total -= s.bytes
	for _, b := range s.batches {
		b.reset()
		r.free = append(r.free, b)
	}
}

// Full reports whether a new segment should begin.
func (r *Ring) Full() bool {
	if len(r.segments) == 0 {
		return true
	}
	if r.segments[len(r.segments)-1].bytes < r.next {
		return false
	}
	if len(r.segments) < ringSegments && r.total >= r.limit*ringSegments || r.now().Sub(r.rolled) >= ringShare*r.cost {
		return true
	}
	if r.total >= r.limit*ringSegments {
		r.drop() // the rest of the ring makes room for the long segment
	}
	r.next += DefaultBatchBytes
	return false
}

// Add keeps a record, which may be used again afterwards. It allocates nothing once the ring has
// been full.
func (r *Ring) Add(rec []byte, cpu int16, stateOnly bool) {
	if b := r.room(len(rec)); b != nil {
		b.add(rec, cpu, stateOnly)
	}
}

// Learn keeps what /proc told at the record that is added next, as AppendLearned appended it.
func (r *Ring) Learn(entries []byte) {
	if b := r.room(len(entries)); b != nil {
		b.learn(entries)
	}
}

// room returns the batch that takes n more bytes; nil if the ring was not begun.
func (r *Ring) room(n int) *batch {
	if len(r.segments) == 0 {
		return nil
	}
	s := &r.segments[len(r.segments)-1]
	last := len(s.batches) - 1
	if last < 0 || !s.batches[last].fits(n) {
		s.batches = append(s.batches, r.batch())
		last++
	}
	s.bytes += recordHead + n
	r.total += recordHead + n
	return s.batches[last]
}

// batch returns an empty batch.
func (r *Ring) batch() *batch {
	if n := len(r.free); n > 0 {
		b := r.free[n-1]
		r.free = r.free[:n-1]
		return b
	}
	return &batch{b: make([]byte, 0, DefaultBatchBytes), size: DefaultBatchBytes}
}

// BeginWith begins a file that holds all that is in the ring, which is empty afterwards. false says
// that the queue was full: then nothing has begun, or what was in the ring is lost and counted.
func (r *Recorder) BeginWith(name string, ring *Ring) bool {
	segments := ring.segments
	ring.segments, ring.total = nil, 0
	if len(segments) == 0 || !r.Begin(name, segments[0].tables) {
		return false
	}
	for i := range segments {
		for _, b := range segments[i].batches {
			r.added += b.events
			if !r.send(message{batch: b}) {
				r.lost.Add(b.events)
			}
		}
	}
	return true
}
