// SPDX-License-Identifier: Apache-2.0

package field

import (
	"encoding/binary"
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// fdListFields are the fields of the descriptors that poll and ppoll wait for.
var fdListFields = []Field{
	{Name: "fdlist.nums", Type: event.CharBuf, Format: event.FormatID, Str: fdList(appendListNum),
		Doc: "Numbers of the descriptors that poll or ppoll waits for, with commas between them."},
	{Name: "fdlist.names", Type: event.CharBuf, Str: fdList(appendListName),
		Doc: "Names of the descriptors that poll or ppoll waits for, with commas between them; <NA> for those without."},
	{Name: "fdlist.cips", Type: event.CharBuf, Str: fdList(appendListClientIP),
		Doc: "Client addresses of the IP sockets that poll or ppoll waits for, with commas between them."},
	{Name: "fdlist.sips", Type: event.CharBuf, Str: fdList(appendListServerIP),
		Doc: "Server addresses of the IP sockets that poll or ppoll waits for, with commas between them."},
	{Name: "fdlist.cports", Type: event.CharBuf, Format: event.FormatDec, Str: fdList(appendListClientPort),
		Doc: "Client ports of the IP sockets that poll or ppoll waits for, with commas between them."},
	{Name: "fdlist.sports", Type: event.CharBuf, Format: event.FormatDec, Str: fdList(appendListServerPort),
		Doc: "Server ports of the IP sockets that poll or ppoll waits for, with commas between them."},
}

// pollEntry is the size of one descriptor in a list: its number and the events.
const pollEntry = 10

// pollLen is how many descriptors a list holds.
func pollLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	return min(int(binary.LittleEndian.Uint16(b)), (len(b)-2)/pollEntry)
}

// pollAt is descriptor i of a list.
func pollAt(b []byte, i int) (num int64, events uint16) {
	b = b[2+i*pollEntry:]
	return int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint16(b[8:])
}

// pollFDs is the event's list of descriptors; ok is false if it has none.
func pollFDs(ev *event.Event) (list []byte, ok bool) {
	info := ev.Info()
	for i := range info.Params {
		if info.Params[i].Type == event.FDList {
			list = ev.Param(i)
			return list, pollLen(list) > 0
		}
	}
	return nil, false
}

// fdList makes the getter of a list of texts, one for each descriptor for which add adds one.
func fdList(add func(dst []byte, num int64, f *state.FD) []byte) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		list, ok := pollFDs(c.Ev)
		if !ok || c.Thread == nil {
			return "", false
		}
		b := c.Arena()
		found := false
		for i := range pollLen(list) {
			num, _ := pollAt(list, i)
			n := len(b)
			if found {
				b = append(b, ',')
			}
			m := len(b)
			if b = add(b, num, fdOf(c, num)); len(b) == m {
				b = b[:n]
				continue
			}
			found = true
		}
		return c.Keep(b), found
	}
}

func appendListNum(dst []byte, num int64, _ *state.FD) []byte {
	return strconv.AppendInt(dst, num, 10)
}

func appendListName(dst []byte, _ int64, f *state.FD) []byte {
	if f == nil || f.Name() == "" {
		return append(dst, naText...)
	}
	return append(dst, f.Name()...)
}

func appendListClientIP(dst []byte, _ int64, f *state.FD) []byte {
	if f == nil || !isConn(f) {
		return dst
	}
	return appendAddr(dst, f.Source.Addr())
}

func appendListServerIP(dst []byte, _ int64, f *state.FD) []byte {
	if f == nil || !isIPSock(f) {
		return dst
	}
	return appendAddr(dst, f.Dest.Addr())
}

func appendListClientPort(dst []byte, _ int64, f *state.FD) []byte {
	if f == nil || !isConn(f) {
		return dst
	}
	return strconv.AppendUint(dst, uint64(f.Source.Port()), 10)
}

func appendListServerPort(dst []byte, _ int64, f *state.FD) []byte {
	if f == nil || !isIPSock(f) {
		return dst
	}
	return strconv.AppendUint(dst, uint64(f.Dest.Port()), 10)
}
