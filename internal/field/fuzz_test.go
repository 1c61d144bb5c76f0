// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bytes"
	"encoding/json"
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
						checkOutput(t, fd.Name, v)
					}
				}
			}
		}
	})
}

// maxOutput bounds a field's text: a record has 64 KiB, of which each byte may be told in several.
const maxOutput = 2 << 20

// checkOutput holds a value's texts to be bounded, and its JSON to be some.
func checkOutput(t *testing.T, name string, v Value) {
	t.Helper()
	text, js := v.AppendText(nil), v.AppendJSON(nil)
	if len(text) > maxOutput || len(js) > 6*maxOutput {
		t.Errorf("%s: %d bytes of text, %d of JSON", name, len(text), len(js))
	}
	if !json.Valid(js) {
		t.Errorf("%s: not JSON: %q", name, js)
	}
}

// pollExit is the event with a list of descriptors.
const pollExit = 81

// FuzzParams gives every parameter of an event the same bytes, of whatever type it is, and prints them all.
func FuzzParams(f *testing.F) {
	for i, info := range event.Infos() {
		if len(info.Params) > 0 {
			f.Add(uint16(i), []byte{2, 1, 0, 0, 0x7f, 0, 0, 0x80, 0xff, 1}, uint8(8))
			f.Add(uint16(i), bytes.Repeat([]byte{0xff}, 40), uint8(i))
		}
	}
	f.Add(uint16(pollExit), bytes.Repeat([]byte{1, 0, 0, 0}, 15_000), uint8(255))
	cat := Default()
	s := newScene(f)
	whole := []*Field{cat.Lookup("evt.args"), cat.Lookup("evt.info"), cat.Lookup("evt.buffer"), cat.Lookup("fd.name"), cat.Lookup("fdlist.names"), cat.Lookup("fs.path.name")}
	f.Fuzz(func(t *testing.T, typ uint16, data []byte, width uint8) {
		info := event.Lookup(event.Type(typ % uint16(event.NumTypes)))
		params := make([][]byte, len(info.Params))
		for i := range params {
			params[i] = data[:min(len(data), 60_000/max(len(params), 1))]
			if i%2 == 0 && width < 64 {
				params[i] = params[i][:min(len(params[i]), int(width))]
			}
		}
		var ev event.Event
		if ev.Decode(event.AppendRecord(nil, 1, 4, info.Code, params...)) != nil {
			t.Skip()
		}
		c := fuzzContext(&ev, s.st, s.st.Thread(4), s.st.Process(4).FDs.Get(2), 2)
		for _, fd := range whole {
			if v, ok := fd.Value(c, &Arg{Index: -1}); ok {
				checkOutput(t, fd.Name, v)
			}
		}
		for i := range params {
			for _, name := range []string{"evt.arg", "evt.rawarg"} {
				fd, a, err := cat.Resolve(name, info.Params[i].Name, true)
				if err != nil {
					t.Fatal(err)
				}
				if v, ok := fd.Value(c, &a); ok {
					checkOutput(t, name, v)
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
