// SPDX-License-Identifier: Apache-2.0

package state

import (
	"math/bits"
	"unsafe"
)

// fdPool owns the memory of all descriptor tables: it hands out entries, takes them back, and
// keeps the sum of their bytes below its limit.
type fdPool struct {
	limit int
	bytes int
	count int // entries in tables, shared ones once

	biggest *fdTable // a table with many entries: where room is made

	free   []*FD
	tables [maxPooledClass + 1][]*fdTable // by the binary logarithm of their length

	added, dropped, evicted, replaced uint64
}

const (
	maxFree        = 4096 // entries kept for reuse
	maxFreeTables  = 512  // tables kept for reuse, of each length
	maxPooledClass = 7    // tables of up to 128 slots are kept
	maxKeptBuf     = 512  // longer buffers do not stay with a free entry
	fdSize         = int(unsafe.Sizeof(FD{}))
	slotSize       = int(unsafe.Sizeof((*FD)(nil)))
)

// get returns an empty entry that is in no table.
func (p *fdPool) get() *FD {
	if n := len(p.free); n > 0 {
		f := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		return f
	}
	return &FD{}
}

// drop takes back one reference to an entry.
func (p *fdPool) drop(f *FD) {
	if f.refs--; f.refs > 0 {
		return
	}
	p.count--
	p.bytes -= int(f.bytes)
	p.recycle(f)
}

// recycle keeps the memory of an entry that is in no table.
func (p *fdPool) recycle(f *FD) {
	if len(p.free) >= maxFree {
		return
	}
	if cap(f.buf) > maxKeptBuf {
		f.buf = nil
	}
	f.clear()
	f.bytes, f.refs = 0, 0
	p.free = append(p.free, f)
}

// account counts the memory of an entry that was put into a table or changed there.
func (p *fdPool) account(f *FD) {
	size := int32(fdSize + cap(f.buf))
	p.bytes += int(size - f.bytes)
	f.bytes = size
}

// put enters f, which came from get, under its number and returns it; nil if there is no room, and
// f remains the caller's.
func (p *fdPool) put(t *FDTable, f *FD) *FD {
	if p.bytes > p.limit && !p.makeRoom(t) {
		p.dropped++
		return nil
	}
	if t.t == nil {
		t.t = p.table(minSlots)
	} else if (t.t.n+1)*4 > len(t.t.slots)*3 {
		p.resize(t.t, 2*len(t.t.slots))
	}
	i := t.t.find(f.Num)
	if old := t.t.slots[i]; old != nil {
		p.drop(old)
		p.replaced++
	} else {
		t.t.n++
	}
	f.refs = 1
	f.bytes = 0
	p.count++
	p.added++
	p.account(f)
	t.t.slots[i] = f
	if p.biggest == nil || t.t.n > p.biggest.n {
		p.biggest = t.t
	}
	return f
}

// remove takes the descriptor with that number out of the table.
func (p *fdPool) remove(t *FDTable, num int64) bool {
	if t.t == nil || t.t.n == 0 {
		return false
	}
	i := t.t.find(num)
	f := t.t.slots[i]
	if f == nil {
		return false
	}
	t.t.delete(i)
	p.drop(f)
	if n := len(t.t.slots); n > minSlots && t.t.n*8 < n {
		p.resize(t.t, n/2)
	}
	return true
}

// own returns the entry with that number for writing: one that no other table holds.
func (p *fdPool) own(t *FDTable, f *FD) *FD {
	if f.refs <= 1 || t.t == nil {
		return f
	}
	i := t.t.find(f.Num)
	if t.t.slots[i] != f {
		return f
	}
	c := p.get()
	c.copyFrom(f)
	f.refs--
	c.refs, c.bytes = 1, 0
	p.count++
	p.added++
	p.account(c)
	t.t.slots[i] = c
	return c
}

// fork makes dst, an empty table, a copy of src. The two share the entries until one is changed.
func (p *fdPool) fork(dst *FDTable, src FDTable) {
	p.release(dst)
	if src.t == nil || src.t.n == 0 {
		return
	}
	dst.t = p.table(len(src.t.slots))
	dst.t.n = src.t.n
	copy(dst.t.slots, src.t.slots)
	for _, f := range dst.t.slots {
		if f != nil {
			f.refs++
		}
	}
}

// share makes dst the same table as src.
func (p *fdPool) share(dst, src *FDTable) {
	if src.t == nil {
		src.t = p.table(minSlots)
	}
	if dst.t == src.t {
		return
	}
	p.release(dst)
	dst.t = src.t
	dst.t.refs++
}

// unshare gives t a table of its own.
func (p *fdPool) unshare(t *FDTable) {
	if t.t == nil || t.t.refs <= 1 {
		return
	}
	old := *t
	t.t = nil
	p.fork(t, old)
	p.release(&old)
}

// release empties the table.
func (p *fdPool) release(t *FDTable) {
	old := t.t
	if old == nil {
		return
	}
	t.t = nil
	if old.refs--; old.refs > 0 {
		return
	}
	for i, f := range old.slots {
		if f != nil {
			old.slots[i] = nil
			p.drop(f)
		}
	}
	old.n = 0
	if p.biggest == old {
		p.biggest = nil
	}
	p.freeTable(old)
}

// table returns an empty table of n slots, a power of two.
func (p *fdPool) table(n int) *fdTable {
	class := bits.Len(uint(n)) - 1
	p.bytes += n * slotSize
	if class <= maxPooledClass {
		if l := p.tables[class]; len(l) > 0 {
			t := l[len(l)-1]
			l[len(l)-1] = nil
			p.tables[class] = l[:len(l)-1]
			t.refs = 1
			return t
		}
	}
	return &fdTable{slots: make([]*FD, n), refs: 1}
}

// freeTable keeps the memory of a table whose slots are empty.
func (p *fdPool) freeTable(t *fdTable) {
	p.bytes -= len(t.slots) * slotSize
	class := bits.Len(uint(len(t.slots))) - 1
	if class <= maxPooledClass && len(p.tables[class]) < maxFreeTables {
		p.tables[class] = append(p.tables[class], t)
	}
}

// resize moves the table's entries into n slots.
func (p *fdPool) resize(t *fdTable, n int) {
	fresh := p.table(n)
	for i, f := range t.slots {
		if f != nil {
			fresh.slots[fresh.find(f.Num)] = f
			t.slots[i] = nil
		}
	}
	fresh.slots, t.slots = t.slots, fresh.slots
	p.freeTable(fresh)
}

// evictFrom is the number of descriptors below which a table is left alone when room is needed.
const evictFrom = 16

// makeRoom takes an entry out of a table that has many, and reports whether it could.
func (p *fdPool) makeRoom(t *FDTable) bool {
	victim := t.t
	if victim == nil || victim.n < evictFrom {
		victim = p.biggest
	}
	if victim == nil || victim.n < evictFrom {
		return false
	}
	// The entries lie scattered by their hash, so any starting point is as fair as another. What /proc can
	// tell again goes first: it knows no socket's role, and nothing of the first descriptors' past matters more.
	mask := len(victim.slots) - 1
	last := -1
	for i, looked := int(p.evicted)&mask, 0; looked < evictFrom; i = (i + 1) & mask {
		f := victim.slots[i]
		if f == nil {
			continue
		}
		last = i
		looked++
		if f.Num > 2 && (f.Type < FDIPv4Sock || f.Type > FDUnixSock || f.Type == FDFifo) {
			break
		}
	}
	f := victim.slots[last]
	victim.delete(last)
	p.drop(f)
	p.evicted++
	return true
}
