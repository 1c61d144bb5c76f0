// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// maxEntry is the longest entry of a list: its texts have lengths of 16 bits.
const maxEntry = 640 << 10

// lists holds what a list has told so far.
type lists struct {
	thread *state.Thread // whose descriptors are read
	headed bool          // the thread's number was read
	users  []state.User
	groups []state.Group
}

// begin forgets the list before.
func (l *lists) begin() { *l = lists{users: l.users[:0], groups: l.groups[:0]} }

var (
	errEntryShort = errors.New("an entry ends before its values do")
	errEntryLong  = errors.New("an entry is longer than its list")
)

// entryReader returns what reads the next entry of the current block; nil: the rest is skipped. It is
// given all bytes that are left, up to the longest entry, and returns how many it has used.
func (s *Source) entryReader() func([]byte) (int, error) {
	switch s.list.kind {
	case machineBlock:
		return s.readMachine
	case procBlock:
		return s.readProc
	case fdBlock:
		return s.readFD
	case ifaceBlock:
		return s.readIface
	case userBlock:
		return s.readUser
	}
	return nil
}

// endList does what only a whole list allows.
func (s *Source) endList() {
	if s.list.kind == userBlock && s.o.State != nil {
		s.o.State.SetUsers(s.lists.users, s.lists.groups)
	}
}

// readMachine reads the description of the machine.
func (s *Source) readMachine(b []byte) (int, error) {
	if len(b) < machineLen {
		return 0, errEntryShort
	}
	c := cursor{b: b}
	s.machine.CPUs, s.machine.Memory, s.machine.MaxPID = int(c.u32()), c.u64(), c.u64()
	name, _, _ := bytes.Cut(c.take(maxHostname), []byte{0})
	s.machine.Hostname, s.machine.BootTime, s.machine.Flags = string(name), c.u64(), c.u64()
	return len(b), nil
}

// entry returns the entry at the start of b. Lists of the first version do not tell its length: it may
// reach to the end.
func (s *Source) entry(b []byte, sized bool) (c cursor, n int, err error) {
	if !sized {
		return cursor{b: b}, len(b), nil
	}
	if len(b) < 4 {
		return cursor{}, 0, errEntryShort
	}
	size := binary.LittleEndian.Uint32(b)
	switch {
	case size < 4:
		return cursor{}, 0, fmt.Errorf("an entry's length is %d", size)
	case uint64(size) > uint64(len(b)):
		return cursor{}, 0, errEntryLong
	}
	return cursor{b: b[:size], at: 4}, int(size), nil
}

// padding reports whether the rest of a list is only there to fill its block.
func padding(b []byte) bool { return len(b) < 4 }

// readProc reads one entry of the process list.
func (s *Source) readProc(b []byte) (int, error) {
	if padding(b) {
		return len(b), nil
	}
	v := s.list.version
	c, n, err := s.entry(b, v >= 9)
	if err != nil {
		return 0, err
	}
	e := procEntry(&c, v)
	if c.short {
		return 0, errEntryShort
	}
	if v < 9 {
		n = c.at
	}
	if s.o.State != nil {
		s.o.State.Enter(e)
	}
	return n, nil
}

// procEntry reads the values of a process that version v of the list has.
func procEntry(c *cursor, v uint8) *state.Entry {
	e := &state.Entry{VTID: -1, VPID: -1, SID: -1, PGID: -1, VPGID: -1, LoginUID: state.NoID}
	e.TID, e.PID, e.PPID = c.i64(), c.i64(), c.i64()
	if v >= 6 {
		e.SID = c.i64()
	}
	if v >= 8 {
		e.VPGID = c.i64()
	}
	e.Comm, e.Exe = c.text(), c.text()
	if v >= 7 {
		e.ExePath = c.text()
	}
	e.Args, e.Cwd = terminated(c.bytes()), c.text()
	e.FDLimit, e.Flags, e.UID, e.GID = c.i64(), c.u32(), c.u32(), c.u32()
	if v >= 2 {
		e.VM = state.VM{Size: c.u32(), RSS: c.u32(), Swap: c.u32()}
		e.PFMajor, e.PFMinor = c.u64(), c.u64()
	}
	if v >= 3 {
		e.Env = terminated(c.bytes())
	}
	if v >= 4 {
		e.VTID, e.VPID = c.i64(), c.i64()
		e.Cgroups = terminated(c.bytes())
	}
	if v >= 5 {
		e.Root = c.text()
	}
	if v >= 9 {
		procTail(c, e)
	}
	return e
}

// oldTail is the largest rest of an entry in which the start of the pid namespace and the terminal are
// missing: libraries before 0.10 wrote neither.
const oldTail = 29

// procTail reads what entries with a length have at their end, as far as they reach.
func procTail(c *cursor, e *state.Entry) {
	if c.left() > oldTail {
		e.PIDNSStartTS, e.TTY = c.u64(), c.u32()
	}
	for _, read := range procTails {
		if c.left() == 0 || c.short {
			return
		}
		read(c, e)
	}
	readThreadMore(c, e)
}

// procTails are the last values of an entry, each of which may be the first that is missing.
var procTails = []func(c *cursor, e *state.Entry){
	func(c *cursor, e *state.Entry) { e.LoginUID = c.u32() },
	func(c *cursor, e *state.Entry) { e.Exec.Writable = c.flag() },
	func(c *cursor, e *state.Entry) { e.Caps.Inheritable = c.u64() },
	func(c *cursor, e *state.Entry) { e.Caps.Permitted = c.u64() },
	func(c *cursor, e *state.Entry) { e.Caps.Effective = c.u64() },
	func(c *cursor, e *state.Entry) { e.Exec.UpperLayer = c.flag() },
	func(c *cursor, e *state.Entry) { e.Exec.Ino = c.u64() },
	func(c *cursor, e *state.Entry) { e.Exec.CTime = c.u64() },
	func(c *cursor, e *state.Entry) { e.Exec.MTime = c.u64() },
	func(c *cursor, e *state.Entry) { e.Exec.FromMemFD = c.flag() },
	func(c *cursor, e *state.Entry) { e.Exec.LowerLayer = c.flag() },
	func(c *cursor, e *state.Entry) { e.PGID = c.i64() },
}

// maxBlock is the longest block of arguments, variables or cgroups that is kept.
const maxBlock = 4096

// terminated is a block of texts that ends with a NUL.
func terminated(b []byte) []byte {
	b = b[:min(len(b), maxBlock)]
	if len(b) > 0 && b[len(b)-1] != 0 {
		b = append(bytes.Clone(b[:min(len(b), maxBlock-1)]), 0)
	}
	return b
}

// maxIfaces bounds the interfaces that are kept.
const maxIfaces = 4096

// readIface reads one entry of the interface list.
func (s *Source) readIface(b []byte) (int, error) {
	if padding(b) {
		return len(b), nil
	}
	c, n := cursor{b: b}, 0
	if s.list.version >= 2 {
		// This length does not count itself.
		size := uint64(c.u32()) + 4
		if size > uint64(len(b)) {
			return 0, errEntryLong
		}
		c.b, n = b[:size], int(size)
	}
	typ, nameLen := c.u16(), int(c.u16())
	if s.list.version < 2 && typ == 0 {
		return len(b), nil
	}
	width := 4
	switch typ {
	case 1, 3:
	case 2, 4:
		width = 16
	default:
		if n > 0 {
			return n, nil
		}
		return 0, fmt.Errorf("an interface's type is %d", typ)
	}
	f := Iface{Addr: c.addr(width), Mask: c.addr(width), Broadcast: c.addr(width)}
	if typ <= 2 {
		f.Speed = c.u64()
	}
	if c.left() < nameLen {
		return 0, errEntryShort
	}
	f.Name = string(c.take(min(nameLen, c.left())))
	if c.short {
		return 0, errEntryShort
	}
	if len(s.ifaces) < maxIfaces {
		s.ifaces = append(s.ifaces, f)
	}
	if s.o.Addrs != nil {
		s.o.Addrs[f.Addr.Unmap()] = struct{}{}
	}
	if n == 0 {
		n = c.at
	}
	return n, nil
}

// readUser reads one entry of the list of users and groups.
func (s *Source) readUser(b []byte) (int, error) {
	if padding(b) {
		return len(b), nil
	}
	sized := s.list.version >= 2
	c, n, err := s.entry(b, sized)
	if err != nil {
		return 0, err
	}
	switch typ := c.u8(); typ {
	case 0:
		s.lists.users = append(s.lists.users, state.User{UID: c.u32(), GID: c.u32(), Name: c.text(), Home: c.text(), Shell: c.text()})
	case 1:
		s.lists.groups = append(s.lists.groups, state.Group{GID: c.u32(), Name: c.text()})
	default:
		if !sized {
			return 0, fmt.Errorf("neither a user nor a group: type %d", typ)
		}
	}
	if c.short {
		return 0, errEntryShort
	}
	if !sized {
		n = c.at
	}
	return n, nil
}
