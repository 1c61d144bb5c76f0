// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Head is what a capture tells of the machine besides its state.
type Head struct {
	Machine Machine
	Ifaces  []Iface
}

// AppendTables appends all that stands before the first event: the section header, the machine, its
// interfaces, and the users, threads and descriptors of st. Containers follow as events that happen
// at the time now.
func AppendTables(dst []byte, h *Head, st *state.State, now uint64) []byte {
	dst = appendBlock(dst, blockSection, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, byteOrder)
		b = binary.LittleEndian.AppendUint16(b, 1)
		b = binary.LittleEndian.AppendUint16(b, 2)
		return binary.LittleEndian.AppendUint64(b, ^uint64(0))
	})
	dst = appendBlock(dst, blockMachine, h.Machine.append)
	if len(h.Ifaces) > 0 {
		dst = appendBlock(dst, blockIfaces2, func(b []byte) []byte {
			for i := range h.Ifaces {
				b = h.Ifaces[i].append(b)
			}
			return b
		})
	}
	if users, groups := st.Users(); len(users)+len(groups) > 0 {
		dst = appendBlock(dst, blockUsers2, func(b []byte) []byte { return appendUsers(b, users, groups) })
	}
	return appendContainers(appendThreads(dst, st), st, now)
}

// append appends the machine's block.
func (m *Machine) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.CPUs))
	b = binary.LittleEndian.AppendUint64(b, m.Memory)
	b = binary.LittleEndian.AppendUint64(b, m.MaxPID)
	at := len(b)
	b = append(b, make([]byte, maxHostname)...)
	copy(b[at:at+maxHostname-1], m.Hostname)
	b = binary.LittleEndian.AppendUint64(b, m.BootTime)
	b = binary.LittleEndian.AppendUint64(b, m.Flags)
	return append(b, make([]byte, 16)...)
}

// append appends the interface's entry, whose length does not count itself.
func (f *Iface) append(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	typ, width := uint16(1), 4
	if f.Addr.Is6() {
		typ, width = 2, 16
	}
	b = binary.LittleEndian.AppendUint16(b, typ)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.Name)))
	for _, a := range []netip.Addr{f.Addr, f.Mask, f.Broadcast} {
		at := len(b)
		b = append(b, nothing[:width]...)
		copy(b[at:], a.AsSlice())
	}
	b = binary.LittleEndian.AppendUint64(b, f.Speed)
	b = append(b, f.Name...)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// beginEntry appends room for the length of an entry; endEntry puts it there.
func beginEntry(b []byte) []byte { return append(b, 0, 0, 0, 0) }

// endEntry completes the entry that begins at start.
func endEntry(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendText appends a text with its length before it, cut to what readers take.
func appendText[T string | []byte](b []byte, s T, limit int) []byte {
	s = s[:min(len(s), limit)]
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// maxPath is the longest path, name or text of a user that readers keep, its final NUL not counted.
const maxPath = 1023

// appendUsers appends the entries of users and groups.
func appendUsers(b []byte, users []state.User, groups []state.Group) []byte {
	for i := range users {
		u, start := &users[i], len(b)
		b = append(beginEntry(b), 0)
		b = binary.LittleEndian.AppendUint32(b, u.UID)
		b = binary.LittleEndian.AppendUint32(b, u.GID)
		b = appendText(b, u.Name, maxPath)
		b = appendText(b, u.Home, maxPath)
		b = endEntry(appendText(b, u.Shell, maxPath), start)
	}
	for i := range groups {
		g, start := &groups[i], len(b)
		b = append(beginEntry(b), 1)
		b = binary.LittleEndian.AppendUint32(b, g.GID)
		b = endEntry(appendText(b, g.Name, maxPath), start)
	}
	return b
}

// procBlockBytes is how long a block with threads becomes before another begins.
const procBlockBytes = 1 << 20

// appendThreads appends the lists of threads and of their descriptors.
func appendThreads(dst []byte, st *state.State) []byte {
	threads := make([]*state.Thread, 0, 1024)
	st.EachThread(func(t *state.Thread) bool {
		if !t.Fake && !t.Proc.Gone {
			threads = append(threads, t)
		}
		return true
	})
	// Leaders first: what they tell is the process'.
	slices.SortFunc(threads, func(a, b *state.Thread) int {
		return cmp.Or(cmp.Compare(follower(a), follower(b)), cmp.Compare(a.TID, b.TID))
	})
	start := len(dst)
	for i, t := range threads {
		if len(dst) == start {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(blockProcs9))
			dst = append(dst, 0, 0, 0, 0)
		}
		dst = appendThread(dst, t)
		if len(dst)-start > procBlockBytes || i == len(threads)-1 {
			dst = endBlock(dst, start)
			start = len(dst)
		}
	}
	for _, t := range threads {
		if t.Proc.FDs.Len() == 0 || t != t.Proc.Main && t.Proc.Main != nil {
			continue
		}
		dst = appendBlock(dst, blockFDs2, func(b []byte) []byte {
			b = binary.LittleEndian.AppendUint64(b, uint64(t.TID))
			t.Proc.FDs.Each(func(f *state.FD) bool {
				b = appendFD(b, f)
				return true
			})
			return b
		})
	}
	return dst
}

// follower is 0 for leaders of their processes, 1 for other threads.
func follower(t *state.Thread) int {
	if t.Proc.Main == t {
		return 0
	}
	return 1
}

// appendThread appends the entry of a thread.
func appendThread(b []byte, t *state.Thread) []byte {
	p, start := t.Proc, len(b)
	put64 := func(values ...int64) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
	}
	put32 := func(values ...uint32) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	flag := func(on bool) {
		v := byte(0)
		if on {
			v = 1
		}
		b = append(b, v)
	}
	b = beginEntry(b)
	put64(t.TID, p.PID, p.PPID, p.SID, p.VPGID)
	b = appendText(b, t.Comm, maxPath)
	b = appendText(b, p.Exe, maxPath)
	b = appendText(b, p.ExePath, maxPath)
	b = appendList(b, p.Args)
	b = appendText(b, p.Cwd, maxPath)
	put64(p.FDLimit)
	put32(t.Flags, t.UID, t.GID, t.VM.Size, t.VM.RSS, t.VM.Swap)
	put64(int64(t.PFMajor), int64(t.PFMinor))
	if follower(t) == 0 || p.Main == nil {
		b = appendList(b, p.Env)
	} else {
		b = append(b, 0, 0)
	}
	put64(t.VTID, p.VPID)
	b = appendCgroups(b, p.Cgroups)
	b = appendText(b, p.Root, maxPath)
	put64(int64(p.PIDNSStartTS))
	put32(p.TTY, p.LoginUID)
	flag(p.Exec.Writable)
	put64(int64(t.Caps.Inheritable), int64(t.Caps.Permitted), int64(t.Caps.Effective))
	flag(p.Exec.UpperLayer)
	put64(int64(p.Exec.Ino), int64(p.Exec.CTime), int64(p.Exec.MTime))
	flag(p.Exec.FromMemFD)
	flag(p.Exec.LowerLayer)
	put64(p.PGID)
	return endEntry(appendThreadMore(b, t), start)
}

// appendList appends texts with a NUL behind each, as many as fit whole into what readers keep.
func appendList(b []byte, list []string) []byte {
	at := len(b)
	b = append(b, 0, 0)
	for _, s := range list {
		if rest := maxBlock - (len(b) - at - 2); len(s)+1 > rest {
			if rest > 1 {
				b = append(append(b, s[:rest-1]...), 0)
			}
			break
		}
		b = append(append(b, s...), 0)
	}
	binary.LittleEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

// appendCgroups appends the cgroups, as many as fit.
func appendCgroups(b []byte, list []state.Cgroup) []byte {
	at := len(b)
	b = append(b, 0, 0)
	for i := range list {
		c := &list[i]
		if len(b)-at-2+len(c.Subsys)+len(c.Path)+2 > maxBlock {
			break
		}
		b = append(append(append(append(b, c.Subsys...), '='), c.Path...), 0)
	}
	binary.LittleEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

// appendContainers appends an event for each container of which something is known, and those of the
// users and groups of containers.
func appendContainers(dst []byte, st *state.State, now uint64) []byte {
	add := func(rec []byte) {
		large := event.Lookup(typeOf(rec)).Flags&event.LargePayload != 0
		start := len(dst)
		dst = finishEvent(append(appendHead(dst, 0, true), rec...), start, true, large)
	}
	st.EachContainer(func(ref state.ContainerRef, m *state.Metadata) bool {
		if rec := ContainerEvent(now, ref, m); rec != nil {
			add(rec)
		}
		return true
	})
	st.EachContainerUsers(func(id string, users []state.User, groups []state.Group) {
		EachUserEvent(now, id, users, groups, add)
	})
	return dst
}

// ContainerEvent makes the event that tells of a container; nil if it cannot be told.
func ContainerEvent(now uint64, ref state.ContainerRef, m *state.Metadata) []byte {
	text, err := json.Marshal(m.Description(ref))
	if err != nil {
		return nil
	}
	return event.AppendRecord(nil, now, -1, event.Container, append(text, 0))
}

// EachUserEvent calls f with the events that tell of users and groups of a container, or of the host.
func EachUserEvent(now uint64, container string, users []state.User, groups []state.Group, f func(rec []byte)) {
	number := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	text := func(s string) []byte { return append([]byte(s), 0) }
	for i := range users {
		u := &users[i]
		f(event.AppendRecord(nil, now, -1, event.UserAdded,
			number(u.UID), number(u.GID), text(u.Name), text(u.Home), text(u.Shell), text(container)))
	}
	for i := range groups {
		g := &groups[i]
		f(event.AppendRecord(nil, now, -1, event.GroupAdded, number(g.GID), text(g.Name), text(container)))
	}
}
