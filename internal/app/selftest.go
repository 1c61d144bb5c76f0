// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Times of the self-test: how long it may take, and after how long it tries again.
const (
	selfTestTimeout = 5 * time.Second
	selfTestRetry   = 250 * time.Millisecond
)

// selfTest proves that a system call of this process comes through the whole path: it has a rule
// of its own, in an engine of its own, that matches the opening of a path that nobody else opens.
type selfTest struct {
	source source.SelfTester
	path   string
	engine *engine.Engine
	ctx    *field.Context
	passed bool
	alert  *alert.Alert

	began, tried time.Time
}

// beginSelfTest prepares the test and causes its first event; nil if the source cannot be tested
// or the test is switched off.
func (a *App) beginSelfTest() (*selfTest, error) {
	s, ok := a.source.(source.SelfTester)
	if !ok || !a.cfg.Gyr.SelfTest {
		return nil, nil
	}
	g := a.generation()
	t := &selfTest{source: s, path: "/gyr-self-test-" + rand.Text(), began: time.Now()}
	text := fmt.Sprintf(`- rule: self-test
  desc: The program itself opens a path that does not exist.
  condition: evt.type in (open, openat) and evt.arg.name = "%s"
  output: self-test by %%proc.name
  priority: DEBUG
`, t.path)
	set := rule.Load([]rule.Source{{Name: "self-test", Content: []byte(text)}}, rule.Options{Catalogue: g.cat})
	var err error
	t.engine, err = engine.New(set, g.cat, engine.Options{MinPriority: alert.Debug, Sink: func(al *alert.Alert) {
		t.passed, t.alert = true, al
	}})
	if err == nil && t.engine.Rules() != 1 {
		err = fmt.Errorf("its rule was not accepted: %v", set.Problems)
	}
	if err == nil {
		err = s.SelfTest(true)
	}
	if err != nil {
		return nil, fmt.Errorf("self-test: %w", err)
	}
	t.ctx = t.engine.NewContext(g.machine)
	if a.o.testPath != nil {
		a.o.testPath(t.path)
	}
	t.try()
	return t, nil
}

// try causes the event.
func (t *selfTest) try() {
	t.tried = time.Now()
	fd, err := unix.Openat(unix.AT_FDCWD, t.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
}

// process looks whether an event is the one that is waited for.
func (t *selfTest) process(ev *event.Event, st *state.State, th *state.Thread, fd *state.FD, num int64) {
	if t.passed {
		return
	}
	t.ctx.Reset(ev, st, th, fd, num, filter.SyscallSource)
	t.engine.Process(t.ctx)
}

// tickSelfTest ends the test if it has passed or taken too long; events is how many came so far.
// It returns the test while it goes on.
func (a *App) tickSelfTest(t *selfTest, events uint64) (*selfTest, error) {
	now := time.Now()
	switch {
	case t.passed:
		if err := t.source.SelfTest(false); err != nil {
			return nil, fmt.Errorf("self-test: %w", err)
		}
		a.log.Debug("self-test passed", "said", t.alert.Output, "took", now.Sub(t.began).Round(time.Microsecond))
		a.sayWatching(", self-test passed")
		return nil, nil
	case now.Sub(t.began) > selfTestTimeout:
		return nil, a.selfTestError(t, events)
	case now.Sub(t.tried) > selfTestRetry:
		t.try()
	}
	return t, nil
}

// selfTestError says what did not come through, with what is known of the reasons.
func (a *App) selfTestError(t *selfTest, events uint64) error {
	what := fmt.Sprintf("%d other events came, but not this one", events)
	if events == 0 {
		what = "no event came at all, so the kernel's hooks do not fire"
	}
	text := fmt.Sprintf("self-test failed: gyr opened %q and did not see that within %s; %s", t.path, selfTestTimeout, what)
	if c, ok := a.source.(source.Counter); ok {
		for _, l := range c.Stats().Losses {
			if l.Events > 0 {
				text += fmt.Sprintf("; %d events lost: %s", l.Events, l.Reason)
			}
		}
	}
	return explainSource(errors.New(text))
}

// SourceError is a source that does not work, with what the examination of the machine found.
type SourceError struct {
	Err      error
	Findings []Finding
}

// Error says what failed, why, and what to do.
func (e *SourceError) Error() string {
	var b strings.Builder
	b.WriteString("cannot watch: " + e.Err.Error())
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n  %s: %s\n    what to do: %s", f.Name, f.Detail, f.Mend)
	}
	if len(e.Findings) == 0 {
		b.WriteString("\n  run \"gyr doctor\" for an examination of this machine")
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// explainSource adds to an error what is missing on this machine.
func explainSource(err error) error {
	e := &SourceError{Err: err}
	for _, f := range Diagnose(false) {
		// What was tried in vain is only worth telling while nothing before it says why.
		if f.Verdict == Missing && !(f.Probe && len(e.Findings) > 0) {
			e.Findings = append(e.Findings, f)
		}
	}
	return e
}
