// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// Coverage says which predicates of the tested rules came out both ways.
type Coverage struct {
	Rules []*RuleCoverage `json:"rules"`
	by    map[string]*RuleCoverage
}

// RuleCoverage is the coverage of one rule.
type RuleCoverage struct {
	Rule       string      `json:"rule"`
	File       string      `json:"file"`
	Predicates []Predicate `json:"predicates"`
	Fired      bool        `json:"fired"`

	index map[string]int
}

// Predicate is a predicate of a rule, and whether a test made it true, and false. Evaluation goes
// from left to right and stops as soon as the result is known; what it does not reach does not count.
type Predicate struct {
	Text  string `json:"predicate"`
	True  bool   `json:"true"`
	False bool   `json:"false"`
}

// Both reports whether the predicate came out both ways.
func (p *Predicate) Both() bool { return p.True && p.False }

// newCoverage returns an empty coverage.
func newCoverage() *Coverage { return &Coverage{by: map[string]*RuleCoverage{}} }

// of returns the coverage of a rule.
func (c *Coverage) of(r *rule.Rule, e *evaluator) *RuleCoverage {
	key := r.File + "\x00" + r.Name
	rc := c.by[key]
	if rc != nil {
		return rc
	}
	rc = &RuleCoverage{Rule: r.Name, File: r.File, index: map[string]int{}}
	syntax.Walk(r.Condition, func(n syntax.Node) bool {
		if l := e.leaves[n]; l != nil && !l.fixed {
			if _, known := rc.index[l.text]; !known {
				rc.index[l.text] = len(rc.Predicates)
				rc.Predicates = append(rc.Predicates, Predicate{Text: l.text})
			}
		}
		return true
	})
	c.by[key] = rc
	c.Rules = append(c.Rules, rc)
	return rc
}

// record evaluates a rule for the event of the evaluator's context and notes how its predicates come
// out.
func (rc *RuleCoverage) record(r *rule.Rule, e *evaluator) {
	holds := e.holds(r.Condition, func(l *leaf, value bool) {
		i, ok := rc.index[l.text]
		if !ok {
			return
		}
		if value {
			rc.Predicates[i].True = true
		} else {
			rc.Predicates[i].False = true
		}
	})
	rc.Fired = rc.Fired || holds
}

// Count returns how many predicates came out both ways, and how many there are.
func (rc *RuleCoverage) Count() (both, all int) {
	for i := range rc.Predicates {
		if rc.Predicates[i].Both() {
			both++
		}
	}
	return both, len(rc.Predicates)
}

// Total returns how many predicates of all rules came out both ways, and how many there are.
func (c *Coverage) Total() (both, all int) {
	for _, rc := range c.Rules {
		b, a := rc.Count()
		both, all = both+b, all+a
	}
	return both, all
}

// Percent is the share of predicates that came out both ways.
func (c *Coverage) Percent() float64 {
	both, all := c.Total()
	if all == 0 {
		return 100
	}
	return 100 * float64(both) / float64(all)
}

// Fired returns how many rules held at least once.
func (c *Coverage) Fired() (n int) {
	for _, rc := range c.Rules {
		if rc.Fired {
			n++
		}
	}
	return n
}

// Missing lists the predicates of a rule that did not come out both ways.
func (rc *RuleCoverage) Missing() []Predicate {
	return slices.DeleteFunc(slices.Clone(rc.Predicates), func(p Predicate) bool { return p.Both() })
}
