// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// index returns the position of a parameter. The table is fixed, so a name that it does not have
// is a mistake of this program.
func index(t event.Type, name string) int {
	i := event.Lookup(t).ParamIndex(name)
	if i < 0 {
		panic(fmt.Sprintf("event %d has no parameter %q", t, name))
	}
	return i
}

// optional returns the position of a parameter that not every build of the table has; an index
// that no record carries if it is missing.
func optional(t event.Type, name string) int {
	if i := event.Lookup(t).ParamIndex(name); i >= 0 {
		return i
	}
	return event.MaxParams
}

// fdParams holds, for each event, the index of the parameter that names the descriptor which the
// event is about; -1 if it is about none.
var fdParams = makeFDParams()

// makeFDParams finds them in the event table.
func makeFDParams() (params [event.NumTypes]int8) {
	for i := range params {
		params[i] = -1
		info := event.Lookup(event.Type(i))
		if info.Flags&event.UsesFD == 0 {
			continue
		}
		first := 1
		if info.Code.IsEnter() {
			first = 0
		}
		for n := first; n < len(info.Params); n++ {
			if info.Params[n].Type == event.FD {
				params[i] = int8(n)
				break
			}
		}
	}
	// Of the two descriptors of splice, the one that is written to counts.
	params[splice] = int8(index(splice, "fd_out"))
	return params
}

const splice event.Type = 167

// intOf returns parameter i as a signed number, or def if the record does not have it.
func intOf(ev *event.Event, i int, def int64) int64 {
	if v, ok := ev.Int(i); ok {
		return v
	}
	return def
}

// uintOf returns parameter i as an unsigned number, or def if the record does not have it.
func uintOf(ev *event.Event, i int, def uint64) uint64 {
	if v, ok := ev.Uint(i); ok {
		return v
	}
	return def
}

// succeeded reports whether the call behind the event returned no error.
func succeeded(ev *event.Event) bool {
	v, ok := ev.Int(0)
	return ok && v >= 0
}
