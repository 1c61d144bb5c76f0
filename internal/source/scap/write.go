// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/klauspost/compress/gzip"
)

// Format says for whom a capture is written.
type Format uint8

const (
	// Widest captures are understood by every reader since 2022. In front of events whose newer forms
	// hold what once only the enter side told, that enter side stands again; system calls without an
	// event of their own that those readers do not know, and end at, are recorded as unknown ones.
	Widest Format = iota
	// Current captures hold only what readers of 2025 and later need (Falco 0.42, sysdig 0.40).
	Current
)

// formatNames are the names of the formats.
var formatNames = [...]string{Widest: "widest", Current: "current"}

// String is the name of the format.
func (f Format) String() string { return formatNames[f] }

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	for f, n := range formatNames {
		if n == name {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("unknown capture format %q (it is widest or current)", name)
}

// Iface is an address of a network interface.
type Iface struct {
	Name                  string
	Addr, Mask, Broadcast netip.Addr
	Speed                 uint64 // bits a second, 0 if unknown
}

// WriterOptions say how a capture is written.
type WriterOptions struct {
	Format   Format
	Compress bool // as gzip does
	SnapLen  int  // bytes of data that an event keeps; 0: all
}

// Writer writes a capture: Begin once, then Event for every event. It belongs to one goroutine. The
// first error stays: everything after it fails with it.
type Writer struct {
	o   WriterOptions
	out counter
	gz  *gzip.Writer
	to  io.Writer
	buf []byte
	err error

	enc    encoder
	events uint64
}

// counter counts the bytes that it passes on.
type counter struct {
	to io.Writer
	n  int64
}

// Write passes on.
func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

// flushAt is how many bytes of blocks are collected before they are compressed or written.
const flushAt = 64 << 10

// compression is the level of gzip: it costs a third of the default's time and makes files that are
// a seventh longer (docs/captures.md).
const compression = gzip.BestSpeed

// NewWriter returns a writer to w, which stays the caller's to close.
func NewWriter(w io.Writer, o WriterOptions) *Writer {
	wr := &Writer{o: o, out: counter{to: w}, enc: encoder{format: o.Format, snapLen: o.SnapLen}}
	wr.to = &wr.out
	if o.Compress {
		wr.gz, _ = gzip.NewWriterLevel(&wr.out, compression) // the level is a valid one
		wr.to = wr.gz
	}
	return wr
}

// Begin writes what stands before the events: tables are blocks that AppendTables made.
func (w *Writer) Begin(tables []byte) error {
	w.flush()
	w.write(tables)
	return w.err
}

// Event writes a record. stateOnly marks events that only keep the state up to date: rules and
// filters do not see them. The record may be used again afterwards.
func (w *Writer) Event(rec []byte, cpu int16, stateOnly bool) error {
	w.buf = w.enc.appendEvent(w.buf, rec, cpu, stateOnly)
	w.events++
	if len(w.buf) >= flushAt {
		w.flush()
	}
	return w.err
}

// Learn adds to the next event what AppendLearned and AppendLearnedFD appended. What is too much for one event
// is left out: false.
func (w *Writer) Learn(entries []byte) bool { return w.enc.learn(entries) }

// flush passes on what was collected.
func (w *Writer) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

// write passes b on.
func (w *Writer) write(b []byte) {
	if w.err == nil && len(b) > 0 {
		_, w.err = w.to.Write(b)
	}
}

// Flush passes everything on to the underlying writer, up to a whole block: a reader that comes now
// sees all events.
func (w *Writer) Flush() error {
	w.flush()
	if w.err == nil && w.gz != nil {
		w.err = w.gz.Flush()
	}
	return w.err
}

// errWriterClosed is the error of a writer that was closed.
var errWriterClosed = errors.New("the capture is closed")

// Close ends the capture. The underlying writer stays open.
func (w *Writer) Close() error {
	w.flush()
	if w.gz != nil {
		if err := w.gz.Close(); w.err == nil {
			w.err = err
		}
	}
	err := w.err
	if w.err == nil {
		w.err = errWriterClosed
	}
	return err
}

// Written is how many bytes have been passed on so far, compressed if they are.
func (w *Writer) Written() int64 { return w.out.n }

// Events is how many events were written, the enter sides that were made not counted.
func (w *Writer) Events() uint64 { return w.events }

// appendBlock appends a block whose body is appended by f.
func appendBlock(dst []byte, typ blockType, f func([]byte) []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(typ))
	dst = append(dst, 0, 0, 0, 0)
	return endBlock(f(dst), start)
}

// endBlock completes the block that begins at start: padding and both lengths.
func endBlock(dst []byte, start int) []byte {
	for (len(dst)-start)%4 != 0 {
		dst = append(dst, 0)
	}
	size := uint32(len(dst) - start + blockTail)
	binary.LittleEndian.PutUint32(dst[start+4:], size)
	return binary.LittleEndian.AppendUint32(dst, size)
}
