// SPDX-License-Identifier: Apache-2.0

package field

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// FuzzGetters asks for every field of arbitrary records; none may panic, whatever the record holds.
func FuzzGetters(f *testing.F) {
	cat := Default()
	s := newScene(f)
	for _, ev := range s.events {
		f.Add(ev.Record())
	}
	f.Add(event.AppendRecord(nil, 1, 4, 255, nil, []byte{2, 0, 1}, []byte{1}, []byte{0xff, 0, 0, 0}))
	f.Add(event.AppendRecord(nil, 1, 4, 169, nil, []byte{9}, []byte{1, 2}, []byte{0}))
	args := map[*Field][]Arg{}
	for _, fd := range cat.All() {
		args[fd] = sampleArg(f, cat, fd)
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		var ev event.Event
		if ev.Decode(rec) != nil {
			t.Skip()
		}
		st := state.New(state.Options{HostRoot: t.TempDir()})
		th, fd, num := st.Apply(&ev)
		for _, c := range []*Context{
			fuzzContext(&ev, st, th, fd, num),
			fuzzContext(&ev, s.st, s.st.Thread(4), s.st.Process(4).FDs.Get(2), 2),
			fuzzContext(&ev, nil, nil, nil, -1),
			fuzzContext(&ev, st, &state.Thread{Fake: true}, &state.FD{Type: 77, L4: 9}, 0),
		} {
			for _, fd := range cat.All() {
				for i := range args[fd] {
					get(fd, c, &args[fd][i])
					if v, ok := fd.Value(c, &args[fd][i]); ok {
						v.AppendText(nil)
						v.AppendJSON(nil)
					}
				}
			}
		}
	})
}

func fuzzContext(ev *event.Event, st *state.State, th *state.Thread, fd *state.FD, num int64) *Context {
	c := NewContext(nil)
	c.Reset(ev, st, th, fd, num, syscalls)
	return c
}

// FuzzPrefix holds what Prefix finds to what Resolve says of it.
func FuzzPrefix(f *testing.F) {
	for _, text := range []string{
		"proc.names", "evt.arg.flags)", "proc.aname[2] x", "proc.env[\"A]B\"]", "thread.cgroup.cpu.", "evt.arg[", "%", "evt.abspath.src",
		"container.label.io.kubernetes.pod.name,", "evt.arg.", "proc.aname[x]",
	} {
		f.Add(text)
	}
	cat := Default()
	f.Fuzz(func(t *testing.T, text string) {
		n, fd, a, err := cat.Prefix(text)
		if err != nil {
			return
		}
		if n <= 0 || n > len(text) || fd == nil {
			t.Fatalf("%q: %d bytes, field %v", text, n, fd)
		}
		again, b, err := cat.Resolve(fd.Name, a.Text, a.Given)
		if err != nil || again != fd || b.Text != a.Text {
			t.Fatalf("%q: %v, %v", text, b, err)
		}
	})
}
