// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/gyrfalcon/gyrfalcon/internal/alert"
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

// Tests reports whether any rule about system calls is tested against events of a type: Process of an event
// that is not tested does nothing.
func (e *Engine) Tests(t event.Type) bool {
	return int(t) < len(e.syscall) && e.syscall[t].program != nil
}

// InOrder reports whether what rules give depends on which events were tested before: then all have to be
// tested by the same Context.
func (e *Engine) InOrder() bool { return e.inOrder }

// Twin returns an engine with the same rules and counters that another goroutine may use beside this one. Its
// alerts go to sink.
func (e *Engine) Twin(sink func(*alert.Alert)) *Engine {
	twin := *e
	twin.o.Sink = sink
	twin.scratch, twin.matches = nil, make([]int32, 0, cap(e.matches))
	return &twin
}

// Uncount takes back that an alert was counted, which nobody is going to see.
func (e *Engine) Uncount(a *alert.Alert) {
	for _, r := range e.rules {
		if r.rule.Name == a.Rule && r.rule.Priority == a.Priority && r.rule.Source == a.Source {
			r.count.Add(^uint64(0))
			return
		}
	}
}
