// SPDX-License-Identifier: Apache-2.0

package field

import (
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// appendTime appends a point in time in a layout of package time, with nine digits of its fraction
// behind if nanos is set.
func appendTime(dst []byte, ns uint64, loc *time.Location, layout string, nanos bool) []byte {
	dst = time.Unix(int64(ns/1e9), int64(ns%1e9)).In(loc).AppendFormat(dst, layout)
	if nanos {
		dst = append(dst, '.')
		dst = appendPadded(dst, ns%1e9)
	}
	return dst
}

// timeText makes the getter of a time field.
func timeText(loc func() *time.Location, layout string, nanos bool, zone string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		b := appendTime(c.Arena(), c.Ev.Time(), loc(), layout, nanos)
		return c.Keep(append(b, zone...)), true
	}
}

// The zones of time fields.
func local() *time.Location { return time.Local }
func utc() *time.Location   { return time.UTC }

// printTime makes the printer of a time field: in texts the text, in JSON the nanoseconds since
// the epoch.
func printTime(str func(*Context, *Arg) (string, bool)) func(*Context, *Arg) (Value, bool) {
	return func(c *Context, a *Arg) (Value, bool) {
		text, _ := str(c, a)
		return Value{Type: event.AbsTime, Kind: KindString, Str: text, Num: c.Ev.Time(), Typed: true}, true
	}
}
