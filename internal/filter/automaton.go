// SPDX-License-Identifier: Apache-2.0

package filter

import "slices"

// automaton finds whether a text contains one of many others, in one pass over the text
// (Aho-Corasick). Bytes that occur in no pattern share one class, so that the table is small;
// where it would still be too large, transitions are searched for and failures followed.
type automaton struct {
	class   [256]uint8
	classes int
	dense   []uint32 // next state by state*classes+class, the states multiplied beforehand
	sparse  []acState
	all     bool // an empty pattern is contained in everything
}

// acState is a state of the sparse form.
type acState struct {
	classes []uint8 // sorted
	next    []uint32
	fail    uint32
	accept  bool
}

// accepting marks a state of the dense form in which a pattern has been seen.
const accepting = 1 << 31

// maxDense bounds the entries of a dense table (16 MiB).
const maxDense = 4 << 20

// newAutomaton returns an automaton for patterns; with fold set, letters of ASCII match whatever
// their case.
func newAutomaton(patterns []string, fold bool) *automaton {
	a := &automaton{classes: 1}
	for _, p := range patterns {
		a.all = a.all || p == ""
		for i := range len(p) {
			b := p[i]
			if fold {
				b = lowerByte(b)
			}
			if a.class[b] == 0 && a.classes < 256 {
				a.class[b] = uint8(a.classes)
				a.classes++
			}
		}
	}
	if a.classes == 256 { // no class is left for the bytes that occur in no pattern
		for b := range 256 {
			a.class[b] = uint8(b)
		}
	}
	if fold {
		for b := byte('A'); b <= 'Z'; b++ {
			a.class[b] = a.class[lowerByte(b)]
		}
	}
	a.build(patterns)
	return a
}

// lowerByte is b in lower case, if it is a letter of ASCII.
func lowerByte(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// build makes the states: the trie of the patterns, then the failures in order of depth.
func (a *automaton) build(patterns []string) {
	a.sparse = []acState{{}}
	for _, p := range patterns {
		at := uint32(0)
		for i := range len(p) {
			at = a.grow(at, a.class[p[i]])
		}
		a.sparse[at].accept = true
	}
	order := []uint32{0}
	for i := 0; i < len(order); i++ {
		at := order[i]
		s := &a.sparse[at]
		for k, next := range s.next {
			order = append(order, next)
			if at != 0 {
				a.sparse[next].fail = a.step(s.fail, s.classes[k])
			}
			a.sparse[next].accept = a.sparse[next].accept || a.sparse[a.sparse[next].fail].accept
		}
	}
	if len(a.sparse)*a.classes <= maxDense {
		a.flatten(order)
	}
}

// grow returns the state behind at for a class and makes it if need be.
func (a *automaton) grow(at uint32, class uint8) uint32 {
	s := &a.sparse[at]
	i, found := slices.BinarySearch(s.classes, class)
	if found {
		return s.next[i]
	}
	next := uint32(len(a.sparse))
	s.classes = slices.Insert(s.classes, i, class)
	s.next = slices.Insert(s.next, i, next)
	a.sparse = append(a.sparse, acState{})
	return next
}

// step is the transition of the sparse form.
func (a *automaton) step(at uint32, class uint8) uint32 {
	for {
		s := &a.sparse[at]
		if i, found := slices.BinarySearch(s.classes, class); found {
			return s.next[i]
		}
		if at == 0 {
			return 0
		}
		at = s.fail
	}
}

// flatten makes the dense form from the sparse one, given its states in order of depth.
func (a *automaton) flatten(order []uint32) {
	a.dense = make([]uint32, len(a.sparse)*a.classes)
	for _, at := range order {
		s := &a.sparse[at]
		row := a.dense[int(at)*a.classes:][:a.classes]
		if at != 0 {
			copy(row, a.dense[int(s.fail)*a.classes:][:a.classes])
		}
		for k, next := range s.next {
			row[s.classes[k]] = next * uint32(a.classes)
			if a.sparse[next].accept {
				row[s.classes[k]] |= accepting
			}
		}
	}
	a.sparse = nil
}

// has reports whether one of the patterns is in s.
func (a *automaton) has(s string) bool {
	if a.all {
		return true
	}
	if a.sparse != nil {
		return a.hasSparse(s)
	}
	at := uint32(0)
	for i := range len(s) {
		at = a.dense[at+uint32(a.class[s[i]])]
		if at >= accepting {
			return true
		}
	}
	return false
}

// hasSparse is has for the sparse form.
func (a *automaton) hasSparse(s string) bool {
	at := uint32(0)
	for i := range len(s) {
		at = a.step(at, a.class[s[i]])
		if a.sparse[at].accept {
			return true
		}
	}
	return false
}
