// SPDX-License-Identifier: Apache-2.0

package field

import (
	"net/netip"
	"os"
	"unsafe"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Machine is what fields need to know of the machine that is watched, or whose capture is read.
type Machine struct {
	Hostname string
	// Addrs are the addresses of its interfaces: they tell the local end of a connection.
	Addrs map[netip.Addr]struct{}
	// DNS answers comparisons with host names; nil: none holds.
	DNS *DNS
	// Base64 renders raw buffers in outputs as Base64 instead of dots for unprintable bytes.
	Base64 bool
}

// LocalMachine describes the machine that the program runs on. The environment variable
// FALCO_HOSTNAME overrides its name. It has no DNS yet.
func LocalMachine() *Machine {
	m := &Machine{Hostname: os.Getenv("FALCO_HOSTNAME"), Addrs: interfaceAddrs()}
	if m.Hostname == "" {
		m.Hostname, _ = os.Hostname()
	}
	return m
}

// Context is what one evaluation sees. It is reused from event to event by one goroutine.
type Context struct {
	Ev     *event.Event
	State  *state.State
	Thread *state.Thread // the thread that caused the event; nil for events without one
	FD     *state.FD     // the descriptor that the event is about, nil if none is known
	FDNum  int64         // its number, -1 if the event is about none
	Source string        // "syscall", or a plugin's source

	// Machine is the machine that the events come from; nil: nothing is known of it.
	Machine *Machine

	// Memo holds the results of shared predicates of this event; the filter package owns it.
	Memo []uint32
	// Epoch counts the events; a memo entry of another epoch is void.
	Epoch uint32

	// arena is memory for texts that a getter has to build; it is void with the next event. spilled is how many bytes
	// of earlier texts of this event lie elsewhere, because they did not fit.
	arena   []byte
	spilled int

	first, prev, now uint64 // times of the first event, of the one before, of this one
	count            uint64 // extractions of util.cnt

	// Strs, Ints, Uints and IPs are scratch for list getters; callers pass c.Strs[:0] and store
	// the grown slice back.
	Strs  []string
	Ints  []int64
	Uints []uint64
	IPs   []netip.Addr
}

// Sizes of the arena: what it starts with, and what it may keep from one event to the next.
const (
	arenaStart = 4 << 10
	arenaKeep  = 1 << 20
)

// NewContext returns a context for the events of the machine m, which may be nil.
func NewContext(m *Machine) *Context { return &Context{Machine: m} }

// Reset points c at the next event. Everything that getters returned for the one before is void.
// thread and fd are nil where the event has none, fdnum is -1 then.
func (c *Context) Reset(ev *event.Event, st *state.State, thread *state.Thread, fd *state.FD, fdnum int64, source string) {
	c.Pass(ev.Time())
	c.point(ev, st, thread, fd, fdnum, source)
}

// Pass notes the time of the next event, which nobody is going to ask anything of. Reset does it
// for all others.
func (c *Context) Pass(now uint64) {
	c.prev, c.now = c.now, now
	if c.first == 0 {
		c.first, c.prev = now, now
	}
}

// ResetAt is Reset for a context that does not see every event: it is told the times of the first
// event and of the one before.
func (c *Context) ResetAt(first, prev uint64, ev *event.Event, st *state.State, thread *state.Thread, fd *state.FD, fdnum int64, source string) {
	c.first, c.prev, c.now = first, prev, ev.Time()
	c.point(ev, st, thread, fd, fdnum, source)
}

// point makes the event the one that getters are asked of.
func (c *Context) point(ev *event.Event, st *state.State, thread *state.Thread, fd *state.FD, fdnum int64, source string) {
	if thread == nil && st != nil {
		thread = st.Thread(ev.TID()) // events that no thread causes may still name one
	}
	c.Ev, c.State, c.Thread, c.FD, c.FDNum, c.Source = ev, st, thread, fd, fdnum, source
	c.Epoch++
	if c.Epoch == 0 { // wrapped: entries of the first epochs must not look fresh
		clear(c.Memo)
		c.Epoch = 1
	}
	switch want := len(c.arena) + c.spilled; {
	case c.spilled > 0 && want <= arenaKeep:
		c.arena = make([]byte, 0, 2*want) // so that such texts fit the next time
	case cap(c.arena) == 0 || cap(c.arena) > 2*arenaKeep:
		c.arena = make([]byte, 0, arenaStart)
	default:
		c.arena = c.arena[:0]
	}
	c.spilled = 0
}

// Arena returns empty scratch memory to build one text in; Keep takes it back. Nothing else may
// use the arena in between.
func (c *Context) Arena() []byte { return c.arena[len(c.arena):] }

// Keep makes the text that was built by appending to Arena's slice last until the next event. A
// text that outgrew the arena becomes the arena.
func (c *Context) Keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	n := len(c.arena)
	if n < cap(c.arena) && unsafe.SliceData(b) == &c.arena[:n+1][n] {
		c.arena = c.arena[:n+len(b)]
	} else {
		c.spilled += n
		c.arena = b
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}
