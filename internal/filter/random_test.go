// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// randomCondition returns a condition over the fake fields.
func randomCondition(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(3) > 0 {
		op := []string{" and ", " or "}[r.IntN(2)]
		parts := make([]string, 2+r.IntN(4))
		for i := range parts {
			parts[i] = randomCondition(r, depth-1)
			if r.IntN(3) == 0 {
				parts[i] = "not " + parts[i]
			}
		}
		return "(" + strings.Join(parts, op) + ")"
	}
	value := func() string { return []string{"a", "b", "ab", "/a", "/a/b", "ba"}[r.IntN(6)] }
	subject := []string{"t.name", "t.path", "t.anc"}[r.IntN(3)]
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("%s in (%s, %s)", subject, value(), value())
	case 1:
		return fmt.Sprintf("%s pmatch (%s, %s)", subject, value(), value())
	case 2:
		return fmt.Sprintf("t.num %s %d", []string{"=", "!=", "<", ">="}[r.IntN(4)], r.IntN(4))
	case 3:
		return subject + " exists"
	}
	return fmt.Sprintf("%s %s %s", subject, []string{"=", "!=", "startswith", "endswith", "contains", "icontains", "glob"}[r.IntN(7)], value())
}

// naive evaluates a condition as it is written.
func naive(n syntax.Node, f *facts) bool {
	switch n := n.(type) {
	case *syntax.And:
		return !slices.ContainsFunc(n.Children, func(c syntax.Node) bool { return !naive(c, f) })
	case *syntax.Or:
		return slices.ContainsFunc(n.Children, func(c syntax.Node) bool { return naive(c, f) })
	case *syntax.Not:
		return !naive(n.Child, f)
	case *syntax.Exists:
		return len(naiveTexts(n.Left, f)) > 0
	case *syntax.Compare:
		var values []string
		switch right := n.Right.(type) {
		case *syntax.Value:
			values = []string{right.Text}
		case *syntax.List:
			for _, i := range right.Items {
				values = append(values, i.(*syntax.Value).Text)
			}
		}
		return slices.ContainsFunc(naiveTexts(n.Left, f), func(s string) bool { return naiveOp(s, n.Op, values) })
	}
	panic("unexpected node")
}

// naiveTexts are the values of a fake field.
func naiveTexts(o syntax.Operand, f *facts) []string {
	p := f.name
	switch o.(*syntax.Field).Name {
	case "t.anc":
		return f.ancestors
	case "t.path":
		p = f.path
	case "t.num":
		if f.num == nil {
			return nil
		}
		return []string{strconv.FormatInt(*f.num, 10)}
	}
	if p == nil {
		return nil
	}
	return []string{*p}
}

// naiveOp compares one text with literals; numbers have one digit.
func naiveOp(s, op string, values []string) bool {
	v := values[0]
	switch op {
	case "=", "glob":
		return s == v
	case "!=":
		return s != v
	case "<":
		return s < v
	case ">=":
		return s >= v
	case "in":
		return slices.Contains(values, s)
	case "startswith":
		return strings.HasPrefix(s, v)
	case "endswith":
		return strings.HasSuffix(s, v)
	case "contains":
		return strings.Contains(s, v)
	case "icontains":
		return strings.Contains(strings.ToLower(s), v)
	case "pmatch":
		return slices.ContainsFunc(values, func(v string) bool { return isBelow(s, v) })
	}
	panic("unexpected operator " + op)
}

// randomFacts changes the values of the fake fields.
func randomFacts(r *rand.Rand, f *facts) {
	text := func() string { return []string{"", "a", "b", "AB", "ab", "/a", "/a/b/c", "bab"}[r.IntN(8)] }
	f.name, f.path, f.num, f.ancestors = nil, nil, nil, nil
	if r.IntN(4) > 0 {
		f.name = of(text())
	}
	if r.IntN(4) > 0 {
		f.path = of(text())
	}
	if r.IntN(4) > 0 {
		f.num = of(int64(r.IntN(5)))
	}
	for range r.IntN(3) {
		f.ancestors = append(f.ancestors, text())
	}
}

func TestCompiledAgreesWithNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	f := &facts{}
	for range 60 {
		c := NewCompiler(fakeCatalogue(f))
		var nodes []syntax.Node
		var filters []*Filter
		for range 20 { // one rule set, so that parts are shared
			n, err := syntax.Parse(randomCondition(r, 3))
			if err != nil {
				t.Fatal(err)
			}
			filter, _, err := c.Compile(n, "")
			if err != nil {
				t.Fatal(err)
			}
			nodes, filters = append(nodes, n), append(filters, filter)
		}
		program := c.Program(filters, event.Close)
		ctx := &field.Context{}
		for range 40 {
			ctx.Epoch++
			randomFacts(r, f)
			var found []int32
			for i, filter := range filters {
				if filter.Match(ctx) {
					found = append(found, int32(i))
				}
			}
			if got := program.Match(ctx, nil); !slices.Equal(got, found) {
				t.Fatalf("program finds %v, one by one %v", got, found)
			}
			for i, filter := range filters {
				if got, want := filter.Match(ctx), naive(nodes[i], f); got != want {
					t.Fatalf("%s: %v for name %v path %v num %v ancestors %q", syntax.Print(nodes[i]), got,
						f.name, f.path, f.num, f.ancestors)
				}
			}
		}
	}
}
