// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// replay applies a capture. got is called for each event, with its number.
func replay(t *testing.T, file string, got func(s *state.State, r *statetest.Result)) {
	s := state.New(state.Options{})
	src := scap.New(scap.Options{Path: statetest.Corpus(t, file), State: s})
	if err := src.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ev := &event.Event{}
	for {
		switch err := src.Next(ev); {
		case errors.Is(err, source.ErrIdle):
			continue
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatal(err)
		}
		r := &statetest.Result{Event: ev}
		r.Thread, r.FD, r.FDNum = s.Apply(ev)
		got(s, r)
		s.After(ev)
	}
}

// values reads the recorded values of a capture by event number.
func values(t *testing.T, file string) map[uint64]map[string]any {
	f, err := os.Open(statetest.Corpus(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64]map[string]any{}
	d := json.NewDecoder(z)
	d.UseNumber()
	for {
		var row struct {
			Num    uint64 `json:"evt.num"`
			Fields map[string]any
		}
		if err := d.Decode(&row); err != nil {
			return all
		}
		all[row.Num] = row.Fields
	}
}

// TestRecordedCaptures replays captures of whole activities and compares what the state tells.
func TestRecordedCaptures(t *testing.T) {
	names := make([]string, 0, len(facts))
	for n := range facts {
		names = append(names, n)
	}
	sort.Strings(names)
	total := 0
	for _, name := range []string{"01-shell-pipelines", "03-attack-files", "04-attack-proc-net-ctr", "05-build", "07-syscall-zoo"} {
		t.Run(name, func(t *testing.T) {
			want := values(t, "recorded/"+name+".fields.jsonl.gz")
			seen, good := 0, 0
			replay(t, "recorded/"+name+".scap", func(s *state.State, r *statetest.Result) {
				fields := want[r.Event.Num]
				if fields == nil || r.Thread == nil {
					return
				}
				seen++
				if at := fmt.Sprint(fields["evt.rawtime"]); at != fmt.Sprint(r.Event.Time()) {
					t.Fatalf("event %d is another one: time %d, want %s", r.Event.Num, r.Event.Time(), at)
				}
				for _, n := range names {
					v, ok := fields[n]
					if !ok || r.FD == nil && strings.HasPrefix(n, "fd.") && n != "fd.num" {
						continue
					}
					if got, _ := facts[n](s, r); got != fmt.Sprint(v) {
						t.Errorf("event %d %s tid %d: %s is %q, want %q", r.Event.Num, r.Event.Info().Name, r.Event.TID(), n, got, v)
						continue
					}
					good++
				}
				if v, ok := fields["fd.name"]; ok && r.FD != nil && r.FD.Name() != v {
					t.Errorf("event %d %s: fd.name is %q, want %q", r.Event.Num, r.Event.Info().Name, r.FD.Name(), v)
				}
				if id := fields["container.id"]; id != "host" && r.Thread.Proc.Container.ID != id {
					t.Errorf("event %d: container %q, want %q", r.Event.Num, r.Thread.Proc.Container.ID, id)
				}
			})
			if seen < len(want)/2 {
				t.Errorf("%d of %d events", seen, len(want))
			}
			total += good
			t.Logf("%d events, %d values agree", seen, good)
		})
	}
}
