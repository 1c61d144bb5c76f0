// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

func TestDetails(t *testing.T) {
	s := openLive(t, Config{Syscalls: []*event.Syscall{event.SyscallByName("openat")}})
	for range 100 {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	opens := 0
	var ev event.Event
	for until := time.Now().Add(10 * time.Second); opens < 100 && time.Now().Before(until); {
		switch err := s.Next(&ev); {
		case err == nil && ev.Type() == event.OpenAt:
			opens++
		case err != nil && !errors.Is(err, source.ErrIdle):
			t.Fatal(err)
		}
	}
	d := s.Details()
	var events uint64
	for _, c := range d.CPUs {
		events += c.Events
	}
	if events < 100 {
		t.Errorf("%d events by processor", events)
	}
	if len(d.Rings) != len(s.rings) || d.Rings[0].Name != "critical" || !slices.ContainsFunc(d.Rings, func(r source.Ring) bool { return r.Peak > 0 && r.Peak <= r.Size }) {
		t.Errorf("rings: %+v", d.Rings)
	}
	if i := slices.IndexFunc(d.Hooks, func(h source.Hook) bool { return h.Name == "on_sys_exit" && h.Attached }); i < 0 {
		t.Errorf("hooks: %+v", d.Hooks)
	}
	if s.Snapshot() && (len(d.Snapshot) == 0 || d.Snapshot[0].Type != 430 || d.Snapshot[0].Events == 0) {
		t.Errorf("snapshot: %+v", d.Snapshot)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, h := range s.Details().Hooks {
		if h.Attached {
			t.Errorf("%s is at its hook though all were taken away", h.Name)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if d := s.Details(); d.Hooks != nil || d.Rings != nil {
		t.Errorf("details of what is closed: %+v", d)
	}
}

// What a ring could not hold is told by type.
func TestDetailsOfLosses(t *testing.T) {
	s := openLive(t, Config{Syscalls: []*event.Syscall{event.SyscallByName("openat")}, BulkBytes: 4096})
	for range 1000 {
		if fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
			unix.Close(fd)
		}
	}
	d := s.Details()
	at := slices.IndexFunc(d.Lost, func(c source.TypeCount) bool { return c.Type == event.OpenAt })
	if at < 0 || d.Lost[at].Events < 500 {
		t.Errorf("lost: %+v", d.Lost)
	}
	var lost uint64
	for _, c := range d.CPUs {
		lost += c.Lost
	}
	if st := s.Stats(); lost < 500 || st.Lost() < lost || st.Losses[1].Class != source.LossBuffer {
		t.Errorf("%d lost by processor, %+v", lost, st)
	}
}

func TestCountTypes(t *testing.T) {
	var records []byte
	for _, typ := range []event.Type{430, 436, 436, 430, 436} {
		records = event.AppendRecord(records, 1, 1, typ)
	}
	if got := countTypes(records); !slices.Equal(got, []source.TypeCount{{Type: 430, Events: 2}, {Type: 436, Events: 3}}) {
		t.Errorf("got %+v", got)
	}
	if got := countTypes(nil); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}
