// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// RecordOptions say what to record and where to.
type RecordOptions struct {
	Config *config.Config
	// File is what is written; "-" is Output.
	File   string
	Output io.Writer
	// Input is a capture to record from; "" stands for the running kernel.
	Input string
	// Filter is a condition that events must meet; "" records all.
	Filter string
	// SnapLen is how many bytes of data an event keeps; 0: as the configuration says, or as they are
	// in Input.
	SnapLen int
	// Duration and Count end the recording; 0: they do not. Of an Input it is a time in the capture.
	Duration time.Duration
	Count    uint64
	// FileBytes begins another file whenever one has become that long, and half of that are events; 0: never.
	// Files bounds how many there are before the oldest is written over; 0: it does not.
	FileBytes int64
	Files     int
	Compress  bool
	Format    scap.Format

	Log *slog.Logger
	// Ready is told when events are being recorded; nil: nobody is.
	Ready func()
}

// Recorded is what became of a recording.
type Recorded struct {
	Events uint64 // written
	Seen   uint64 // that came by
	Bytes  int64
	Files  int
	// Left is how many of the files were not written over.
	Left int
	// Losses are the events that were lost, by reason.
	Losses []source.Loss
}

// recording is one run of "gyr record".
type recording struct {
	o     RecordOptions
	state *state.State
	src   source.Source
	head  func() *scap.Head
	rec   *scap.Recorder
	match *filter.Filter // nil: all
	c     *field.Context
	ev    event.Event

	prompt   func() bool
	begun    bool
	snapshot uint64 // the time of the newest event that only told what there was
	first    uint64 // the time of the first event that happened
	file     int
	ready    *os.File    // the first file until it is begun
	input    os.FileInfo // of the file that is read; nil if it is none
	kept     uint64
	seen     uint64
}

// Record records until ctx ends, a signal comes, or what bounds it is reached.
func Record(ctx context.Context, o RecordOptions) (*Recorded, error) {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	r := &recording{o: o, prompt: func() bool { return false }}
	syscalls, err := r.compile()
	if err != nil {
		return nil, err
	}
	if err := r.open(ctx, syscalls); err != nil {
		return nil, err
	}
	defer r.src.Close()
	if err := r.prepare(); err != nil {
		return nil, err
	}
	w := scap.WriterOptions{Format: o.Format, Compress: o.Compress}
	if o.Input != "" {
		w.SnapLen = o.SnapLen
	}
	r.rec = scap.NewRecorder(scap.RecorderOptions{
		Writer: w, Open: r.create, Wait: o.Input != "", Measure: o.Input != "" && o.FileBytes > 0, BatchBytes: batchBytes(o.FileBytes),
	})
	r.state.SetLearner(r)
	if o.Input != "" {
		r.begin()
	}
	err = r.run(ctx)
	if e := r.rec.Close(); err == nil {
		err = e
	}
	if r.ready != nil {
		r.ready.Close() // nothing has begun
	}
	return r.summary(), err
}

// batchBytes is how many bytes of events are written at once, so that files do not become much longer than asked for.
func batchBytes(fileBytes int64) int {
	const share, least = 64, 16 << 10
	if fileBytes == 0 {
		return 0
	}
	return int(min(max(fileBytes/share, least), scap.DefaultBatchBytes))
}

// prepare makes the first file, so that one that cannot be written is known before anything is recorded.
func (r *recording) prepare() (err error) {
	in := os.Stdin
	switch r.o.Input {
	case "":
	case "-":
		r.input, err = in.Stat()
	default:
		r.input, err = os.Stat(r.o.Input)
	}
	if err == nil && r.o.File != "-" {
		r.ready, err = r.makeFile(r.name())
	}
	return err
}

// compile compiles the filter and says which system calls are needed.
func (r *recording) compile() (filter.SyscallSet, error) {
	m := field.LocalMachine()
	m.Addrs, m.Base64 = map[netip.Addr]struct{}{}, r.o.Config.BufferFormatBase64
	if r.o.Input == "" {
		m = field.LocalMachine()
	}
	r.c = field.NewContext(m)
	var all filter.SyscallSet
	for i := range event.Syscalls() {
		all.Add(event.Syscalls()[i].Code)
	}
	if r.o.Filter == "" {
		return all, nil
	}
	match, node, memo, err := CompileFilter(Catalogue(r.o.Config), r.o.Filter)
	if err != nil {
		return all, err
	}
	r.match, r.c.Memo = match, make([]uint32, memo)
	_, syscalls, err := filter.EventTypes(node, filter.SyscallSource)
	if err != nil {
		return all, filterMistake(r.o.Filter, err)
	}
	return engine.Select(syscalls, engine.BaseSyscalls{All: true}).Wanted, nil
}

// open opens the source and makes the state.
func (r *recording) open(ctx context.Context, syscalls filter.SyscallSet) error {
	cfg := r.o.Config
	live := r.o.Input == ""
	r.state = state.New(state.Options{
		HostRoot: HostRoot(cfg.Gyr.HostRoot), MaxThreads: int(cfg.FalcoLibs.ThreadTableSize), ProcLookup: live, Logger: r.o.Log,
	})
	if !live {
		s := scap.New(scap.Options{Path: r.o.Input, State: r.state, Addrs: r.c.Machine.Addrs, Log: r.o.Log})
		r.src, r.head, r.prompt = s, s.Head, s.Prompt
		return s.Open(ctx)
	}
	o := SourceOptions{Config: cfg, Syscalls: syscalls, HostRoot: HostRoot(cfg.Gyr.HostRoot), Log: r.o.Log}
	if r.o.SnapLen > 0 {
		own := *cfg
		own.FalcoLibs.Snaplen = config.NonNegative(r.o.SnapLen)
		o.Config = &own
	}
	var err error
	if r.src, err = newKernelSource(o); err != nil {
		return explainSource(err)
	}
	if err := r.src.Open(ctx); err != nil {
		return explainSource(err)
	}
	if p, ok := r.src.(source.Prompter); ok {
		r.prompt = p.Prompt
	}
	r.head = LocalHead
	if s, ok := r.src.(source.Snapshotter); ok && !s.Snapshot() {
		if _, err := r.state.Scan(); err != nil {
			r.src.Close()
			return fmt.Errorf("read the running processes from /proc: %w", err)
		}
	}
	return nil
}

// run moves events to the files.
func (r *recording) run(ctx context.Context) error {
	var until <-chan time.Time
	stopping := false
	deadline := time.Time{}
	for n := 0; ; n++ {
		if n%lookEvery == 0 && r.rec.Err() != nil {
			return r.rec.Err()
		}
		if r.begun && until == nil && r.o.Duration > 0 && r.o.Input == "" {
			t := time.NewTimer(r.o.Duration)
			defer t.Stop()
			until = t.C
		}
		err := r.src.Next(&r.ev)
		switch {
		case err == nil:
			if r.past() {
				return nil
			}
			r.take()
			if r.o.Count > 0 && r.kept >= r.o.Count {
				return nil
			}
			if n%64 != 0 {
				continue
			}
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, source.ErrIdle):
			return err
		case stopping:
			return nil
		default:
			r.idle()
		}
		select {
		case <-ctx.Done():
		case <-until:
		default:
			if stopping && time.Now().After(deadline) {
				return nil
			}
			continue
		}
		// What has happened already is still read.
		stopping, deadline, ctx, until = true, time.Now().Add(stopWait), context.Background(), make(chan time.Time)
		if r.o.Input != "" {
			return nil
		}
		if s, ok := r.src.(source.Stopper); ok {
			if err := s.Stop(); err != nil {
				return err
			}
		}
	}
}

// stopWait is how long the events are read that have happened before the end.
const stopWait = 2 * time.Second

// idle is what is done while nothing happens.
func (r *recording) idle() {
	if !r.begun && r.snapshot == 0 {
		r.snapshot = 1
	}
	if !r.begun {
		r.begin()
	}
	r.rec.Flush()
}

// past reports whether an event of a capture lies behind the time that is wanted of it.
func (r *recording) past() bool {
	if r.o.Input == "" || r.o.Duration == 0 || r.prompt() {
		return false
	}
	now := r.ev.Time()
	if r.first == 0 {
		r.first = now
	}
	return now > r.first && now-r.first >= uint64(r.o.Duration)
}

// full reports whether another file is to begin. What a file begins with counts, but a file that is full of that would
// hold no events where there are many processes.
func (r *recording) full() bool {
	return r.o.FileBytes > 0 && r.rec.FileBytes() >= max(r.o.FileBytes, r.rec.TableBytes()+r.o.FileBytes/2)
}

// take takes one event through the state and, if it is wanted, to the file.
func (r *recording) take() {
	ev := &r.ev
	th, fd, num := r.state.Apply(ev)
	if ev.Info().Category&event.CatIter != 0 {
		r.snapshot = max(r.snapshot, ev.Time())
		return
	}
	if r.begun {
		r.keep(th, fd, num)
	}
	r.state.After(ev)
	switch {
	case !r.begun && ev.Time() > r.snapshot:
		r.begin()
	case r.full():
		r.file++
		r.begin()
	}
}

// keep records an event that is wanted, and those that the wanted ones need to be understood.
func (r *recording) keep(th *state.Thread, fd *state.FD, num int64) {
	ev, stateOnly := &r.ev, r.prompt()
	r.seen++
	if typ := ev.Type(); th != nil && th.Proc.Container.ID != "" && (typ == event.Execve || typ == event.Execveat) {
		r.state.User(th.UID, th) // so that the container's users become known, and part of the recording
	}
	if !stateOnly && r.match != nil {
		r.c.Reset(ev, r.state, th, fd, num, filter.SyscallSource)
		if ev.Info().IsSyscall() && ev.Type().IsEnter() || !r.match.Match(r.c) {
			if !state.Changes(ev.Type()) {
				return
			}
			stateOnly = true
		}
	}
	if r.rec.Add(ev.Record(), ev.CPU, stateOnly) && !stateOnly {
		r.kept++
	}
}

// begin begins the first file or the next.
func (r *recording) begin() {
	first := !r.begun
	r.begun = true
	r.state.Settle()
	now := r.snapshot
	if !first {
		now = r.ev.Time()
	}
	if !r.rec.Begin(r.name(), scap.AppendTables(nil, r.head(), r.state, now)) {
		r.o.Log.Warn("the disk does not keep up, no new file was begun")
	}
	if first && r.o.Ready != nil {
		r.o.Ready()
	}
}

// name is the name of the current file: with a number behind it if there are several.
func (r *recording) name() string {
	if r.o.FileBytes == 0 || r.o.File == "-" {
		return r.o.File
	}
	if r.o.Files == 0 {
		if r.file == 0 {
			return r.o.File
		}
		return r.o.File + strconv.Itoa(r.file)
	}
	width := len(strconv.Itoa(r.o.Files - 1))
	return fmt.Sprintf("%s%0*d", r.o.File, width, r.file%r.o.Files)
}

// create makes a file. The first one is there already.
func (r *recording) create(name string) (io.WriteCloser, error) {
	if name == "-" {
		return nopCloser{r.o.Output}, nil
	}
	if f := r.ready; f != nil {
		r.ready = nil
		return f, nil
	}
	return r.makeFile(name)
}

// makeFile makes a file that only the owner may read, or empties one that is there. It must not be the one that is read.
func (r *recording) makeFile(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && r.input != nil && info.Mode().IsRegular() && os.SameFile(info, r.input) {
		return nil, fmt.Errorf("%q is the capture that is read (write to another file)", name)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			f.Close()
			return nil, fmt.Errorf("others may read the file: %w", err)
		}
	}
	return f, nil
}

// nopCloser is a writer that stays open.
type nopCloser struct{ io.Writer }

// Close does nothing.
func (nopCloser) Close() error { return nil }

// Users records what became known of users and groups.
func (r *recording) Users(container string, users []state.User, groups []state.Group) {
	if r.begun && r.rec != nil {
		scap.EachUserEvent(r.ev.Time(), container, users, groups, func(rec []byte) { r.rec.Add(rec, r.ev.CPU, true) })
	}
}

// Container records what became known of a container.
func (r *recording) Container(ref state.ContainerRef, m *state.Metadata) {
	if r.begun && r.rec != nil {
		if rec := scap.ContainerEvent(r.ev.Time(), ref, m); rec != nil {
			r.rec.Add(rec, r.ev.CPU, true)
		}
	}
}

// Thread records what /proc told of a thread.
func (r *recording) Thread(t *state.Thread) {
	if r.begun && r.rec != nil {
		r.rec.Learn(scap.AppendLearned(nil, t))
	}
}

// FD records what /proc told of a descriptor.
func (r *recording) FD(p *state.Process, f *state.FD) {
	if r.begun && r.rec != nil {
		r.rec.Learn(scap.AppendLearnedFD(nil, p, f))
	}
}

// summary counts what was recorded.
func (r *recording) summary() *Recorded {
	s := &Recorded{Seen: r.seen, Files: r.file + 1, Left: r.file + 1}
	if r.o.Files > 0 {
		s.Left = min(s.Files, r.o.Files)
	}
	_, s.Bytes = r.rec.Written()
	s.Events = r.kept
	if c, ok := r.src.(source.Counter); ok {
		for _, l := range c.Stats().Losses {
			if l.Events > 0 {
				s.Losses = append(s.Losses, l)
			}
		}
	}
	if n := r.rec.Lost(); n > 0 {
		s.Losses = append(s.Losses, source.Loss{Reason: "writing did not keep up", Events: n})
	}
	return s
}
