// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// compareFields compiles a comparison of two sources. Both must be of one type.
func (b *builder) compareFields(left *source, c *comparison) (edge, error) {
	at := c.Right.Position()
	right, err := b.operand(c.Right)
	if err != nil {
		return edge{}, err
	}
	switch {
	case c.op == "pmatch" || c.op == "regex":
		return edge{}, b.errorAt(at, "operator '%s' doesn't support right-hand side fields", strings.ToUpper(c.op))
	case groupOf(left.typ) == groupNet:
		return edge{}, b.errorAt(at, "field type 'IPNET' doesn't support right-hand side fields")
	case left.noRHS:
		return edge{}, b.errorAt(at, "field '%s' doesn't support right-hand side fields", left.name)
	case right.noRHS:
		return edge{}, b.errorAt(at, "field '%s' can't be used as a right-hand side field", right.name)
	case left.typ != right.typ || left.list != right.list:
		return edge{}, b.errorAt(at, "field '%s' has type '%s'%s while the right-hand side field '%s' has incompatible type '%s'%s",
			left.name, typeName(left.typ), listMark(left), right.name, typeName(right.typ), listMark(right))
	}
	p := pairPredicate(left, right, c.op)
	if p == nil {
		return edge{}, b.errorAt(at, "field '%s' can't be compared with field '%s'", left.name, right.name)
	}
	key := right.prefix(c.op + " =")
	return b.leaf(left, key, left.cost+right.cost+10, c.chance(), func() predicate { return p }), nil
}

// listMark is what messages add to the type of a list.
func listMark(src *source) string {
	if src.list {
		return " (list)"
	}
	return ""
}

// pairPredicate compiles the comparison of two sources of one type; nil if they deliver in ways
// that do not fit.
func pairPredicate(left, right *source, op string) predicate {
	switch {
	case left.str != nil && right.str != nil:
		if groupOf(left.typ) == groupBytes || textRelations[op] != nil {
			return pair(left.str, left.arg, right.str, right.arg, textRelation(op))
		}
		return pair(left.str, left.arg, right.str, right.arg, relation[string](op))
	case left.int != nil && right.int != nil:
		return pair(left.int, left.arg, right.int, right.arg, relation[int64](op))
	case left.uint != nil && right.uint != nil:
		return pair(left.uint, left.arg, right.uint, right.arg, relation[uint64](op))
	case left.float != nil && right.float != nil:
		return pair(left.float, left.arg, right.float, right.arg, relation[float64](op))
	case left.bool != nil && right.bool != nil:
		return pair(left.bool, left.arg, right.bool, right.arg, same[bool](op))
	case left.ip != nil && right.ip != nil:
		return pair(left.ip, left.arg, right.ip, right.arg, same[netip.Addr](op))
	case left.strs != nil && right.strs != nil:
		return listPair(left.strs, right.strs, stringsOf, op)
	case left.ints != nil && right.ints != nil:
		return listPair(left.ints, right.ints, intsOf, op)
	case left.uints != nil && right.uints != nil:
		return listPair(left.uints, right.uints, uintsOf, op)
	case left.ips != nil && right.ips != nil:
		return listPair(left.ips, right.ips, ipsOf, op)
	}
	return nil
}

// pair compares the values of two getters; without one of them it does not hold.
func pair[T any](left func(*field.Context, *field.Arg) (T, bool), leftArg *field.Arg,
	right func(*field.Context, *field.Arg) (T, bool), rightArg *field.Arg, holds func(a, b T) bool,
) predicate {
	return func(c *field.Context) bool {
		a, ok := left(c, leftArg)
		if !ok {
			return false
		}
		b, ok := right(c, rightArg)
		return ok && holds(a, b)
	}
}

// listPair compares two lists: all elements of the left one are in the right one, or one is. Both
// are held in one scratch, the right one behind the left one.
func listPair[T comparable](left, right func(*field.Context, []T) ([]T, bool), of scratch[T], op string) predicate {
	every := op == "in"
	return func(c *field.Context) bool {
		keep := of(c)
		values, ok := left(c, (*keep)[:0])
		n := len(values)
		if ok {
			values, ok = right(c, values)
		}
		*keep = values[:0]
		if !ok {
			return false
		}
		for _, a := range values[:n] {
			if contains(values[n:], a) != every {
				return !every
			}
		}
		return every
	}
}

// contains reports whether v is in list.
func contains[T comparable](list []T, v T) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// relation returns the comparison of two values by order or equality.
func relation[T cmp.Ordered](op string) func(a, b T) bool {
	switch op {
	case "<":
		return func(a, b T) bool { return a < b }
	case "<=":
		return func(a, b T) bool { return a <= b }
	case ">":
		return func(a, b T) bool { return a > b }
	case ">=":
		return func(a, b T) bool { return a >= b }
	}
	return same[T](op)
}

// same returns the comparison of two values by equality.
func same[T comparable](op string) func(a, b T) bool {
	if op == "!=" {
		return func(a, b T) bool { return a != b }
	}
	return func(a, b T) bool { return a == b }
}

// textRelations are the operators that only texts and bytes have.
var textRelations = map[string]func(a, b string) bool{
	"contains":    strings.Contains,
	"bcontains":   strings.Contains,
	"icontains":   containsFold,
	"startswith":  strings.HasPrefix,
	"bstartswith": strings.HasPrefix,
	"endswith":    strings.HasSuffix,
	"glob":        func(s, pattern string) bool { return glob(pattern, s, false) },
	"iglob":       func(s, pattern string) bool { return glob(pattern, s, true) },
}

// textRelation returns the comparison of two texts.
func textRelation(op string) func(a, b string) bool {
	if f := textRelations[op]; f != nil {
		return f
	}
	return relation[string](op)
}

// containsFold reports whether sub is in s, letters of ASCII being equal whatever their case.
func containsFold(s, sub string) bool {
	for i := 0; i+len(sub) <= len(s); i++ {
		j := 0
		for j < len(sub) && lowerByte(s[i+j]) == lowerByte(sub[j]) {
			j++
		}
		if j == len(sub) {
			return true
		}
	}
	return false
}

// isTypeField reports whether a source is the event's type as it is.
func isTypeField(src *source) bool {
	return src.field != nil && src.typ == event.CharBuf && src.str != nil &&
		(src.field.Name == "evt.type" || src.field.Name == "syscall.type")
}
