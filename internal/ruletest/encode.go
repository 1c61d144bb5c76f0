// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// spawn is the event of ours that stands for a fork and the exec of the child.
const spawn = "spawn"

// eventOf finds the event that reports a call, and the call's number if it has no event of its own.
// spawn is known by the name of the exec.
func eventOf(name string) (info *event.Info, call *event.Syscall) {
	if name == spawn {
		name = "execve"
	}
	for _, t := range event.TypesByName(name) {
		i := event.Lookup(t)
		if i.Flags&event.OldVersion != 0 || i.Category&event.CatIter != 0 || i.IsSyscall() && t.IsEnter() || t <= event.Generic {
			continue
		}
		return i, nil
	}
	if call := event.SyscallByName(name); call != nil && call.Event <= event.Generic {
		return event.Lookup(event.Generic), call
	}
	return nil, nil
}

// eventNames lists the events that a file can name.
var eventNames = sync.OnceValue(func() []string {
	names := map[string]bool{spawn: true}
	for i := range event.Infos() {
		if name := event.Infos()[i].Name; !names[name] {
			if info, _ := eventOf(name); info != nil {
				names[name] = true
			}
		}
	}
	for i := range event.Syscalls() {
		name := event.Syscalls()[i].Name
		if info, _ := eventOf(name); info != nil {
			names[name] = true
		}
	}
	return sortedKeys(names)
})

// checkParams checks the names of an event's parameters.
func checkParams(r *reader, info *event.Info, e *Event) {
	if e.Short.node != nil {
		if shortParam(info) < 0 {
			r.bad(e.Short.node, "it has "+strings.Join(paramNames(info), ", "), "name the parameters of %s", e.Name.Text)
		}
		return
	}
	for _, p := range e.Params {
		if paramIndex(info, p.key.Text) < 0 {
			r.unknown(p.key, "parameter of "+e.Name.Text, paramNames(info))
		}
	}
}

// paramIndex finds a parameter; res is the result, whatever the table calls it.
func paramIndex(info *event.Info, name string) int {
	if i := info.ParamIndex(name); i >= 0 || name != "res" {
		return i
	}
	return resultIndex(info)
}

// resultIndex is the parameter with the event's result, -1 without one.
func resultIndex(info *event.Info) int {
	if len(info.Params) == 0 || info.Code.IsEnter() {
		return -1
	}
	if p := &info.Params[0]; p.Name == "res" || p.Name == "fd" && info.Flags&event.CreatesFD != 0 {
		return 0
	}
	return -1
}

// paramNames lists an event's parameters.
func paramNames(info *event.Info) (names []string) {
	for i := range info.Params {
		names = append(names, info.Params[i].Name)
	}
	return names
}

// shortParam is the parameter that a single value means: the only path or address of the event, -1
// if it has several.
func shortParam(info *event.Info) int {
	found := -1
	for i := range info.Params {
		p := &info.Params[i]
		switch {
		case p.Name == "real_path":
		case p.Type == event.FSPath, p.Type == event.FSRelPath, p.Type == event.CharBuf, p.Type == event.SockAddr:
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// encode returns the value of a parameter as records carry it. It is false after a mistake.
func (w *world) encode(p *event.Param, n *yaml.Node) ([]byte, bool) {
	if isNull(n) {
		return nil, true
	}
	switch p.Type {
	case event.CharBuf, event.FSPath, event.FSRelPath:
		return append([]byte(w.r.word(n, p.Name).Text), 0), true
	case event.ByteBuf:
		if n.Kind == yaml.SequenceNode {
			return block(texts(w.r.words(n, p.Name))), true
		}
		return []byte(w.r.word(n, p.Name).Text), true
	case event.CharBufArray, event.CharBufPairArray:
		return block(texts(w.r.words(n, p.Name))), true
	case event.SockAddr:
		return w.address(n)
	case event.SockTuple:
		return w.tuple(n)
	}
	size := width(p.Type)
	if size == 0 {
		return nil, w.fail(n, "leave it out", "parameter %s has a type that cannot be written here", p.Name)
	}
	v, ok := w.numeric(p, n)
	if !ok {
		return nil, false
	}
	return number(v, size), true
}

// numeric returns the value of a number, of flags, of an error or of whatever has a name.
func (w *world) numeric(p *event.Param, n *yaml.Node) (uint64, bool) {
	var words []string
	if n.Kind == yaml.SequenceNode {
		words = texts(w.r.words(n, p.Name))
	} else {
		words = strings.FieldsFunc(w.r.word(n, p.Name).Text, func(c rune) bool { return c == '|' || c == ' ' || c == ',' })
	}
	if len(words) == 0 {
		return 0, w.fail(n, "", "parameter %s has no value", p.Name)
	}
	var v uint64
	for _, text := range words {
		one, ok := w.named(p, n, text)
		if !ok {
			return 0, false
		}
		v |= one
	}
	if p.Flags == &event.FileFlags && v&3 == 0 && n.Kind == yaml.ScalarNode && n.Value != "O_NONE" && n.Value != "0" {
		v |= 1 // without an access mode a file is opened for reading
	}
	return v, true
}

// named returns the value of one word of a number.
func (w *world) named(p *event.Param, n *yaml.Node, text string) (uint64, bool) {
	if v, err := strconv.ParseInt(text, 0, 64); err == nil {
		if isMode(p) && text[0] != '0' {
			return 0, w.fail(n, "write 0"+text, "a file's mode is octal and begins with 0, not %q", text)
		}
		return uint64(v), true
	}
	if v, err := strconv.ParseUint(text, 0, 64); err == nil {
		return v, true
	}
	switch {
	case p.Flags != nil:
		if v, ok := p.Flags.Value(text); ok {
			return uint64(v), true
		}
		var known []string
		for _, f := range p.Flags.Flags {
			known = append(known, f.Name)
		}
		return 0, w.fail(n, diag.DidYouMean(text, known), "unknown value %q of parameter %s", text, p.Name)
	case p.Type == event.Bool && (text == "true" || text == "false"):
		if text == "true" {
			return 1, true
		}
		return 0, true
	case p.Type == event.UID || p.Type == event.GID:
		id, err := w.userID(word{text, n}, nil, p.Type == event.GID)
		return uint64(id), err == nil
	}
	if v, ok := socketWords[text]; ok && (p.Name == "type" || p.Name == "proto") {
		return v, true
	}
	if p.Type == event.SigType {
		if sig := unix.SignalNum(text); sig != 0 {
			return uint64(sig), true
		}
		return 0, w.fail(n, "write a number, or a name such as SIGKILL", "unknown signal %q", text)
	}
	if p.Type == event.PID || p.Type == event.PID32 {
		if proc := w.procs[text]; proc != nil {
			return uint64(proc.pid), true
		}
		return 0, w.fail(n, diag.DidYouMean(text, sortedKeys(w.procs)), "parameter %s: %q is no process of the machine", p.Name, text)
	}
	if text == "AT_FDCWD" {
		return ^uint64(99), true
	}
	if v, ok := errno(text); ok && (p.Type == event.Errno || p.Type == event.FD || p.Type == event.PID || p.Type == event.Int64) {
		return uint64(-v), true
	}
	hint := "write a number"
	if p.Type == event.Errno || p.Type == event.FD {
		hint = cmpOr(diag.DidYouMean(text, sortedKeys(errnos())), "write a number, or an error such as ENOENT")
	}
	return 0, w.fail(n, hint, "parameter %s cannot be %q", p.Name, text)
}

// cmpOr returns the first text that is not empty.
func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// isMode reports whether a parameter is a file's mode, which people write in octal.
func isMode(p *event.Param) bool { return p.Type == event.Mode || p.Format == event.FormatOct }

// socketWords are the kinds of sockets and the protocols that a socket call names.
var socketWords = map[string]uint64{
	"SOCK_STREAM": 1, "SOCK_DGRAM": 2, "SOCK_RAW": 3, "SOCK_SEQPACKET": 5,
	"IPPROTO_IP": 0, "IPPROTO_ICMP": 1, "IPPROTO_TCP": 6, "IPPROTO_UDP": 17, "IPPROTO_RAW": 255,
}

// errnos are the numbers of errors by name.
var errnos = sync.OnceValue(func() map[string]int64 {
	m := map[string]int64{}
	for i := range 200 {
		if name := unix.ErrnoName(syscall.Errno(i)); name != "" {
			m[name] = int64(i)
		}
	}
	return m
})

// errno returns the number of an error, which may be written with a minus.
func errno(name string) (int64, bool) {
	v, ok := errnos()[strings.TrimPrefix(name, "-")]
	return v, ok
}

// number encodes v in size bytes.
func number(v uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:size] }

// block joins texts, each with a final NUL.
func block(texts []string) (b []byte) {
	for _, t := range texts {
		b = append(append(b, t...), 0)
	}
	return b
}

// width is how many bytes a number of that type takes, 0 for what is no number.
func width(t event.ParamType) int {
	switch t {
	case event.Int8, event.Uint8, event.SigType, event.L4Proto, event.SockFamily, event.Flags8, event.EnumFlags8:
		return 1
	case event.Int16, event.Uint16, event.SyscallID, event.Port, event.Flags16, event.EnumFlags16:
		return 2
	case event.Int32, event.Uint32, event.Bool, event.Flags32, event.EnumFlags32, event.UID, event.GID,
		event.SigSet, event.Mode, event.FD32, event.PID32:
		return 4
	case event.Int64, event.Uint64, event.Errno, event.FD, event.PID, event.RelTime, event.AbsTime:
		return 8
	}
	return 0
}

// Address families, as records carry them.
const (
	familyUnix  = 1
	familyINet  = 2
	familyINet6 = 10
)

// address encodes an address: 1.2.3.4:80, [::1]:80, or the path of a unix socket.
func (w *world) address(n *yaml.Node) ([]byte, bool) {
	text := w.r.word(n, "an address").Text
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
		return append(append([]byte{familyUnix}, text...), 0), true
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, w.fail(n, "write 192.0.2.1:80, [2001:db8::1]:80 or the path of a unix socket", "%q is no address", text)
	}
	return append([]byte{family(a)}, end(a)...), true
}

// tuple encodes two ends: 10.0.0.2:4000->192.0.2.1:80, or unix:/run/x.sock.
func (w *world) tuple(n *yaml.Node) ([]byte, bool) {
	text := w.r.word(n, "a pair of addresses").Text
	if path, ok := strings.CutPrefix(text, "unix:"); ok || strings.HasPrefix(text, "/") {
		return unixTuple(path), true
	}
	src, dst, ok := parseEnds(text)
	if !ok {
		return nil, w.fail(n, "write 10.0.0.2:4000->192.0.2.1:80 or unix:/run/x.sock", "%q is no pair of addresses", text)
	}
	return inetTuple(src, dst), true
}

// parseEnds reads two addresses of one family with an arrow between them.
func parseEnds(text string) (src, dst netip.AddrPort, ok bool) {
	a, b, found := strings.Cut(text, "->")
	src, err1 := netip.ParseAddrPort(strings.TrimSpace(a))
	dst, err2 := netip.ParseAddrPort(strings.TrimSpace(b))
	return src, dst, found && err1 == nil && err2 == nil && src.Addr().Is4() == dst.Addr().Is4()
}

// inetTuple encodes the two ends of an IP socket.
func inetTuple(src, dst netip.AddrPort) []byte {
	return slices.Concat([]byte{family(src)}, end(src), end(dst))
}

// unixTuple encodes a unix socket that is connected to a path.
func unixTuple(path string) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{familyUnix}, 0xffff888000001000)
	b = binary.LittleEndian.AppendUint64(b, 0xffff888000002000)
	return append(append(b, path...), 0)
}

// family is the address family of an address.
func family(a netip.AddrPort) byte {
	if a.Addr().Is4() {
		return familyINet
	}
	return familyINet6
}

// end encodes address and port.
func end(a netip.AddrPort) []byte {
	return binary.LittleEndian.AppendUint16(a.Addr().AsSlice(), a.Port())
}
