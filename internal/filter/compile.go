// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// builder compiles one condition.
type builder struct {
	*Compiler
	source   string // of the events
	warnings []Warning
	pos      syntax.Pos // of the comparison being compiled
}

// node compiles a part of the condition.
func (b *builder) node(n syntax.Node) (edge, error) {
	switch n := n.(type) {
	case *syntax.And:
		edges, err := b.nodes(n.Children)
		return b.all(edges), err
	case *syntax.Or:
		edges, err := b.nodes(n.Children)
		return b.any(edges), err
	case *syntax.Not:
		e, err := b.node(n.Child)
		if err != nil {
			return edge{}, err
		}
		return e.not(), nil
	case *syntax.Exists:
		b.pos = n.Pos
		return b.exists(n)
	case *syntax.Compare:
		b.pos = n.Pos
		return b.compare(n)
	case *syntax.Ident:
		b.pos = n.Pos
		return edge{}, b.errorAt(n.Pos, "filter error: unexpected identifier '%s'", n.Name)
	}
	return edge{}, fmt.Errorf("unexpected node %T", n)
}

// nodes compiles children.
func (b *builder) nodes(children []syntax.Node) ([]edge, error) {
	edges := make([]edge, len(children))
	for i, n := range children {
		e, err := b.node(n)
		if err != nil {
			return nil, err
		}
		edges[i] = e
	}
	return edges, nil
}

// exists compiles the test whether an operand has a value.
func (b *builder) exists(n *syntax.Exists) (edge, error) {
	src, err := b.operand(n.Left)
	if err != nil {
		return edge{}, err
	}
	return b.leaf(src, "exists", src.cost, 0.7, func() predicate { return src.existsPredicate() }), nil
}

// leaf returns the node that tests a source; key tells it from the other tests of the source, cost
// and chance estimate what it costs and how often it holds.
func (c *Compiler) leaf(src *source, key string, cost, chance float64, build func() predicate) edge {
	return edge{c.share(src.prefix(key), func() *node { return &node{fn: build(), cost: cost, chance: chance} }), false}
}

// comparison is a comparison with literals while it is compiled.
type comparison struct {
	*syntax.Compare
	op     string // with one spelling
	values []string
	at     []syntax.Pos // of the values
}

// compare compiles a comparison.
func (b *builder) compare(n *syntax.Compare) (edge, error) {
	left, err := b.operand(n.Left)
	if err != nil {
		return edge{}, err
	}
	c := &comparison{Compare: n, op: plainOp(n.Op)}
	if msg := checkOperator(left.typ, left.list, c.op, n.Mod != syntax.ModNone); msg != "" {
		e := b.errorAt(n.Pos, "%s", msg)
		e.Hint = operatorHint(left)
		return edge{}, e
	}
	switch right := n.Right.(type) {
	case *syntax.Value:
		c.add(right)
	case *syntax.List:
		for _, item := range right.Items {
			v, ok := item.(*syntax.Value)
			if !ok {
				return edge{}, b.errorAt(item.Position(), "filter error: lists of comparisons hold values only")
			}
			c.add(v)
		}
	default:
		return b.compareFields(left, c)
	}
	for i, v := range c.values {
		b.warn(c, v)
		if err := b.checkValue(left, c, v); err != nil {
			return edge{}, b.errorOf(err, c.at[i])
		}
	}
	return b.compareValues(left, c)
}

// add takes one literal of the right side.
func (c *comparison) add(v *syntax.Value) {
	c.values = append(c.values, v.Text)
	c.at = append(c.at, v.Pos)
}

// errorOf gives an error the position of the value that caused it.
func (b *builder) errorOf(err error, at syntax.Pos) error {
	if e, ok := err.(*Error); ok {
		e.Pos, e.At = b.pos, at
		return e
	}
	return b.errorAt(at, "%s", err)
}

// operatorHint lists the operators that a source has.
func operatorHint(src *source) string {
	ops := listOps
	if !src.list {
		ops = opRules[groupOf(src.typ)].ops
	}
	if len(ops) == 0 {
		return "only exists can test it"
	}
	return fmt.Sprintf("'%s' has the operators %s, exists", src.name, strings.Join(ops, ", "))
}

// checkValue reports why a literal cannot be compared with a source, whatever its type.
func (b *builder) checkValue(src *source, c *comparison, v string) error {
	if groupOf(src.typ) != groupBytes && strings.IndexByte(v, 0) >= 0 {
		return errNUL
	}
	if isTypeField(src) && !knownType(v) {
		return &Error{Msg: "unknown event type " + v, Hint: diag.DidYouMean(v, typeNamesKnown()), Unknown: true}
	}
	if c.op == "regex" {
		if _, err := compileRegex(v); err != nil {
			return fmt.Errorf("invalid regex pattern: %w", err)
		}
	}
	return nil
}

// warn tells of literals that look like something else.
func (b *builder) warn(c *comparison, v string) {
	warning := func(format string, args ...any) {
		b.warnings = append(b.warnings, Warning{Code: CodeCompile, Pos: c.Right.Position(), Msg: fmt.Sprintf(format, args...)})
	}
	if c.op == "regex" && plainRegex(v) {
		warning("regex check with '%s' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'", v)
	}
	plain := spaceless(v)
	if first, _, found := strings.Cut(plain, "."); found && b.classes[first] {
		if n, _, _, err := b.cat.Prefix(plain); err == nil && n == len(plain) {
			warning("'%s' may be a valid field misused as a const string value", v)
		}
	}
	if !strings.HasSuffix(plain, ")") {
		return
	}
	for _, t := range syntax.Transformers() {
		if rest, found := strings.CutPrefix(plain, t); found && len(rest) >= 2 && rest[0] == '(' {
			warning("'%s' may be a valid field transformer misused as a const string value", v)
		}
	}
}

// compareValues compiles a comparison with literals.
func (b *builder) compareValues(src *source, c *comparison) (edge, error) {
	switch {
	case src.field != nil && src.field.Flags&field.ByHostName != 0:
		return b.compareHost(src, c)
	case src.field != nil && src.field.Name == "evt.around":
		return b.compareAround(src, c)
	case isTypeField(src) && c.Mod == syntax.ModNone && (c.op == "=" || c.op == "!=" || c.op == "in" || c.op == "intersects"):
		return b.compareType(src, c), nil
	}
	switch groupOf(src.typ) {
	case groupText, groupBytes:
		return b.compareText(src, c)
	case groupBool:
		return b.compareBool(src, c)
	case groupIP:
		return b.compareIP(src, c)
	case groupNet:
		return b.compareNet(src, c)
	}
	if src.typ == event.Double {
		return b.compareFloat(src, c)
	}
	return b.compareNumber(src, c)
}

// valueKey identifies a comparison's operator and literals; it is not the same for lists in
// another order, which are rare.
func (c *comparison) key() string {
	var key strings.Builder
	key.WriteString(c.op)
	key.WriteByte(' ')
	key.WriteString(string(c.Mod))
	for _, v := range c.values {
		fmt.Fprintf(&key, " %d:%s", len(v), v)
	}
	return key.String()
}

// chance estimates how often the comparison holds.
func (c *comparison) chance() float64 {
	switch c.op {
	case "!=":
		return 0.8
	case "<", "<=", ">", ">=":
		return 0.6
	}
	return 0.15
}

// compareText compiles a comparison of texts or bytes. Those that hold if one of several texts
// fits can be merged with others.
func (b *builder) compareText(src *source, c *comparison) (edge, error) {
	values := c.values
	if c.op == "bcontains" || c.op == "bstartswith" {
		values = make([]string, len(c.values))
		for i, v := range c.values {
			bytes, err := parseHex(v)
			if err != nil {
				return edge{}, b.errorOf(err, c.at[i])
			}
			values[i] = bytes
		}
	}
	kind, mergeable := textOps[c.op]
	if mergeable && (c.Mod == syntax.ModNone || c.Mod == syntax.ModAnyOf || len(values) == 1) && (!src.list || c.op == "intersects") {
		return b.textAny(src, []textTest{{kind, values}}), nil
	}
	test := func() test[string] {
		tests := make([]test[string], len(values))
		for i, v := range values {
			tests[i] = textOp(c.op, v)
		}
		if c.op == "in" {
			return newStringSet(values).has
		}
		return modified(c.Mod, tests)
	}
	return b.leaf(src, c.key(), src.cost+30, c.chance(), func() predicate {
		return predicateOf(src, src.str, src.strs, stringsOf, test(), c.op)
	}), nil
}

// textOps are the operators that hold if one of several texts fits.
var textOps = map[string]textKind{
	"=": textEqual, "in": textEqual, "intersects": textEqual, "startswith": textPrefix, "bstartswith": textPrefix,
	"endswith": textSuffix, "contains": textContains, "bcontains": textContains, "icontains": textIContains,
	"pmatch": textPath, "glob": textGlob, "iglob": textIGlob, "regex": textRegex,
}

// textOp returns the test of one text against a literal.
func textOp(op, v string) test[string] {
	if kind, ok := textOps[op]; ok {
		return newMatcher(&textTest{kind, []string{v}})
	}
	return ordered(op, v)
}
