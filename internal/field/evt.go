// SPDX-License-Identifier: Apache-2.0

package field

import (
	"strconv"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// evtFields are the fields that events of every source have.
var evtFields = []Field{
	{Name: "evt.num", Type: event.Uint64, Format: event.FormatID, Uint: evtNum,
		Doc: "The event's position in its source, counted from 1."},
	{Name: "evt.time", Type: event.CharBuf, Str: timeOfDay, Print: printTime(timeOfDay),
		Doc: "Local time of day of the event with nanoseconds. In JSON outputs it is a number: nanoseconds since the epoch."},
	{Name: "evt.time.s", Type: event.CharBuf, Str: timeText(local, time.TimeOnly, false, ""),
		Doc: "Local time of day of the event, to the second."},
	{Name: "evt.time.iso8601", Type: event.CharBuf, Str: timeISO, Print: printTime(timeISO),
		Doc: "Time of the event in UTC as ISO 8601 writes it, with nanoseconds. In JSON outputs it is a number: nanoseconds since the epoch."},
	{Name: "evt.datetime", Type: event.CharBuf, Str: timeText(local, time.DateTime, true, ""),
		Doc: "Local date and time of the event with nanoseconds."},
	{Name: "evt.datetime.s", Type: event.CharBuf, Str: timeText(local, time.DateTime, false, ""),
		Doc: "Local date and time of the event, to the second."},
	{Name: "evt.rawtime", Type: event.AbsTime, Format: event.FormatDec, Uint: evtTime,
		Doc: "Nanoseconds from the epoch to the event."},
	{Name: "evt.rawtime.s", Type: event.AbsTime, Format: event.FormatDec, Uint: seconds(evtTime),
		Doc: "Whole seconds from the epoch to the event."},
	{Name: "evt.rawtime.ns", Type: event.AbsTime, Format: event.FormatPadded10, Uint: fraction(evtTime),
		Doc: "Nanoseconds within the second in which the event happened."},
	{Name: "evt.reltime", Type: event.RelTime, Format: event.FormatPadded10, Uint: evtRelTime,
		Doc: "Nanoseconds from the first event that was seen to this one."},
	{Name: "evt.reltime.s", Type: event.RelTime, Format: event.FormatDec, Uint: seconds(evtRelTime),
		Doc: "Whole seconds from the first event that was seen to this one."},
	{Name: "evt.reltime.ns", Type: event.RelTime, Format: event.FormatPadded10, Uint: fraction(evtRelTime),
		Doc: "What evt.reltime has beyond whole seconds, in nanoseconds."},
	{Name: "evt.pluginname", Type: event.CharBuf, Str: none,
		Doc: "Name of the plugin that the event comes from."},
	{Name: "evt.plugininfo", Type: event.CharBuf, Str: none,
		Doc: "The plugin's own text for the event."},
	{Name: "evt.source", Type: event.CharBuf, Str: evtSource,
		Doc: "The source that the event comes from: syscall, or the one that a plugin names."},
	{Name: "evt.is_async", Type: event.Bool, Bool: evtIsAsync,
		Doc: "True for events that no thread causes, such as those about containers, users and lost events."},
	{Name: "evt.asynctype", Type: event.CharBuf, Str: evtAsyncType,
		Doc: "Name of an event for which evt.is_async is true."},
	{Name: "evt.hostname", Type: event.CharBuf, Str: evtHostname,
		Doc: "Name of the machine; the environment variable FALCO_HOSTNAME overrides it."},
}

// evtSyscallFields are the fields of events of the syscall source.
var evtSyscallFields = []Field{
	{Name: "evt.latency", Type: event.RelTime, Format: event.FormatDec, Flags: Deprecated, Uint: zero,
		Doc: "Always 0: the two sides of a call come as one event."},
	{Name: "evt.latency.s", Type: event.RelTime, Format: event.FormatDec, Flags: Deprecated, Uint: zero,
		Doc: "Always 0, as evt.latency."},
	{Name: "evt.latency.ns", Type: event.RelTime, Format: event.FormatPadded10, Flags: Deprecated, Uint: zero,
		Doc: "Always 0, as evt.latency."},
	{Name: "evt.latency.quantized", Type: event.Uint64, Format: event.FormatDec, Flags: Deprecated | TableOnly, Uint: zero,
		Doc: "Always 0, as evt.latency."},
	{Name: "evt.latency.human", Type: event.CharBuf, Flags: Deprecated, Str: constant("0ns"),
		Doc: "Always 0ns, as evt.latency."},
	{Name: "evt.deltatime", Type: event.RelTime, Format: event.FormatDec, Uint: evtDelta,
		Doc: "Nanoseconds since the event before this one; 0 for the first."},
	{Name: "evt.deltatime.s", Type: event.RelTime, Format: event.FormatDec, Uint: seconds(evtDelta),
		Doc: "Whole seconds since the event before this one."},
	{Name: "evt.deltatime.ns", Type: event.RelTime, Format: event.FormatPadded10, Uint: fraction(evtDelta),
		Doc: "What evt.deltatime has beyond whole seconds, in nanoseconds."},
	{Name: "evt.outputtime", Type: event.CharBuf, Flags: PrintOnly, Str: timeOfDay,
		Doc: "The event's time as outputs show it: the local time of day with nanoseconds."},
	{Name: "evt.dir", Type: event.CharBuf, Format: event.FormatDir, Flags: Deprecated, Str: evtDir,
		Doc: "Side of the call: < for its return, > for its start. Live events are returns, so this no longer tells anything."},
	{Name: "evt.type", Type: event.CharBuf, Str: evtType,
		Doc: "Name of the event: that of the system call, or of what else happened."},
	{Name: "evt.type.is", Type: event.Uint32, Arg: ArgRequired, DotArg: true, Parse: parseTypeIs, Uint: evtTypeIs,
		Doc: "1 if the event has the given name or code, else 0: evt.type.is.openat."},
	{Name: "syscall.type", Type: event.CharBuf, Str: syscallType,
		Doc: "Name of the system call. Events that are not calls have no value."},
	{Name: "evt.category", Type: event.CharBuf, Str: evtCategory,
		Doc: "What kind of event it is: file, net, IPC, memory, process, sleep, system, signal, user, time, processing, wait, scheduler or internal. Reads and writes go by what kind of descriptor they use."},
	{Name: "evt.cpu", Type: event.Int16, Format: event.FormatID, Int: evtCPU,
		Doc: "Number of the processor on which the event happened."},
	{Name: "evt.buffer", Type: event.ByteBuf, Str: evtBuffer, Print: printBuffer,
		Doc: "The start of what was read or written. Conditions see the raw bytes; outputs show dots, or Base64, for what cannot be printed."},
	{Name: "evt.buflen", Type: event.Uint64, Format: event.FormatDec, Uint: evtBufLen,
		Doc: "How many bytes were read or written on a descriptor."},
	{Name: "evt.res", Type: event.CharBuf, Format: event.FormatDec, Str: evtRes,
		Doc: "SUCCESS, or the name of the error that the call returned, such as ENOENT."},
	{Name: "evt.rawres", Type: event.Int64, Format: event.FormatDec, Int: evtRawRes,
		Doc: "The call's return value as a number; errors are negative."},
	{Name: "evt.failed", Type: event.Bool, Bool: evtFailed,
		Doc: "True if the call returned an error."},
	{Name: "evt.is_io", Type: event.Bool, Bool: evtHas(event.ReadsFD | event.WritesFD),
		Doc: "True for calls that read from a descriptor or write to one."},
	{Name: "evt.is_io_read", Type: event.Bool, Bool: evtHas(event.ReadsFD),
		Doc: "True for calls that read from a descriptor."},
	{Name: "evt.is_io_write", Type: event.Bool, Bool: evtHas(event.WritesFD),
		Doc: "True for calls that write to a descriptor."},
	{Name: "evt.io_dir", Type: event.CharBuf, Str: evtIODir,
		Doc: "read or write, for calls that do so."},
	{Name: "evt.is_wait", Type: event.Bool, Bool: evtHas(event.Waits),
		Doc: "True for calls that wait for something, such as poll and nanosleep."},
	{Name: "evt.wait_latency", Type: event.RelTime, Format: event.FormatDec, Flags: Deprecated, Uint: zero,
		Doc: "Always 0: the two sides of a call come as one event."},
	{Name: "evt.is_syslog", Type: event.Bool, Bool: evtIsSyslog,
		Doc: "True for writes to the system log's socket, /dev/log."},
	{Name: "evt.around", Type: event.Uint64, Format: event.FormatDec, Flags: FilterOnly | NoRHS | NoTransformer,
		Arg: ArgRequired, Parse: parseAround, Uint: evtAround,
		Doc: "Distance in milliseconds between the event and the given time in nanoseconds since the epoch. evt.around[T] = 500 holds for events up to half a second away."},
	{Name: "evt.abspath", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, BareArg: true, Parse: parseAbsPath, Str: evtAbsPath,
		Doc: "The absolute path that a call with a directory descriptor names. Calls with two paths have evt.abspath.src and evt.abspath.dst."},
	{Name: "evt.is_open_read", Type: event.Bool, Bool: isOpen(oRdonly),
		Doc: "True if a file was opened, or tried to be, for reading."},
	{Name: "evt.is_open_write", Type: event.Bool, Bool: isOpen(oWronly),
		Doc: "True if a file was opened, or tried to be, for writing."},
	{Name: "evt.infra.docker.name", Type: event.CharBuf, Flags: TableOnly, Str: none,
		Doc: "Of an event type that is no longer made; no value."},
	{Name: "evt.infra.docker.container.id", Type: event.CharBuf, Flags: TableOnly, Str: none,
		Doc: "Of an event type that is no longer made; no value."},
	{Name: "evt.infra.docker.container.name", Type: event.CharBuf, Flags: TableOnly, Str: none,
		Doc: "Of an event type that is no longer made; no value."},
	{Name: "evt.infra.docker.container.image", Type: event.CharBuf, Flags: TableOnly, Str: none,
		Doc: "Of an event type that is no longer made; no value."},
	{Name: "evt.is_open_exec", Type: event.Bool, Bool: evtIsOpenExec,
		Doc: "True if an open that may create the file asks for a mode with an execute bit."},
	{Name: "evt.is_open_create", Type: event.Bool, Bool: evtIsOpenCreate,
		Doc: "True if the open made the file."},
}

var (
	timeOfDay = timeText(local, time.TimeOnly, true, "")
	timeISO   = timeText(utc, "2006-01-02T15:04:05", true, "+0000")
)

// none is the getter of text fields that never have a value.
func none(*Context, *Arg) (string, bool) { return "", false }

// zero is the getter of numeric fields that are always 0.
func zero(*Context, *Arg) (uint64, bool) { return 0, true }

// constant makes the getter of a text that never changes.
func constant(text string) func(*Context, *Arg) (string, bool) {
	return func(*Context, *Arg) (string, bool) { return text, true }
}

// seconds makes a getter of the whole seconds of a time.
func seconds(get func(*Context, *Arg) (uint64, bool)) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, a *Arg) (uint64, bool) {
		n, ok := get(c, a)
		return n / 1e9, ok
	}
}

// fraction makes a getter of a time's nanoseconds beyond whole seconds.
func fraction(get func(*Context, *Arg) (uint64, bool)) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, a *Arg) (uint64, bool) {
		n, ok := get(c, a)
		return n % 1e9, ok
	}
}

func evtNum(c *Context, _ *Arg) (uint64, bool)  { return c.Ev.Num, true }
func evtTime(c *Context, _ *Arg) (uint64, bool) { return c.Ev.Time(), true }
func evtCPU(c *Context, _ *Arg) (int64, bool)   { return int64(c.Ev.CPU), true }

func evtRelTime(c *Context, _ *Arg) (uint64, bool) {
	if c.now < c.first {
		return 0, true
	}
	return c.now - c.first, true
}

func evtDelta(c *Context, _ *Arg) (uint64, bool) {
	if c.now < c.prev {
		return 0, true
	}
	return c.now - c.prev, true
}

func evtSource(c *Context, _ *Arg) (string, bool) { return c.Source, c.Source != "" }

func evtHostname(c *Context, _ *Arg) (string, bool) {
	if c.Machine == nil {
		return "", false
	}
	return c.Machine.Hostname, true
}

func evtIsAsync(c *Context, _ *Arg) (bool, bool) {
	return c.Ev.Info().Category&event.CatMeta != 0, true
}

func evtAsyncType(c *Context, _ *Arg) (string, bool) {
	if c.Ev.Info().Category&event.CatMeta == 0 {
		return "", false
	}
	return evtType(c, nil)
}

func evtDir(c *Context, _ *Arg) (string, bool) {
	if c.Ev.Type().IsEnter() {
		return ">", true
	}
	return "<", true
}

// evtType names the event; for the generic event that is the system call it stands for.
func evtType(c *Context, _ *Arg) (string, bool) {
	info := c.Ev.Info()
	switch info.Code {
	case event.Generic, event.Generic - 1:
		return genericName(c.Ev), true
	case event.AsyncEvent:
		name, ok := c.Ev.Text(1)
		return name, ok
	}
	return info.Name, true
}

// genericName is the name of a system call without an event of its own.
func genericName(ev *event.Event) string {
	if sc := ev.GenericCall(); sc != nil {
		return sc.Name
	}
	return "unknown"
}

func syscallType(c *Context, _ *Arg) (string, bool) {
	if !c.Ev.Info().IsSyscall() {
		return "", false
	}
	return evtType(c, nil)
}

// evtRes names the call's outcome.
func evtRes(c *Context, _ *Arg) (string, bool) {
	res, ok := result(c.Ev)
	switch {
	case !ok:
		return "", false
	case res >= 0:
		return "SUCCESS", true
	}
	if typ := resultType(c.Ev); typ == event.Errno || typ == event.FD {
		if name := errnoName(res); name != "" {
			return name, true
		}
	}
	return c.Keep(strconv.AppendInt(c.Arena(), res, 10)), true
}

// result is the call's return value. Calls that cannot fail return a user or group under its own name.
func result(ev *event.Event) (int64, bool) {
	if n, ok := ev.Result(); ok {
		return n, true
	}
	switch ev.Type() {
	case getUID, getEUID, getGID, getEGID:
		n, ok := ev.Uint(0)
		return int64(n), ok
	}
	return 0, false
}

// The codes of the calls that return a user or group.
const (
	getUID  event.Type = 203
	getEUID event.Type = 205
	getGID  event.Type = 207
	getEGID event.Type = 209
)

// resultType is the type of the return value: that of the first parameter that can hold one.
func resultType(ev *event.Event) event.ParamType {
	params := ev.Info().Params
	for i := range params {
		if params[i].Name == "res" || params[i].Name == "fd" {
			return params[i].Type
		}
	}
	return event.None
}

func evtRawRes(c *Context, _ *Arg) (int64, bool) { return result(c.Ev) }

func evtFailed(c *Context, _ *Arg) (bool, bool) {
	res, ok := result(c.Ev)
	return res < 0, ok
}

// evtHas makes the getter that tests the event's flags for any of those given.
func evtHas(flags event.EventFlags) func(*Context, *Arg) (bool, bool) {
	return func(c *Context, _ *Arg) (bool, bool) { return c.Ev.Info().Flags&flags != 0, true }
}

func evtIODir(c *Context, _ *Arg) (string, bool) {
	switch flags := c.Ev.Info().Flags; {
	case flags&event.WritesFD != 0:
		return "write", true
	case flags&event.ReadsFD != 0:
		return "read", true
	}
	return "", false
}
