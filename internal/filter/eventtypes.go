// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// SyscallSource is the name of the source of system calls; the other sources are plugins.
const SyscallSource = "syscall"

// EventTypes derives from a condition, its macros resolved, which events can make it true and
// which system calls report them. Events that arrive without being asked for (asynchronous ones)
// are in the set, and events of plugins for a source other than "syscall", so that types is what
// the rule has to be indexed under. The error is of type *Error.
func EventTypes(n syntax.Node, source string) (types EventSet, syscalls SyscallSet, err error) {
	if source != "" && source != SyscallSource {
		return NewEventSet(event.PluginEvent, event.AsyncEvent), SyscallSet{}, nil
	}
	types, syscalls, err = ConditionTypes(n)
	if err != nil {
		return EventSet{}, SyscallSet{}, err
	}
	types.Add(event.AsyncEvent)
	return types, syscalls, nil
}

// ConditionTypes is EventTypes without the events that always count: the condition alone.
func ConditionTypes(n syntax.Node) (types EventSet, syscalls SyscallSet, err error) {
	s, err := typesOf(n, false)
	return EventSet{s.events}, SyscallSet{s.calls}, err
}

// typeSets are the event codes and the system calls of one part of a condition.
type typeSets struct{ events, calls bitmap }

// allTypes is what a check that says nothing of the event's type allows.
func allTypes() typeSets { return typeSets{allEvents.b, allSyscalls.b} }

// typesOf walks down with the negations pushed before it. Only what tests the event's type is
// turned round by a negation: the rest stays neutral.
func typesOf(n syntax.Node, negated bool) (typeSets, error) {
	switch n := n.(type) {
	case *syntax.And:
		return combineTypes(n.Children, negated, negated)
	case *syntax.Or:
		return combineTypes(n.Children, !negated, negated)
	case *syntax.Not:
		return typesOf(n.Child, !negated)
	case *syntax.Exists:
		if isType, err := testsType(n.Left, n); err != nil || !isType || !negated {
			return allTypes(), err
		}
		return typeSets{}, nil
	case *syntax.Compare:
		return comparedTypes(n, negated)
	}
	return allTypes(), nil
}

// combineTypes unites or intersects the sets of children.
func combineTypes(children []syntax.Node, unite, negated bool) (typeSets, error) {
	var out typeSets
	if !unite {
		out = allTypes()
	}
	for _, c := range children {
		s, err := typesOf(c, negated)
		if err != nil {
			return typeSets{}, err
		}
		if unite {
			out.events, out.calls = out.events.union(s.events), out.calls.union(s.calls)
		} else {
			out.events, out.calls = out.events.intersect(s.events), out.calls.intersect(s.calls)
		}
	}
	return out, nil
}

// comparedTypes is the set of one comparison.
func comparedTypes(n *syntax.Compare, negated bool) (typeSets, error) {
	switch n.Op {
	case "=", "==", "!=", "in":
	default:
		return allTypes(), nil
	}
	isType, err := testsType(n.Left, n)
	if err != nil || !isType {
		return allTypes(), err
	}
	var names []string
	switch right := n.Right.(type) {
	case *syntax.Value:
		names = []string{right.Text}
	case *syntax.List:
		for _, item := range right.Items {
			if v, ok := item.(*syntax.Value); ok {
				names = append(names, v.Text)
			}
		}
	default:
		return typeSets{}, &Error{Pos: n.Pos, At: n.Right.Position(),
			Msg: "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search"}
	}
	s := namedTypes(names)
	if (n.Op == "!=") != negated {
		all := allTypes()
		s = typeSets{all.events.minus(s.events), all.calls.minus(s.calls)}
	}
	return s, nil
}

// testsType reports whether an operand is the event's type. Transformed types are an error: the
// set could not be known.
func testsType(o syntax.Operand, n syntax.Node) (bool, error) {
	switch o := o.(type) {
	case *syntax.Field:
		return (o.Name == "evt.type" || o.Name == "syscall.type") && !o.HasArg, nil
	case *syntax.Transform:
		for _, a := range o.Args {
			if isType, err := testsType(a, n); err != nil || isType {
				return false, &Error{Pos: n.Position(), At: o.Pos, Msg: "event code search does not support `evt.type` checks with transformers"}
			}
		}
	}
	return false, nil
}

// namedTypes is the set of the events of the given names. A call without an event of its own is
// reported by the generic events, but keeps its own system call code.
func namedTypes(names []string) typeSets {
	var s typeSets
	for _, name := range names {
		own := false
		for _, t := range event.TypesByName(name) {
			if t > event.Generic {
				s.events.add(uint16(t))
				// Captures of others hold calls that have an event of ours as generic ones.
				own = own || t < event.FirstOwn
			}
		}
		if call := event.SyscallByName(name); !own && call != nil {
			s.events.add(uint16(event.Generic - 1))
			s.events.add(uint16(event.Generic))
			s.calls.add(call.Code)
		}
	}
	for i := range event.Syscalls() {
		call := &event.Syscalls()[i]
		if call.Event > event.Generic && (s.events.has(uint16(call.Event|1)) || s.events.has(uint16(call.Event&^1))) {
			s.calls.add(call.Code)
		}
	}
	return s
}
