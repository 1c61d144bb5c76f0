// SPDX-License-Identifier: Apache-2.0

package app

import (
	"slices"
	"strconv"
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
	Custom  bool     // base_syscalls.custom_set names it
	Program string   // the eBPF program that reports it; "" if this architecture lacks the call
}

// manyCalls is how many system calls a rule may need and still be a reason for each of them.
const manyCalls = 100

// TracedCalls lists the system calls that the rules of a set and the configuration ask for, by name. Rules
// that any event can match are returned apart: they are no reason for a call of their own. So are warnings
// of what is asked for and not traced.
func TracedCalls(cfg *config.Config, set *rule.Set) (calls []Traced, any, warnings []string) {
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
	selected := engine.Select(wanted, baseSyscalls(cfg, named))
	for code := range selected.Wanted.All() {
		c := event.SyscallByCode(code)
		t := Traced{Call: c, Rules: why[code], State: selected.Base.Has(code), Custom: selected.Custom.Has(code), Program: modernbpf.ProgramOf(c)}
		calls = append(calls, t)
	}
	slices.SortFunc(calls, func(a, b Traced) int { return strings.Compare(a.Call.Name, b.Call.Name) })
	return calls, any, selectionWarnings(&selected)
}

// selectionWarnings says what was asked for and is not watched.
func selectionWarnings(s *engine.Selection) (warnings []string) {
	if len(s.Unknown) > 0 {
		warnings = append(warnings, "base_syscalls.custom_set: unknown system calls: "+strings.Join(s.Unknown, ", "))
	}
	if names := SyscallNames(s.Refused); len(names) > 0 {
		warnings = append(warnings, "base_syscalls.custom_set: plain input and output is not watched without base_syscalls.all: "+strings.Join(names, ", "))
	}
	if names := SyscallNames(s.Inactive); len(names) > 0 {
		rest := ""
		if n := len(names) - 20; n > 0 {
			names, rest = names[:20], " and "+strconv.Itoa(n)+" more"
		}
		warnings = append(warnings, "rules need system calls that are not watched (base_syscalls.all: true watches plain input and output): "+strings.Join(names, ", ")+rest)
	}
	return warnings
}
