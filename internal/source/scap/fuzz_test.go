// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// maxGrowth is how much more memory than its input a capture may take: windows, buffers of the
// decompressors and of the converter, and the state's tables.
const maxGrowth = 256 << 20

// readAll reads a capture from memory as far as it goes.
func readAll(t *testing.T, data []byte) {
	st := state.New(state.Options{HostRoot: "/nonexistent", MaxThreads: 1024, MaxFDBytes: 1 << 20})
	s := New(Options{Input: bytes.NewReader(data), State: st, Addrs: map[netip.Addr]struct{}{}})
	if err := s.Open(t.Context()); err != nil {
		return
	}
	defer s.Close()
	var ev event.Event
	for n := 0; n < 1<<16; {
		err := s.Next(&ev)
		if errors.Is(err, source.ErrIdle) {
			continue
		}
		if err != nil {
			return
		}
		n++
		st.Apply(&ev)
		st.After(&ev)
	}
}

// block is one block of a capture.
func block(dst []byte, typ uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	size := uint32(len(body) + blockHead + blockTail)
	dst = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(dst, typ), size)
	return binary.LittleEndian.AppendUint32(append(dst, body...), size)
}

// sized puts the length before an entry, its own included.
func sized(entry []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(entry)+4)), entry...)
}

// small is a capture that has one of everything.
func small() []byte {
	u16, u32, u64 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	text := func(b []byte, s string) []byte { return append(u16(b, uint16(len(s))), s...) }
	all := block(nil, 0x0A0D0D0A, u64(u32(u32(nil, byteOrder), 1|2<<16), ^uint64(0)))
	all = block(all, 0x201, make([]byte, machineLen))
	all = block(all, 0x219, append([]byte{26, 0, 0, 0, 1, 0, 2, 0, 127, 0, 0, 1, 255, 0, 0, 0, 0, 0, 0, 0}, append(make([]byte, 8), 'l', 'o')...))
	all = block(all, 0x220, sized(text(text(text(u32(u32([]byte{0}, 0), 0), "root"), "/root"), "/bin/sh")))
	proc := u64(u64(u64(u64(u64(nil, 7), 7), 1), 7), 7)
	for _, s := range []string{"sh", "/bin/sh", "/bin/dash", "-c\x00id\x00", "/tmp"} {
		proc = text(proc, s)
	}
	proc = append(proc, make([]byte, 48)...)
	proc = text(text(u64(u64(text(proc, "HOME=/\x00"), 7), 7), "cpu=/docker/1\x00"), "/")
	all = block(all, 0x215, sized(append(proc, make([]byte, 76)...)))
	fds := sized(append(u32(text(u32(append(u64(u64(nil, 1), 99), 16), 1), "/tmp/x"), 5), 0))
	fds = append(fds, sized(append(u64(u64(nil, 2), 98), 3, 127, 0, 0, 1, 127, 0, 0, 1, 1, 2, 3, 4, 2))...)
	all = block(all, 0x218, append(u64(nil, 7), fds...))
	event2 := func(typ event.Type, params ...[]byte) []byte {
		return append([]byte{1, 0}, event.AppendRecord(nil, 10, 7, typ, params...)...)
	}
	all = block(all, 0x216, event2(6, u64(nil, 1), u32(nil, 100)))
	all = block(all, 0x216, event2(7, u64(nil, 3), []byte("abc")))
	all = block(all, 0x221, event2(event.Container, []byte(`{"container":{"id":"1"}}`+"\x00")))
	rec := event.AppendRecord(nil, 11, 7, 4, u64(nil, 1))
	binary.LittleEndian.PutUint32(rec[16:], uint32(len(rec)-4))
	return block(all, 0x204, append([]byte{1, 0}, append(rec[:22:22], rec[26:]...)...))
}

// FuzzReader reads damaged captures: it must neither panic nor take memory without bound.
func FuzzReader(f *testing.F) {
	head := []byte{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 2, 0, 255, 255, 255, 255, 255, 255, 255, 255, 28, 0, 0, 0}
	f.Add(head)
	f.Add(append(bytes.Clone(head), 0x15, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	f.Add(append(bytes.Clone(head), 0x16, 2, 0, 0, 0xfc, 0xff, 0xff, 0))
	f.Add(small())
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(small())
	w.Close()
	f.Add(z.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		readAll(t, data)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > maxGrowth+64*uint64(len(data)) {
			t.Errorf("%d bytes allocated for %d bytes of input", grown, len(data))
		}
	})
}

// FuzzConverter converts damaged records.
func FuzzConverter(f *testing.F) {
	for _, c := range conversions {
		params := make([][]byte, c.params)
		for i := range params {
			params[i] = []byte("12345678")[:i%9]
		}
		f.Add(event.AppendRecord(nil, 1, 2, c.typ, params...), event.AppendRecord(nil, 2, 2, c.typ|1, params...))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var c converter
		var ev event.Event
		for _, rec := range [][]byte{first, second, first} {
			if ev.Decode(rec) != nil {
				continue
			}
			out, deliver, err := c.convert(rec)
			if err != nil || !deliver {
				continue
			}
			if err := ev.Decode(out); err != nil {
				t.Errorf("the result cannot be read: %v", err)
			}
		}
	})
}

// TestSmall reads the seed of the fuzz test, of which everything must arrive.
func TestSmall(t *testing.T) {
	st := state.New(state.Options{})
	addrs := map[netip.Addr]struct{}{}
	s := New(Options{Input: bytes.NewReader(small()), State: st, Addrs: addrs})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := st.Process(7)
	if p == nil || p.CmdLine != "sh -c id" || p.FDs.Get(1) == nil || p.FDs.Get(2) == nil || len(addrs) != 1 {
		t.Errorf("process %+v, %d addresses", p, len(addrs))
	}
	if u, ok := st.User(0, nil); !ok || u.Shell != "/bin/sh" {
		t.Errorf("user %+v", u)
	}
	var got []event.Type
	var ev event.Event
	for {
		err := s.Next(&ev)
		if errors.Is(err, source.ErrIdle) {
			continue
		}
		if err != nil {
			break
		}
		got = append(got, ev.Type())
	}
	if len(got) != 2 || got[0] != event.Read || got[1] != event.Container {
		t.Errorf("events %v", got)
	}
}
