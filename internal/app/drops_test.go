// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

func TestDropMonitor(t *testing.T) {
	var now source.Stats
	var sent []*alert.Alert
	m := newDropMonitor(config.SyscallEventDrops{
		Threshold: .1, Actions: []config.DropAction{config.DropLog, config.DropAlert}, Rate: .5, MaxBurst: 1,
	}, func() source.Stats { return now })
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
		now.Losses = []source.Loss{{Reason: "ring full", Events: lost}}
		at = at.Add(time.Second)
		if err := m.check(at); err != nil {
			t.Fatal(err)
		}
		if m.detections != s.detections || len(sent) != s.alerts {
			t.Errorf("step %d: %d detections, %d alerts", i, m.detections, len(sent))
		}
	}
	o := alert.Defaults()
	got := string(sent[0].AppendText(nil, &o))
	if !strings.HasSuffix(got, `: Debug Falco internal: syscall event drop. 500 system calls dropped in last second. (n_drops="500" n_drops_ring_full="500" n_evts="1000")`) {
		t.Errorf("got %s", got)
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
		{[]config.DropAction{config.DropAlert, config.DropExit}, true, 1},
	}
	for _, tt := range tests {
		n := 0
		m := newDropMonitor(config.SyscallEventDrops{Actions: tt.actions, Rate: 1, MaxBurst: 1, SimulateDrops: true},
			func() source.Stats { return source.Stats{} })
		m.send = func(*alert.Alert) { n++ }
		if err := m.check(time.Now()); errors.Is(err, errDrops) != tt.exits || n != tt.alerts || m.detections != 1 {
			t.Errorf("%v: %v, %d alerts", tt.actions, err, n)
		}
	}
}
