// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
)

func list(s filter.SyscallSet) string {
	var names []string
	for code := range s.All() {
		names = append(names, event.SyscallByCode(code).Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestSelect(t *testing.T) {
	repaired := list(named(repairAlways...).Union(named(processExit...)))
	plus := func(names ...string) string {
		return list(named(repairAlways...).Union(named(names...)))
	}
	tests := []struct {
		name     string
		rules    string
		base     BaseSyscalls
		want     string
		inactive string
		unknown  string
		refused  string
	}{
		{name: "the state's set", rules: "openat", want: list(stateSet())},
		{name: "and the rules'", rules: "ptrace", want: list(stateSet().Union(named("ptrace")))},
		{name: "plain input and output is left out", rules: "read ptrace", want: list(stateSet().Union(named("ptrace"))), inactive: "read"},
		{name: "unless wanted", rules: "read", base: BaseSyscalls{All: true}, want: list(stateSet().Union(named("read")))},
		{name: "a custom set replaces the state's", rules: "ptrace", base: BaseSyscalls{Custom: []string{"openat"}}, want: "openat ptrace sched_process_exit"},
		{name: "exclusions", rules: "ptrace kill", base: BaseSyscalls{Custom: []string{"openat", "!kill"}}, want: "openat ptrace sched_process_exit", inactive: "kill"},
		{name: "exclusions alone", rules: "ptrace", base: BaseSyscalls{Custom: []string{"!open"}}, want: list(stateSet().Union(named("ptrace")).Minus(named("open")))},
		{name: "unknown names", rules: "ptrace", base: BaseSyscalls{Custom: []string{"openat", "opnat"}}, want: "openat ptrace sched_process_exit", unknown: "opnat"},
		{name: "a custom set of plain input and output", rules: "ptrace", base: BaseSyscalls{Custom: []string{"openat", "read"}}, want: "openat ptrace sched_process_exit", refused: "read"},
		{name: "the same, wanted", rules: "ptrace", base: BaseSyscalls{Custom: []string{"read"}, All: true}, want: "ptrace read sched_process_exit"},
		{name: "repair", rules: "ptrace", base: BaseSyscalls{Repair: true}, want: list(named("ptrace").Union(named(repairAlways...)))},
		{name: "repair of the network", rules: "accept4", base: BaseSyscalls{Repair: true}, want: plus("accept4", "socket", "getsockopt", "close", "bind")},
		{name: "repair of files", rules: "openat", base: BaseSyscalls{Repair: true}, want: plus("openat", "close")},
		{name: "repair with a custom set", rules: "ptrace", base: BaseSyscalls{Repair: true, Custom: []string{"openat"}}, want: plus("ptrace", "openat", "close")},
		{name: "nothing asked for", base: BaseSyscalls{Repair: true}, want: repaired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Select(named(strings.Fields(tt.rules)...), tt.base)
			if got := list(s.Wanted); got != tt.want {
				t.Errorf("wanted\n%s\nwant\n%s", got, tt.want)
			}
			if got := list(s.Inactive); got != tt.inactive {
				t.Errorf("inactive %q, want %q", got, tt.inactive)
			}
			if got := strings.Join(s.Unknown, " "); got != tt.unknown {
				t.Errorf("unknown %q, want %q", got, tt.unknown)
			}
			if got := list(s.Refused); got != tt.refused {
				t.Errorf("refused %q, want %q", got, tt.refused)
			}
		})
	}
}

func TestStateSetSize(t *testing.T) {
	if n := stateSet().Len(); n != 70 {
		t.Errorf("the state's set has %d calls, the published one has 70", n)
	}
	for _, name := range []string{"read", "write", "readv", "pwrite64"} {
		s := Ignored()
		if !s.Has(event.SyscallByName(name).Code) {
			t.Errorf("%s is not ignored", name)
		}
	}
}

// TestSelectSaysWhy holds that each call is watched for the reasons that there are.
func TestSelectSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name         string
		rules        string
		base         BaseSyscalls
		state, named string
	}{
		{"the state's set", "ptrace openat", BaseSyscalls{}, list(stateSet()), ""},
		{"a custom set", "ptrace open", BaseSyscalls{Custom: []string{"openat2", "ptrace"}}, "sched_process_exit", "openat2 ptrace"},
		{"exclusions alone", "ptrace", BaseSyscalls{Custom: []string{"!open"}}, list(stateSet().Minus(named("open"))), ""},
		{"repair", "openat", BaseSyscalls{Repair: true}, list(named(repairAlways...).Union(named("close"))), ""},
		{"both", "openat", BaseSyscalls{Repair: true, Custom: []string{"ptrace"}}, list(named(repairAlways...).Union(named("close"))), "ptrace"},
		{"what is refused is no reason", "openat", BaseSyscalls{Custom: []string{"read", "chdir"}}, "sched_process_exit", "chdir"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Select(named(strings.Fields(tt.rules)...), tt.base)
			if got := list(s.Base); got != tt.state {
				t.Errorf("for the state\n%s\nwant\n%s", got, tt.state)
			}
			if got := list(s.Custom); got != tt.named {
				t.Errorf("for the custom set\n%s\nwant\n%s", got, tt.named)
			}
		})
	}
}
