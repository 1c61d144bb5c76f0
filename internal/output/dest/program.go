// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// Command says what a program output runs.
type Command struct {
	// Line is a command line for sh. It is the administrator's text; what comes from events only ever
	// goes to its standard input.
	Line string
	// KeepAlive starts the program once for all alerts, instead of once for each.
	KeepAlive bool
	// Stdout gets what the program prints, as it is.
	Stdout io.Writer
	// Log gets what the program writes to standard error; nil for nowhere.
	Log *slog.Logger
}

// Program writes a line an alert to a program's standard input. The program has a process group of its
// own, so that everything it starts ends with it.
type Program struct {
	c      Command
	format Format
	buf    []byte
	ends   []int    // where the lines in buf end
	run    *running // the one that is kept alive; nil if there is none
	again  []*alert.Alert
	held   atomic.Int64 // how many again are, for other goroutines
}

// NewProgram returns the output; the program is started with the first alert.
func NewProgram(c Command, f Format) *Program {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Program{c: c, format: f}
}

// running is a started program.
type running struct {
	cmd    *exec.Cmd
	in     pipe
	ended  chan struct{} // closed after Wait has returned err
	err    error
	unread int // bytes of its input that nobody has read; set when it has ended
}

// hasEnded reports whether the program has ended.
func (r *running) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// start starts the program.
func (p *Program) start() (*running, error) {
	cmd := exec.Command("/bin/sh", "-c", p.c.Line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout = p.c.Stdout
	errors := &lineLog{log: p.c.Log}
	cmd.Stderr = errors
	// Children that the program leaves behind may keep its standard error open for ever.
	cmd.WaitDelay = time.Second
	stdin, in, err := inputPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin = stdin
	err = cmd.Start()
	stdin.Close()
	if err != nil {
		in.w.Close()
		return nil, fmt.Errorf("program cannot be started: %w", err)
	}
	r := &running{cmd: cmd, in: in, ended: make(chan struct{})}
	go func() {
		r.err = cmd.Wait()
		r.unread = r.in.unread()
		r.in.w.Close() // who still waits for a reader is told
		errors.flush()
		close(r.ended)
	}()
	return r, nil
}

// kill ends the program and all that it started.
func (r *running) kill() {
	syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	<-r.ended
}

// finish closes the program's input and waits for its end, until ctx ends: then it is killed.
func (r *running) finish(ctx context.Context) error {
	r.in.w.Close()
	select {
	case <-r.ended:
		return r.err
	case <-ctx.Done():
		r.kill()
		return ctx.Err()
	}
}

// write passes lines to the program; when ctx ends before it has read them, the program is killed.
func (r *running) write(ctx context.Context, b []byte, alerts []*alert.Alert, ends []int) error {
	stop := context.AfterFunc(ctx, func() { syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	err := r.in.write(b, alerts, ends)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Name is "program".
func (p *Program) Name() string { return "program" }

// Send writes the alerts to the program that runs, or starts one for each.
func (p *Program) Send(ctx context.Context, alerts []*alert.Alert) error {
	if p.c.KeepAlive {
		return p.stream(ctx, alerts)
	}
	f := &output.Failure{Left: []*alert.Alert{}}
	for i, a := range alerts {
		var r *running
		err := ctx.Err()
		if err == nil {
			r, err = p.start()
		}
		if err != nil {
			f.Left, f.Temporary, f.Err = alerts[i:], ctx.Err() == nil, err
			break
		}
		if err := p.once(ctx, r, a); err != nil {
			f.Refused++
			f.Err = err
		}
	}
	if f.Err == nil {
		return nil
	}
	return f
}

// once passes one alert to a program of its own and waits for its end.
func (p *Program) once(ctx context.Context, r *running, a *alert.Alert) error {
	p.buf = append(p.format.Append(p.buf[:0], a), '\n')
	written := r.write(ctx, p.buf, nil, nil)
	if err := r.finish(ctx); err != nil {
		return fmt.Errorf("program ended with %w", err)
	}
	if errors.Is(written, syscall.EPIPE) || errors.Is(written, os.ErrClosed) {
		return nil // it did what it wanted without reading everything
	}
	return written
}

// ensure makes sure that a program runs.
func (p *Program) ensure() (err error) {
	if p.run != nil {
		if !p.run.hasEnded() {
			return nil
		}
		p.missed(p.run)
		p.c.Log.Warn("program output ended, it is started again", "with", p.run.err, "alerts that it did not read", len(p.again))
	}
	p.run, err = p.start()
	return err
}

// died tells that the program no longer reads.
func (p *Program) died(ctx context.Context, left []*alert.Alert, err error) error {
	r := p.run
	p.run = nil
	if ctx.Err() == nil {
		select {
		case <-r.ended:
		case <-time.After(time.Second): // it has closed its input, but goes on
		}
	}
	r.kill()
	p.missed(r)
	if ctx.Err() != nil {
		return &output.Failure{Left: left, Err: ctx.Err()}
	}
	return &output.Failure{Left: left, Temporary: true, Err: fmt.Errorf("program no longer reads: %w (it ended with %v)", err, r.err)}
}

// Close kills the program if Drain was not called.
func (p *Program) Close() error {
	if p.run != nil {
		p.run.in.w.Close()
		p.run.kill()
		p.run = nil
	}
	return nil
}

// Limits of what a program may write to the log.
const (
	maxLogLine = 1 << 10
	// linesPerSecond is how many lines of one program are logged in a second.
	linesPerSecond = 10
)

// lineLog logs what is written to it, line by line and not too much.
type lineLog struct {
	log *slog.Logger

	mu      sync.Mutex
	line    []byte
	second  int64
	lines   int
	dropped int
}

// Write takes any part of lines.
func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for {
		at := bytes.IndexByte(b, '\n')
		part := b
		if at >= 0 {
			part = b[:at]
		}
		l.line = append(l.line, part[:min(len(part), maxLogLine-len(l.line))]...)
		if at < 0 {
			return n, nil
		}
		l.say()
		b = b[at+1:]
	}
}

// say logs the line, unless there were too many in this second.
func (l *lineLog) say() {
	now := time.Now().Unix()
	if now != l.second {
		if l.dropped > 0 {
			l.log.Warn("program wrote more to standard error than is logged", "lines", l.dropped)
		}
		l.second, l.lines, l.dropped = now, 0, 0
	}
	if l.lines++; l.lines <= linesPerSecond {
		l.log.Warn("program writes to standard error", "text", string(bytes.ToValidUTF8(l.line, []byte("\uFFFD"))))
	} else {
		l.dropped++
	}
	l.line = l.line[:0]
}

// flush logs a last line without a newline.
func (l *lineLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.say()
	}
}
