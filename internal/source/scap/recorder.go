// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"
)

// RecorderOptions say how a recorder works.
type RecorderOptions struct {
	Writer WriterOptions
	// Open makes the file of that name. It is called by the goroutine that writes.
	Open func(name string) (io.WriteCloser, error)
	// Done is told of every file that has ended, by the goroutine that writes; nil: nobody is.
	Done func(File)
	// Wait makes Add and Begin wait for the writing instead of losing events.
	Wait bool
	// Measure makes Add wait, whenever a batch is full, until that is written, so that FileBytes is exact to a
	// batch. It needs Wait.
	Measure bool
	// BatchBytes is how many bytes of records are passed on at once: FileBytes is behind by that much, or more
	// where nobody waits; 0 is DefaultBatchBytes.
	BatchBytes int
	// QueueBytes bounds the events that wait to be written; 0 is DefaultQueueBytes.
	QueueBytes int
	// Limit ends a file at about this many bytes; 0: it is not limited.
	Limit int64
}

// DefaultQueueBytes holds the events of a second in which a disk stands still, at 100,000 a second.
const DefaultQueueBytes = 16 << 20

// File is what became of a file.
type File struct {
	Name   string
	Events uint64
	Bytes  int64 // compressed if the file is
	// Full says that it reached the limit.
	Full bool
	Err  error
}

// Recorder passes records on to a goroutine that writes them to one file after the other, so that a
// slow disk holds nobody up. Its methods are called by one goroutine; Begin, Add and the like do not
// block unless Wait was asked for, and count what they lose.
type Recorder struct {
	o     RecorderOptions
	full  chan message
	empty chan *batch
	cur   *batch
	made  int // batches that exist
	limit int
	open  bool // a file was begun and not ended
	ended chan struct{}
	done  chan struct{} // what was sent last is done, with Measure
	files uint64        // that were begun

	added   uint64
	lost    atomic.Uint64
	written atomic.Int64
	tables  atomic.Int64  // what the file began with
	writing atomic.Uint64 // which of the files written is about, from 1
	filled  atomic.Uint64 // the newest file that has reached its limit, as writing counts
	failed  atomic.Pointer[error]
	bytes   atomic.Int64 // of the files that have ended
	events  atomic.Uint64
}

// DefaultBatchBytes keeps the writing goroutine from being woken for little.
const DefaultBatchBytes = 256 << 10

// batch is a series of records: length, processor, flags and kind, 8 bytes, before each.
type batch struct {
	b      []byte
	size   int // that b has without growing
	events uint64
}

// recordHead is the length of what stands before a record in a batch.
const recordHead = 8

// add appends a record.
func (c *batch) add(rec []byte, cpu int16, stateOnly bool) {
	var head [recordHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(rec)))
	binary.LittleEndian.PutUint16(head[4:], uint16(cpu))
	if stateOnly {
		head[6] = 1
	}
	c.b = append(append(c.b, head[:]...), rec...)
	c.events++
}

// learn appends what /proc told at the next record.
func (c *batch) learn(entries []byte) {
	head := [recordHead]byte{7: 1}
	binary.LittleEndian.PutUint32(head[:], uint32(len(entries)))
	c.b = append(append(c.b, head[:]...), entries...)
}

// fits reports whether a record of n bytes still belongs into the batch.
func (c *batch) fits(n int) bool { return len(c.b)+recordHead+n <= c.size || len(c.b) == 0 }

// message is one piece of work for the writing goroutine.
type message struct {
	batch *batch
	done  chan<- struct{} // is told that the work is done; nil: nobody waits
	begin bool            // a new file: name and tables
	end   bool            // of the file
	name  string
	// tables is what the file begins with; the writing goroutine keeps the memory.
	tables []byte
}

// controls is the room that the queue has for other things than batches.
const controls = 32

// NewRecorder starts the goroutine that writes. Close ends it.
func NewRecorder(o RecorderOptions) *Recorder {
	if o.QueueBytes == 0 {
		o.QueueBytes = DefaultQueueBytes
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = DefaultBatchBytes
	}
	limit := max(o.QueueBytes/o.BatchBytes, 2)
	r := &Recorder{
		o: o, limit: limit, full: make(chan message, limit+controls), empty: make(chan *batch, limit),
		ended: make(chan struct{}), done: make(chan struct{}),
	}
	go r.run()
	return r
}

// batch returns an empty batch, nil if all are waiting to be written.
func (r *Recorder) batch() *batch {
	select {
	case c := <-r.empty:
		return c
	default:
	}
	if r.made < r.limit {
		r.made++
		return &batch{b: make([]byte, 0, r.o.BatchBytes), size: r.o.BatchBytes}
	}
	if r.o.Wait {
		return <-r.empty
	}
	return nil
}

// send puts work into the queue; false: there was no room.
func (r *Recorder) send(m message) bool {
	if r.o.Wait {
		r.full <- m
		return true
	}
	select {
	case r.full <- m:
		return true
	default:
		return false
	}
}

// Begin begins a file, which ends the one before. tables is what it begins with and belongs to the
// recorder from then on. false says that the queue is full and nothing has begun.
func (r *Recorder) Begin(name string, tables []byte) bool {
	r.End()
	if r.open = r.send(message{begin: true, name: name, tables: tables}); r.open {
		r.files++
	}
	return r.open
}

// Add records an event of the file that has begun; false says that it was lost.
func (r *Recorder) Add(rec []byte, cpu int16, stateOnly bool) bool {
	if r.cur != nil && !r.cur.fits(len(rec)) {
		r.pass()
	}
	if r.cur == nil {
		if r.cur = r.batch(); r.cur == nil {
			r.lost.Add(1)
			return false
		}
	}
	r.cur.add(rec, cpu, stateOnly)
	r.added++
	return true
}

// Learn records what /proc told at the event that is added next, as AppendLearned appended it.
func (r *Recorder) Learn(entries []byte) {
	if r.cur != nil && !r.cur.fits(len(entries)) {
		r.pass()
	}
	if r.cur == nil {
		if r.cur = r.batch(); r.cur == nil {
			r.lost.Add(1)
			return
		}
	}
	r.cur.learn(entries)
}

// pass hands the current batch over.
func (r *Recorder) pass() {
	if r.cur == nil || len(r.cur.b) == 0 {
		return
	}
	m := message{batch: r.cur}
	if r.o.Measure {
		m.done = r.done
	}
	if r.send(m) {
		r.cur = nil
		if r.o.Measure {
			<-r.done
		}
		return
	}
	r.lost.Add(r.cur.events)
	r.cur.reset()
}

// reset empties the batch for its next use.
func (c *batch) reset() {
	if cap(c.b) > c.size {
		c.b = make([]byte, 0, c.size) // it held an event of unusual length
	}
	c.b, c.events = c.b[:0], 0
}

// Flush hands over what was added, so that it is written soon. It is for times without events.
func (r *Recorder) Flush() { r.pass() }

// End ends the file.
func (r *Recorder) End() {
	if !r.open {
		return
	}
	r.pass()
	r.open = false
	if !r.send(message{end: true}) {
		// The next Begin or Close ends it.
		return
	}
}

// Close ends the file and the writing, and waits for both. It returns the first error.
func (r *Recorder) Close() error {
	r.pass()
	close(r.full)
	<-r.ended
	return r.Err()
}

// Err is the first error of the writing.
func (r *Recorder) Err() error {
	if e := r.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// Full reports whether the current file has reached its limit: what is added to it is left out.
func (r *Recorder) Full() bool { return r.files > 0 && r.filled.Load() == r.files }

// FileBytes is how long the current file is so far; 0 until its writing has begun.
func (r *Recorder) FileBytes() int64 {
	if r.writing.Load() != r.files {
		return 0 // what is known is about a file before
	}
	return r.written.Load()
}

// TableBytes is how many of the FileBytes are what the file began with: processes, descriptors, users. It may be a
// little less for a compressed file.
func (r *Recorder) TableBytes() int64 {
	if r.writing.Load() != r.files {
		return 0
	}
	return r.tables.Load()
}

// Written are the events and bytes of all files.
func (r *Recorder) Written() (events uint64, bytes int64) { return r.events.Load(), r.bytes.Load() }

// Added is how many events were taken.
func (r *Recorder) Added() uint64 { return r.added }

// Lost is how many events were lost because the writing did not keep up.
func (r *Recorder) Lost() uint64 { return r.lost.Load() }

// flushEvery is how often a file is brought up to date while nothing is waiting.
const flushEvery = time.Second

// run writes until the queue is closed.
func (r *Recorder) run() {
	defer close(r.ended)
	var f *recording
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case m, ok := <-r.full:
			if !ok {
				r.endFile(f)
				return
			}
			f = r.do(f, m)
			if m.done != nil {
				m.done <- struct{}{}
			}
		case <-tick.C:
			if f != nil && f.dirty && len(r.full) == 0 {
				f.note(f.w.Flush())
				f.dirty = false
			}
		}
	}
}

// recording is a file that is being written.
type recording struct {
	File
	w     *Writer
	to    io.WriteCloser
	dirty bool
}

// note keeps the first error.
func (f *recording) note(err error) {
	if f.Err == nil {
		f.Err = err
	}
}

// do does one piece of work and returns the file that is open then.
func (r *Recorder) do(f *recording, m message) *recording {
	switch {
	case m.begin:
		r.endFile(f)
		return r.beginFile(m)
	case m.end:
		r.endFile(f)
		return nil
	}
	if f != nil && f.Err == nil && !f.Full {
		r.writeBatch(f, m.batch)
	}
	m.batch.reset()
	select {
	case r.empty <- m.batch:
	default:
	}
	return f
}

// beginFile opens a file.
func (r *Recorder) beginFile(m message) *recording {
	f := &recording{File: File{Name: m.name}}
	r.written.Store(0)
	r.tables.Store(0)
	r.writing.Add(1)
	to, err := r.o.Open(m.name)
	if err != nil {
		f.note(err)
		r.fail(err)
		return f
	}
	f.to, f.w = to, NewWriter(to, r.o.Writer)
	f.note(f.w.Begin(m.tables))
	r.tables.Store(f.w.Written())
	f.dirty = true
	return f
}

// fail keeps the first error for those who ask.
func (r *Recorder) fail(err error) {
	if err != nil {
		r.failed.CompareAndSwap(nil, &err)
	}
}

// writeBatch writes the records of a batch, up to the limit of the file.
func (r *Recorder) writeBatch(f *recording, c *batch) {
	f.dirty = true
	for b := c.b; len(b) > 0 && f.Err == nil; {
		n := int(binary.LittleEndian.Uint32(b))
		rec := b[recordHead : recordHead+n]
		if b[7] != 0 {
			if !f.w.Learn(rec) {
				r.lost.Add(1)
			}
		} else {
			f.note(f.w.Event(rec, int16(binary.LittleEndian.Uint16(b[4:])), b[6] != 0))
		}
		b = b[recordHead+n:]
		if r.o.Limit > 0 && f.w.Written() >= r.o.Limit {
			f.Full = true
			break
		}
	}
	r.written.Store(f.w.Written())
	r.fail(f.Err)
	if f.Full {
		r.filled.Store(r.writing.Load())
	}
}

// endFile closes a file.
func (r *Recorder) endFile(f *recording) {
	if f == nil {
		return
	}
	if f.w != nil {
		f.note(f.w.Close())
		f.Events, f.Bytes = f.w.Events(), f.w.Written()
		f.note(f.to.Close())
		r.written.Store(f.Bytes)
	}
	r.fail(f.Err)
	r.events.Add(f.Events)
	r.bytes.Add(f.Bytes)
	if r.o.Done != nil {
		r.o.Done(f.File)
	}
}
