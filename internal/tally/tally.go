// SPDX-License-Identifier: Apache-2.0

// Package tally counts the most frequent keys of a stream in memory of a fixed size.
package tally

// Table counts keys by the space-saving method of Metwally, Agrawal and El Abbadi: when it is full, a
// new key takes the place of the least frequent one and inherits its count, which is then told as the
// most by which the key may be overcounted. So every key that makes more than 1/capacity of the stream
// is in the table. It is used by one goroutine and never allocates after New.
type Table[K comparable, V any] struct {
	hash    func(K) uint64
	slots   []int32 // by hash: place in the others plus 1, 0 for none
	places  []int32 // the slot of each place
	keys    []K
	counts  []uint64
	over    []uint64
	values  []V
	total   uint64
	evicted uint64
	floor   uint64 // no count is smaller, once the table is full
	cursor  int    // where the search for the least goes on
}

// Entry is a key with its count, which is at most Over too large.
type Entry[K comparable, V any] struct {
	Key         K
	Value       *V
	Count, Over uint64
}

// New returns an empty table for at most capacity keys, of which hash spreads all 64 bits.
func New[K comparable, V any](capacity int, hash func(K) uint64) *Table[K, V] {
	capacity = max(capacity, 1)
	size := 4
	for size < 4*capacity {
		size *= 2
	}
	return &Table[K, V]{
		hash: hash, slots: make([]int32, size), places: make([]int32, 0, capacity), keys: make([]K, 0, capacity),
		counts: make([]uint64, 0, capacity), over: make([]uint64, 0, capacity), values: make([]V, 0, capacity),
	}
}

// Add counts a key once and returns what is kept for it, valid until the next Add. If fresh is true
// that is the zero value: the key was not in the table.
func (t *Table[K, V]) Add(key K) (value *V, fresh bool) {
	t.total++
	mask := uint64(len(t.slots) - 1)
	at := t.hash(key) & mask
	for t.slots[at] != 0 {
		if i := t.slots[at] - 1; t.keys[i] == key {
			t.counts[i]++
			return &t.values[i], false
		}
		at = (at + 1) & mask
	}
	if len(t.keys) == cap(t.keys) {
		return t.replace(key), true
	}
	var zero V
	t.keys, t.counts, t.over = append(t.keys, key), append(t.counts, 1), append(t.over, 0)
	t.values, t.places = append(t.values, zero), append(t.places, int32(at))
	t.slots[at] = int32(len(t.keys))
	return &t.values[len(t.values)-1], true
}

// replace puts a key into the place of the least frequent one.
func (t *Table[K, V]) replace(key K) *V {
	least := t.least()
	t.free(uint64(t.places[least]))
	mask := uint64(len(t.slots) - 1)
	at := t.hash(key) & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at], t.places[least], t.keys[least] = int32(least+1), int32(at), key
	t.over[least] = t.counts[least]
	t.counts[least]++
	t.evicted++
	var zero V
	t.values[least] = zero
	return &t.values[least]
}

// least finds a place whose count is the smallest. Counts only grow, so that the search can end at one
// that is as small as the smallest was, and go on behind it the next time.
func (t *Table[K, V]) least() int {
	smallest := t.counts[t.cursor]
	for range t.counts {
		at := t.cursor
		if t.cursor++; t.cursor == len(t.counts) {
			t.cursor = 0
		}
		if t.counts[at] <= t.floor {
			return at
		}
		smallest = min(smallest, t.counts[at])
	}
	t.floor = smallest
	return t.least()
}

// free empties a slot and moves those behind it that would not be found any more.
func (t *Table[K, V]) free(hole uint64) {
	mask := uint64(len(t.slots) - 1)
	t.slots[hole] = 0
	for at := (hole + 1) & mask; t.slots[at] != 0; at = (at + 1) & mask {
		i := t.slots[at] - 1
		// It may move if the hole lies between where it wants to be and where it is.
		if home := t.hash(t.keys[i]) & mask; (at-home)&mask >= (at-hole)&mask {
			t.slots[hole], t.places[i], t.slots[at] = i+1, int32(hole), 0
			hole = at
		}
	}
}

// Reset empties the table; its memory stays.
func (t *Table[K, V]) Reset() {
	clear(t.slots)
	clear(t.values) // what they point to
	clear(t.keys)
	t.places, t.keys, t.counts, t.over, t.values = t.places[:0], t.keys[:0], t.counts[:0], t.over[:0], t.values[:0]
	t.total, t.evicted, t.floor, t.cursor = 0, 0, 0, 0
}

// Total is how many keys were counted since the last Reset, Evicted how often one was forgotten.
func (t *Table[K, V]) Total() (total, evicted uint64) { return t.total, t.evicted }

// Each calls f with every key, in no particular order. The entry's Value is valid until the next Add.
func (t *Table[K, V]) Each(f func(Entry[K, V])) {
	for i, k := range t.keys {
		f(Entry[K, V]{k, &t.values[i], t.counts[i], t.over[i]})
	}
}
