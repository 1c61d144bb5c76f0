// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// taken is one event as a source delivered it.
type taken struct {
	rec    string
	cpu    int16
	num    uint64
	prompt bool
}

// content is all that a capture tells.
type content struct {
	head    Head
	threads map[string]int // entries of threads and descriptors, as they would be written
	events  []taken
}

// drain reads a capture. see is called after Open and for each event.
func drain(s *Source, open func(), see func(*event.Event)) error {
	if err := s.Open(context.Background()); err != nil {
		return err
	}
	defer s.Close()
	open()
	var ev event.Event
	for {
		switch err := s.Next(&ev); {
		case err == nil:
			see(&ev)
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, source.ErrIdle):
			return err
		}
	}
}

// read returns all that a capture tells.
func read(in io.Reader) (*content, error) {
	c := &content{threads: map[string]int{}}
	st := state.New(state.Options{HostRoot: "/nonexistent"})
	s := New(Options{Input: in, State: st, Addrs: map[netip.Addr]struct{}{}})
	err := drain(s, func() {
		c.head = *s.Head()
		st.EachThread(func(t *state.Thread) bool {
			c.threads[fmt.Sprintf("%q", appendThread(nil, t))]++
			t.Proc.FDs.Each(func(f *state.FD) bool {
				c.threads[fmt.Sprintf("%d %q", t.TID, appendFD(nil, f))]++
				return true
			})
			return true
		})
		users, groups := st.Users()
		c.threads[fmt.Sprintf("%v %v", users, groups)]++
	}, func(ev *event.Event) {
		c.events = append(c.events, taken{string(ev.Record()), ev.CPU, ev.Num, s.Prompt()})
	})
	return c, err
}

// rewrite writes a capture again.
func rewrite(in io.Reader, o WriterOptions) ([]byte, *Writer, error) {
	var out bytes.Buffer
	st := state.New(state.Options{HostRoot: "/nonexistent"})
	s := New(Options{Input: in, State: st, Addrs: map[netip.Addr]struct{}{}})
	w := NewWriter(&out, o)
	err := drain(s, func() { w.Begin(AppendTables(nil, s.Head(), st, 1)) }, func(ev *event.Event) {
		w.Event(ev.Record(), ev.CPU, s.Prompt())
	})
	err = errors.Join(err, w.Close())
	return out.Bytes(), w, err
}

// same compares two captures.
func same(t *testing.T, got, want *content) {
	t.Helper()
	if !reflect.DeepEqual(got.head, want.head) {
		t.Errorf("machine and interfaces\n got %+v\nwant %+v", got.head, want.head)
	}
	if !maps.Equal(got.threads, want.threads) {
		for k := range want.threads {
			if got.threads[k] != want.threads[k] {
				t.Errorf("entry missing: %.400s", k)
				break
			}
		}
		for k := range got.threads {
			if got.threads[k] != want.threads[k] {
				t.Errorf("entry is new: %.400s", k)
				break
			}
		}
	}
	if len(got.events) != len(want.events) {
		t.Fatalf("%d events, want %d", len(got.events), len(want.events))
	}
	for i := range want.events {
		if got.events[i] != want.events[i] {
			t.Fatalf("event %d\n got %+v\nwant %+v", i, got.events[i], want.events[i])
		}
	}
}

// TestRewrite reads every capture, writes it in each form, and reads the same again.
func TestRewrite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes with the race detector, and has little to race")
	}
	dir := filepath.Dir(statetest.Corpus(t, "README.md"))
	files, _ := filepath.Glob(filepath.Join(dir, "scap", "*.scap"))
	more, _ := filepath.Glob(filepath.Join(dir, "recorded", "*.scap"))
	for _, file := range slices.Concat(files, more) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := read(openTest(t, file))
			if err != nil {
				t.Skipf("cannot be read: %v", err)
			}
			for _, o := range []WriterOptions{{Compress: true}, {Format: Current}} {
				b, _, err := rewrite(openTest(t, file), o)
				if err != nil {
					t.Fatal(err)
				}
				got, err := read(bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				same(t, got, want)
			}
		})
	}
}
