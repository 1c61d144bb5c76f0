// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"os"
	"os/signal"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// testTraces asks for the tracepoints that fire often, compares one event of each, and takes the wish
// back: then they must fall silent.
func testTraces(t *testing.T, s *Source) {
	var calls []*event.Syscall
	for name := range tracePrograms {
		calls = append(calls, event.SyscallByName(name))
	}
	if err := s.Select(calls); err != nil {
		t.Fatal(err)
	}
	sent := make(chan os.Signal, 1)
	signal.Notify(sent, unix.SIGUSR2)
	defer signal.Stop(sent)
	self := int64(os.Getpid())
	_ = unix.Kill(int(self), unix.SIGUSR2)
	<-sent
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	page[0] = 1 // a page fault

	seen := map[event.Type]bool{}
	var ev event.Event
	for deadline := time.Now().Add(10 * time.Second); len(seen) < 3 && time.Now().Before(deadline); {
		if err := s.Next(&ev); err != nil {
			if !errors.Is(err, source.ErrIdle) {
				t.Fatal(err)
			}
			continue
		}
		first, _ := ev.Int(0)
		switch ev.Type() {
		case event.Switch:
			size, _ := ev.Uint(3)
			seen[event.Switch] = seen[event.Switch] || size > 0 && first >= 0
		case event.SignalDeliver:
			from, sig := first, ev.Param(2)
			if from == self && len(sig) == 1 && sig[0] == byte(unix.SIGUSR2) {
				seen[event.SignalDeliver] = true
			}
		case event.PageFault:
			flags, _ := ev.Uint(2)
			seen[event.PageFault] = seen[event.PageFault] || flags&(1|2) != 0 && flags&(16|32) != 0
		}
	}
	if len(seen) < 3 {
		t.Errorf("seen only %v", seen)
	}
	if err := s.Select(nil); err != nil {
		t.Fatal(err)
	}
	if n := len(s.selected.traces.links); n > 0 {
		t.Errorf("%d tracepoints are still attached", n)
	}
}
