// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"
	"sync"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// asyncNames are the names of asynchronous events that the built-in plugins send.
var asyncNames = []string{"container", "container_removed"}

// typeNamesKnown lists the names that evt.type can have.
var typeNamesKnown = sync.OnceValue(func() []string {
	names := slices.Clone(asyncNames)
	for i := range event.Infos() {
		names = append(names, event.Infos()[i].Name)
	}
	for i := range event.Syscalls() {
		names = append(names, event.Syscalls()[i].Name)
	}
	return sorted(names)
})

// knownType reports whether an event or a system call has that name.
func knownType(name string) bool {
	_, found := slices.BinarySearch(typeNamesKnown(), name)
	return found
}

// typeTest tests an event's type by its code. The generic events are told apart by the system
// call that they carry, and asynchronous ones by their name, for which the field has to be asked.
type typeTest struct {
	types  EventSet   // events that have a value and pass
	calls  SyscallSet // calls that pass when they come as generic events
	get    func(c *field.Context, a *field.Arg) (string, bool)
	arg    *field.Arg
	names  *stringSet
	wanted bool
}

// newTypeTest returns the test whether an event's type is (or with wanted false: is not) one of
// names. Only system calls have a syscall.type.
func newTypeTest(src *source, names []string, wanted bool) *typeTest {
	t := &typeTest{get: src.str, arg: src.arg, names: newStringSet(names), wanted: wanted}
	for i := range event.Infos() {
		info := &event.Infos()[i]
		if src.field.Name == "syscall.type" && !info.IsSyscall() {
			continue
		}
		if t.names.has(info.Name) == wanted {
			t.types.Add(info.Code)
		}
	}
	for i := range event.Syscalls() {
		if call := &event.Syscalls()[i]; t.names.has(call.Name) == wanted {
			t.calls.Add(call.Code)
		}
	}
	return t
}

// of returns the result for events of type t, if their code says it all.
func (t *typeTest) of(typ event.Type) (value, known bool) {
	return t.types.Has(typ), typ > event.Generic && typ != event.AsyncEvent
}

// holds tests the event of a context.
func (t *typeTest) holds(c *field.Context) bool {
	typ := c.Ev.Type()
	switch {
	case typ > event.Generic && typ != event.AsyncEvent:
		return t.types.Has(typ)
	case typ <= event.Generic:
		if code, ok := c.Ev.Uint(0); ok && code != 0 && code < uint64(len(event.Syscalls())) {
			return t.calls.Has(uint16(code))
		}
	}
	name, ok := t.get(c, t.arg)
	return ok && t.names.has(name) == t.wanted
}

// compareType compiles a comparison of evt.type or syscall.type with names.
func (b *builder) compareType(src *source, c *comparison) edge {
	if len(c.values) == 0 {
		return b.constant(false)
	}
	values := sorted(c.values)
	key := "type "
	if c.op == "!=" {
		key = "type! "
	}
	key += (&textTest{textEqual, values}).key()
	return edge{b.share(src.prefix(key), func() *node {
		t := newTypeTest(src, values, c.op != "!=")
		return &node{fn: t.holds, types: t, typed: true, cost: 1, chance: 0.5}
	}), false}
}
