// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"math/rand/v2"
	"testing"
)

// spread is a hash of numbers.
func spread(n uint64) uint64 { n *= 0x9e3779b97f4a7c15; return n ^ n>>32 }

// crowd is a hash under which many keys want the same slot.
func crowd(n uint64) uint64 { return n % 3 }

// contents reads a table.
func contents(t *Table[uint64, string]) map[uint64]Entry[uint64, string] {
	all := map[uint64]Entry[uint64, string]{}
	t.Each(func(e Entry[uint64, string]) { all[e.Key] = e })
	return all
}

func TestCountsExactlyWhileThereIsRoom(t *testing.T) {
	table := New[uint64, string](8, spread)
	for i := range uint64(36) {
		v, fresh := table.Add(i % 8)
		if fresh != (i < 8) {
			t.Errorf("%d: fresh %v", i, fresh)
		}
		if fresh {
			*v = "some"
		} else if *v != "some" {
			t.Errorf("%d: got %q", i, *v)
		}
	}
	for k, e := range contents(table) {
		if want := uint64(4); e.Over != 0 || e.Count != want && (k >= 4 || e.Count != want+1) {
			t.Errorf("%d: %+v", k, e)
		}
	}
	if total, evicted := table.Total(); total != 36 || evicted != 0 || len(contents(table)) != 8 {
		t.Errorf("%d %d %d", total, evicted, len(contents(table)))
	}
	table.Reset()
	if total, _ := table.Total(); total != 0 || len(contents(table)) != 0 {
		t.Error("not empty after Reset")
	}
	if v, fresh := table.Add(3); !fresh || *v != "" {
		t.Error("a value outlives Reset")
	}
}

// Whatever comes: counts are right within Over, all counts together are the total, and a key that is
// frequent enough is there.
func TestBoundsHold(t *testing.T) {
	for name, hash := range map[string]func(uint64) uint64{"spread": spread, "crowd": crowd} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			const capacity = 16
			table, truth := New[uint64, string](capacity, hash), map[uint64]uint64{}
			for range 20000 {
				key := r.Uint64N(200)
				if r.IntN(3) > 0 {
					key = r.Uint64N(6)
				}
				truth[key]++
				table.Add(key)
			}
			got, sum := contents(table), uint64(0)
			for k, e := range got {
				sum += e.Count
				if e.Count < truth[k] || e.Count-e.Over > truth[k] {
					t.Errorf("%d came %d times, told are %d, at most %d too many", k, truth[k], e.Count, e.Over)
				}
			}
			total, evicted := table.Total()
			if sum != total || total != 20000 || evicted == 0 || len(got) != capacity {
				t.Errorf("sum %d of %d, evicted %d, %d keys", sum, total, evicted, len(got))
			}
			for k, n := range truth {
				if _, ok := got[k]; !ok && n > total/capacity {
					t.Errorf("%d, %d of %d, is not in the table", k, n, total)
				}
			}
		})
	}
}

func TestNoAllocation(t *testing.T) {
	table, n := New[uint64, string](256, spread), uint64(0)
	if a := testing.AllocsPerRun(2000, func() { n++; table.Add(n); table.Add(n / 3) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
	if a := testing.AllocsPerRun(10, table.Reset); a != 0 {
		t.Errorf("%v allocations of Reset", a)
	}
}

// BenchmarkAdd measures a key that is there, and the worst: always another one.
func BenchmarkAdd(b *testing.B) {
	b.Run("known", func(b *testing.B) {
		table, n := New[uint64, string](256, spread), uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			n++
			table.Add(n & 127)
		}
	})
	b.Run("new", func(b *testing.B) {
		table, n := New[uint64, string](256, spread), uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			n++
			table.Add(n)
		}
	})
}
