// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"math"
	"testing"
)

// TestGuards holds which test, of those that several conjunctions demand, is made before all of them.
func TestGuards(t *testing.T) {
	n := func(id int, cost, chance float64) edge { return edge{&node{id: id, cost: cost, chance: chance}, false} }
	seldom, seldom2 := n(1, 7, 0.1), n(2, 7, 0.1)
	usually, slow := n(3, 60, 0.9), n(4, 50, 0.5)
	for name, c := range map[string]struct {
		list []conjunction
		want edge
	}{
		"nothing in common":                    {[]conjunction{{0, []edge{seldom}}, {1, []edge{seldom2}}}, edge{}},
		"the common test begins both":          {[]conjunction{{0, []edge{seldom, slow}}, {1, []edge{seldom, usually}}}, seldom},
		"what nearly always holds waits":       {[]conjunction{{0, []edge{seldom, usually}}, {1, []edge{seldom2, usually}}}, edge{}},
		"it is worth it for what is always so": {[]conjunction{{0, []edge{slow, usually}}, {1, []edge{usually}}}, usually},
	} {
		if got := best(c.list); got != c.want {
			t.Errorf("%s: guard %+v, want %+v", name, got.node, c.want.node)
		}
	}
}

// TestSavings compares what guards save with the sum over all ways that a conjunction can go.
func TestSavings(t *testing.T) {
	edges := []edge{{&node{cost: 5, chance: 0.3}, false}, {&node{cost: 20, chance: 0.2}, true}, {&node{cost: 60, chance: 0.5}, false}}
	cost := func(edges ...edge) (sum float64) {
		reached := 1.0
		for _, e := range edges {
			sum += reached * e.cost
			reached *= e.likely()
		}
		return sum
	}
	a, b, d := edges[0], edges[1], edges[2]
	want := []float64{cost(a, b, d) - 0.3*cost(b, d), cost(a, b, d) - 0.8*cost(a, d), cost(a, b, d) - 0.5*cost(a, b)}
	for i, got := range savings(edges) {
		if math.Abs(got-want[i]) > 1e-9 {
			t.Errorf("edge %d saves %v, want %v", i, got, want[i])
		}
	}
}
