// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// action is what a row does with an event.
type action uint8

const (
	none     action = iota
	keep            // for the exit event of the same thread; nobody sees the event
	keepPass        // the same, and the event is delivered
	pass            // the event is delivered
	extend          // parameters are added behind its own
	change          // it becomes an event of another type
)

// conversion is one row of the table, as it is written.
type conversion struct {
	typ    event.Type
	params uint8
	do     action
	to     event.Type
	values string
}

// origin is where a parameter of a converted event comes from.
type origin uint8

const (
	fromEvent        origin = iota
	fromEnter               // empty without an enter event
	fromEnterDefault        // the type's default without one
	fromDefault
	fromNothing
	fromContainer
)

// value is where one parameter comes from; at is its place there.
type value struct {
	from origin
	at   uint8
}

// step is a row ready for use.
type step struct {
	do     action
	to     event.Type
	values []value
}

// class says how events of a type are looked at.
type class uint8

const (
	current  class = iota // delivered as they are
	managed               // converted if they have fewer parameters than today
	always                // converted in any case: enter events and old types
	outdated              // dropped
)

var (
	// classes holds the class of every type.
	classes [event.NumTypes]class
	// complete is how many parameters events of a type have today.
	complete [event.NumTypes]uint32
	// steps are the rows by type and number of parameters.
	steps [event.NumTypes]map[uint32]*step
)

// init reads the table.
func init() {
	for i := range event.Infos() {
		info := &event.Infos()[i]
		complete[i] = uint32(info.Published)
		old := info.Flags&event.OldVersion != 0
		switch {
		case info.Flags&event.Unused != 0:
			classes[i] = outdated
		case info.Flags&event.ConverterManaged != 0 && (old || info.Code.IsEnter()):
			classes[i] = always
		case info.Flags&event.ConverterManaged != 0:
			classes[i] = managed
		case old:
			classes[i] = outdated
		}
	}
	for _, c := range conversions {
		if steps[c.typ] == nil {
			steps[c.typ] = map[uint32]*step{}
		}
		s := &step{do: c.do, to: c.to, values: parseValues(c.values)}
		if c.do == extend {
			own := make([]value, c.params)
			for i := range own {
				own[i].at = uint8(i)
			}
			s.to, s.values = c.typ, append(own, s.values...)
		}
		steps[c.typ][uint32(c.params)] = s
	}
	makePlain()
}

// parseValues reads the last column of a row.
func parseValues(text string) []value {
	var list []value
	for _, word := range strings.Fields(text) {
		switch word {
		case "0":
			list = append(list, value{from: fromDefault})
			continue
		case "-":
			list = append(list, value{from: fromNothing})
			continue
		case "json":
			list = append(list, value{from: fromContainer})
			continue
		}
		from := map[byte]origin{'o': fromEvent, 'e': fromEnter, 'd': fromEnterDefault}[word[0]]
		first, last, span := strings.Cut(word[1:], "..")
		if !span {
			last = first
		}
		a, _ := strconv.Atoi(first)
		b, _ := strconv.Atoi(last)
		for ; a <= b; a++ {
			list = append(list, value{from, uint8(a)})
		}
	}
	return list
}

// Bounds of the converter.
const (
	// maxSteps is how many rows are applied to one event.
	maxSteps = 50
	// maxConverted is the longest event that is converted.
	maxConverted = event.MaxRecordLen
	// maxKept and maxKeptBytes bound the enter events that wait for their exits.
	maxKept      = 1 << 16
	maxKeptBytes = 32 << 20
)

// converter turns events of old captures into today's. It keeps the last enter event of each
// thread. The zero value is ready.
type converter struct {
	kept  map[int64][]byte
	free  [][]byte // memory of enter events whose threads are gone
	bytes int

	in, enter event.Event
	params    [event.MaxParams][]byte
	buffers   [2][]byte
	next      int // the buffer to write into
}

// reset forgets all enter events.
func (c *converter) reset() {
	clear(c.kept)
	c.free, c.bytes = nil, 0
}

// convert applies rows until the event is one of today. deliver is false for those that only
// prepare others. The result is borrowed until the next call.
func (c *converter) convert(rec []byte) (out []byte, deliver bool, err error) {
	for range maxSteps {
		var more bool
		if rec, deliver, more, err = c.step(rec); err != nil || !more {
			return rec, deliver, err
		}
	}
	return nil, false, fmt.Errorf("event %q is not one of today after %d conversions", event.Lookup(typeOf(rec)).Name, maxSteps)
}

// step applies one row. more says that the result has to be looked at again.
func (c *converter) step(rec []byte) (out []byte, deliver, more bool, err error) {
	typ, n := typeOf(rec), paramsOf(rec)
	switch cl := classes[typ]; {
	case cl == outdated:
		return nil, false, false, nil
	case cl == current, cl == managed && n >= complete[typ]:
		return rec, true, false, nil
	}
	s := steps[typ][n]
	if s == nil {
		// Types of today may have any number of parameters: what is missing has no value.
		info := event.Lookup(typ)
		return rec, info.Flags&event.OldVersion == 0 && !typ.IsEnter(), false, nil
	}
	switch s.do {
	case keep:
		c.keep(rec)
		return nil, false, false, nil
	case keepPass:
		c.keep(rec)
		return rec, true, false, nil
	case pass:
		return rec, true, false, nil
	}
	if len(rec) > maxConverted {
		return nil, false, false, fmt.Errorf("event %q of %d bytes cannot be converted (at most %d)", event.Lookup(typ).Name, len(rec), maxConverted)
	}
	if out, err = c.apply(rec, s); err != nil {
		return nil, false, false, err
	}
	return out, true, classes[s.to] != current && (classes[s.to] != managed || paramsOf(out) < complete[s.to]), nil
}

// keep stores an enter event for the exit event of its thread.
func (c *converter) keep(rec []byte) {
	tid := tidOf(rec)
	old, ok := c.kept[tid]
	if !ok {
		if c.kept == nil {
			c.kept = map[int64][]byte{}
		}
		if len(c.kept) >= maxKept || c.bytes > maxKeptBytes {
			c.reset()
		}
		if n := len(c.free); n > 0 {
			old, c.free = c.free[n-1], c.free[:n-1]
		}
	}
	if len(rec) > maxConverted {
		return // no system call has such an enter event
	}
	c.bytes -= cap(old)
	old = append(old[:0], rec...)
	c.bytes += cap(old)
	c.kept[tid] = old
}

// forget drops the enter event of a thread that has exited and keeps its memory.
func (c *converter) forget(tid int64) {
	if b, ok := c.kept[tid]; ok {
		delete(c.kept, tid)
		c.free = append(c.free, b)
	}
}

// apply builds the event that a row makes of rec.
func (c *converter) apply(rec []byte, s *step) ([]byte, error) {
	if err := c.in.Decode(rec); err != nil {
		return nil, err
	}
	entered := false
	if b, ok := c.kept[c.in.TID()]; ok && typeOf(b)+1 == c.in.Type() {
		entered = c.enter.Decode(b) == nil
	}
	info := event.Lookup(s.to)
	for i, v := range s.values {
		var b []byte
		switch {
		case v.from == fromEvent:
			b = c.in.Param(int(v.at))
		case v.from == fromContainer:
			b = c.container()
		case (v.from == fromEnter || v.from == fromEnterDefault) && entered && int(v.at) < c.enter.NumParams():
			b = c.enter.Param(int(v.at))
		case v.from == fromDefault || v.from == fromEnterDefault:
			b = defaultOf(info.Params[i].Type)
		}
		if w := widths[info.Params[i].Type]; w > 0 && len(b) > w {
			b = b[:w]
		}
		c.params[i] = b
	}
	c.next ^= 1
	c.buffers[c.next] = event.AppendRecord(c.buffers[c.next][:0], c.in.Time(), c.in.TID(), s.to, c.params[:len(s.values)]...)
	return c.buffers[c.next], nil
}

// container makes the JSON of a container out of the event's id, type, name and image.
func (c *converter) container() []byte {
	id, _ := c.in.Text(0)
	typ, _ := c.in.Uint(1)
	name, _ := c.in.Text(2)
	image, _ := c.in.Text(3)
	text, err := json.Marshal(map[string]any{"container": map[string]any{"id": id, "type": typ, "name": name, "image": image}})
	if err != nil {
		return nil
	}
	return append(text, 0)
}

// widths are the bytes of the types that have a fixed length, 0 for the others.
var widths = [...]int{
	event.Int8: 1, event.Uint8: 1, event.SigType: 1, event.L4Proto: 1, event.SockFamily: 1, event.Flags8: 1, event.EnumFlags8: 1,
	event.Int16: 2, event.Uint16: 2, event.SyscallID: 2, event.Port: 2, event.Flags16: 2, event.EnumFlags16: 2,
	event.Int32: 4, event.Uint32: 4, event.Bool: 4, event.IPv4Addr: 4, event.Flags32: 4, event.EnumFlags32: 4,
	event.UID: 4, event.GID: 4, event.SigSet: 4, event.Mode: 4, event.FD32: 4, event.PID32: 4,
	event.Int64: 8, event.Uint64: 8, event.Errno: 8, event.FD: 8, event.PID: 8, event.RelTime: 8, event.AbsTime: 8, event.Double: 8,
}

var zeros, ones [8]byte

// init fills the default of user and group numbers: nobody.
func init() {
	for i := range ones {
		ones[i] = 0xff
	}
}

// defaultOf is the value of a type that stands for no value.
func defaultOf(t event.ParamType) []byte {
	if t == event.UID || t == event.GID {
		return ones[:widths[t]]
	}
	return zeros[:widths[t]]
}
