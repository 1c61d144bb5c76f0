// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"net/netip"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// test tests one value.
type test[T any] func(v T) bool

// ordered returns the test of a value against another by an operator of order or equality.
func ordered[T cmp.Ordered](op string, v T) test[T] {
	switch op {
	case "=", "in", "intersects":
		return func(x T) bool { return x == v }
	case "!=":
		return func(x T) bool { return x != v }
	case "<":
		return func(x T) bool { return x < v }
	case "<=":
		return func(x T) bool { return x <= v }
	case ">":
		return func(x T) bool { return x > v }
	}
	return func(x T) bool { return x >= v }
}

// equality returns the test of a value against another by equality.
func equality[T comparable](op string, v T) test[T] {
	if op == "!=" {
		return func(x T) bool { return x != v }
	}
	return func(x T) bool { return x == v }
}

// modified joins the tests against the literals of a list: exactly one, one or more, or all of
// them must pass. Without literals nothing passes.
func modified[T any](mod syntax.Modifier, tests []test[T]) test[T] {
	switch {
	case len(tests) == 0:
		return func(T) bool { return false }
	case len(tests) == 1:
		return tests[0]
	case mod == syntax.ModAllOf:
		return func(v T) bool {
			for _, t := range tests {
				if !t(v) {
					return false
				}
			}
			return true
		}
	case mod == syntax.ModOneOf:
		return func(v T) bool {
			n := 0
			for _, t := range tests {
				if t(v) {
					n++
				}
			}
			return n == 1
		}
	}
	return func(v T) bool {
		for _, t := range tests {
			if t(v) {
				return true
			}
		}
		return false
	}
}

// scratch finds the context's scratch for lists of a type.
type scratch[T any] func(c *field.Context) *[]T

// The scratches of the context.
func stringsOf(c *field.Context) *[]string { return &c.Strs }
func intsOf(c *field.Context) *[]int64     { return &c.Ints }
func uintsOf(c *field.Context) *[]uint64   { return &c.Uints }
func ipsOf(c *field.Context) *[]netip.Addr { return &c.IPs }

// predicateOf compiles the test of a source's value or values. Of many values one must pass, but
// all for "in" on lists, and for "!=" on the two ends of a connection.
func predicateOf[T any](src *source, get func(*field.Context, *field.Arg) (T, bool),
	list func(*field.Context, []T) ([]T, bool), of scratch[T], t test[T], op string,
) predicate {
	if get != nil {
		arg := src.arg
		return func(c *field.Context) bool { v, ok := get(c, arg); return ok && t(v) }
	}
	every := src.list && op == "in" || src.either && op == "!="
	return func(c *field.Context) bool {
		keep := of(c)
		values, ok := list(c, (*keep)[:0])
		*keep = values[:0]
		if !ok {
			return false
		}
		for _, v := range values {
			if t(v) != every {
				return !every
			}
		}
		return every
	}
}

// existsPredicate compiles the test whether the source has a value.
func (src *source) existsPredicate() predicate {
	a := src.arg
	switch {
	case src.str != nil:
		return scalarExists(src.str, a)
	case src.int != nil:
		return scalarExists(src.int, a)
	case src.uint != nil:
		return scalarExists(src.uint, a)
	case src.bool != nil:
		return scalarExists(src.bool, a)
	case src.float != nil:
		return scalarExists(src.float, a)
	case src.ip != nil:
		return scalarExists(src.ip, a)
	case src.dyn != nil:
		return scalarExists(src.dyn, a)
	case src.strs != nil:
		return listExists(src.strs, stringsOf)
	case src.ints != nil:
		return listExists(src.ints, intsOf)
	case src.uints != nil:
		return listExists(src.uints, uintsOf)
	case src.ips != nil:
		return listExists(src.ips, ipsOf)
	}
	return func(*field.Context) bool { return false }
}

// scalarExists tests whether a getter has a value.
func scalarExists[T any](get func(*field.Context, *field.Arg) (T, bool), a *field.Arg) predicate {
	return func(c *field.Context) bool { _, ok := get(c, a); return ok }
}

// listExists tests whether a getter of many values has any.
func listExists[T any](get func(*field.Context, []T) ([]T, bool), of scratch[T]) predicate {
	return func(c *field.Context) bool {
		keep := of(c)
		values, ok := get(c, (*keep)[:0])
		*keep = values[:0]
		return ok
	}
}
