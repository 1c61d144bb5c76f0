// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// listOperators take a list on their right side.
var listOperators = []string{"in", "intersects", "pmatch"}

// modifiers follow an operator and make it take a list.
var modifiers = []string{string(syntax.ModOneOf), string(syntax.ModAnyOf), string(syntax.ModAllOf)}

// modifiable are the operators that a modifier can follow.
var modifiable = []string{
	"=", "==", "!=", "glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex",
}

// normalise leaves single blanks in an operator.
func (e *entry) normalise() {
	e.text = strings.Join(strings.Fields(e.text), " ")
	for i := range e.items {
		e.items[i].normalise()
	}
}

// modified reports whether an operator is one with a modifier.
func modified(op string) bool {
	base, mod, found := strings.Cut(op, " ")
	return found && slices.Contains(modifiers, mod) && slices.Contains(modifiable, base)
}

// takesList reports whether an operator takes a list on its right side.
func takesList(op string) bool { return slices.Contains(listOperators, op) || modified(op) }

// knownOperator reports whether an exception can compare with op.
func knownOperator(op string) bool {
	return modified(op) || op != "exists" && slices.Contains(syntax.Operators(), op)
}

// checkException checks an exception's parts against each other and fills in the comparisons.
func (c *collector) checkException(e *exception, source string) error {
	if !e.fields.isList {
		return c.checkScalarException(e, source)
	}
	if !e.comps.given {
		e.comps = entry{given: true, isList: true}
		for range e.fields.items {
			e.comps.items = append(e.comps.items, entry{given: true, text: "="})
		}
	}
	if len(e.fields.items) != len(e.comps.items) {
		return unfit(e.place, "Fields and comps lists must have equal length")
	}
	for _, comp := range e.comps.items {
		if !knownOperator(comp.text) {
			return hinted(unfit(e.place, "'"+comp.text+"' is not a supported comparison operator"), diag.DidYouMean(comp.text, syntax.Operators()))
		}
	}
	for _, f := range e.fields.items {
		if err := c.checkField(f.text, source, e.place); err != nil {
			return err
		}
	}
	return nil
}

// checkScalarException checks an exception with one field.
func (c *collector) checkScalarException(e *exception, source string) error {
	if !e.comps.given {
		e.comps = entry{given: true, text: "in"}
	}
	switch {
	case e.comps.isList:
		return unfit(e.place, "Fields and comps must both be strings")
	case !takesList(e.comps.text):
		return unfit(e.place, "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. startswith oneof)")
	}
	return c.checkField(e.fields.text, source, e.place)
}

// checkField checks that an exception's field, perhaps within transformers, exists.
func (c *collector) checkField(name, source string, p place) error {
	key := source + "\x00" + name
	if c.fields[key] {
		return nil
	}
	unknown := c.opts.unknownField(name, source)
	if unknown == "" {
		c.fields[key] = true
		return nil
	}
	return hinted(unfit(p, "'"+name+"' is not a supported filter field"), c.opts.suggestField(unknown))
}

// expandExceptions returns the condition with the exceptions: "(C) and not …".
func expandExceptions(cond string, all []*exception) (string, error) {
	if len(all) == 0 {
		return cond, nil
	}
	var b strings.Builder
	b.WriteString("(" + cond + ")")
	for _, e := range all {
		text, err := e.expand()
		if err != nil {
			return "", err
		}
		if text != "" {
			b.WriteString(" and not " + text)
		}
	}
	return b.String(), nil
}

// expand returns the condition that an exception stands for, "" without values.
func (e *exception) expand() (string, error) {
	if len(e.values) == 0 {
		return "", nil
	}
	var b strings.Builder
	if !e.fields.isList {
		b.WriteString("(" + e.fields.text + " " + e.comps.text + " (")
		for i, v := range e.values {
			if v.isList {
				return "", unfit(e.place, "Expected values array to contain a list of strings")
			}
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quoteItem(v.text))
		}
		b.WriteString("))")
		return b.String(), nil
	}
	b.WriteString("(")
	for i, tuple := range e.values {
		if len(tuple.items) != len(e.fields.items) {
			return "", unfit(e.place, "Fields and values lists must have equal length")
		}
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString("(")
		for k, f := range e.fields.items {
			if k > 0 {
				b.WriteString(" and ")
			}
			comp := ""
			if k < len(e.comps.items) {
				comp = e.comps.items[k].text
			}
			b.WriteString(" " + f.text + " " + comp + " " + tuple.items[k].operand(comp))
		}
		b.WriteString(")")
	}
	b.WriteString(")")
	return b.String(), nil
}

// operand is the right side of a comparison with a value.
func (e *entry) operand(comp string) string {
	if !e.isList {
		if takesList(comp) {
			return parenItem(e.text)
		}
		return quoteItem(e.text)
	}
	texts := make([]string, len(e.items))
	for i, item := range e.items {
		texts[i] = quoteItem(item.text)
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

// summarise lists the names, fields and operators of exceptions.
func summarise(all []*exception) (names, fields, operators []string) {
	for _, e := range all {
		names = append(names, e.name)
		fields = e.fields.texts(fields)
		operators = e.comps.texts(operators)
	}
	return sortedSet(names), sortedSet(fields), sortedSet(operators)
}

// texts appends the texts of an entry.
func (e *entry) texts(to []string) []string {
	if e.text != "" {
		to = append(to, e.text)
	}
	for i := range e.items {
		to = e.items[i].texts(to)
	}
	return to
}
