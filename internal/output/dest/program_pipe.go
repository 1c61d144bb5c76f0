// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// pipeSize is how much a pipe holds that its reader has not read.
const pipeSize = 64 << 10

// A pipe is the standard input of a program. It remembers the alerts that may still be in the pipe,
// because the kernel takes them whether the program reads them or not.
type pipe struct {
	w       *os.File
	written int // bytes since the start
	recent  []piped
}

// piped is an alert that was written, with the place where it ends.
type piped struct {
	alert *alert.Alert
	end   int
}

// write writes the lines of alerts, whose ends are offsets in b. Only when all of it was taken are the
// alerts remembered: of a failed write the caller still has them.
func (p *pipe) write(b []byte, alerts []*alert.Alert, ends []int) error {
	n, err := p.w.Write(b)
	if err == nil {
		for i, a := range alerts {
			p.recent = append(p.recent, piped{a, p.written + ends[i]})
		}
	}
	p.written += n
	gone := 0
	for gone < len(p.recent) && p.recent[gone].end <= p.written-pipeSize {
		gone++
	}
	p.recent = append(p.recent[:0], p.recent[gone:]...)
	return err
}

// waiting are the bytes that lie in the pipe.
func (p *pipe) waiting() (n int) {
	p.control(func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.TIOCINQ) })
	return n
}

// unread are the bytes that lie in the pipe and that nobody will read any more: 0 as long as a
// process has it open.
func (p *pipe) unread() (n int) {
	p.control(func(fd int) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		if _, err := unix.Poll(poll, 0); err == nil && poll[0].Revents&unix.POLLERR != 0 {
			n, _ = unix.IoctlGetInt(fd, unix.TIOCINQ)
		}
	})
	return n
}

// control calls f with the descriptor, unless it is closed.
func (p *pipe) control(f func(fd int)) {
	if conn, err := p.w.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { f(int(fd)) }) // an error says that it is closed
	}
}

// after are the remembered alerts of which something lies in the last n bytes.
func (p *pipe) after(n int) []*alert.Alert {
	var left []*alert.Alert
	for _, r := range p.recent {
		if r.end > p.written-n {
			left = append(left, r.alert)
		}
	}
	return left
}

// stream writes alerts to the program that runs, which is started if need be; before them those that
// the last one has not read. One that has ended is started again with the next attempt.
func (p *Program) stream(ctx context.Context, alerts []*alert.Alert) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.ensure(); err != nil {
		return &output.Failure{Temporary: true, Err: err}
	}
	if again := p.again; len(again) > 0 {
		if _, err := p.pass(ctx, again); err != nil {
			return p.died(ctx, alerts, err)
		}
		p.keep(nil)
	}
	if left, err := p.pass(ctx, alerts); err != nil {
		return p.died(ctx, left, err)
	}
	return nil
}

// pass writes the lines of alerts, and returns those that were not written when that fails.
func (p *Program) pass(ctx context.Context, alerts []*alert.Alert) (left []*alert.Alert, err error) {
	p.buf, p.ends = p.buf[:0], p.ends[:0]
	from := 0
	for i, a := range alerts {
		p.buf = append(p.format.Append(p.buf, a), '\n')
		p.ends = append(p.ends, len(p.buf))
		if i < len(alerts)-1 && len(p.buf) < maxWrite && !p.format.Unbuffered {
			continue
		}
		if err := p.run.write(ctx, p.buf, alerts[from:i+1], p.ends); err != nil {
			return alerts[from:], err
		}
		p.buf, p.ends, from = p.buf[:0], p.ends[:0], i+1
	}
	return nil, nil
}

// keep sets what is to be written again.
func (p *Program) keep(alerts []*alert.Alert) {
	p.again = alerts
	p.held.Store(int64(len(alerts)))
}

// missed takes over what a program that has ended left in its pipe, before what waits already.
func (p *Program) missed(r *running) {
	if left := r.in.after(r.unread); len(left) > 0 {
		p.keep(append(left, p.again...))
	}
}

// Held is how many alerts the next program gets again; what was read is the program's.
func (p *Program) Held() int { return int(p.held.Load()) }

// Drain lets the program that runs end by itself, until ctx ends: then it is killed. What it has not
// read is given to another one, as long as that reads some of it.
func (p *Program) Drain(ctx context.Context) int {
	p.end(ctx)
	for waiting := len(p.again) + 1; len(p.again) > 0 && len(p.again) < waiting && ctx.Err() == nil; {
		waiting = len(p.again)
		if err := p.stream(ctx, nil); err != nil {
			break
		}
		p.end(ctx)
	}
	lost := len(p.again)
	p.keep(nil)
	return lost
}

// end ends the program that runs, if there is one.
func (p *Program) end(ctx context.Context) {
	r := p.run
	if r == nil {
		return
	}
	p.run = nil
	r.settle(ctx)
	if err := r.finish(ctx); err != nil {
		p.c.Log.Warn("program output ended", "error", err)
	}
	p.missed(r)
}

// settle waits until the program has read what was written to it, or has ended, or ctx ends: once the
// pipe is closed on this side nobody can tell any more.
func (r *running) settle(ctx context.Context) {
	for pause := 100 * time.Microsecond; r.in.waiting() > 0; pause = min(2*pause, 10*time.Millisecond) {
		select {
		case <-r.ended:
			return
		case <-ctx.Done():
			r.kill()
			return
		case <-time.After(pause):
		}
	}
}

// inputPipe makes the pipe for a program's standard input.
func inputPipe() (r *os.File, in pipe, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, pipe{}, fmt.Errorf("program cannot be started: %w", err)
	}
	return r, pipe{w: w}, nil
}
