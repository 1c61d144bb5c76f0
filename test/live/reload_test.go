// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

// reloadRules are 2,000 rules that match nothing here, and one that tells of the marked program.
func reloadRules(mark string, version int) string {
	var b strings.Builder
	b.WriteString("- macro: spawned\n  condition: evt.type in (execve, execveat) and evt.res = SUCCESS\n")
	for i := range 2000 {
		condition := fmt.Sprintf("spawned and proc.pname in (shell_%d, shell_%d) and proc.cmdline contains --option-%d", i, version, i)
		if i%2 == 1 {
			condition = fmt.Sprintf("evt.type in (openat, unlinkat) and fd.name startswith /opt/product_%d/ and not proc.name = tool_%d", i, version)
		}
		fmt.Fprintf(&b, "- rule: rule %d\n  desc: d\n  condition: %s\n  output: rule %d saw %%proc.name %%fd.name\n  priority: WARNING\n", i, condition, i)
	}
	fmt.Fprintf(&b, "- rule: marked\n  desc: d\n  condition: spawned and proc.name = %s\n  output: version %d of %%proc.cmdline\n  priority: WARNING\n", mark, version)
	return b.String()
}

// TestReloadLosesNothing loads 2,000 rules again and again while a process executes a marked program
// as fast as it can and another opens files: every execution must be told exactly once, by the rules
// before or after, and the critical ring must not have lost anything. GYR_RELOADS says how often it
// reloads.
func TestReloadLosesNothing(t *testing.T) {
	needLive(t)
	needBuild(t)
	if summary, err := stopShared(); err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
	reloads := 3
	if s := os.Getenv("GYR_RELOADS"); s != "" {
		reloads, _ = strconv.Atoi(s)
	}
	s := newScene(t, "reload")
	rules, socket := s.path("rules.yaml"), s.path("gyr.sock")
	write := func(version int) {
		if err := os.WriteFile(rules, []byte(reloadRules("markedprog", version)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	w, err := start("-r", rules, "-o", "gyr.control.socket="+socket, "-o", "watch_config_files=false")
	if err != nil {
		t.Fatal(err)
	}
	stop, rounds := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { rounds <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if out, err := exec.Command(build.actor, "spawn-many", "50", s.fake("markedprog"), fmt.Sprintf("round%d.", n)).CombinedOutput(); err != nil {
				t.Errorf("%v %s", err, out)
				return
			}
		}
	}()
	flood := exec.Command(build.actor, "open-flood", "1000000000", s.file("target"))
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	c := control.NewClient(socket)
	status := func() (st control.Status) {
		if err := c.Get(t.Context(), control.PathStatus, &st); err != nil {
			t.Fatal(err, w.log())
		}
		return st
	}
	var slowest, taking float64
	var early uint64
	for i := range reloads {
		write(i + 1)
		var r control.Reload
		if err := c.Post(t.Context(), control.PathReload, nil, &r); err != nil || !r.OK {
			t.Fatalf("reload %d: %v %+v\n%s", i, err, r, w.log())
		}
		slowest, taking = max(slowest, r.BuildMS), max(taking, r.SwapMS)
		if i == min(reloads/2, 10) {
			early = status().RSSBytes
		}
	}
	late := status().RSSBytes
	close(stop)
	executed := 50 * <-rounds
	_ = flood.Process.Kill()
	_ = flood.Wait()
	isMarked := of("marked", "markedprog")
	w.wait(executed, 20*time.Second, isMarked)
	told, versions := map[string]int{}, map[string]bool{}
	for _, a := range w.find(isMarked) {
		version, command, _ := strings.Cut(strings.TrimPrefix(a.Output[strings.Index(a.Output, "version "):], "version "), " of ")
		told[command]++
		versions[version] = true
	}
	doubled := 0
	for _, n := range told {
		if n > 1 {
			doubled++
		}
	}
	if len(told) != executed || doubled > 0 {
		t.Errorf("%d of %d executions were told, %d of them more than once", len(told), executed, doubled)
	}
	st := status()
	for _, l := range st.Losses {
		if l.Count > 0 {
			t.Logf("lost: %s: %d", l.Reason, l.Count)
		}
		if strings.Contains(l.Reason, "critical") && l.Count > 0 {
			t.Error("the critical ring lost events")
		}
	}
	for _, o := range st.Outputs {
		for _, l := range o.Losses {
			if l.Count > 0 {
				t.Errorf("%s lost %d alerts: %s", o.Name, l.Count, l.Reason)
			}
		}
	}
	t.Logf("%d reloads, %d executions told by %d versions of the rules, %d events; build at most %.0f ms, taking over at most %.0f ms; resident %d MiB early, %d MiB late",
		reloads, executed, len(versions), st.Events, slowest, taking, early>>20, late>>20)
	if late > early*5/4 {
		t.Errorf("resident memory grew from %d to %d bytes", early, late)
	}
	if _, err := w.stop(); err != nil {
		t.Error(err)
	}
}
