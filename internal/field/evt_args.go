// SPDX-License-Identifier: Apache-2.0

package field

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// evtArgFields are the fields that show an event's parameters.
var evtArgFields = []Field{
	{Name: "evt.args", Type: event.CharBuf, Str: evtArgs,
		Doc: "All parameters of the event: name=value, with the meaning of numbers in parentheses, separated by blanks."},
	{Name: "evt.arg", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseEvtArg, Str: evtArg, Print: printEvtArg,
		Doc: "One parameter of the event, by name (evt.arg.flags) or by position (evt.arg[0]): the meaning of its value where it has one, such as the names of flags, else the value itself."},
	{Name: "evt.rawarg", Type: event.Dyn, Flags: NoRHS | NoTransformer, Arg: ArgRequired, DotArg: true, Parse: parseRawArg, Any: evtRawArg, Print: printRawArg,
		Doc: "One parameter of the event, by name, with the type that it has in the event: numbers compare as numbers."},
	{Name: "evt.info", Type: event.CharBuf, Str: evtArgs,
		Doc: "The same as evt.args."},
}

// argRef is what an argument of evt.arg or evt.rawarg refers to: the parameter's index by event
// type, -1 where a type has no such parameter.
type argRef []int8

// paramIndex maps each parameter name to its index in every event.
var paramIndex = sync.OnceValue(func() map[string]argRef {
	refs := map[string]argRef{}
	infos := event.Infos()
	for t := range infos {
		for n := range infos[t].Params {
			name := infos[t].Params[n].Name
			ref := refs[name]
			if ref == nil {
				ref = make(argRef, len(infos))
				for i := range ref {
					ref[i] = -1
				}
				refs[name] = ref
			}
			if ref[t] < 0 {
				ref[t] = int8(n)
			}
		}
	}
	return refs
})

func parseEvtArg(a *Arg) error {
	if a.Index >= 0 {
		return nil
	}
	return parseRawArg(a)
}

func parseRawArg(a *Arg) error {
	ref := paramIndex()[a.Text]
	if ref == nil {
		return fmt.Errorf("unknown event parameter %q", a.Text)
	}
	a.Extra = ref
	return nil
}

// argParam finds the parameter that the argument means in the context's event.
func argParam(c *Context, a *Arg) (param, bool) {
	i := a.Index
	if ref, ok := a.Extra.(argRef); ok {
		i = int(ref[c.Ev.Type()])
	}
	return paramAt(c, i)
}

// evtArg is what conditions compare: as printed, but with raw bytes for buffers.
func evtArg(c *Context, a *Arg) (string, bool) {
	p, ok := argParam(c, a)
	if !ok {
		return "", false
	}
	if len(p.data) > 0 {
		switch p.typ {
		case event.CharBuf:
			return p.text(), true
		case event.ByteBuf:
			return unsafe.String(unsafe.SliceData(p.data), len(p.data)), true
		}
	}
	return c.Keep(p.appendValue(c.Arena(), c)), true
}

// appendValue appends the parameter's meaning, or else its plain text.
func (p *param) appendValue(dst []byte, c *Context) []byte {
	n := len(dst)
	if dst = p.appendResolved(dst, c); len(dst) > n {
		return dst
	}
	return p.appendRaw(dst, c)
}

func printEvtArg(c *Context, a *Arg) (Value, bool) {
	p, ok := argParam(c, a)
	if !ok {
		return Value{}, false
	}
	return Value{Type: event.CharBuf, Kind: KindString, Str: c.Keep(p.appendValue(c.Arena(), c))}, true
}

// evtArgs builds the list of the published parameters; ours behind them would be news to people's parsers.
// Events that are ours altogether are shown with all that has a value: there is nothing else to tell of them.
func evtArgs(c *Context, _ *Arg) (string, bool) {
	info := c.Ev.Info()
	if info.Code <= event.Generic {
		return "", true
	}
	shown, always := info.Published, info.Published
	if info.IsOwn() {
		shown, always = len(info.Params), info.ParamIndex("real_path")
	}
	b := c.Arena()
	for i := range min(shown, c.Ev.NumParams()) {
		p, ok := paramAt(c, i)
		if !ok {
			break
		}
		if len(p.data) == 0 && always >= 0 && i >= always { // the kernel did not tell
			continue
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, p.info.Name...)
		b = append(b, '=')
		b = p.appendRaw(b, c)
		n := len(b)
		b = append(b, '(')
		if b = p.appendResolved(b, c); len(b) == n+1 {
			b = b[:n]
			continue
		}
		b = append(b, ')')
	}
	return c.Keep(b), true
}

// evtRawArg gives the parameter in the type that it has in this event.
func evtRawArg(c *Context, a *Arg) (Value, bool) {
	p, ok := argParam(c, a)
	if !ok || len(p.data) == 0 {
		return Value{}, false
	}
	v := Value{Type: p.typ, Format: p.format}
	switch p.typ {
	case event.CharBuf, event.FSPath, event.FSRelPath:
		v.Kind, v.Str = KindString, p.text()
	case event.Int8, event.Int16, event.Int32, event.Int64, event.FD, event.FD32, event.PID, event.PID32, event.Errno:
		v.Kind, v.Num = KindInt, uint64(p.int())
	case event.Bool:
		v.Kind, v.Num = KindBool, p.uint()
	case event.Double:
		v.Kind, v.Float = KindFloat, math.Float64frombits(p.uint())
	case event.IPv4Addr, event.IPv6Addr, event.IPAddr:
		v.Kind = KindIP
		v.IP, ok = addrOf(p.data)
	case event.ByteBuf, event.SockAddr, event.SockTuple, event.FDList, event.CharBufArray, event.CharBufPairArray,
		event.IPv4Net, event.IPv6Net, event.IPNet, event.Dyn:
		v.Kind, v.Str = KindBytes, unsafe.String(unsafe.SliceData(p.data), len(p.data))
	default:
		v.Kind, v.Num = KindUint, p.uint()
	}
	return v, ok
}

// printRawArg shows bytes that cannot be printed as dots, and parameters without a value as the
// published field does: as 0, or <NA>. Addresses and modes have no text.
func printRawArg(c *Context, a *Arg) (Value, bool) {
	p, ok := argParam(c, a)
	if !ok {
		return Value{}, false
	}
	switch p.info.Type {
	case event.SockAddr, event.SockTuple, event.FDList, event.Mode, event.Dyn:
		return Value{}, false
	case event.ByteBuf, event.CharBufArray, event.CharBufPairArray:
		return printBytes(c, unsafe.String(unsafe.SliceData(p.data), len(p.data))), true
	case event.CharBuf, event.FSPath, event.FSRelPath:
		if len(p.data) == 0 {
			return Value{Type: p.typ, Kind: KindString, Str: naText}, true
		}
	}
	if len(p.data) == 0 {
		return Value{Type: p.typ, Format: p.format, Kind: KindUint}, true
	}
	return evtRawArg(c, a)
}

// printBytes is a text for raw bytes.
func printBytes(c *Context, data string) Value {
	raw := unsafe.Slice(unsafe.StringData(data), len(data))
	b := appendBuffer(c.Arena(), raw, c.Machine != nil && c.Machine.Base64)
	return Value{Type: event.ByteBuf, Kind: KindBytes, Str: c.Keep(b)}
}

// evtBuffer is the data parameter of a read or write.
func evtBuffer(c *Context, _ *Arg) (string, bool) {
	info := c.Ev.Info()
	for i := range info.Params {
		p := &info.Params[i]
		if p.Name == "data" && p.Type == event.ByteBuf {
			b := c.Ev.Param(i)
			return unsafe.String(unsafe.SliceData(b), len(b)), b != nil
		}
	}
	return "", false
}

func printBuffer(c *Context, a *Arg) (Value, bool) {
	data, ok := evtBuffer(c, a)
	return printBytes(c, data), ok
}
