// SPDX-License-Identifier: Apache-2.0

package state

// FDTable holds the open descriptors of a process. The zero value is an empty table. It is read
// by everyone; only the state's pool changes it.
type FDTable struct{ t *fdTable }

// fdTable is a hash table with open addressing. Its length is a power of two.
type fdTable struct {
	slots []*FD
	n     int
	refs  int32 // processes that share the table
}

const minSlots = 8

// Get returns the descriptor with that number, nil if it is unknown. Borrowed.
func (t FDTable) Get(num int64) *FD {
	if t.t == nil || t.t.n == 0 {
		return nil
	}
	return t.t.slots[t.t.find(num)]
}

// Len is how many descriptors are known.
func (t FDTable) Len() int {
	if t.t == nil {
		return 0
	}
	return t.t.n
}

// Each calls f with every descriptor, in no order, until f returns false.
func (t FDTable) Each(f func(*FD) bool) {
	if t.t == nil {
		return
	}
	for _, fd := range t.t.slots {
		if fd != nil && !f(fd) {
			return
		}
	}
}

// home is the slot where num belongs as long as it is free.
func (t *fdTable) home(num int64) int {
	const golden = 0x9E3779B97F4A7C15
	return int(uint64(num) * golden >> 32 & uint64(len(t.slots)-1))
}

// find returns the slot of num, or the empty slot where it would go.
func (t *fdTable) find(num int64) int {
	mask := len(t.slots) - 1
	i := t.home(num)
	for t.slots[i] != nil && t.slots[i].Num != num {
		i = (i + 1) & mask
	}
	return i
}

// delete empties slot i and moves up those that had to make way for it.
func (t *fdTable) delete(i int) {
	mask := len(t.slots) - 1
	t.n--
	for j := (i + 1) & mask; t.slots[j] != nil; j = (j + 1) & mask {
		home := t.home(t.slots[j].Num)
		if (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = nil
}
