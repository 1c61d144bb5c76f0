// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// subject is what is known of one operand that has at most one value.
type subject struct {
	numeric bool
	tests   []literal
}

// exists reports whether the operand must have a value: some comparison of it holds.
func (s *subject) exists() truth {
	for _, t := range s.tests {
		if _, ok := t.node.(*syntax.Exists); ok {
			return truthOf(t.value)
		}
		if t.value {
			return yes
		}
	}
	return unknown
}

// values returns the only values that the operand can have, if that is known, and the test that
// says so.
func (s *subject) values() (values []string, by literal, known bool) {
	for _, t := range s.tests {
		c, ok := t.node.(*syntax.Compare)
		if !ok || !t.value {
			continue
		}
		list, ok := literals(c)
		if !ok || plain(c) != "=" && plain(c) != "in" || c.Mod != syntax.ModNone && len(list) != 1 {
			continue
		}
		if !known {
			values, by, known = list, t, true
		}
	}
	if !known {
		return nil, by, false
	}
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		for _, t := range s.tests {
			if c, ok := t.node.(*syntax.Compare); ok && s.test(c, v) == truthOf(!t.value) {
				return true
			}
		}
		return false
	})
	return values, by, true
}

// contradiction reports whether no value passes all tests, and one of those that exclude each other.
func (s *subject) contradiction() (other literal, bad bool) {
	newest := s.tests[len(s.tests)-1]
	for _, t := range s.tests[:len(s.tests)-1] {
		if s.exclude(t, newest) {
			return t, true
		}
	}
	values, by, known := s.values()
	if !known || len(values) > 0 || len(s.tests) < 2 {
		return literal{}, false
	}
	if by.node != newest.node {
		return by, true
	}
	list, _ := literals(by.node.(*syntax.Compare))
	for _, t := range s.tests[:len(s.tests)-1] {
		c, ok := t.node.(*syntax.Compare)
		if ok && slices.ContainsFunc(list, func(v string) bool { return s.test(c, v) == truthOf(!t.value) }) {
			return t, true
		}
	}
	return s.tests[0], true
}

// exclude reports whether two tests cannot come out as they do together.
func (s *subject) exclude(a, b literal) bool {
	_, aExists := a.node.(*syntax.Exists)
	_, bExists := b.node.(*syntax.Exists)
	switch {
	case aExists && !a.value:
		return b.value
	case bExists && !b.value:
		return a.value
	case aExists || bExists || !a.value || !b.value:
		return false
	}
	x, y := a.node.(*syntax.Compare), b.node.(*syntax.Compare)
	v, ok1 := one(x)
	w, ok2 := one(y)
	if !ok1 || !ok2 {
		return false
	}
	if plain(x) == "startswith" && plain(y) == "startswith" {
		return !strings.HasPrefix(v, w) && !strings.HasPrefix(w, v)
	}
	if plain(x) == "endswith" && plain(y) == "endswith" {
		return !strings.HasSuffix(v, w) && !strings.HasSuffix(w, v)
	}
	return s.numeric && apart(plain(x), v, plain(y), w)
}

// apart reports whether two bounds leave no number.
func apart(op1, v1, op2, v2 string) bool {
	if strings.HasPrefix(op1, "<") {
		op1, v1, op2, v2 = op2, v2, op1, v1
	}
	if !strings.HasPrefix(op1, ">") || !strings.HasPrefix(op2, "<") {
		return false
	}
	c, ok := compareNumbers(v1, v2)
	switch {
	case !ok:
		return false
	case op1 == ">=" && op2 == "<=":
		return c > 0
	case op1 == ">" && op2 == "<":
		lo, _ := parseLiteral(v1)
		hi, _ := parseLiteral(v2)
		return hi <= lo+1
	}
	return c >= 0
}

// eval tells what the tests say of another one.
func (s *subject) eval(n syntax.Node) truth {
	exists := s.exists()
	c, ok := n.(*syntax.Compare)
	if !ok {
		return exists
	}
	if exists == no {
		return no
	}
	if values, _, known := s.values(); known {
		return s.evalValues(c, values)
	}
	for _, t := range s.tests {
		if !t.value {
			continue
		}
		if s.exclude(t, literal{n, true}) {
			return no
		}
		if covers(t.node, c) {
			return yes
		}
	}
	return unknown
}

// evalValues tells how a comparison comes out for all possible values.
func (s *subject) evalValues(c *syntax.Compare, values []string) truth {
	out := unknown
	for i, v := range values {
		t := s.test(c, v)
		if t == unknown || i > 0 && t != out {
			return unknown
		}
		out = t
	}
	return out
}

// covers reports whether a beginning or an end that holds includes another.
func covers(held syntax.Node, c *syntax.Compare) bool {
	h, ok := held.(*syntax.Compare)
	if !ok {
		return false
	}
	v, ok1 := one(h)
	w, ok2 := one(c)
	if !ok1 || !ok2 {
		return false
	}
	switch from, to := plain(h), plain(c); {
	case from == "startswith" && to == "startswith":
		return strings.HasPrefix(v, w)
	case from == "endswith" && to == "endswith":
		return strings.HasSuffix(v, w)
	case to == "contains":
		return (from == "startswith" || from == "endswith" || from == "contains") && strings.Contains(v, w)
	}
	return false
}

// plain is a comparison's operator with one spelling.
func plain(c *syntax.Compare) string {
	if c.Op == "==" {
		return "="
	}
	return c.Op
}

// literals returns the values of the right side; ok is false if it has others than literals.
func literals(c *syntax.Compare) (values []string, ok bool) {
	switch right := c.Right.(type) {
	case *syntax.Value:
		return []string{right.Text}, true
	case *syntax.List:
		for _, item := range right.Items {
			v, ok := item.(*syntax.Value)
			if !ok {
				return nil, false
			}
			values = append(values, v.Text)
		}
		return values, true
	}
	return nil, false
}

// one returns the only literal of the right side.
func one(c *syntax.Compare) (string, bool) {
	list, ok := literals(c)
	if !ok || len(list) != 1 {
		return "", false
	}
	return list[0], true
}

// test tells how a comparison comes out for a value.
func (s *subject) test(c *syntax.Compare, v string) truth {
	list, ok := literals(c)
	if !ok || len(list) != 1 && plain(c) != "in" {
		return unknown
	}
	if plain(c) == "in" {
		out := no
		for _, w := range list {
			switch s.equal(v, w) {
			case yes:
				return yes
			case unknown:
				out = unknown
			}
		}
		return out
	}
	return s.testOne(plain(c), v, list[0])
}

// testOne tells how a value compares with a literal.
func (s *subject) testOne(op, v, w string) truth {
	switch op {
	case "=":
		return s.equal(v, w)
	case "!=":
		return s.equal(v, w).not()
	}
	if s.numeric {
		c, ok := compareNumbers(v, w)
		switch {
		case !ok:
		case op == "<":
			return truthOf(c < 0)
		case op == "<=":
			return truthOf(c <= 0)
		case op == ">":
			return truthOf(c > 0)
		case op == ">=":
			return truthOf(c >= 0)
		}
		return unknown
	}
	switch op {
	case "startswith":
		return truthOf(strings.HasPrefix(v, w))
	case "endswith":
		return truthOf(strings.HasSuffix(v, w))
	case "contains":
		return truthOf(strings.Contains(v, w))
	}
	return unknown
}

// equal tells whether two literals mean the same value.
func (s *subject) equal(v, w string) truth {
	if !s.numeric || v == w {
		return truthOf(v == w)
	}
	c, ok := compareNumbers(v, w)
	if !ok {
		return unknown // names of ports, numbers that wrap
	}
	return truthOf(c == 0)
}

// compareNumbers compares two literals as numbers. Of negative ones it depends on the field's type
// what they mean.
func compareNumbers(v, w string) (int, bool) {
	a, ok1 := parseLiteral(v)
	b, ok2 := parseLiteral(w)
	return cmp.Compare(a, b), ok1 && ok2
}

// parseLiteral reads a number as conditions have it: decimal, or hexadecimal behind 0x.
func parseLiteral(text string) (uint64, bool) {
	digits, base := text, 10
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		digits, base = text[2:], 16
	}
	n, err := strconv.ParseUint(digits, base, 63)
	return n, err == nil
}
