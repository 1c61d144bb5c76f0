// SPDX-License-Identifier: Apache-2.0

package field

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// fdFields are the fields of the descriptor that the event is about.
var fdFields = []Field{
	{Name: "fd.num", Type: event.Int64, Format: event.FormatID, Int: fdNum,
		Doc: "Number of the descriptor that the event is about."},
	{Name: "fd.type", Type: event.CharBuf, Format: event.FormatDec, Str: fdType,
		Doc: "What kind of thing the descriptor is: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, timerfd, netlink, bpf, userfaultfd, io_uring, memfd or pidfd."},
	{Name: "fd.typechar", Type: event.CharBuf, Format: event.FormatDec, Str: fdTypeChar,
		Doc: "The kind of the descriptor as one character: f file, d directory, 4 and 6 IP sockets, u unix socket, p pipe, e event, s signalfd, l eventpoll, i inotify, t timerfd, n netlink, b bpf, r io_uring, m memfd, P pidfd, o other."},
	{Name: "fd.name", Type: event.CharBuf, Str: fdName,
		Doc: "What the descriptor is: a file's path as the program's argument gave it, resolved by text; the addresses of a socket. For the file that the kernel really opened see fd.path.real."},
	{Name: "fd.directory", Type: event.CharBuf, Str: fdDirectory,
		Doc: "The directory of a file, or the path of a directory."},
	{Name: "fd.filename", Type: event.CharBuf, Str: fdFilename,
		Doc: "The name of a file without its directory."},
	{Name: "fd.dev", Type: event.Int32, Format: event.FormatHex, Int: fdInt(func(f *state.FD) int64 { return int64(int32(f.Dev)) }),
		Doc: "Number of the device that the file lies on, 0 for what is no file."},
	{Name: "fd.dev.major", Type: event.Int32, Format: event.FormatDec, Int: fdInt(func(f *state.FD) int64 { return int64(f.Dev >> 8 & 0xfff) }),
		Doc: "Major number of the device that the file lies on."},
	{Name: "fd.dev.minor", Type: event.Int32, Format: event.FormatDec, Int: fdInt(func(f *state.FD) int64 { return int64(f.Dev&0xff | f.Dev>>12&0xfff00) }),
		Doc: "Minor number of the device that the file lies on."},
	{Name: "fd.ino", Type: event.Int64, Format: event.FormatDec, Int: fdInt(func(f *state.FD) int64 { return int64(f.Ino) }),
		Doc: "Inode number of the descriptor."},
	{Name: "fd.nameraw", Type: event.CharBuf, Str: fdNameRaw,
		Doc: "The path as the program gave it, neither made absolute nor resolved, which shows attempts to hide by way of dots and slashes."},
	{Name: "fd.types", Type: event.CharBuf, Format: event.FormatDec, Flags: IsList | NoRHS, Arg: ArgOptional, Parse: parseIndex, Strs: fdTypes,
		Doc: "The kinds of all descriptors of the process, each once. With a number, the kind of that descriptor."},
	{Name: "fd.is_upper_layer", Type: event.Bool, Bool: fdFlag(state.FDUpperLayer),
		Doc: "True if the file lies in the upper layer of an overlay: it was made or changed in the container."},
	{Name: "fd.is_lower_layer", Type: event.Bool, Bool: fdFlag(state.FDLowerLayer),
		Doc: "True if the file lies in a lower layer of an overlay: it comes with the container's image."},
	{Name: "fd.path.real", Type: event.CharBuf, Ours: true, Str: fdPathReal,
		Doc: "The file's path as the kernel resolved it when it was opened: symlinks followed, and not to be fooled by changing the argument meanwhile. No value where the kernel did not tell."},
	{Name: "fd.nlink", Type: event.Uint32, Format: event.FormatDec, Ours: true, Uint: fdNLink,
		Doc: "How many names (hard links) the file had when it was opened. No value where that is not known."},
	{Name: "fd.mount_id", Type: event.Uint32, Format: event.FormatDec, Ours: true, Uint: fdMountID,
		Doc: "Number of the mount through which the file was opened. No value where that is not known."},
}

// The texts of fd.type and fd.typechar by the descriptor's type.
var (
	fdTypeNames = [...]string{
		state.FDFile: "file", state.FDDirectory: "directory", state.FDIPv4Sock: "ipv4", state.FDIPv6Sock: "ipv6",
		state.FDIPv4ServSock: "ipv4", state.FDIPv6ServSock: "ipv6", state.FDFifo: "pipe", state.FDUnixSock: "unix",
		state.FDEvent: "event", state.FDSignalFD: "signalfd", state.FDEventPoll: "eventpoll", state.FDInotify: "inotify",
		state.FDTimerFD: "timerfd", state.FDNetlink: "netlink", state.FDFileV2: "file", state.FDBPF: "bpf",
		state.FDUserFault: "userfaultfd", state.FDIOUring: "io_uring", state.FDMemFD: "memfd", state.FDPidFD: "pidfd",
	}
	fdTypeChars = [...]string{
		state.FDUnknown: "o", state.FDFile: "f", state.FDDirectory: "d", state.FDIPv4Sock: "4", state.FDIPv6Sock: "6",
		state.FDIPv4ServSock: "4", state.FDIPv6ServSock: "6", state.FDFifo: "p", state.FDUnixSock: "u",
		state.FDEvent: "e", state.FDUnsupported: "X", state.FDSignalFD: "s", state.FDEventPoll: "l",
		state.FDInotify: "i", state.FDTimerFD: "t", state.FDNetlink: "n", state.FDFileV2: "f", state.FDBPF: "b",
		state.FDUserFault: "u", state.FDIOUring: "r", state.FDMemFD: "m", state.FDPidFD: "P",
	}
)

func fdTypeName(t state.FDType) string {
	if int(t) < len(fdTypeNames) && fdTypeNames[t] != "" {
		return fdTypeNames[t]
	}
	return naText
}

func fdChar(t state.FDType) string {
	if int(t) < len(fdTypeChars) {
		return fdTypeChars[t]
	}
	return "o"
}

// isFDEvent reports whether the event is of a kind that is about a descriptor.
func isFDEvent(c *Context) bool {
	const about = event.CreatesFD | event.UsesFD | event.DestroysFD
	return c.Thread != nil && c.Ev.Info().Flags&about != 0
}

// eventFD is the descriptor that the event is about, nil if it is unknown.
func eventFD(c *Context) *state.FD {
	if !isFDEvent(c) {
		return nil
	}
	return c.FD
}

// fdInt makes the getter of a number of the event's descriptor.
func fdInt(get func(*state.FD) int64) func(*Context, *Arg) (int64, bool) {
	return func(c *Context, _ *Arg) (int64, bool) {
		if f := eventFD(c); f != nil {
			return get(f), true
		}
		return 0, false
	}
}

// fdFlag makes the getter of a flag of the event's descriptor.
func fdFlag(flag state.FDFlags) func(*Context, *Arg) (bool, bool) {
	return func(c *Context, _ *Arg) (bool, bool) {
		if f := eventFD(c); f != nil {
			return f.Flags&flag != 0, true
		}
		return false, false
	}
}

func fdNum(c *Context, _ *Arg) (int64, bool) { return c.FDNum, isFDEvent(c) }

func fdType(c *Context, _ *Arg) (string, bool) {
	if f := eventFD(c); f != nil {
		return fdTypeName(f.Type), true
	}
	return "", false
}

// fdTypeChar guesses from the event while the descriptor is unknown.
func fdTypeChar(c *Context, _ *Arg) (string, bool) {
	if !isFDEvent(c) {
		return "", false
	}
	if c.FD != nil {
		return fdChar(c.FD.Type), true
	}
	switch c.Ev.Type() {
	case event.OpenAt, event.OpenAt2, event.OpenByHandleAt, event.OpenEnter, event.OpenAtEnter, event.OpenAt2Enter, event.CreatEnter:
		return "f", true
	case event.Socket, event.Accept, event.Accept4:
		return "4", true
	case event.Pipe, event.Pipe2:
		return "p", true
	case event.EventFD, event.EventFD2:
		return "e", true
	case event.SignalFD, event.SignalFD4:
		return "s", true
	case event.TimerFDCreate:
		return "t", true
	case event.InotifyInit, event.InotifyInit1:
		return "i", true
	}
	return "o", true
}

// fdName is the descriptor's name; while it is unknown, what the event's own path or tuple says.
func fdName(c *Context, _ *Arg) (string, bool) {
	if !isFDEvent(c) {
		return "", false
	}
	if c.FD != nil {
		return c.FD.Name(), true
	}
	return eventPath(c), !c.Ev.Type().IsEnter()
}

// eventPath is what a call that makes a descriptor would have named it; "" for other events.
func eventPath(c *Context) string {
	switch c.Ev.Type() {
	case event.Open, event.Creat, event.Accept, event.Accept4, event.Connect:
		if p, ok := paramAt(c, 1); ok {
			return c.Keep(p.appendValue(c.Arena(), c))
		}
	case event.OpenAt, event.OpenAt2:
		if name, ok := c.Ev.Text(2); ok {
			b, _ := appendDir(c.Arena(), c, 1)
			return c.Keep(joinOnto(b, 0, name))
		}
	case event.OpenByHandleAt:
		if path, ok := c.Ev.Text(3); ok {
			return path
		}
	}
	return ""
}

// fdPath is the path of a file or directory; ok is false for other descriptors.
func fdPath(c *Context) (path string, typ state.FDType, ok bool) {
	if !isFDEvent(c) {
		return "", 0, false
	}
	if c.FD != nil {
		return c.FD.Name(), c.FD.Type, isFile(c.FD)
	}
	return eventPath(c), state.FDUnknown, !c.Ev.Type().IsEnter()
}

func fdDirectory(c *Context, _ *Arg) (string, bool) {
	path, typ, ok := fdPath(c)
	if !ok {
		return "", false
	}
	if typ == state.FDDirectory {
		return path, true
	}
	return dirname(path), true
}

func fdFilename(c *Context, _ *Arg) (string, bool) {
	path, typ, ok := fdPath(c)
	if !ok || typ == state.FDDirectory || typ == state.FDUnknown {
		return "", false
	}
	if !strings.Contains(path, "/") {
		return "/", true
	}
	return basename(path), true
}

// fdNameRaw is the path of the event itself while the descriptor is unknown.
func fdNameRaw(c *Context, _ *Arg) (string, bool) {
	if !isFDEvent(c) {
		return "", false
	}
	if c.FD != nil {
		return collapse(c, c.FD.RawName()), true
	}
	switch c.Ev.Type() {
	case event.Open, event.Creat, event.Accept, event.Accept4, event.Connect:
		if p, ok := paramAt(c, 1); ok {
			return c.Keep(p.appendRaw(c.Arena(), c)), true
		}
	case event.OpenAt, event.OpenAt2:
		return collapse(c, textOr(c.Ev, 2)), true
	case event.OpenByHandleAt:
		return collapse(c, textOr(c.Ev, 3)), true
	}
	return "", !c.Ev.Type().IsEnter()
}

// collapse makes one slash of many.
func collapse(c *Context, path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	b := c.Arena()
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			b = append(b, path[i])
		}
	}
	return c.Keep(b)
}

// textOr is a parameter's text, "" if it has none.
func textOr(ev *event.Event, i int) string {
	text, _ := ev.Text(i)
	return text
}

// fdTypes lists the kinds in the order of their numbers.
func fdTypes(c *Context, a *Arg, dst []string) []string {
	p := process(c)
	if p == nil || !isFDEvent(c) {
		return dst
	}
	if a.Given {
		if f := p.FDs.Get(int64(a.Index)); f != nil {
			dst = append(dst, fdTypeName(f.Type))
		}
		return dst
	}
	var seen uint32
	p.FDs.Each(func(f *state.FD) bool {
		seen |= 1 << (f.Type & 31)
		return true
	})
	for t := state.FDType(0); seen>>t != 0 && t < 32; t++ {
		if seen>>t&1 == 0 {
			continue
		}
		if name := fdTypeName(t); !slices.Contains(dst, name) {
			dst = append(dst, name)
		}
	}
	return dst
}

func fdPathReal(c *Context, _ *Arg) (string, bool) {
	if f := eventFD(c); f != nil && f.RealPath() != "" {
		return strings.TrimSuffix(f.RealPath(), deletedSuffix), true
	}
	return "", false
}

func fdNLink(c *Context, _ *Arg) (uint64, bool) {
	if f := eventFD(c); f != nil {
		return uint64(f.NLink), f.NLink != 0
	}
	return 0, false
}

func fdMountID(c *Context, _ *Arg) (uint64, bool) {
	if f := eventFD(c); f != nil {
		return uint64(f.MountID), f.MountID != 0
	}
	return 0, false
}

// appendFDMeaning appends what a parameter that is a descriptor means: its kind and name, or the
// error that a negative one stands for.
func appendFDMeaning(dst []byte, c *Context, num int64) []byte {
	switch {
	case num == atFDCWD:
		return append(dst, "AT_FDCWD"...)
	case num < 0:
		return append(dst, errnoName(num)...)
	}
	f := fdOf(c, num)
	if f == nil {
		return dst
	}
	dst = append(dst, '<')
	dst = append(dst, fdChar(f.Type)...)
	if isIPSock(f) {
		switch f.Transport() {
		case state.L4TCP:
			dst = append(dst, 't')
		case state.L4UDP:
			dst = append(dst, 'u')
		case state.L4ICMP:
			dst = append(dst, 'i')
		case state.L4Raw:
			dst = append(dst, 'r')
		}
	}
	dst = append(dst, '>')
	return append(dst, f.Name()...)
}

// appendComm appends the name of the thread with that number, nothing if it is unknown.
func appendComm(dst []byte, c *Context, tid int64) []byte {
	var t *state.Thread
	switch {
	case c.Thread != nil && c.Thread.TID == tid:
		t = c.Thread
	case c.State != nil:
		t = c.State.Thread(tid)
	}
	switch {
	case t == nil:
		return dst
	case t.Comm == "" && t.Fake:
		return append(dst, naText...)
	}
	return append(dst, t.Comm...)
}

// appendFDList appends the descriptors of a poll: number, kind, and the events asked for in hex.
func appendFDList(dst []byte, c *Context, b []byte) []byte {
	for i := range pollLen(b) {
		num, events := pollAt(b, i)
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = strconv.AppendInt(dst, num, 10)
		dst = append(dst, ':')
		if f := fdOf(c, num); f != nil {
			dst = append(dst, fdChar(f.Type)...)
		} else {
			dst = append(dst, '?')
		}
		dst = strconv.AppendUint(dst, uint64(events), 16)
	}
	return dst
}
