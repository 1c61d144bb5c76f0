// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// TestStatsAreBounded holds that names for which there is no room are counted together.
func TestStatsAreBounded(t *testing.T) {
	s := newCaptureStats()
	for i := range maxStatNames {
		s.by[1][strconv.Itoa(i)] = 1
	}
	st := state.New(state.Options{HostRoot: t.TempDir()})
	c := field.NewContext(&field.Machine{})
	var ev event.Event
	if err := ev.Decode(event.AppendRecord(nil, 1, 100, event.Close, make([]byte, 8), make([]byte, 8))); err != nil {
		t.Fatal(err)
	}
	th := &state.Thread{TID: 100, Comm: "another", Proc: &state.Process{}}
	th.Proc.Main = th
	for range 3 {
		c.Reset(&ev, st, th, nil, -1, "syscall")
		s.add(c)
	}
	var out bytes.Buffer
	s.print(&out)
	for _, want := range []string{"by process (65536 names and more):", "names that came later than those", "by type (1):"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if s.others[1] != 3 {
		t.Errorf("%d others", s.others[1])
	}
}
