// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// textKind is one way to compare a text with others; it holds if it does for one of them.
type textKind uint8

// The kinds, cheap ones first: that is the order in which they are tried.
const (
	textEqual textKind = iota
	textPrefix
	textSuffix
	textPath
	textContains
	textIContains
	textGlob
	textIGlob
	textRegex
	numTextKinds
)

// textCost estimates the cost of one test of a kind.
var textCost = [numTextKinds]float64{3, 4, 4, 15, 25, 30, 30, 30, 200}

// textTest compares a text with values: it passes if the comparison holds for one of them.
type textTest struct {
	kind   textKind
	values []string
}

// textLeaf is the test whether some text of a source passes one of tests. Leaves of one source
// can be merged.
type textLeaf struct {
	src   *source
	tests []textTest
}

// maxKey is the length from which a node's key is replaced by its digest.
const maxKey = 128

// maxMerge is the number of values from which a test is not merged with others, as its set may
// be shared with other rules.
const maxMerge = 1024

// digest returns a short key for a long one.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

// key identifies a test by its kind and values.
func (t *textTest) key() string {
	var b strings.Builder
	b.WriteByte('a' + byte(t.kind))
	for _, v := range t.values {
		b.WriteString(strconv.Itoa(len(v)))
		b.WriteByte(':')
		b.WriteString(v)
	}
	if b.Len() > maxKey {
		return digest(b.String())
	}
	return b.String()
}

// normalized returns tests with their values sorted and without doubles, in the order of their
// kinds; globs that are no more than a comparison become one. Small tests of one kind are joined.
func normalized(tests []textTest) []textTest {
	var small [numTextKinds][]string
	var out []textTest
	for _, t := range tests {
		if len(t.values) > maxMerge {
			out = append(out, textTest{t.kind, sorted(t.values)})
			continue
		}
		for _, v := range t.values {
			kind, text := t.kind, v
			if kind == textGlob {
				if k, plain, ok := simpleGlob(v); ok {
					kind, text = k, plain
				}
			}
			small[kind] = append(small[kind], text)
		}
	}
	for kind, values := range small {
		if len(values) > 0 {
			out = append(out, textTest{textKind(kind), sorted(values)})
		}
	}
	slices.SortStableFunc(out, func(a, b textTest) int { return int(a.kind) - int(b.kind) })
	return slices.CompactFunc(out, func(a, b textTest) bool { return a.key() == b.key() })
}

// sorted returns values in order, without doubles.
func sorted(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}

// textAny returns the edge that tests whether some text of src passes one of tests.
func (c *Compiler) textAny(src *source, tests []textTest) edge {
	tests = normalized(tests)
	if len(tests) == 0 {
		return c.constant(false)
	}
	key := src.prefix("text")
	for i := range tests {
		key += tests[i].key()
	}
	return edge{c.share(key, func() *node {
		n := &node{text: &textLeaf{src, tests}, cost: src.cost, chance: 0.1}
		matchers := make([]matcher, len(tests))
		for i := range tests {
			n.cost += textCost[tests[i].kind]
			matchers[i] = c.matcher(&tests[i])
		}
		n.fn = src.textPredicate(tests, matchers)
		return n
	}), false}
}

// merge joins the tests of one source's text among edges that are alternatives.
func (c *Compiler) merge(edges []edge) []edge {
	groups := map[*source][]int{}
	for i, e := range edges {
		if e.text != nil && !e.neg {
			groups[e.text.src] = append(groups[e.text.src], i)
		}
	}
	var merged []edge
	gone := map[int]bool{}
	for i, e := range edges {
		if gone[i] {
			continue
		}
		group := groups[nilSource(e)]
		if e.text == nil || e.neg || len(group) < 2 {
			merged = append(merged, e)
			continue
		}
		var tests []textTest
		for _, j := range group {
			gone[j] = true
			tests = append(tests, edges[j].text.tests...)
		}
		merged = append(merged, c.textAny(e.text.src, tests))
	}
	return merged
}

// nilSource is the source of an edge's text, nil if it tests none.
func nilSource(e edge) *source {
	if e.text == nil {
		return nil
	}
	return e.text.src
}

// matcher tests one text.
type matcher = test[string]

// matcher returns the compiled form of a test, shared with all equal ones.
func (c *Compiler) matcher(t *textTest) matcher {
	key := t.key()
	m := c.matchers[key]
	if m == nil {
		m = newMatcher(t)
		c.matchers[key] = m
	}
	return m
}

// newMatcher compiles a test.
func newMatcher(t *textTest) matcher {
	first := t.values[0]
	switch {
	case t.kind == textRegex:
		return regexMatcher(t.values)
	case t.kind == textGlob || t.kind == textIGlob:
		return globMatcher(t.values, t.kind == textIGlob)
	case t.kind == textPath:
		return newPathTrie(t.values).has
	case t.kind == textIContains:
		return newAutomaton(t.values, true).has
	case len(t.values) == 1 && t.kind == textEqual:
		return func(s string) bool { return s == first }
	case len(t.values) == 1 && t.kind == textPrefix:
		return func(s string) bool { return strings.HasPrefix(s, first) }
	case len(t.values) == 1 && t.kind == textSuffix:
		return func(s string) bool { return strings.HasSuffix(s, first) }
	case len(t.values) == 1 && t.kind == textContains:
		return func(s string) bool { return strings.Contains(s, first) }
	case t.kind == textEqual:
		return newStringSet(t.values).has
	case t.kind == textPrefix:
		return newPrefixTrie(t.values).has
	case t.kind == textSuffix:
		return newSuffixTrie(t.values).has
	}
	return newAutomaton(t.values, false).has
}

// globMatcher tests patterns one after the other.
func globMatcher(patterns []string, fold bool) matcher {
	return func(s string) bool {
		for _, p := range patterns {
			if glob(p, s, fold) {
				return true
			}
		}
		return false
	}
}

// regexMatcher tests regular expressions one after the other; they have been checked before.
func regexMatcher(patterns []string) matcher {
	var list []regexTest
	for _, p := range patterns {
		if t, err := newRegexTest(p); err == nil {
			list = append(list, t)
		}
	}
	return func(s string) bool {
		for i := range list {
			if list[i].has(s) {
				return true
			}
		}
		return false
	}
}

// textPredicate compiles a leaf; common shapes have closures of their own.
func (src *source) textPredicate(tests []textTest, matchers []matcher) predicate {
	if src.strs != nil {
		return src.textsPredicate(matchers)
	}
	get, arg := src.str, src.arg
	first := tests[0].values[0]
	match := matchers[0]
	switch {
	case len(matchers) > 1:
		return func(c *field.Context) bool {
			s, ok := get(c, arg)
			if !ok {
				return false
			}
			for _, m := range matchers {
				if m(s) {
					return true
				}
			}
			return false
		}
	case len(tests[0].values) == 1 && tests[0].kind == textEqual:
		return func(c *field.Context) bool { s, ok := get(c, arg); return ok && s == first }
	case len(tests[0].values) == 1 && tests[0].kind == textPrefix:
		return func(c *field.Context) bool { s, ok := get(c, arg); return ok && strings.HasPrefix(s, first) }
	}
	return func(c *field.Context) bool { s, ok := get(c, arg); return ok && match(s) }
}

// textsPredicate compiles a leaf over a source with many texts: one that passes is enough.
func (src *source) textsPredicate(matchers []matcher) predicate {
	get := src.strs
	return func(c *field.Context) bool {
		list, _ := get(c, c.Strs[:0])
		found := slices.ContainsFunc(list, func(s string) bool {
			for _, m := range matchers {
				if m(s) {
					return true
				}
			}
			return false
		})
		c.Strs = list[:0]
		return found
	}
}
