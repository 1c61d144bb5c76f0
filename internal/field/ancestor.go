// SPDX-License-Identifier: Apache-2.0

package field

import (
	"errors"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// walk goes up the process tree, one ancestor a step, and stops where the tree turns into a loop.
type walk struct {
	p, slow *state.Process
	steps   int
	up      func(*state.Process) *state.Process
}

// ancestors walks from p, which is not visited itself, along the parents that the kernel names.
func ancestors(p *state.Process) walk {
	return walk{p: p, slow: p, up: func(p *state.Process) *state.Process { return p.Ancestor(1) }}
}

// makers walks along the processes that made one another, living or not.
func makers(p *state.Process) walk { return walk{p: p, slow: p, up: maker} }

// maker is the process that made p, or its parent if that is not known.
func maker(p *state.Process) *state.Process {
	if p.Lineage != nil {
		return p.Lineage
	}
	return p.Parent
}

// next moves to the next ancestor; false: there is none.
func (w *walk) next() bool {
	w.p = w.up(w.p)
	w.steps++
	if w.steps%2 == 0 { // half as fast: in a loop the two meet
		w.slow = w.up(w.slow)
	}
	if w.p == nil || w.p == w.slow {
		w.p = nil
		return false
	}
	return true
}

// nth is the n-th process on the way, 0 the one that it started from; nil if the way is shorter.
func (w walk) nth(n int) *state.Process {
	for ; n > 0; n-- {
		if !w.next() {
			return nil
		}
	}
	return w.p
}

func parseIndex(a *Arg) error {
	if a.Index < 0 {
		return errors.New("the argument must be a number")
	}
	return nil
}

// kin is one of the two ways up: ancestors or makers.
type kin func(*state.Process) walk

// texts makes the getter of a text of one process on the way, or of all of them.
func (up kin) texts(get func(*state.Process) string) func(*Context, *Arg, []string) []string {
	return func(c *Context, a *Arg, dst []string) []string {
		p := process(c)
		if p == nil {
			return dst
		}
		w := up(p)
		if a.Given {
			if q := w.nth(a.Index); q != nil && !(c.Thread.Fake && a.Index == 0) {
				dst = append(dst, get(q))
			}
			return dst
		}
		for w.next() {
			dst = append(dst, get(w.p))
		}
		return dst
	}
}

// ancestry makes the getter of a text of one ancestor or, without a number, of all of them: those that the
// kernel names and, behind them, the makers of the process and of its ancestors that have exited. A process
// that was adopted is still known by where it came from.
func ancestry(get func(*state.Process) string) func(*Context, *Arg, []string) []string {
	living := kin(ancestors).texts(get)
	return func(c *Context, a *Arg, dst []string) []string {
		dst = living(c, a, dst)
		p := process(c)
		if a.Given || p == nil {
			return dst
		}
		for w := makers(p); w.next(); {
			if w.p.Gone {
				dst = append(dst, get(w.p))
			}
		}
		return dst
	}
}

// procAncestry gets the numbers of the same processes.
func procAncestry(c *Context, a *Arg, dst []int64) []int64 {
	dst = kin(ancestors).pids(c, a, dst)
	p := process(c)
	if a.Given || p == nil {
		return dst
	}
	for w := makers(p); w.next(); {
		if w.p.Gone {
			dst = append(dst, w.p.PID)
		}
	}
	return dst
}

// print makes the printer of a text of one process on the way, or of all of them with blanks between.
func (up kin) print(get func(*state.Process) string) func(*Context, *Arg) (Value, bool) {
	texts := up.texts(get)
	return func(c *Context, a *Arg) (Value, bool) {
		c.Strs = texts(c, a, c.Strs[:0])
		v, ok := joined(c, c.Strs)
		return v, ok && (a.Given || v.Str != "")
	}
}

// pids gets the number of one process on the way, or of all of them.
func (up kin) pids(c *Context, a *Arg, dst []int64) []int64 {
	p := process(c)
	if p == nil {
		return dst
	}
	w := up(p)
	if a.Given {
		if q := w.nth(a.Index); q != nil && isPID(q.PID) {
			dst = append(dst, q.PID)
		}
		return dst
	}
	for w.next() {
		dst = append(dst, w.p.PID)
	}
	return dst
}

// printPID prints the number of one process.
func (up kin) printPID(c *Context, a *Arg) (Value, bool) {
	v := Value{Type: event.Int64, Format: event.FormatID, Kind: KindInt}
	p := process(c)
	if p == nil {
		return v, false
	}
	q := up(p).nth(a.Index)
	if q == nil || !isPID(q.PID) {
		return v, false
	}
	v.Num = uint64(q.PID)
	return v, true
}

// joined is one text made of many with blanks between; no value for none.
func joined(c *Context, texts []string) (Value, bool) {
	v := Value{Type: event.CharBuf, Kind: KindString}
	if len(texts) < 2 {
		if len(texts) == 1 {
			v.Str = texts[0]
		}
		return v, len(texts) == 1
	}
	b := c.Arena()
	for i, text := range texts {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, text...)
	}
	v.Str = c.Keep(b)
	return v, strings.Trim(v.Str, " ") != ""
}

func procAArgs(c *Context, a *Arg) (string, bool) {
	p := process(c)
	if p == nil {
		return "", false
	}
	w := ancestors(p)
	if a.Given {
		if q := w.nth(a.Index); q != nil {
			return q.ArgLine, true
		}
		return "", false
	}
	b := c.Arena()
	n := 0
	for ; w.next(); n++ {
		if n > 0 {
			b = append(b, ' ')
		}
		b = append(b, w.p.ArgLine...)
	}
	return c.Keep(b), n > 0
}

// envDepth is how far up an environment variable is looked for.
const envDepth = 20

func procAEnv(c *Context, a *Arg, dst []string) []string {
	p := process(c)
	if p == nil {
		return dst
	}
	w := ancestors(p)
	switch {
	case a.Given && a.Index >= 0:
		if q := w.nth(a.Index); q != nil {
			dst = append(dst, envLine(c, q))
		}
		return dst
	case a.Given:
		for range envDepth {
			if !w.next() {
				break
			}
			if v := envValue(w.p, a.Text); v != "" {
				return append(dst, v)
			}
		}
		return append(dst, "")
	}
	for w.next() {
		dst = append(dst, envLine(c, w.p))
	}
	return dst
}

// printAEnv prints the process' own environment where no ancestor is asked for, as proc.apid does.
func printAEnv(c *Context, a *Arg) (Value, bool) {
	if !a.Given {
		text, ok := procEnv(c, a)
		return Value{Type: event.CharBuf, Kind: KindString, Str: text}, ok
	}
	c.Strs = procAEnv(c, a, c.Strs[:0])
	return joined(c, c.Strs)
}

// printAPID prints the process' own number where no ancestor is asked for.
func printAPID(c *Context, a *Arg) (Value, bool) {
	if !a.Given {
		n, ok := procPID(c, a)
		return Value{Type: event.Int64, Format: event.FormatID, Kind: KindInt, Num: uint64(n)}, ok && n >= 0
	}
	return kin(ancestors).printPID(c, a)
}
