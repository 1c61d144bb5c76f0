// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "testing"

// TestClockSetBack lets records wait in the rings when the machine's clock is set back: none may wait until
// the clock is there again, and what was written since comes in its order.
func TestClockSetBack(t *testing.T) {
	const now, second = uint64(1_700_000_000_000_000_000), uint64(1_000_000_000)
	for name, c := range map[string]struct {
		times [2]uint64
		want  int // which ring, -1 for none
	}{
		"in order":               {[2]uint64{now - 2, now - 1}, 0},
		"the second is older":    {[2]uint64{now - 1, now - 2}, 1},
		"just written":           {[2]uint64{now + 1, now + 20_000}, -1},
		"one may be delivered":   {[2]uint64{now + 1, now}, 1},
		"set back by an hour":    {[2]uint64{now + 3600*second, now + 20_000}, 0},
		"both before the step":   {[2]uint64{now + 3600*second + 1, now + 3600*second}, 1},
		"what is new goes first": {[2]uint64{now + 3600*second, now - 1}, 1},
	} {
		s := &Source{horizon: now}
		for _, ts := range c.times {
			s.rings = append(s.rings, &ring{head: []byte{0}, ts: ts})
		}
		got := -1
		for i, r := range s.rings {
			if s.pick() == r {
				got = i
			}
		}
		if got != c.want {
			t.Errorf("%s: ring %d, want %d", name, got, c.want)
		}
	}
}
