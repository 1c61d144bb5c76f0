// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// domain are processes that use the same descriptors, one as a rule: rules are evaluated for the events of its threads
// by one worker.
type domain struct {
	owner int
	// common says that all workers know its descriptors and apply its events. So are processes that make others,
	// whose children can go to any worker then.
	common bool
	// quiet counts the events of a common domain since it last made a process.
	quiet   int
	guessed bool   // only the parent's side of its clone told of it so far
	made    uint64 // when that was, ns since the epoch; 0: before the capture
}

// route says who is given an event.
type route struct {
	owner int
	// all says that every worker applies it, not only the owner.
	all bool
	// lend is a thread whose process' descriptors the worker from gives to all others before they apply the event;
	// 0: none.
	lend int64
	from int
	// drop is a thread whose process' descriptors only the worker keep keeps, once the event is applied; 0: none.
	drop int64
	keep int
}

// router finds the owners of events. What it decides depends on nothing but the events before, so that all
// workers decide the same.
type router struct {
	domains map[int64]*domain // by thread
	workers int
	loads   [MaxWorkers]uint64 // what each worker was given to do, in ns, roughly
	costs   [event.NumTypes]uint16

	recent [recents]struct { // by the last bits of the thread's number
		tid int64
		of  *domain
	}
}

// recents is how many threads are found without looking into the table, a power of two.
const recents = 64

// maxRouted is how many threads are known at most. The events of others go to all workers.
const maxRouted = 1 << 20

// How much more than another, in ns, a worker is given before a child of a process that all know goes to that one,
// and before a process that only it knows becomes known to all for that; and after how many events without a child
// such a process is its owner's alone again.
const (
	slack      = 50_000
	farBehind  = 300_000
	quietAfter = 128
)

// newRouter returns a router for that many workers.
func newRouter(workers int) *router { return &router{workers: workers} }

// What events cost their owners, in ns, measured with upstream's rules.
const (
	costPlain  = 60
	costTested = 120
	costOpen   = 350
	costClone  = 600
	costExec   = 2500
)

// retest takes over which events rules are tested against.
func (r *router) retest(tests func(event.Type) bool) {
	for i := range r.costs {
		t, cost := event.Type(i), costPlain
		switch {
		case t == event.Execve || t == event.Execveat:
			cost = costExec
		case t == event.Clone || t == event.Clone3 || t == event.Fork || t == event.VFork || t == event.ProcExit:
			cost = costClone
		case t == event.Open || t == event.OpenAt || t == event.OpenAt2:
			cost = costOpen
		case tests(t):
			cost = costTested
		}
		r.costs[i] = uint16(cost)
	}
}

// learn forgets all threads and takes over those of a state, which all workers know.
func (r *router) learn(each func(func(*state.Thread) bool)) {
	r.domains = map[int64]*domain{}
	clear(r.recent[:])
	by := map[*state.Process]*domain{}
	each(func(t *state.Thread) bool {
		d := by[t.Proc]
		if d == nil {
			d = &domain{owner: int(uint64(t.Proc.PID) % uint64(r.workers)), common: true}
			by[t.Proc] = d
		}
		r.domains[t.TID] = d
		return len(r.domains) < maxRouted
	})
}

// lightest is the worker that was given least.
func (r *router) lightest() int {
	best := 0
	for i, l := range r.loads[:r.workers] {
		if l < r.loads[best] {
			best = i
		}
	}
	return best
}

// load notes that a worker was given an event of a type.
func (r *router) load(worker int, t event.Type) { r.loads[worker] += uint64(r.costs[t]) }

// domain returns the domain of a thread, nil if it is not known.
func (r *router) domain(tid int64) *domain {
	c := &r.recent[tid&(recents-1)]
	if c.of == nil || c.tid != tid {
		c.tid, c.of = tid, r.domains[tid]
	}
	return c.of
}

// enter makes a thread known.
func (r *router) enter(tid int64, d *domain) {
	if len(r.domains) < maxRouted {
		r.domains[tid] = d
	}
	r.forget(tid)
}

// forget makes sure that the thread is looked for in the table.
func (r *router) forget(tid int64) { r.recent[tid&(recents-1)].of = nil }

// owner is the owner of an event that is for one worker, and counts it; -1: route has to decide.
func (r *router) owner(typ event.Type, tid int64) int {
	if state.Shared(typ) {
		return -1
	}
	d := r.domain(tid)
	if d == nil || d.common {
		return -1
	}
	r.load(d.owner, typ)
	return d.owner
}

// route decides who is given an event, and counts it.
func (r *router) route(ev *event.Event, out *route) {
	typ, tid := ev.Type(), ev.TID()
	*out = route{all: state.Shared(typ)}
	b, birth := state.Birth{}, false
	if out.all {
		b, birth = state.BirthOf(ev)
	}
	switch {
	case birth && b.ByParent:
		r.guess(&b, ev.Time(), out)
	case birth:
		out.owner = r.born(&b, ev.Time(), out).owner
		r.load(out.owner, typ)
		return
	}
	d := r.domain(tid)
	switch {
	case d == nil:
		d = r.appear(ev)
		out.all = true
	case d.common:
		out.all = true
		if d.quiet++; d.quiet > quietAfter && out.lend == 0 {
			d.common, d.owner = false, r.lightest()
			out.drop, out.keep = tid, d.owner
		}
	}
	out.owner = d.owner
	if typ == event.ProcExit {
		delete(r.domains, tid)
		r.forget(tid)
	}
	r.load(out.owner, typ)
}

// told makes a thread known of which the capture tells where it had to be looked up. All workers are told.
func (r *router) told(tid, pid int64) {
	if r.domain(tid) != nil {
		return
	}
	d := r.domain(pid)
	if d == nil {
		d = &domain{owner: int(uint64(pid) % uint64(r.workers)), common: true}
		r.enter(pid, d)
	}
	r.enter(tid, d)
}

// appear is the domain of a thread of which nothing was known when it caused an event.
func (r *router) appear(ev *event.Event) *domain {
	tid := ev.TID()
	d := &domain{owner: int(uint64(tid) % uint64(r.workers))}
	if pid := state.ExecProcess(ev); pid > 0 && pid != tid {
		if known := r.domain(pid); known != nil {
			d = known
		} else {
			r.enter(pid, d)
		}
	}
	r.enter(tid, d)
	return d
}

// guess notes what a parent tells of its child, which may have that number only in another pid namespace.
func (r *router) guess(b *state.Birth, now uint64, out *route) {
	if d := r.domain(b.Thread); d != nil && (d.made+state.CloneStale > now || d.common) || r.domain(b.Parent) == nil {
		return
	}
	if d := r.born(b, now, out); !b.Joins && !b.Shares {
		d.guessed = true
	}
}

// born decides where a new thread belongs, and returns its domain.
func (r *router) born(b *state.Birth, now uint64, out *route) *domain {
	out.all = true
	known, maker := r.domain(b.Thread), r.domain(b.Parent)
	if b.Joins {
		if p := r.domain(b.Process); p != nil {
			maker = p
		}
	}
	switch {
	case known != nil && known.guessed:
		known.guessed = false
		return known
	case maker == nil:
		if known == nil {
			known = &domain{owner: r.lightest(), made: now}
			r.enter(b.Thread, known)
		}
		if b.Joins && b.Process > 0 {
			r.enter(b.Process, known)
		}
		return known
	case b.Joins || b.Shares:
		r.enter(b.Thread, maker)
		return maker
	}
	maker.quiet = 0
	owner, light := maker.owner, r.lightest()
	if known != nil && known != maker {
		// It is known already, unless another task of that number has gone without telling.
		owner = known.owner
	} else if ahead := r.loads[owner] - min(r.loads[owner], r.loads[light]); ahead > farBehind || maker.common && ahead > slack {
		owner = light
	}
	if owner != maker.owner && !maker.common {
		maker.common, out.lend, out.from = true, b.Parent, maker.owner
	}
	if known == nil || known == maker {
		known = &domain{owner: owner, made: now}
		r.enter(b.Thread, known)
	}
	if maker.common && !known.common {
		out.drop, out.keep = b.Thread, known.owner
	}
	return known
}
