// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// selected is which system calls the programs report. It can change while events flow, from any
// goroutine: a call that stays is not touched, and the row of a new one is in place before it is
// wanted, so that no record is written by a row of another call and none is missing.
type selected struct {
	mu   sync.Mutex
	rows *ebpf.Map
	ctl  *control // nil while the source is not open
	// dropFailed is the configuration's wish to leave failed calls out.
	dropFailed bool

	calls   []*event.Syscall
	testing bool                        // openat is reported too, also where it fails
	placed  [maxSyscalls]*event.Syscall // whose row stands at a number
	current [maxSyscalls]uint8          // what the programs were told
	want32  [maxSyscalls]uint8
	traces  traces
}

// errNotOpen is the answer of a source that is not open yet, or closed.
var errNotOpen = errors.New("the source is not open")

// open begins the selection with the calls of the configuration.
func (s *selected) open(rows *ebpf.Map, ctl *control, calls []*event.Syscall) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.ctl, s.calls = rows, ctl, calls
	return s.apply()
}

// close ends it: the control memory is about to go.
func (s *selected) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctl = nil
}

// apply tells the programs what has changed. The selection must be locked.
func (s *selected) apply() error {
	if s.ctl == nil {
		return errNotOpen
	}
	if s.testing {
		atomic.StoreUint32(&s.ctl.DropFailed, 0)
	}
	want, err := s.placeRows()
	if err != nil {
		return err
	}
	var want32 [maxSyscalls]uint8
	for nr32, nr := range numbers32 {
		want32[nr32] = want[nr]
	}
	if runtime.GOARCH == "amd64" {
		want32[102] = wantPlain // socketcall: the program looks the real call up
	}
	for i := range want {
		if want[i] != s.current[i] {
			storeByte(&s.ctl.Want[i], want[i])
		}
		if want32[i] != s.want32[i] {
			storeByte(&s.ctl.Want32[i], want32[i])
		}
	}
	s.current, s.want32 = want, want32
	if err := s.traces.sync(s.calls); err != nil {
		return err
	}
	if !s.testing && s.dropFailed {
		atomic.StoreUint32(&s.ctl.DropFailed, 1)
	}
	return nil
}

// placeRows writes the rows that are not there yet and returns what is wanted at each number.
func (s *selected) placeRows() (want [maxSyscalls]uint8, err error) {
	calls := s.calls
	if s.testing {
		calls = append(slices.Clone(calls), event.SyscallByName("openat"))
	}
	for _, c := range calls {
		nr := c.Number()
		if nr < 0 || nr >= maxSyscalls {
			continue
		}
		k, prog := forKernel(c, nr)
		if s.placed[nr] != c {
			if err := s.rows.Put(uint32(nr), k); err != nil {
				return want, fmt.Errorf("set row of %s: %w", c.Name, err)
			}
			s.placed[nr] = c
		}
		want[nr] = prog
	}
	return want, nil
}

// Select changes which system calls are reported, while events flow. Any goroutine may call it.
// After an error the selection is as it was.
func (s *Source) Select(calls []*event.Syscall) error {
	s.selected.mu.Lock()
	defer s.selected.mu.Unlock()
	before := s.selected.calls
	s.selected.calls = calls
	err := s.selected.apply()
	if err != nil {
		s.selected.calls = before
	}
	return err
}

// SelfTest makes failing opens of this process visible, whatever else is selected. Any goroutine may
// call it.
func (s *Source) SelfTest(on bool) error {
	s.selected.mu.Lock()
	defer s.selected.mu.Unlock()
	s.selected.testing = on
	return s.selected.apply()
}

// storeByte writes shared memory in one piece, which a plain byte store on these machines is.
//
//go:noinline
func storeByte(p *uint8, v uint8) { *p = v }
