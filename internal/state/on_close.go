// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// The one error after which close has not closed: there was no such descriptor.
const errBadFD = -9

// Published close_range flags.
const (
	closeRangeUnshare   = 2
	closeRangeCloseExec = 4
)

var (
	closeRangeFirst = index(event.CloseRange, "first")
	closeRangeLast  = index(event.CloseRange, "last")
	closeRangeFlags = index(event.CloseRange, "flags")
)

// onClose removes the descriptor once the rules have seen it.
func (s *State) onClose(ev *event.Event, t *Thread) {
	if res, ok := ev.Int(0); !ok || res == errBadFD || s.num < 0 || s.held(t.Proc, s.num) {
		return
	}
	s.after.closing, s.after.first, s.after.last = t.Proc, s.num, s.num
}

// onCloseRange removes the descriptors of a range, or marks them for the next exec.
func (s *State) onCloseRange(ev *event.Event, t *Thread) {
	if !succeeded(ev) {
		return
	}
	first, last := int64(uintOf(ev, closeRangeFirst, 0)), int64(uintOf(ev, closeRangeLast, 0))
	flags := uintOf(ev, closeRangeFlags, 0)
	p := t.Proc
	if flags&closeRangeUnshare != 0 {
		s.pool.unshare(&p.FDs)
	}
	if flags&closeRangeCloseExec == 0 {
		s.after.closing, s.after.first, s.after.last = p, first, last
		return
	}
	for _, num := range s.numbers(p, first, last) {
		s.pool.own(&p.FDs, p.FDs.Get(num)).Flags |= FDCloseOnExec
	}
}
