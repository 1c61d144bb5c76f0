// SPDX-License-Identifier: Apache-2.0

package field

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// evtCountFields count events and bytes by kind.
var evtCountFields = []Field{
	{Name: "evt.count", Type: event.Uint32, Format: event.FormatDec,
		Uint: func(*Context, *Arg) (uint64, bool) { return 1, true },
		Doc:  "Always 1."},
	{Name: "evt.count.error", Type: event.Uint32, Format: event.FormatDec, Uint: errorCount(errorAny),
		Doc: "1 if the call returned an error, 0 if it did not. Events without a return value have no value."},
	{Name: "evt.count.error.file", Type: event.Uint32, Format: event.FormatDec, Uint: errorCount(errorFile),
		Doc: "The same as evt.count.error, for calls on files and directories alone."},
	{Name: "evt.count.error.net", Type: event.Uint32, Format: event.FormatDec, Uint: errorCount(errorNet),
		Doc: "The same as evt.count.error, for calls on sockets alone."},
	{Name: "evt.count.error.memory", Type: event.Uint32, Format: event.FormatDec, Uint: errorCount(errorMemory),
		Doc: "The same as evt.count.error, for calls of the memory category alone."},
	{Name: "evt.count.error.other", Type: event.Uint32, Format: event.FormatDec, Uint: errorCount(errorOther),
		Doc: "The same as evt.count.error, for calls that concern neither files, sockets nor memory."},
	{Name: "evt.count.exit", Type: event.Uint32, Format: event.FormatDec, Uint: evtCountExit,
		Doc: "1 for the return of a call; other events have no value."},
	{Name: "evt.count.procinfo", Type: event.Uint32, Format: event.FormatDec, Flags: TableOnly, Uint: evtCountProcInfo,
		Doc: "1 for a procinfo event of a main thread, else 0."},
	{Name: "evt.count.threadinfo", Type: event.Uint32, Format: event.FormatDec, Flags: TableOnly, Uint: evtCountThreadInfo,
		Doc: "1 for a procinfo event, else 0."},
	{Name: "evt.buflen.in", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(event.CatIORead, anyFD),
		Doc: "Bytes that were read."},
	{Name: "evt.buflen.out", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(event.CatIOWrite, anyFD),
		Doc: "Bytes that were written."},
	{Name: "evt.buflen.file", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(0, isFile),
		Doc: "Bytes that were read from a file or written to it."},
	{Name: "evt.buflen.file.in", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(event.CatIORead, isFile),
		Doc: "Bytes that were read from a file."},
	{Name: "evt.buflen.file.out", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(event.CatIOWrite, isFile),
		Doc: "Bytes that were written to a file."},
	{Name: "evt.buflen.net", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(0, isIPSock),
		Doc: "Bytes that were received or sent over an IP socket."},
	{Name: "evt.buflen.net.in", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(event.CatIORead, isIPSock),
		Doc: "Bytes that were received over an IP socket."},
	{Name: "evt.buflen.net.out", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: bufLen(event.CatIOWrite, isIPSock),
		Doc: "Bytes that were sent over an IP socket."},
}

// The published open flags that fields look at.
const (
	oRdonly  = 1
	oWronly  = 2
	oCreat   = 4
	oTmpfile = 8192
	oCreated = 16384
	modeExec = 0o111
)

// openParams says where an open event of the current version keeps its flags and its mode; -1: it
// has none.
func openParams(t event.Type) (flags, mode int) {
	switch t {
	case event.Open:
		return 2, 3
	case event.OpenAt, event.OpenAt2:
		return 3, 4
	case event.OpenByHandleAt:
		return 2, -1
	case event.Creat:
		return -1, 2
	}
	return -1, -1
}

// openFlags returns the open flags of an open, openat, openat2 or open_by_handle_at.
func openFlags(ev *event.Event) uint64 {
	if i, _ := openParams(ev.Type()); i >= 0 {
		flags, _ := ev.Uint(i)
		return flags
	}
	return 0
}

func isOpen(flag uint64) func(*Context, *Arg) (bool, bool) {
	return func(c *Context, _ *Arg) (bool, bool) { return openFlags(c.Ev)&flag != 0, true }
}

func evtIsOpenExec(c *Context, _ *Arg) (bool, bool) {
	t := c.Ev.Type()
	_, i := openParams(t)
	if i < 0 || t != event.Creat && openFlags(c.Ev)&(oCreat|oTmpfile) == 0 {
		return false, true
	}
	mode, _ := c.Ev.Uint(i)
	return mode&modeExec != 0, true
}

func evtIsOpenCreate(c *Context, _ *Arg) (bool, bool) {
	flags := openFlags(c.Ev)
	if flags&oTmpfile != 0 {
		if res, ok := result(c.Ev); ok && res >= 0 {
			return true, true
		}
	}
	return flags&oCreated != 0, true
}

// The tests on the kind of a descriptor.
func anyFD(*state.FD) bool { return true }

func isFile(f *state.FD) bool {
	return f.Type == state.FDFile || f.Type == state.FDFileV2 || f.Type == state.FDDirectory
}

func isIPSock(f *state.FD) bool {
	return f.Type >= state.FDIPv4Sock && f.Type <= state.FDIPv6ServSock
}

func isSock(f *state.FD) bool { return isIPSock(f) || f.Type == state.FDUnixSock }

// evtCategory names the category; reads and writes go by the kind of the descriptor.
func evtCategory(c *Context, _ *Arg) (string, bool) {
	base := c.Ev.Info().Category.Base()
	switch base {
	case event.CatIORead, event.CatIOWrite, event.CatIOOther:
		return ioCategory(eventFD(c)), true
	}
	if name := categoryNames[base]; name != "" {
		return name, true
	}
	return "unknown", true
}

// categoryNames are the texts of evt.category.
var categoryNames = [...]string{
	event.CatOther: "other", event.CatFile: "file", event.CatNet: "net", event.CatIPC: "IPC",
	event.CatMemory: "memory", event.CatProcess: "process", event.CatSleep: "sleep", event.CatSystem: "system",
	event.CatSignal: "signal", event.CatUser: "user", event.CatTime: "time", event.CatProcessing: "processing",
	event.CatWait: "wait", event.CatScheduler: "scheduler", event.CatInternal: "internal", 511: "",
}

func ioCategory(f *state.FD) string {
	if f == nil {
		return "unknown"
	}
	switch {
	case isFile(f):
		return "file"
	case isIPSock(f):
		return "net"
	}
	switch f.Type {
	case state.FDFifo, state.FDUnixSock, state.FDEvent, state.FDSignalFD, state.FDInotify, state.FDUserFault:
		return "ipc"
	}
	return "unknown"
}

// isIO reports whether the event's category is input, output, or another use of a descriptor.
func isIO(ev *event.Event) bool {
	base := ev.Info().Category.Base()
	return base >= event.CatIORead && base <= event.CatIOOther
}

func evtBufLen(c *Context, _ *Arg) (uint64, bool) {
	if !isIO(c.Ev) || eventFD(c) == nil {
		return 0, false
	}
	res, ok := result(c.Ev)
	return uint64(res), ok && res >= 0
}

// bufLen makes the getter of the bytes that moved in one direction, or in any for category 0, on
// one kind of descriptor.
func bufLen(dir event.Category, kind func(*state.FD) bool) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, a *Arg) (uint64, bool) {
		f := eventFD(c)
		if f == nil || !kind(f) || dir != 0 && c.Ev.Info().Category.Base() != dir {
			return 0, false
		}
		return evtBufLen(c, a)
	}
}

// errorKind is what a call that may fail is about.
type errorKind uint8

const (
	errorAny errorKind = iota
	errorFile
	errorNet
	errorMemory
	errorOther
)

// hasKind reports whether the event counts among the errors of that kind.
func hasKind(c *Context, kind errorKind) bool {
	memory := c.Ev.Info().Category.Base() == event.CatMemory
	switch kind {
	case errorAny:
		return true
	case errorMemory:
		return memory
	}
	var file, net bool
	if f := eventFD(c); f != nil {
		file, net = isFile(f), isSock(f)
	} else {
		file, net = isOpenCall(c.Ev.Type()), isConnectCall(c.Ev.Type())
	}
	switch kind {
	case errorFile:
		return file
	case errorNet:
		return net
	}
	return !file && !net && (!memory || c.FD != nil)
}

func isOpenCall(t event.Type) bool {
	flags, mode := openParams(t)
	return flags >= 0 || mode >= 0
}

func isConnectCall(t event.Type) bool {
	return t == event.Accept || t == event.Accept4 || t == event.Connect
}

func errorCount(kind errorKind) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, _ *Arg) (uint64, bool) {
		res, ok := result(c.Ev)
		if !ok || !hasKind(c, kind) {
			return 0, false
		}
		if res < 0 {
			return 1, true
		}
		return 0, true
	}
}

func evtCountExit(c *Context, _ *Arg) (uint64, bool) { return 1, !c.Ev.Type().IsEnter() }

func evtCountProcInfo(c *Context, _ *Arg) (uint64, bool) {
	if isProcInfo(c.Ev) && c.Thread != nil && isMain(c.Thread) {
		return 1, true
	}
	return 0, true
}

func evtCountThreadInfo(c *Context, _ *Arg) (uint64, bool) {
	if isProcInfo(c.Ev) {
		return 1, true
	}
	return 0, true
}

// procInfo is the code of the events that once told the times of every process.
const procInfo event.Type = 234

func isProcInfo(ev *event.Event) bool { return ev.Type() == procInfo }

func evtIsSyslog(c *Context, _ *Arg) (bool, bool) {
	f := eventFD(c)
	return f != nil && c.Ev.Info().Flags&event.WritesFD != 0 && strings.Contains(f.Name(), "/dev/log"), true
}

// parseTypeIs makes the codes of an event's name, or one code, of the argument.
func parseTypeIs(a *Arg) error {
	if a.Index >= 0 {
		if a.Index >= event.NumTypes {
			return fmt.Errorf("unknown event code %d", a.Index)
		}
		a.Extra = []event.Type{event.Type(a.Index)}
		return nil
	}
	types := event.TypesByName(a.Text)
	if types == nil {
		return fmt.Errorf("unknown event type %q", a.Text)
	}
	a.Extra = types
	return nil
}

func evtTypeIs(c *Context, a *Arg) (uint64, bool) {
	types, _ := a.Extra.([]event.Type)
	for _, t := range types {
		if t == c.Ev.Type() {
			return 1, true
		}
	}
	return 0, true
}

func parseAround(a *Arg) error {
	ns, err := strconv.ParseUint(a.Text, 10, 64)
	if err != nil {
		return errors.New("the argument must be a time in nanoseconds since the epoch")
	}
	a.Extra = ns
	return nil
}

func evtAround(c *Context, a *Arg) (uint64, bool) {
	at, _ := a.Extra.(uint64)
	ts := c.Ev.Time()
	if ts < at {
		return (at - ts) / 1e6, true
	}
	return (ts - at) / 1e6, true
}
