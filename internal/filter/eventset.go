// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"iter"
	"math/bits"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// words is the size of an EventSet and of a SyscallSet; there is room for codes of our own.
const words = 16

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

// Set is a set of published codes. The zero value is empty.
type Set[T ~uint16] struct{ b bitmap }

// EventSet is a set of event codes, SyscallSet one of system call codes (event.Syscall.Code).
type (
	EventSet   = Set[event.Type]
	SyscallSet = Set[uint16]
)

// NewEventSet returns the set of the given codes.
func NewEventSet(types ...event.Type) EventSet { return newSet(types) }

// NewSyscallSet returns the set of the given codes.
func NewSyscallSet(codes ...uint16) SyscallSet { return newSet(codes) }

// newSet returns the set of codes.
func newSet[T ~uint16](codes []T) (s Set[T]) {
	for _, c := range codes {
		s.Add(c)
	}
	return s
}

// AllEvents returns the set of all event codes.
func AllEvents() EventSet { return allEvents }

var allEvents = func() (s EventSet) {
	for i := range event.Infos() {
		// Codes that nobody uses count among the published ones alone, as in Falco.
		if info := &event.Infos()[i]; i < event.NumPublished || info.Flags&event.Unused == 0 {
			s.Add(event.Type(i))
		}
	}
	return s
}()

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

// Has reports whether a code is in the set.
func (s *Set[T]) Has(code T) bool { return s.b.has(uint16(code)) }

// Add puts a code into the set; codes that it has no room for are left out.
func (s *Set[T]) Add(code T) { s.b.add(uint16(code)) }

// Len is the number of codes in the set.
func (s Set[T]) Len() int { return s.b.count() }

// Empty reports whether the set has no codes.
func (s Set[T]) Empty() bool { return s.b == bitmap{} }

// All yields the codes in ascending order.
func (s Set[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		s.b.all(func(n uint16) bool { return yield(T(n)) })
	}
}

// Union returns the codes of both sets.
func (s Set[T]) Union(o Set[T]) Set[T] { return Set[T]{s.b.union(o.b)} }

// Intersect returns the codes that both sets have.
func (s Set[T]) Intersect(o Set[T]) Set[T] { return Set[T]{s.b.intersect(o.b)} }

// Minus returns the codes of s that o lacks.
func (s Set[T]) Minus(o Set[T]) Set[T] { return Set[T]{s.b.minus(o.b)} }
