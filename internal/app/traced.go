// SPDX-License-Identifier: Apache-2.0

package app

import (
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source/modernbpf"
)

// Traced is a system call that is traced, and why.
type Traced struct {
	Call    *event.Syscall
	Rules   []string // the enabled rules that name it
	State   bool     // the state needs it
	Program string   // the eBPF program that reports it; "" if this architecture lacks the call
}

// manyCalls is how many system calls a rule may need and still be a reason for each of them.
const manyCalls = 100

// TracedCalls lists the system calls that the rules of a set and the configuration ask for, by name. Rules
// that any event can match are returned apart: they are no reason for a call of their own.
func TracedCalls(cfg *config.Config, set *rule.Set) (calls []Traced, any []string) {
	why := map[uint16][]string{}
	var wanted, named = engine.NamedIO(rule.Rule{}.Syscalls), engine.NamedIO(rule.Rule{}.Syscalls)
	for _, r := range set.Rules {
		if !r.Enabled || r.Priority > cfg.Priority || r.Source != "syscall" {
			continue
		}
		wanted = wanted.Union(r.Syscalls)
		if r.Syscalls.Len() > manyCalls {
			any = append(any, r.Name)
			continue
		}
		named = named.Union(engine.NamedIO(r.Syscalls))
		for code := range r.Syscalls.All() {
			why[code] = append(why[code], r.Name)
		}
	}
	for code := range engine.Select(wanted, baseSyscalls(cfg, named)).Wanted.All() {
		c := event.SyscallByCode(code)
		t := Traced{Call: c, Rules: why[code], State: c.State, Program: modernbpf.ProgramOf(c)}
		calls = append(calls, t)
	}
	slices.SortFunc(calls, func(a, b Traced) int { return strings.Compare(a.Call.Name, b.Call.Name) })
	return calls, any
}
