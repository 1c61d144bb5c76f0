// SPDX-License-Identifier: Apache-2.0

// Package scap reads capture files as Falco, sysdig and Stratoshark write them: a source of events
// whose machine, processes, descriptors and users are those of the file. Events of old versions are
// converted to today's.
package scap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Options say what to read and what to fill.
type Options struct {
	// Path is the file; "-" is standard input.
	Path string
	// Input is read instead of Path if it is set.
	Input io.Reader
	// State gets the processes, descriptors and users of the capture; nil: they are skipped.
	State *state.State
	// Addrs gets the addresses of the captured machine; nil: they are skipped.
	Addrs map[netip.Addr]struct{}
	// Log gets warnings; nil discards them.
	Log *slog.Logger
}

// Machine is what a capture tells of the machine it was taken on.
type Machine struct {
	CPUs     int
	Memory   uint64 // bytes
	Hostname string
	BootTime uint64 // ns since the epoch, 0 if unknown
	MaxPID   uint64 // 0 if unknown
	Flags    uint64 // as the capture has them; no reader looks at them
}

// Source reads a capture. It implements source.Source, Stopper, Counter and Describer.
type Source struct {
	o    Options
	file io.Closer
	// plain says that the file is read as it is, by whoever calls Next.
	plain bool
	// unwanted is asked whether an event may be left out (Skip).
	unwanted func(event.Type, []byte) bool
	stop     func()
	w        window
	conv     converter

	machine Machine
	ifaces  []Iface
	whole   []byte // an event with what its addition restores
	// The list that is being read, block by block and entry by entry.
	list    layout
	left    int64 // bytes of it that were not read yet
	size    uint32
	blockAt int64
	lists   lists

	began     bool // the current capture's section header was read
	events    bool // the current capture has begun its events
	pending   int  // bytes of the window that the caller borrows
	num       uint64
	happens   bool // an event came that does not only tell what there is
	prompt    bool // the last event is for the state alone
	stopped   bool
	closed    bool
	truncated bool

	delivered atomic.Uint64
	captures  int
}

// New returns a source that is not open yet.
func New(o Options) *Source {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{o: o, stop: func() {}}
}

// Open opens the file and reads all that stands before the first event.
func (s *Source) Open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	in, regular := s.o.Input, false
	if in == nil {
		f, reg, err := openFile(s.o.Path)
		if err != nil {
			return err
		}
		in, regular, s.file = f, reg, f
	}
	s.w.in, s.stop = openInput(in, regular)
	s.plain = s.w.in == in
	for {
		_, _, err := s.nextEventBlock()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, io.EOF):
			return s.fail("last", errNoEvents)
		case !errors.Is(err, errIdle):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
}

// errNoEvents is the error of captures that hold nothing to look at.
var errNoEvents = errors.New("the capture has no events")

// statsEvery is after how many events the counters that others see are brought up to date.
const statsEvery = 1 << 12

// Next delivers the next event.
func (s *Source) Next(ev *event.Event) error {
	if s.stopped {
		return s.ended(io.EOF)
	}
	for {
		if s.pending > 0 {
			s.w.advance(s.pending)
			s.pending = 0
		}
		if s.happens && s.left == 0 {
			if ok, err := s.quick(ev); ok {
				return err
			}
		}
		block, l, err := s.nextEventBlock()
		if err != nil {
			if errors.Is(err, errIdle) {
				s.delivered.Store(s.num)
				return source.ErrIdle
			}
			return s.ended(err)
		}
		s.pending = len(block)
		ok, err := s.decode(ev, block, l)
		if err != nil {
			return s.ended(s.fail(l.name, err))
		}
		if ok {
			if s.num%statsEvery == 0 {
				s.delivered.Store(s.num)
			}
			return nil
		}
	}
}

// Plain reports whether what is open is a file without compression, which others can read beside this Source.
func (s *Source) Plain() bool { return s.plain }

// ended publishes the final counters.
func (s *Source) ended(err error) error {
	s.delivered.Store(s.num)
	return err
}

// decode points ev at the event of a block. ok is false for those that nobody is to see.
func (s *Source) decode(ev *event.Event, block []byte, l layout) (ok bool, err error) {
	rec := block[blockHead : len(block)-blockTail]
	cpu := int16(binary.LittleEndian.Uint16(rec))
	rec = rec[2:]
	s.prompt = false
	if l.flags {
		s.prompt = binary.LittleEndian.Uint32(rec)&stateOnly != 0
		rec = rec[eventFlagLen:]
	}
	if l.short {
		if rec, err = completeHeader(block, rec); err != nil {
			return false, err
		}
	}
	typ := typeOf(rec)
	if int(typ) >= len(classes) {
		return false, nil // of a version after ours
	}
	var learned []byte
	if size := binary.LittleEndian.Uint32(rec[16:]); uint64(size)+8 <= uint64(len(rec)) && !l.short {
		var a []byte
		if a, learned = additionsOf(block, rec); a != nil {
			if a[4]&additionMade != 0 {
				return false, nil
			}
			if whole := restore(s.whole[:0], rec, a); whole != nil {
				s.whole, rec, typ = whole, whole, typeOf(whole)
			}
		}
	}
	n := paramsOf(rec)
	cl := classes[typ]
	if cl != current && (cl != managed || n != complete[typ]) {
		var deliver bool
		if size := binary.LittleEndian.Uint32(rec[16:]); uint64(size) < uint64(len(rec)) {
			rec = rec[:max(size, event.HeaderLen)]
		}
		if rec, deliver, err = s.conv.convert(rec); err != nil || !deliver {
			return false, err
		}
	}
	if err := ev.Decode(rec); err != nil {
		return false, err
	}
	if typ == event.ProcExit && len(s.conv.kept) > 0 {
		s.conv.forget(ev.TID())
	}
	if !s.happens {
		if tells(ev.Type()) {
			s.prompt = true
		} else {
			s.happens = true
		}
	}
	if len(learned) > 0 && s.o.State != nil {
		s.learn(learned)
	}
	s.num++
	ev.Num, ev.CPU = s.num, cpu
	return true, nil
}

// completeHeader gives an event of the first versions the number of its parameters, which it does
// not tell: it is the largest up to today's with which the lengths fill the event. The header moves
// into the place of the block's, which was read already.
func completeHeader(block, rec []byte) ([]byte, error) {
	if len(rec) < shortHeader {
		return nil, event.ErrShort
	}
	size := binary.LittleEndian.Uint32(rec[16:])
	typ := event.Type(binary.LittleEndian.Uint16(rec[20:]))
	if typ == notification || typ == infra {
		if size < 3 {
			return nil, event.ErrShort
		}
		size -= 3
	}
	if size < shortHeader || uint64(size) > uint64(len(rec)) {
		return nil, fmt.Errorf("event has %d bytes, the block has room for %d", size, len(rec))
	}
	n := 0
	if int(typ) < len(classes) {
		if n = countParams(rec[shortHeader:size], event.Lookup(typ)); n < 0 {
			return nil, fmt.Errorf("no number of parameters fits event %q of %d bytes", event.Lookup(typ).Name, size)
		}
	}
	at := len(block) - blockTail - len(rec) - 4
	whole := block[at : at+int(size)+4]
	copy(whole, rec[:shortHeader])
	binary.LittleEndian.PutUint32(whole[16:], size+4)
	binary.LittleEndian.PutUint32(whole[22:], uint32(n))
	return whole, nil
}

// The events whose lengths old captures count differently.
const (
	notification event.Type = 280
	infra        event.Type = 286
)

// countParams finds how many parameters fill the bytes behind an event's header, -1 if none do.
func countParams(b []byte, info *event.Info) int {
	width := 2
	if info.Flags&event.LargePayload != 0 {
		width = 4
	}
	for n := info.Published; n >= 0; n-- {
		if n*width > len(b) {
			continue
		}
		sum := n * width
		for i := range n {
			if width == 2 {
				sum += int(binary.LittleEndian.Uint16(b[2*i:]))
			} else {
				sum += int(binary.LittleEndian.Uint32(b[4*i:]))
			}
		}
		if sum == len(b) {
			return n
		}
	}
	return -1
}

// Prompt reports whether the event that Next delivered last is for the state alone: it is marked so,
// or it tells of containers, users and groups before anything has happened.
func (s *Source) Prompt() bool { return s.prompt }

// tells reports whether events of a type tell what there is, not what happens.
func tells(t event.Type) bool {
	switch t {
	case event.Container, event.UserAdded, event.UserDeleted, event.GroupAdded, event.GroupDeleted:
		return true
	}
	return false
}

// Num is the number of the newest event, delivered or not.
func (s *Source) Num() uint64 { return s.num }

// Machine is the machine of the current capture.
func (s *Source) Machine() Machine { return s.machine }

// Head is what the current capture tells besides its state. It is borrowed until the next capture.
func (s *Source) Head() *Head { return &Head{Machine: s.machine, Ifaces: s.ifaces} }

// Stop makes Next deliver no more events.
func (s *Source) Stop() error {
	s.stopped = true
	return nil
}

// Close closes the file.
func (s *Source) Close() error {
	if s.closed {
		return nil
	}
	s.closed, s.stopped = true, true
	s.stop()
	if s.file != nil {
		return s.file.Close()
	}
	return nil
}

// Stats counts the delivered events; a capture loses none.
func (s *Source) Stats() source.Stats {
	return source.Stats{Events: s.delivered.Load()}
}

// Describe says what is read.
func (s *Source) Describe() (sees, misses []string) {
	name := s.o.Path
	if name == "-" || name == "" {
		name = "standard input"
	}
	text := "replaying " + name
	if m := &s.machine; m.Hostname != "" {
		text += fmt.Sprintf(", captured on %q with %d processors", m.Hostname, m.CPUs)
	}
	return []string{text}, nil
}

// fail is an error at the block that is being read.
func (s *Source) fail(block string, err error) error {
	if errors.Is(err, errIdle) || errors.Is(err, io.EOF) {
		return err
	}
	return &Error{Offset: s.blockAt, Block: block, Err: err}
}
