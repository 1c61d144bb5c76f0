// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// containerRules tell of every sign that the containers of TestContainers give: files opened and programs
// executed whose names begin with a mark.
const containerRules = `
- macro: container
  condition: container.id != host
- macro: sign
  condition: ((evt.type in (open, openat, openat2) and evt.arg.name startswith "/tmp/gyrsign-") or (evt.type in (execve, execveat) and proc.args startswith "true gyrsign-"))
- rule: sign in a container
  desc: a process in a container
  condition: sign and container
  output: "%evt.arg.name %proc.args"
  priority: INFO
- rule: sign on the host
  desc: a process outside of containers
  condition: sign and not container
  output: "%evt.arg.name %proc.args"
  priority: INFO
- rule: anything
  desc: what is known of it
  condition: sign
  output: "%evt.arg.name %proc.args %container.id %container.full_id %container.type %container.name %user.name %group.name %proc.pid %proc.vpid %proc.exepath %proc.pname"
  priority: INFO
`

// signs of one container, and where they come from.
const (
	signBefore      = "before"       // the first process of a container that ran before gyr did
	signBeforeChild = "before-child" // its grandchildren
	signFirst       = "first"        // the first process of one that was started after
	signGrand       = "grand"        // its grandchild
	signEntered     = "entered"      // a program that the runtime executed in it
	signUser        = "user"         // the same for another user
)

// TestContainers runs real containers of every runtime and asks of each process, old and new, in which it is.
func TestContainers(t *testing.T) {
	needLive(t)
	needBuild(t)
	y := newYard(t)
	ready := map[string]string{} // the ids of the old containers
	for i := range engines {
		e := &engines[i]
		if e.missing() != nil {
			continue
		}
		if e.setUp != nil {
			if err := e.setUp(y); err != nil {
				t.Errorf("%s: %v", e.name, err)
				continue
			}
		}
		script := fmt.Sprintf("while :; do : > /tmp/gyrsign-%[1]s-%[2]s; (busybox sh -c 'busybox true gyrsign-%[1]s-%[3]s; :'; :); busybox sleep 0.2; done", e.name, signBefore, signBeforeChild)
		ready[e.name] = y.start(e, "old-"+e.name, script)
	}
	rules := y.at("rules.yaml")
	if err := os.WriteFile(rules, []byte(containerRules), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := start("-r", rules, "-o", "rule_matching=all")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if summary, err := w.stop(); err != nil {
			t.Errorf("gyr ended badly: %v\n%s", err, summary)
		}
	})
	for i := range engines {
		e := &engines[i]
		t.Run(e.name, func(t *testing.T) {
			if err := e.missing(); err != nil {
				if os.Getenv(requireVar) == "1" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			if ready[e.name] == "" {
				t.Fatal("no container")
			}
			w.checkEngine(t, y, e, ready[e.name])
		})
	}
	t.Run("host", func(t *testing.T) {
		busybox := needTool(t, "busybox")
		if err := (&exec.Cmd{Path: busybox, Args: []string{"busybox", "true", "gyrsign-host-program"}}).Run(); err != nil {
			t.Fatal(err)
		}
		w.expectSign(t, "gyrsign-host-program", map[string]string{"container.id": "host", "container.full_id": "host", "container.type": "host", "container.name": "host"})
		if !w.saw("sign on the host", "gyrsign-host-program") || w.saw("sign in a container", "gyrsign-host-program") {
			t.Error("the macro container takes the host for a container")
		}
	})
}

// start runs a container that goes when the test ends.
func (y *yard) start(e *runtimeTools, name, script string) string {
	y.t.Helper()
	id, err := e.run(y, name, script)
	if err == nil && id == "" {
		err = errNoContainer
	}
	if err != nil {
		y.copyLog("containerd")
		y.copyLog("dockerd")
		y.t.Errorf("%s: %v", e.name, err)
		return ""
	}
	y.onClear(func() {
		if err := e.remove(y, id); err != nil {
			y.t.Errorf("%s: remove: %v", e.name, err)
		}
	})
	return id
}

// checkEngine asks after all signs of a runtime's containers.
func (w *watcher) checkEngine(t *testing.T, y *yard, e *runtimeTools, old string) {
	sign := func(kind string) string { return "gyrsign-" + e.name + "-" + kind }
	young := y.start(e, "young-"+e.name, fmt.Sprintf(": > /tmp/%s; (busybox sh -c 'busybox true %s; :'; :); busybox sleep 60", sign(signFirst), sign(signGrand)))
	if young == "" {
		t.FailNow()
	}
	for user, kind := range map[string]string{"0": signEntered, "1234": signUser} {
		if err := e.enter(y, young, user, "/bin/busybox", "true", sign(kind)); err != nil {
			t.Fatal(err)
		}
	}
	of := func(id string) map[string]string {
		return map[string]string{"container.id": id[:min(12, len(id))], "container.full_id": id, "container.type": e.typ}
	}
	for _, kind := range []string{signBefore, signBeforeChild} {
		w.expectSign(t, sign(kind), of(old))
	}
	for _, kind := range []string{signFirst, signGrand, signEntered} {
		want := of(young)
		want["user.name"], want["group.name"] = "root", "root"
		w.expectSign(t, sign(kind), want)
	}
	want := of(young)
	want["user.name"] = "alice" // whom only the container knows
	w.expectSign(t, sign(signUser), want)
	for _, kind := range []string{signBefore, signBeforeChild, signFirst, signGrand, signEntered, signUser} {
		if !w.saw("sign in a container", sign(kind)) || w.saw("sign on the host", sign(kind)) {
			t.Errorf("%s: the macro container does not hold", sign(kind))
		}
	}
}

// signed says that an alert is of a rule and tells of that sign and no longer one.
func signed(rule, sign string) func(*alert) bool {
	return func(a *alert) bool {
		if a.Rule != rule {
			return false
		}
		for _, word := range strings.Fields(a.Output) {
			if strings.TrimPrefix(word, "/tmp/") == sign {
				return true
			}
		}
		return false
	}
}

// saw reports whether a rule has told of a sign.
func (w *watcher) saw(rule, sign string) bool { return len(w.find(signed(rule, sign))) > 0 }

// expectSign waits for a sign and compares what is known of it.
func (w *watcher) expectSign(t *testing.T, sign string, want map[string]string) {
	t.Helper()
	alerts := w.wait(1, 10*time.Second, signed("anything", sign))
	if len(alerts) == 0 {
		t.Errorf("%s: not seen\n%s", sign, w.log())
		return
	}
	for _, a := range alerts {
		for field, value := range want {
			if got := fmt.Sprint(a.Fields[field]); got != value {
				t.Errorf("%s: %s is %q, want %q (%s)", sign, field, got, value, a.Output)
			}
		}
	}
}
