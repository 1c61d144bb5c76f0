// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// suspects is what a condition does that it was probably not meant to.
type suspects struct {
	unsafeNA   bool     // compares with the text for a missing value where none is ever given
	deprecated []string // fields that make no more sense, each once, in the order of the condition
}

// suspicious looks through a resolved condition.
func suspicious(n syntax.Node) suspects {
	var s suspects
	seen := map[string]bool{}
	syntax.Walk(n, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.Compare); ok && comparesMissing(c) {
			s.unsafeNA = true
		}
		return true
	})
	syntax.WalkOperands(n, func(o syntax.Operand) bool {
		if f, ok := o.(*syntax.Field); ok && deprecated(f.Name) && !seen[f.Name] {
			seen[f.Name] = true
			s.deprecated = append(s.deprecated, f.Name)
		}
		return true
	})
	return s
}

// missing is the text for a missing value.
const missing = "<NA>"

// comparesMissing reports whether a field of audit events is compared with "<NA>": such a field
// without a value compares with nothing.
func comparesMissing(c *syntax.Compare) bool {
	f, ok := c.Left.(*syntax.Field)
	if !ok || !strings.HasPrefix(f.Name, "ka.") && !strings.HasPrefix(f.Name, "jevt.") {
		return false
	}
	switch c.Op {
	case "=", "==", "!=", "in", "intersects", "pmatch":
	default:
		return false
	}
	switch right := c.Right.(type) {
	case *syntax.Value:
		return right.Text == missing
	case *syntax.List:
		for _, item := range right.Items {
			if v, ok := item.(*syntax.Value); ok && v.Text == missing {
				return true
			}
		}
	}
	return false
}

// deprecated reports whether a field makes no more sense since only the end of a system call is
// an event.
func deprecated(name string) bool {
	return name == "evt.dir" || name == "evt.wait_latency" || strings.HasPrefix(name, "evt.latency")
}

// deprecation is the message for a deprecated field of a condition.
func deprecation(name string) string {
	if name == "evt.dir" {
		return "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'"
	}
	return "usage of deprecated field '" + name + "' has been detected in the rule condition"
}

// warnSuspects warns of what is suspicious in a rule's condition. The reference tells of
// deprecated fields with the place of the condition as a whole.
func (p *pass) warnSuspects(d *draft, n syntax.Node, text string) {
	s := suspicious(n)
	if s.unsafeNA {
		p.report.warn(&fault{
			code: WarnUnsafeNA, place: d.place,
			hint: "a field without a value equals nothing; test it with exists",
		})
	}
	for _, name := range s.deprecated {
		at := d.cond.place
		p.report.warn(&fault{
			code: WarnDeprecated, message: deprecation(name), field: name,
			place: at.expr(text, 0, 0, 0, at.at), alt: &excerpt{text, 0},
		})
	}
}

// notePrecedence tells of "a or b" to which "and c" was appended: and binds tighter, so that a
// alone suffices.
func (p *pass) notePrecedence(d *draft) {
	for i := 1; i < len(d.cond.parts); i++ {
		start := d.cond.parts[i].start
		more := strings.TrimLeft(d.cond.text[start:], blanks)
		if len(more) < 4 || more[:3] != "and" || strings.IndexByte(blanks+"(", more[3]) < 0 {
			continue
		}
		end := len(d.cond.text)
		if i+1 < len(d.cond.parts) {
			end = d.cond.parts[i+1].start
		}
		if !p.isOr(d.cond.text[:start]) || !p.isOr(d.cond.text[:end]) {
			continue
		}
		part, at := d.cond.parts[i], d.place
		at.file, at.at = part.file, part.file.offset(part.node)
		p.report.note(&fault{
			code: NotePrecedence, place: at, hint: "put parentheses around the condition that is appended to",
			message: "the appended \"and\" belongs to the last alternative of the condition only, since it binds tighter than \"or\"",
		})
	}
}

// isOr reports whether a condition is a list of alternatives without parentheses around it all.
func (p *pass) isOr(text string) bool {
	inner, _ := p.expandOnce(text)
	done := p.parse(inner)
	_, ok := done.tree.(*syntax.Or)
	return ok && done.err == nil
}

// warnTokens warns of deprecated fields in an output.
func (p *pass) warnTokens(d *draft, r *Rule) {
	seen := map[*field.Field]bool{}
	for _, t := range r.Template.Tokens() {
		if !deprecated(t.Field.Name) || seen[t.Field] {
			continue
		}
		seen[t.Field] = true
		p.report.warn(&fault{
			code: WarnDeprecated, place: d.outputPlace, field: t.Field.Name,
			message: "usage of deprecated field '" + t.Field.Name + "' has been detected in the rule output",
		})
	}
}
