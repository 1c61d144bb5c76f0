// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// asked is a field that a rule reads.
type asked struct {
	field *field.Field
	arg   field.Arg
}

// fieldsOf lists the fields of a rule's condition and outputs.
func fieldsOf(r *rule.Rule, cat *field.Catalogue) []asked {
	var list []asked
	syntax.WalkOperands(r.Condition, func(o syntax.Operand) bool {
		if f, ok := o.(*syntax.Field); ok {
			if found, arg, err := cat.Resolve(f.Name, f.Arg, f.HasArg); err == nil {
				list = append(list, asked{found, arg})
			}
		}
		return true
	})
	templates := []*format.Template{r.Template}
	for i := range r.Fields {
		templates = append(templates, r.Fields[i].Template)
	}
	for _, t := range templates {
		for _, token := range t.Tokens() {
			list = append(list, asked{token.Field, token.Arg})
		}
	}
	return list
}

// reachOf returns the largest reach of the fields for events of a type.
func reachOf(fields []asked, t event.Type) field.Reach {
	reach := field.ReachOwn
	for i := range fields {
		reach = max(reach, fields[i].field.ReachFor(&fields[i].arg, t))
	}
	return reach
}

// Tests reports whether any rule about system calls is tested against events of a type, and what the
// rules read then: Process of an event that is not tested does nothing.
func (e *Engine) Tests(t event.Type) (tests bool, reach field.Reach) {
	if int(t) >= len(e.syscall) {
		return false, 0
	}
	slot := &e.syscall[t]
	return slot.program != nil, slot.reach
}
