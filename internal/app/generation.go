// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// generation is what one reading of configuration and rules was made into. A reload builds the next
// one beside the goroutine of the events, which then goes over to it between two events. Once it is
// in force nothing in it changes but the counters.
type generation struct {
	// number counts the generations from 1.
	number uint64
	// cfg is the configuration in force; what cannot change while gyr runs is as at the start.
	cfg      *config.Config
	problems []diag.Problem // the configuration's warnings
	rules    *Rules
	cat      *field.Catalogue
	machine  *field.Machine
	engine   *engine.Engine
	selected engine.Selection
	// outputs are those that its alerts go to; at the start they are opened later.
	outputs []*openOutput
	// keys are the rules in use with what they do, once somebody asked.
	keys func() map[string]ruleKey
	// memo is the memory in which the engine notes the results of an event.
	memo []uint32
	// since is when it came into force.
	since time.Time
	// stop ends what goes on in the background for it; nil if nothing does.
	stop context.CancelFunc
	// taken is closed when the events go through it.
	taken chan struct{}
}

// generation is the one in force; nil before the step "rules". Any goroutine may call it.
func (a *App) generation() *generation { return a.current.Load() }

// config is the configuration in force. Any goroutine may call it; before the rules are loaded it is
// that of the start.
func (a *App) config() *config.Config {
	if g := a.generation(); g != nil {
		return g.cfg
	}
	return a.cfg
}

// buildGeneration makes a generation of a configuration and the rules that it names. It changes
// nothing that is in force. old is the generation before, nil at the start.
func (a *App) buildGeneration(cfg *config.Config, problems []diag.Problem, old *generation) (*generation, error) {
	g := &generation{number: 1, cfg: cfg, problems: problems, cat: Catalogue(cfg), taken: make(chan struct{})}
	for _, p := range problems {
		if p.Code == config.CodeEmpty && len(a.o.RulesPaths) == 0 {
			return nil, errNoRules
		}
	}
	g.machine = field.LocalMachine()
	if old != nil {
		g.number = old.number + 1
	}
	switch {
	case a.replays() && old != nil:
		g.machine.Addrs = old.machine.Addrs
	case a.replays():
		g.machine.Addrs = map[netip.Addr]struct{}{} // those of the captured machine will be in it
	}
	g.machine.Base64 = cfg.BufferFormatBase64
	g.machine.DNS = field.NewDNS(net.DefaultResolver)
	var err error
	if g.rules, err = LoadRules(cfg, a.o.RulesPaths, g.cat); err != nil {
		return nil, err
	}
	if err := g.rules.Err(); err != nil {
		return nil, err
	}
	g.engine, err = engine.New(g.rules.Set, g.cat, engine.Options{
		MatchAll: cfg.RuleMatching == config.MatchAll, MinPriority: cfg.Priority,
		Sink: a.alert, ISO8601: cfg.TimeFormatISO8601, Hostname: g.machine.Hostname, DNS: g.machine.DNS,
		Counters: &a.counters,
	})
	if err != nil {
		return nil, fmt.Errorf("the rules cannot be used: %w", err)
	}
	g.memo = g.engine.NewMemo()
	g.keys = sync.OnceValue(func() map[string]ruleKey { return ruleKeys(g) })
	g.selected = engine.Select(g.engine.Syscalls(), baseSyscalls(cfg, g.engine.NamedIO()))
	return g, nil
}

// resolveWait is how long a new generation waits for the addresses of hosts that its rules name.
const resolveWait = 2 * time.Second

// begin starts what goes on in the background for a generation. What the one before knows is known
// at once.
func (g *generation) begin(ctx context.Context, old *generation) {
	dns := g.machine.DNS
	if dns.Empty() {
		return
	}
	ctx, g.stop = context.WithCancel(ctx)
	if old != nil {
		dns.Inherit(old.machine.DNS)
		first, cancel := context.WithTimeout(ctx, resolveWait)
		dns.Refresh(first, time.Now())
		cancel()
	}
	go dns.Run(ctx)
}

// end ends what begin started.
func (g *generation) end() {
	if g.stop != nil {
		g.stop()
	}
}

// warnings says in the log what is wrong with rules and selection, and can be used nevertheless.
func (a *App) warnings(g *generation) {
	for _, p := range g.rules.Set.Problems {
		switch {
		case p.Severity == diag.Error:
		case p.Code == "LOAD_UNUSED_MACRO", p.Code == "LOAD_UNUSED_LIST":
			a.log.Debug(p.String()) // usual where rules come in several files
		default:
			a.log.Warn(p.String())
		}
	}
	if absent := g.rules.Absent; len(absent) > 0 {
		a.log.Info("rules_files: left out, because they are not there: " + strings.Join(absent, ", "))
	}
	a.warnIdle(g)
	if g.engine.Rules() == 0 {
		a.log.Warn("no rule is enabled, nothing will be reported")
	}
	if s := g.selected; len(s.Unknown) > 0 {
		a.log.Warn("base_syscalls.custom_set: unknown system calls: " + strings.Join(s.Unknown, ", "))
	}
	if names := SyscallNames(g.selected.Refused); len(names) > 0 && !a.replays() {
		a.log.Warn("base_syscalls.custom_set names plain input and output, which is not watched without base_syscalls.all", "calls", strings.Join(names, ","))
	}
	if names := SyscallNames(g.selected.Inactive); len(names) > 0 && !a.replays() {
		a.log.Warn("rules need system calls that are not watched (base_syscalls.all: true watches them)", "count", len(names), "calls", strings.Join(names[:min(len(names), 20)], ","))
	}
}

// warnIdle says which entries of the configuration are about rules that are not there: a name that is
// mistyped would leave a rule on, or off, that was meant.
func (a *App) warnIdle(g *generation) {
	for _, i := range g.rules.Set.IdleSelection {
		verb, m := "enable", g.cfg.Rules[i].Enable
		if m == nil {
			verb, m = "disable", g.cfg.Rules[i].Disable
		}
		var lacks []string
		if m.Rule != "" {
			lacks = append(lacks, fmt.Sprintf("no rule is named %q", m.Rule))
		}
		if m.Tag != "" {
			lacks = append(lacks, fmt.Sprintf("no rule has the tag %q", m.Tag))
		}
		a.log.Warn(fmt.Sprintf("rules[%d].%s changes nothing: %s", i, verb, strings.Join(lacks, ", ")))
	}
	for _, i := range g.rules.Set.IdleAppend {
		m := g.cfg.AppendOutput[i].Match
		a.log.Warn(fmt.Sprintf("append_output[%d].match fits no rule: rule %q, source %q, tags %q", i, m.Rule, m.Source, m.Tags))
	}
}

// loadRules makes the first generation: it reads the rules, compiles them, and decides what has to
// be watched for them.
func (a *App) loadRules(ctx context.Context) error {
	g, err := a.buildGeneration(a.cfg, a.o.ConfigProblems, nil)
	if err != nil {
		return err
	}
	a.warnings(g)
	a.say("rules", g.rulesSummary(), "in_use", g.engine.Rules(), "loaded", len(g.rules.Set.Rules), "from", g.rules.Names)
	if !a.o.DryRun {
		g.begin(ctx, nil)
	}
	g.since = time.Now()
	a.current.Store(g)
	close(g.taken)
	return nil
}

// errNoGeneration is the answer to who asks for a change when nobody takes it over any more.
var errNoGeneration = errors.New("gyr is stopping")
