// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
)

// BaseSyscalls says which system calls are watched beyond those that rules need.
type BaseSyscalls struct {
	// Custom replaces the calls that the state needs; a name after "!" is never watched.
	Custom []string
	// Repair adds what the state needs at least for what is watched.
	Repair bool
	// All allows the calls of plain input and output too, for rules that do not name them.
	All bool
	// Named are calls of plain input and output that a rule names: they are watched for it.
	Named filter.SyscallSet
}

// Selection are the system calls to watch.
type Selection struct {
	Wanted filter.SyscallSet
	// Base are those of Wanted that the state needs, and Custom those that BaseSyscalls.Custom names.
	Base, Custom filter.SyscallSet
	// Inactive are calls that rules need and that are left out, because they are plain input and
	// output or because the configuration excludes them.
	Inactive filter.SyscallSet
	// Refused are calls that BaseSyscalls.Custom names and that are left out, because they are plain input and output.
	Refused filter.SyscallSet
	// Unknown are names in BaseSyscalls.Custom that no system call has.
	Unknown []string
}

// Ignored returns the calls that are not watched unless BaseSyscalls.All is set: plain input and
// output that the state does not need.
func Ignored() filter.SyscallSet {
	var s filter.SyscallSet
	for i := range event.Syscalls() {
		c := &event.Syscalls()[i]
		base := event.Lookup(c.Event).Category.Base()
		if (base == event.CatIORead || base == event.CatIOWrite) && !c.State {
			s.Add(c.Code)
		}
	}
	return s
}

// NamedIO returns the calls of plain input and output that a rule which needs the given calls names.
func NamedIO(calls filter.SyscallSet) filter.SyscallSet {
	if calls.Len() > manyCalls {
		return filter.SyscallSet{}
	}
	return calls.Intersect(Ignored())
}

// stateSet returns the calls that the state needs to be complete.
func stateSet() filter.SyscallSet {
	var s filter.SyscallSet
	for i := range event.Syscalls() {
		if c := &event.Syscalls()[i]; c.State {
			s.Add(c.Code)
		}
	}
	return s
}

// The calls with which the state stays usable for processes alone, whatever is watched.
var repairAlways = []string{
	"clone", "clone3", "fork", "vfork", "execve", "execveat", "fchdir", "chdir", "chroot", "capset",
	"setgid", "setgid32", "setpgid", "setresgid", "setresgid32", "setresuid", "setresuid32", "setsid",
	"setuid", "setuid32", "prctl", "sched_process_exit",
}

// repair returns the least that the state needs to give meaning to the watched calls.
func repair(watched filter.SyscallSet) filter.SyscallSet {
	s := named(repairAlways...)
	for code := range watched.All() {
		c := event.SyscallByCode(code)
		info := event.Lookup(c.Event)
		switch base := info.Category.Base(); {
		case base == event.CatNet:
			s = s.Union(named("socket", "getsockopt", "close"))
		case base == event.CatFile, base == event.CatIORead, base == event.CatIOWrite, base == event.CatIOOther:
			s = s.Union(named("close"))
		}
		switch c.Name {
		case "accept", "accept4", "listen":
			s = s.Union(named("bind"))
		}
	}
	return s
}

// named returns the calls of the given names.
func named(names ...string) filter.SyscallSet {
	var s filter.SyscallSet
	for _, n := range names {
		if c := event.SyscallByName(n); c != nil {
			s.Add(c.Code)
		}
	}
	return s
}

// processExit is always watched: without it dead processes would stay in the state.
var processExit = []string{"sched_process_exit"}

// Select decides from what the rules need and what the configuration wants which system calls are
// watched.
func Select(rules filter.SyscallSet, base BaseSyscalls) Selection {
	var s Selection
	var positive, negative filter.SyscallSet
	for _, name := range base.Custom {
		plain, exclude := strings.CutPrefix(name, "!")
		c := event.SyscallByName(plain)
		switch {
		case c == nil:
			s.Unknown = append(s.Unknown, name)
		case exclude:
			negative.Add(c.Code)
		default:
			positive.Add(c.Code)
		}
	}
	switch {
	case !positive.Empty():
	case base.Repair:
		s.Base = repair(rules)
	default:
		s.Base = stateSet()
	}
	s.Wanted = rules.Union(positive).Union(s.Base).Minus(negative)
	if !base.All {
		s.Wanted = s.Wanted.Minus(Ignored().Minus(base.Named))
	}
	if base.Repair && len(base.Custom) > 0 {
		s.Base = s.Base.Union(repair(s.Wanted))
		s.Wanted = s.Wanted.Union(repair(s.Wanted))
	}
	s.Inactive = rules.Minus(s.Wanted)
	s.Refused = positive.Minus(negative).Minus(s.Wanted)
	s.Wanted = s.Wanted.Union(named(processExit...))
	s.Base = s.Base.Union(named(processExit...)).Intersect(s.Wanted)
	s.Custom = positive.Intersect(s.Wanted)
	return s
}
