// SPDX-License-Identifier: Apache-2.0

package field

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// Who is killed can exit before the killer's call returns, with which its event comes: the event still
// names whom it was about, for a while, and unless the call failed.
func TestSignalToExited(t *testing.T) {
	for _, tc := range []struct {
		name      string
		res, late int
		want      string
	}{
		{"just before", 0, 1, "bash"},
		{"seconds before", 0, 9_000_000_000, "bash"},
		{"long before", 0, 11_000_000_000, "3"},
		{"in vain", -3, 1, "3"},
	} {
		for _, typ := range []event.Type{event.Kill, event.TGKill, event.RTSigQueueInfo} {
			t.Run(tc.name+" "+event.Infos()[typ].Name, func(t *testing.T) {
				s := newScene(t)
				const ts = 1566230400020000000
				exit := statetest.Event(t, event.ProcExit, ts, 3, statetest.P{"status": 9})
				s.st.Apply(exit)
				s.st.After(exit)
				kill := statetest.Event(t, typ, ts+uint64(tc.late), 4, statetest.P{"res": tc.res, "pid": 3, "sig": 9})
				s.events = append(s.events[:0], kill)
				checkTexts(t, s.step(0), map[string]string{"evt.arg.pid": tc.want})
			})
		}
	}
}
