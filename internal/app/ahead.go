// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

// Sizes of what is read ahead. Eight batches of ordinary events are some 400 KiB.
const (
	batches      = 8
	batchEvents  = 512
	batchBytes   = 128 << 10 // a batch with more takes no further event
	keepBytes    = 512 << 10 // a batch that grew beyond that gives its memory back
	starvedBatch = 64        // what the state's side reads by itself while the other is busy
)

// item is one event of a batch.
type item struct {
	off, end int
	num      uint64
	cpu      int16
	prompt   bool
}

// batch is a number of events that were read ahead, and why no more were.
type batch struct {
	records []byte
	items   []item
	err     error
	// tasks is how many evaluations must be over before the records may be overwritten.
	tasks uint64
}

// ahead reads a capture ahead of the state. Two goroutines share it: fill may be called by either,
// whoever gets hold of the reader; all other methods belong to the state's side.
type ahead struct {
	src     *scap.Source
	_       [64]byte    // what the two sides write lies in lines of its own
	reading atomic.Bool // one of the two is reading
	starved atomic.Bool // the state's side waits for the batch that is being filled
	halted  atomic.Bool // the newest batch ends with an error: the state's side has to look first

	ring     [batches]batch
	made     atomic.Uint64 // batches filled so far; changed only while reading
	next     event.Event   // for reading
	_        [64]byte
	released atomic.Uint64 // batches whose memory may be filled again
	taken    uint64        // batches that the state's side has begun
	cur      *batch
	at       int
	prompt   bool // of the newest event
}

// newAhead returns a reader of an open source.
func newAhead(src *scap.Source) *ahead { return &ahead{src: src} }

// room reports whether a batch can be filled.
func (a *ahead) room() bool {
	return !a.halted.Load() && a.made.Load()-a.released.Load() < batches
}

// tryRead takes hold of the reader.
func (a *ahead) tryRead() bool { return a.reading.CompareAndSwap(false, true) }

// fill reads up to max events into the next batch, and reports whether there were any. between is called
// before each of them. The caller has taken hold of the reader and looked for room since.
func (a *ahead) fill(max int, between func()) bool {
	b := &a.ring[a.made.Load()%batches]
	if cap(b.records) > keepBytes {
		b.records = nil
	}
	b.records, b.items, b.err = b.records[:0], b.items[:0], nil
	for len(b.items) < max && len(b.records) < batchBytes {
		between()
		if len(b.items) > 0 && a.starved.Load() {
			break
		}
		if b.err = a.src.Ahead(&a.next); b.err != nil {
			break
		}
		off := len(b.records)
		b.records = append(b.records, a.next.Record()...)
		b.items = append(b.items, item{off, len(b.records), a.next.Num, a.next.CPU, a.src.Prompt()})
	}
	if errors.Is(b.err, source.ErrIdle) {
		b.err = nil
		if len(b.items) == 0 {
			return false
		}
	}
	if b.err != nil {
		a.halted.Store(true)
	}
	a.made.Add(1)
	return true
}

// take points ev at the next event. ok is false at the end of a batch and where no other is there yet;
// err is why none will come.
func (a *ahead) take(ev *event.Event) (ok bool, err error) {
	if a.cur == nil {
		if a.taken == a.made.Load() {
			return false, nil
		}
		a.cur, a.at = &a.ring[a.taken%batches], 0
		a.taken++
	}
	if a.at < len(a.cur.items) {
		i := &a.cur.items[a.at]
		a.at++
		ev.Num, ev.CPU, a.prompt = i.num, i.cpu, i.prompt
		return true, ev.Decode(a.cur.records[i.off:i.end])
	}
	if err := a.cur.err; err != nil {
		return false, err
	}
	a.cur = nil
	return false, nil
}

// over ends the batch with which reading ahead had stopped.
func (a *ahead) over() {
	a.cur = nil
	a.halted.Store(false)
}

// release gives back the batches from which no evaluation borrows any more. submitted and done are how
// many evaluations there have been so far, and how many are over.
func (a *ahead) release(submitted, done uint64) {
	// The batch that was finished last: whatever was submitted by now may borrow from it.
	begun := a.taken
	if a.cur != nil {
		begun--
	}
	for n := a.released.Load(); n < begun; n++ {
		b := &a.ring[n%batches]
		if b.tasks == 0 {
			b.tasks = submitted + 1
		}
		if b.tasks-1 > done {
			return
		}
		b.tasks = 0
		a.released.Store(n + 1)
	}
}
