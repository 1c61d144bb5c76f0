// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// fixed is a configuration of drops that stays.
func fixed(cfg config.SyscallEventDrops) func() config.SyscallEventDrops {
	return func() config.SyscallEventDrops { return cfg }
}

func TestDropMonitor(t *testing.T) {
	var now source.Stats
	var sent []*alert.Alert
	m := newDropMonitor(fixed(config.SyscallEventDrops{
		Threshold: .1, Actions: []config.DropAction{config.DropLog, config.DropAlert}, Rate: .5, MaxBurst: 1,
	}), func() source.Stats { return now })
	m.send = func(a *alert.Alert) { sent = append(sent, a) }
	at := time.Unix(1000, 0)
	steps := []struct {
		events, lost uint64 // in this second
		detections   uint64
		alerts       int
	}{
		{1000, 0, 0, 0},
		{1000, 50, 0, 0},  // below the threshold
		{1000, 500, 1, 1}, // at once
		{1000, 500, 2, 1}, // no token
		{1000, 500, 3, 2}, // one token in two seconds
		{0, 1, 4, 2},
	}
	for i, s := range steps {
		now.Events += s.events
		lost := now.Lost() + s.lost
		now.Losses = []source.Loss{{Reason: "ring full", Events: lost, Class: source.LossBuffer}}
		at = at.Add(time.Second)
		if err := m.check(at); err != nil {
			t.Fatal(err)
		}
		if c := m.counts(); c.Detected != s.detections || len(sent) != s.alerts || int(c.Taken) != s.alerts {
			t.Errorf("step %d: %+v, %d alerts", i, c, len(sent))
		}
	}
	o := alert.Defaults()
	got := string(sent[0].AppendText(nil, &o))
	if !strings.Contains(got, `: Debug Falco internal: syscall event drop. 500 system calls dropped in last second. (ebpf_enabled="1" n_drops="500" n_drops_buffer_clone_fork_exit="0"`) || !strings.HasSuffix(got, ` n_drops_ring_full="500" n_drops_scratch_map="0" n_evts="1500")`) {
		t.Errorf("got %s", got)
	}
}

// The fields of the alert are Falco's, each with what was lost in this second, and one for each of our
// reasons.
func TestDropFields(t *testing.T) {
	now := source.Stats{Events: 100, Losses: []source.Loss{{Reason: "bulk ring full", Events: 5, Class: source.LossBuffer}, {Reason: "cut", Class: source.LossScratch}, {Reason: "busy"}}}
	lost := []source.TypeCount{{Type: event.OpenAt, Events: 5}}
	var sent *alert.Alert
	m := newDropMonitor(fixed(config.SyscallEventDrops{Actions: []config.DropAction{config.DropAlert}, Rate: 10, MaxBurst: 10}), func() source.Stats { return now })
	m.lost = func() []source.TypeCount { return lost }
	m.send = func(a *alert.Alert) { sent = a }
	if err := m.check(time.Unix(1, 0)); err != nil || sent == nil {
		t.Fatal(err)
	}
	now = source.Stats{Events: 200, Losses: []source.Loss{{Reason: "bulk ring full", Events: 15, Class: source.LossBuffer}, {Reason: "cut", Events: 3, Class: source.LossScratch}, {Reason: "busy", Events: 2}}}
	lost = []source.TypeCount{{Type: event.OpenAt, Events: 7}, {Type: event.Clone, Events: 4}, {Type: event.ProcExit, Events: 1}}
	if err := m.check(time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range sent.Fields {
		got[f.Key] = string(f.JSON)
	}
	want := map[string]string{
		"ebpf_enabled": `"1"`, "n_evts": `"115"`, "n_drops": `"15"`, "n_drops_buffer_total": `"10"`, "n_drops_scratch_map": `"3"`, "n_drops_bug": `"2"`,
		"n_drops_page_faults": `"0"`, "n_drops_bulk_ring_full": `"10"`, "n_drops_cut": `"3"`, "n_drops_busy": `"2"`,
		"n_drops_buffer_clone_fork_exit": `"4"`, "n_drops_buffer_execve_exit": `"0"`, "n_drops_buffer_connect_exit": `"0"`, "n_drops_buffer_open_exit": `"2"`,
		"n_drops_buffer_dir_file_exit": `"0"`, "n_drops_buffer_other_interest_exit": `"0"`, "n_drops_buffer_close_exit": `"0"`, "n_drops_buffer_proc_exit": `"1"`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if !slices.IsSortedFunc(sent.Fields, func(a, b alert.Field) int { return strings.Compare(a.Key, b.Key) }) {
		t.Error("fields are not sorted")
	}
}

func TestDropMonitorActions(t *testing.T) {
	tests := []struct {
		actions []config.DropAction
		exits   bool
		alerts  int
	}{
		{nil, false, 0},
		{[]config.DropAction{config.DropIgnore}, false, 0},
		{[]config.DropAction{config.DropAlert}, false, 1},
		{[]config.DropAction{config.DropExit, config.DropAlert}, true, 1}, // the alert goes out first, whatever the order
	}
	for _, tt := range tests {
		n := 0
		// A simulated loss is above every threshold.
		m := newDropMonitor(fixed(config.SyscallEventDrops{Actions: tt.actions, Rate: 1, MaxBurst: 1, SimulateDrops: true, Threshold: 1}),
			func() source.Stats { return source.Stats{Events: 1 << 40} })
		m.send = func(*alert.Alert) { n++ }
		if err := m.check(time.Now()); errors.Is(err, errDrops) != tt.exits || n != tt.alerts || m.counts().Detected != 1 {
			t.Errorf("%v: %v, %d alerts", tt.actions, err, n)
		}
	}
}

func TestDropLog(t *testing.T) {
	var log syncBuffer
	m := newDropMonitor(fixed(config.SyscallEventDrops{Actions: []config.DropAction{config.DropLog}, MaxBurst: 1, SimulateDrops: true}), func() source.Stats { return source.Stats{} })
	m.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for i := range 2 {
		if err := m.check(time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"simulating the loss", "1 system calls dropped in last second", "allows no action now"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in\n%s", want, log.String())
		}
	}
}
