// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"encoding/binary"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// seeds gives a fuzz test records of every type, each behind its length.
func seeds(f *testing.F) {
	add := func(records ...[]byte) {
		var seed []byte
		for _, r := range records {
			seed = binary.LittleEndian.AppendUint16(seed, uint16(len(r)))
			seed = append(seed, r...)
		}
		f.Add(seed)
	}
	for _, events := range steady(f) {
		var records [][]byte
		for _, ev := range events {
			records = append(records, ev.Record())
		}
		add(records...)
	}
	w := newWorld(f, state.Options{})
	for _, ev := range life(w, 200) {
		add(ev.Record())
	}
	for t := range event.Type(event.NumTypes) {
		info := event.Lookup(t)
		params := make([][]byte, len(info.Params))
		for i := range params {
			params[i] = []byte{1, 0, 0, 0, 0, 0, 0, 0}
		}
		add(event.AppendRecord(nil, 1, 100, t, params...), statetest.Record(f, t, 2, 100, nil))
	}
}

// cut takes records apart, each of which stands behind its length.
func cut(data []byte) (records [][]byte) {
	for len(data) >= 2 {
		n := min(int(binary.LittleEndian.Uint16(data)), len(data)-2)
		records = append(records, data[2:2+n])
		data = data[2+n:]
	}
	return records
}

// FuzzApply plays arbitrary records against a small state.
func FuzzApply(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t, state.Options{MaxThreads: 20, MaxFDBytes: 10_000, MaxLineageBytes: 5000, MaxLineageDepth: 3})
		ev := &event.Event{}
		for _, rec := range cut(data) {
			if ev.Decode(rec) != nil {
				continue
			}
			th, fd, _ := w.s.Apply(ev)
			if th == nil && ev.Info().IsSyscall() && ev.Type() != event.ProcExit {
				t.Errorf("no thread for event %q", ev.Info().Name)
			}
			if fd != nil {
				_ = fd.Name() + fd.RawName() + fd.RealPath()
			}
			if th != nil {
				th.Proc.Ancestor(5)
				w.s.SessionLeader(th)
				w.s.User(th.UID, th)
			}
			w.s.After(ev)
		}
		check(t, w.s)
	})
}

// check verifies what must hold for every state.
func check(t *testing.T, s *state.State) {
	t.Helper()
	st := s.Stats()
	if st.Threads > 20 || st.Gone < 0 || st.LineageBytes < 0 || st.FDs < 0 || st.FDBytes < 0 {
		t.Errorf("%+v", st)
	}
}
