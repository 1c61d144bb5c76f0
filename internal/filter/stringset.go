// SPDX-License-Identifier: Apache-2.0

package filter

import "hash/maphash"

// seed is the seed of all string sets.
var seed = maphash.MakeSeed()

// stringSet is a set of texts made for misses: nearly every event is one. Lengths and first bytes
// are checked before anything is hashed, and a table of 16-bit tags, small enough for the caches,
// before any text is touched; so a set of 100,000 texts costs about as much as one of ten.
type stringSet struct {
	lens  uint64    // bit n: there is a text of n bytes; bit 63: one of 63 or more
	first [4]uint64 // bit b: there is a text that begins with byte b
	only  string    // the text, if there is just one
	tags  []uint16  // open addressing; 0 is free
	slots []uint32  // index into texts of each tag
	texts []string
}

// newStringSet returns the set of texts, which may hold doubles.
func newStringSet(texts []string) *stringSet {
	s := &stringSet{}
	size := 8
	for size < 3*len(texts) {
		size *= 2
	}
	s.tags, s.slots = make([]uint16, size), make([]uint32, size)
	for _, t := range texts {
		if s.has(t) {
			continue
		}
		s.lens |= 1 << min(len(t), 63)
		if t != "" {
			s.first[t[0]>>6] |= 1 << (t[0] & 63)
		}
		h := maphash.String(seed, t)
		i := h & uint64(size-1)
		for s.tags[i] != 0 {
			i = (i + 1) & uint64(size-1)
		}
		s.tags[i], s.slots[i] = tag(h), uint32(len(s.texts))
		s.texts = append(s.texts, t)
	}
	if len(s.texts) == 1 {
		s.only = s.texts[0]
	}
	return s
}

// tag is the part of a hash that tells texts of one slot apart; never 0.
func tag(h uint64) uint16 { return uint16(h>>48) | 1 }

// has reports whether t is in the set.
func (s *stringSet) has(t string) bool {
	if s.lens>>min(len(t), 63)&1 == 0 {
		return false
	}
	if t == "" {
		return true
	}
	if s.first[t[0]>>6]>>(t[0]&63)&1 == 0 {
		return false
	}
	if len(s.texts) == 1 {
		return t == s.only
	}
	h := maphash.String(seed, t)
	mask := uint64(len(s.tags) - 1)
	want := tag(h)
	for i := h & mask; s.tags[i] != 0; i = (i + 1) & mask {
		if s.tags[i] == want && s.texts[s.slots[i]] == t {
			return true
		}
	}
	return false
}
