// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"sort"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/cel"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// celKey is the key of rules and macros for a condition in CEL, in the place of "condition".
const celKey = "cel"

// celCondition reads a condition in CEL. It goes on as what it means in the rules language, so that
// lists, macros, exceptions and appended conditions work as everywhere.
func (r *reader) celCondition(item *yaml.Node, kind string, p place) (condition, error) {
	n, err := scalar(item, celKey, p, false)
	if err != nil {
		return condition{}, err
	}
	at := p.in(kind, "", n)
	if get(item, "condition") != nil {
		return condition{}, hinted(invalid(at, "Keys 'condition' and 'cel' cannot be used together"), "keep one of them")
	}
	expression, err := cel.Parse(n.Value, r.opts.Catalogue)
	if err != nil {
		return condition{}, celFault(err, n, at)
	}
	text, marks := syntax.PrintMarked(expression.Node)
	return condition{
		text: text, parts: []part{{node: n, file: r.file, marks: marks}}, place: at,
		cel: n.Value, shown: syntax.Print(expression.Node), lists: expression.Lists,
	}, nil
}

// celFault is a mistake in an expression.
func celFault(err error, n *yaml.Node, at place) *fault {
	var e *cel.Error
	if !errors.As(err, &e) {
		e = &cel.Error{Pos: syntax.Pos{Line: 1, Col: 1}, Msg: err.Error()}
	}
	f := &fault{code: ErrCompileCondition, message: e.Msg, hint: e.Hint, alt: &excerpt{n.Value, e.Pos.Offset}}
	f.place = at.expr(n.Value, e.Pos.Line, e.Pos.Col, e.Pos.Offset, at.file.inside(n, n.Value, e.Pos.Offset))
	return f
}

// noCELAppend is the error of an item that appends an expression: there is no text in CEL to which it
// could be appended.
func noCELAppend(item *yaml.Node, p place) error {
	return hinted(invalid(p.in(itemRuleCond, "", get(item, celKey)), "Key 'cel' cannot be appended"),
		"append a 'condition', which fits conditions in CEL, too, or replace 'cel' under 'override'")
}

// unknownList finds a list that a condition in CEL names and that does not exist; in the rules language
// it would be a text.
func (p *pass) unknownList(cond *condition, at place) *fault {
	for _, l := range cond.lists {
		if p.listBy[l.Text] != nil {
			continue
		}
		first := cond.parts[0]
		f := unfit(at, "Undefined list '"+l.Text+"' used in an expression.")
		f.hint = diag.DidYouMean(l.Text, names(p.lists, func(l *compiledList) string { return l.name }))
		if f.hint == "" {
			f.hint = "texts stand in quotes"
		}
		f.place.file, f.place.at, f.len = first.file, first.file.inside(first.node, first.node.Value, l.Pos.Offset), len(l.Text)
		return f
	}
	return nil
}

// written returns the offset in a part's YAML value of what stands at an offset of its text.
func (p *part) written(at int) int {
	if p.marks == nil {
		return at
	}
	i := sort.Search(len(p.marks), func(i int) bool { return p.marks[i].At > at })
	return p.marks[max(i-1, 0)].Pos.Offset
}
