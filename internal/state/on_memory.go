// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// The events that carry memory figures and nothing else for the state.
const (
	brk    event.Type = 159
	mmap   event.Type = 161
	mmap2  event.Type = 163
	munmap event.Type = 165
)

var (
	vmSize      = index(mmap, "vm_size")
	switchMajor = index(event.Switch, "pgft_maj")
	switchMinor = index(event.Switch, "pgft_min")
	switchSize  = index(event.Switch, "vm_size")
)

// onMemory takes the memory figures of brk, mmap and munmap, which lie at the same place.
func (s *State) onMemory(ev *event.Event, t *Thread) { s.setVM(ev, t, vmSize) }

// onSwitch takes the counters of the thread that leaves the processor.
func (s *State) onSwitch(ev *event.Event, t *Thread) {
	if s.holdT {
		return
	}
	t.PFMajor = uintOf(ev, switchMajor, t.PFMajor)
	t.PFMinor = uintOf(ev, switchMinor, t.PFMinor)
	if main := t.Proc.Main; main != nil {
		t = main // the threads share their memory
	}
	s.setVM(ev, t, switchSize)
}

// setVM takes size, resident part and swapped part from three parameters in a row.
func (s *State) setVM(ev *event.Event, t *Thread, at int) {
	if _, ok := ev.Uint(at); !ok || s.holdT {
		return
	}
	t.VM = VM{
		Size: uint32(uintOf(ev, at, 0)),
		RSS:  uint32(uintOf(ev, at+1, 0)),
		Swap: uint32(uintOf(ev, at+2, 0)),
	}
}
