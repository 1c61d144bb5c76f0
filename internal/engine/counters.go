// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// Counters keep how often rules matched over the lives of several engines, so that a rule goes on
// counting when the rules are loaded again. The zero value is empty. Any goroutine may use them.
type Counters struct {
	mu sync.Mutex
	by map[counterKey]*atomic.Uint64
}

// counterKey is what makes two rules the same for those who count: a rule with another priority
// begins anew.
type counterKey struct {
	name     string
	priority alert.Priority
}

// of returns the counter of a rule.
func (c *Counters) of(r *rule.Rule) *atomic.Uint64 {
	key := counterKey{r.Name, r.Priority}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.by[key]
	if n == nil {
		if c.by == nil {
			c.by = map[counterKey]*atomic.Uint64{}
		}
		n = new(atomic.Uint64)
		c.by[key] = n
	}
	return n
}

// Prune forgets rules that an engine does not have and that never matched.
func (c *Counters) Prune(e *Engine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := make(map[counterKey]bool, len(e.rules))
	for _, r := range e.rules {
		used[counterKey{r.rule.Name, r.rule.Priority}] = true
	}
	for key, n := range c.by {
		if n.Load() == 0 && !used[key] {
			delete(c.by, key)
		}
	}
}

// Count is how often the rules of a name and priority matched.
type Count struct {
	Name     string
	Priority alert.Priority
	Matches  uint64
}

// Matched returns all that ever matched, those of an engine first and in its order, then the others
// by name.
func (c *Counters) Matched(e *Engine) []Count {
	order := make(map[string]int, len(e.rules))
	for i, r := range e.rules {
		order[r.rule.Name] = i - len(e.rules)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Count
	for key, n := range c.by {
		if m := n.Load(); m > 0 {
			all = append(all, Count{key.name, key.priority, m})
		}
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(order[a.Name], order[b.Name]), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Priority, b.Priority))
	})
	return all
}
