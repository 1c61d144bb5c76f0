// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"iter"
	"math/bits"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// words is the size of an EventSet and of a SyscallSet; there is room for codes of our own.
const words = 8

// bitmap is a set of small numbers.
type bitmap [words]uint64

// has reports whether n is in the set.
func (b *bitmap) has(n uint16) bool { return b[n>>6&(words-1)]>>(n&63)&1 != 0 && n < words*64 }

// add puts n into the set; numbers that it has no room for are left out.
func (b *bitmap) add(n uint16) {
	if n < words*64 {
		b[n>>6] |= 1 << (n & 63)
	}
}

// count is the number of elements.
func (b *bitmap) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// all yields the elements in ascending order.
func (b *bitmap) all(yield func(uint16) bool) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			if !yield(uint16(i<<6 | bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}

// union returns the elements of both sets.
func (b bitmap) union(o bitmap) bitmap {
	for i := range b {
		b[i] |= o[i]
	}
	return b
}

// intersect returns the elements that both sets have.
func (b bitmap) intersect(o bitmap) bitmap {
	for i := range b {
		b[i] &= o[i]
	}
	return b
}

// minus returns the elements of b that o lacks.
func (b bitmap) minus(o bitmap) bitmap {
	for i := range b {
		b[i] &^= o[i]
	}
	return b
}

// EventSet is a set of event codes. The zero value is empty.
type EventSet struct{ b bitmap }

// NewEventSet returns the set of the given codes.
func NewEventSet(types ...event.Type) EventSet {
	var s EventSet
	for _, t := range types {
		s.Add(t)
	}
	return s
}

// AllEvents returns the set of all event codes.
func AllEvents() EventSet { return allEvents }

var allEvents = func() (s EventSet) {
	for i := range event.Infos() {
		s.Add(event.Type(i))
	}
	return s
}()

// Has reports whether t is in the set.
func (s *EventSet) Has(t event.Type) bool { return s.b.has(uint16(t)) }

// Add puts t into the set.
func (s *EventSet) Add(t event.Type) { s.b.add(uint16(t)) }

// Len is the number of codes in the set.
func (s EventSet) Len() int { return s.b.count() }

// Empty reports whether the set has no codes.
func (s EventSet) Empty() bool { return s.b == bitmap{} }

// All yields the codes in ascending order.
func (s EventSet) All() iter.Seq[event.Type] {
	return func(yield func(event.Type) bool) {
		s.b.all(func(n uint16) bool { return yield(event.Type(n)) })
	}
}

// Union returns the codes of both sets.
func (s EventSet) Union(o EventSet) EventSet { return EventSet{s.b.union(o.b)} }

// Intersect returns the codes that both sets have.
func (s EventSet) Intersect(o EventSet) EventSet { return EventSet{s.b.intersect(o.b)} }

// Minus returns the codes of s that o lacks.
func (s EventSet) Minus(o EventSet) EventSet { return EventSet{s.b.minus(o.b)} }

// SyscallSet is a set of published system call codes (event.Syscall.Code). The zero value is
// empty.
type SyscallSet struct{ b bitmap }

// NewSyscallSet returns the set of the given codes.
func NewSyscallSet(codes ...uint16) SyscallSet {
	var s SyscallSet
	for _, c := range codes {
		s.Add(c)
	}
	return s
}

// AllSyscalls returns the set of all system call codes.
func AllSyscalls() SyscallSet { return allSyscalls }

var allSyscalls = func() (s SyscallSet) {
	for i := range event.Syscalls() {
		call := &event.Syscalls()[i]
		if call.Name != "unknown" && !strings.HasPrefix(call.Name, "na_") { // places kept free
			s.Add(call.Code)
		}
	}
	return s
}()

// Has reports whether the call is in the set.
func (s *SyscallSet) Has(code uint16) bool { return s.b.has(code) }

// Add puts a call into the set.
func (s *SyscallSet) Add(code uint16) { s.b.add(code) }

// Len is the number of calls in the set.
func (s SyscallSet) Len() int { return s.b.count() }

// Empty reports whether the set has no calls.
func (s SyscallSet) Empty() bool { return s.b == bitmap{} }

// All yields the codes in ascending order.
func (s SyscallSet) All() iter.Seq[uint16] { return s.b.all }

// Union returns the calls of both sets.
func (s SyscallSet) Union(o SyscallSet) SyscallSet { return SyscallSet{s.b.union(o.b)} }

// Intersect returns the calls that both sets have.
func (s SyscallSet) Intersect(o SyscallSet) SyscallSet { return SyscallSet{s.b.intersect(o.b)} }

// Minus returns the calls of s that o lacks.
func (s SyscallSet) Minus(o SyscallSet) SyscallSet { return SyscallSet{s.b.minus(o.b)} }
