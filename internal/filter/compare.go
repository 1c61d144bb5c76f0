// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// parsed reads the literals of a comparison.
func parsed[T any](b *builder, c *comparison, parse func(string) (T, error)) ([]T, error) {
	values := make([]T, len(c.values))
	for i, text := range c.values {
		v, err := parse(text)
		if err != nil {
			return nil, b.errorOf(err, c.at[i])
		}
		values[i] = v
	}
	return values, nil
}

// setOp reports whether a comparison is membership in the set of its literals.
func (c *comparison) setOp() bool {
	return c.op == "in" || c.op == "intersects" || c.op == "=" && c.Mod == syntax.ModAnyOf
}

// eachOf joins the tests of a value against the literals.
func eachOf[T any](c *comparison, values []T, one func(op string, v T) test[T]) test[T] {
	tests := make([]test[T], len(values))
	for i, v := range values {
		tests[i] = one(c.op, v)
	}
	return modified(c.Mod, tests)
}

// compareNumber compiles a comparison of integers.
func (b *builder) compareNumber(src *source, c *comparison) (edge, error) {
	values, err := parsed(b, c, func(s string) (uint64, error) { return parseNumber(s, src.typ) })
	if err != nil {
		return edge{}, err
	}
	return b.leaf(src, c.key(), src.cost+3, c.chance(), func() predicate {
		if src.uint != nil || src.uints != nil {
			if p := fastNumber(src.uint, src.arg, c, values); p != nil {
				return p
			}
			return predicateOf(src, src.uint, src.uints, uintsOf, numberTest(c, values), c.op)
		}
		signed := make([]int64, len(values))
		for i, v := range values {
			signed[i] = int64(v)
		}
		if p := fastNumber(src.int, src.arg, c, signed); p != nil {
			return p
		}
		return predicateOf(src, src.int, src.ints, intsOf, numberTest(c, signed), c.op)
	}), nil
}

// fastNumber compiles the commonest comparisons of one number with one literal; nil for others.
func fastNumber[T int64 | uint64](get func(*field.Context, *field.Arg) (T, bool), arg *field.Arg, c *comparison, values []T) predicate {
	if get == nil || len(values) != 1 {
		return nil
	}
	v := values[0]
	switch c.op {
	case "=", "in":
		return func(c *field.Context) bool { x, ok := get(c, arg); return ok && x == v }
	case ">":
		return func(c *field.Context) bool { x, ok := get(c, arg); return ok && x > v }
	case ">=":
		return func(c *field.Context) bool { x, ok := get(c, arg); return ok && x >= v }
	case "<":
		return func(c *field.Context) bool { x, ok := get(c, arg); return ok && x < v }
	}
	return nil
}

// numberTest returns the test of a number against the literals.
func numberTest[T int64 | uint64](c *comparison, values []T) test[T] {
	if c.setOp() {
		return numberSet(values)
	}
	return eachOf(c, values, ordered[T])
}

// bitmapRange is the largest distance between numbers that are kept as a bitmap.
const bitmapRange = 1 << 16

// numberSet returns the test of membership: one by one for a few numbers, by a bitmap for near
// ones, by a hash for others.
func numberSet[T int64 | uint64](values []T) test[T] {
	if len(values) == 0 {
		return func(T) bool { return false }
	}
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	if len(values) <= 4 {
		return func(x T) bool {
			for _, v := range values {
				if x == v {
					return true
				}
			}
			return false
		}
	}
	if span := uint64(high) - uint64(low); span < bitmapRange {
		bits := make([]uint64, span/64+1)
		for _, v := range values {
			i := uint64(v) - uint64(low)
			bits[i>>6] |= 1 << (i & 63)
		}
		return func(x T) bool {
			i := uint64(x) - uint64(low)
			return i <= span && bits[i>>6]>>(i&63)&1 != 0
		}
	}
	set := make(map[T]struct{}, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return func(x T) bool { _, ok := set[x]; return ok }
}

// compareFloat compiles a comparison of numbers with fractions; literals are integers.
func (b *builder) compareFloat(src *source, c *comparison) (edge, error) {
	values, err := parsed(b, c, func(s string) (float64, error) {
		n, err := parseNumber(s, src.typ)
		return float64(int64(n)), err
	})
	if err != nil {
		return edge{}, err
	}
	return b.leaf(src, c.key(), src.cost+3, c.chance(), func() predicate {
		return predicateOf(src, src.float, nil, nil, eachOf(c, values, ordered[float64]), c.op)
	}), nil
}

// compareBool compiles a comparison of truth values.
func (b *builder) compareBool(src *source, c *comparison) (edge, error) {
	values, err := parsed(b, c, parseBool)
	if err != nil {
		return edge{}, err
	}
	return b.leaf(src, c.key(), src.cost+2, c.chance(), func() predicate {
		if src.uints != nil { // a list: truth values as 0 and 1
			numbers := make([]uint64, len(values))
			for i, v := range values {
				if v {
					numbers[i] = 1
				}
			}
			return predicateOf(src, nil, src.uints, uintsOf, numberTest(c, numbers), c.op)
		}
		if len(values) == 1 && c.op != "!=" {
			get, arg, want := src.bool, src.arg, values[0]
			return func(c *field.Context) bool { v, ok := get(c, arg); return ok && v == want }
		}
		return predicateOf(src, src.bool, nil, nil, eachOf(c, values, equality[bool]), c.op)
	}), nil
}

// compareIP compiles a comparison of addresses. One of the other family is not equal.
func (b *builder) compareIP(src *source, c *comparison) (edge, error) {
	values, err := parsed(b, c, parseIP)
	if err != nil {
		return edge{}, err
	}
	return b.leaf(src, c.key(), src.cost+6, c.chance(), func() predicate {
		t := eachOf(c, values, equality[netip.Addr])
		if c.setOp() && len(values) > 4 {
			set := make(map[netip.Addr]struct{}, len(values))
			for _, v := range values {
				set[v] = struct{}{}
			}
			t = func(x netip.Addr) bool { _, ok := set[x]; return ok }
		}
		return predicateOf(src, src.ip, src.ips, ipsOf, t, c.op)
	}), nil
}

// compareNet compiles a test of addresses against networks.
func (b *builder) compareNet(src *source, c *comparison) (edge, error) {
	values, err := parsed(b, c, parseNet)
	if err != nil {
		return edge{}, err
	}
	return b.leaf(src, c.key(), src.cost+10, c.chance(), func() predicate {
		t := eachNet(c, values)
		if c.setOp() {
			t = newNetSet(values).has
		}
		return predicateOf(src, src.ip, src.ips, ipsOf, t, c.op)
	}), nil
}

// eachNet joins the tests of an address against networks.
func eachNet(c *comparison, values []netip.Prefix) test[netip.Addr] {
	tests := make([]test[netip.Addr], len(values))
	for i, net := range values {
		outside := c.op == "!="
		tests[i] = func(ip netip.Addr) bool { return net.Contains(ip) != outside }
	}
	return modified(c.Mod, tests)
}

// netSet is a set of networks; looking an address up takes one step for every length of prefix
// that the set has.
type netSet struct {
	few  []netip.Prefix // all of them, if they are few
	bits [2][]int       // lengths of prefixes of IPv4 and IPv6
	nets map[netip.Prefix]struct{}
}

// fewNets is how many networks are compared one by one.
const fewNets = 8

// newNetSet returns the set of masked networks.
func newNetSet(nets []netip.Prefix) *netSet {
	if len(nets) <= fewNets {
		return &netSet{few: nets}
	}
	s := &netSet{nets: make(map[netip.Prefix]struct{}, len(nets))}
	var seen [2][129]bool
	for _, n := range nets {
		s.nets[n] = struct{}{}
		family := 0
		if n.Addr().Is6() {
			family = 1
		}
		if !seen[family][n.Bits()] {
			seen[family][n.Bits()] = true
			s.bits[family] = append(s.bits[family], n.Bits())
		}
	}
	return s
}

// has reports whether ip is in one of the networks.
func (s *netSet) has(ip netip.Addr) bool {
	for _, n := range s.few {
		if n.Contains(ip) {
			return true
		}
	}
	family := 0
	if ip.Is6() {
		family = 1
	}
	for _, bits := range s.bits[family] {
		if n, err := ip.Prefix(bits); err == nil {
			if _, ok := s.nets[n]; ok {
				return true
			}
		}
	}
	return false
}

// compareAround compiles evt.around[T] = D: the event is at most D milliseconds away from T.
func (b *builder) compareAround(src *source, c *comparison) (edge, error) {
	if c.op != "=" || len(c.values) != 1 {
		return edge{}, b.errorAt(c.Pos, "evt.around supports only '=' comparison operator")
	}
	limit, err := parseNumber(c.values[0], src.typ)
	if err != nil {
		return edge{}, b.errorOf(err, c.at[0])
	}
	get, arg := src.uint, src.arg
	return b.leaf(src, c.key(), src.cost, c.chance(), func() predicate {
		return func(c *field.Context) bool { v, ok := get(c, arg); return ok && v <= limit }
	}), nil
}

// hostOps are the operators of addresses that are compared with host names.
var hostOps = map[string]bool{"=": true, "!=": true, "in": true}

// compareHost compiles a comparison of an address with host names. What they resolve to may
// change while the program runs; a name that does not resolve is no address's.
func (b *builder) compareHost(src *source, c *comparison) (edge, error) {
	if !hostOps[c.op] {
		e := b.errorAt(c.Pos, "filter error: '%s' operator not supported for host name filters", c.op)
		e.Hint = fmt.Sprintf("'%s' has the operators =, !=, in, exists", src.name)
		return edge{}, e
	}
	hosts := make([]string, len(c.values))
	for i, name := range c.values {
		hosts[i] = strings.TrimSpace(name)
		if b.DNS != nil {
			b.DNS.Want(hosts[i])
		}
	}
	get, arg, wanted := src.field.IP, src.arg, c.op != "!="
	return b.leaf(src, c.key(), src.cost+20, c.chance(), func() predicate {
		return func(c *field.Context) bool {
			ip, ok := get(c, arg)
			if !ok || c.Machine == nil || c.Machine.DNS == nil {
				return ok && !wanted
			}
			for _, name := range hosts {
				if c.Machine.DNS.Has(name, ip) {
					return wanted
				}
			}
			return !wanted
		}
	}), nil
}
