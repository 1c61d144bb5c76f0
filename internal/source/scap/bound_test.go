// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// heap is the memory that is in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestStreamNeedsNoMemory reads hundreds of megabytes from a pipe and holds that the heap stays what it is.
func TestStreamNeedsNoMemory(t *testing.T) {
	const grown = 2 << 20
	s := openEndless(t, "recorded/04-attack-proc-net-ctr.scap", state.New(state.Options{}))
	in := s.w.in
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(pw, io.LimitReader(in, 300<<20))
		pw.CloseWithError(err)
	}()
	s.w.in = pr
	defer pr.Close()
	var ev event.Event
	var before uint64
	for n := 1; ; n++ {
		if err := s.Next(&ev); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		s.o.State.Apply(&ev)
		s.o.State.After(&ev)
		if n == 500_000 {
			before = heap()
		}
	}
	after := heap()
	t.Logf("%d events, %d KiB in use at first, %d KiB at the end", s.num, before>>10, after>>10)
	if s.num < 1_000_000 || after > before+grown {
		t.Errorf("%d events, %d bytes in use at first, %d at the end", s.num, before, after)
	}
}

// TestBombs reads compressed files that unpack to much more than they are: what they take is bounded.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes with the race detector, and has little to race")
	}
	for name, typ := range map[string]uint32{"skipped block": 0x7777, "event": 0x216, "process list": 0x215, "user list": 0x220} {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		head := block(nil, 0x0A0D0D0A, append(binary.LittleEndian.AppendUint32(nil, byteOrder), 1, 0, 2, 0, 255, 255, 255, 255, 255, 255, 255, 255))
		size := uint32(256 << 20)
		head = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(head, typ), size)
		if _, err := w.Write(head); err != nil {
			t.Fatal(err)
		}
		zeros := make([]byte, 1<<20)
		for range 256 {
			if _, err := w.Write(zeros); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		before := heap()
		s := New(Options{Input: bytes.NewReader(z.Bytes()), State: state.New(state.Options{})})
		err := s.Open(t.Context())
		if err == nil {
			t.Errorf("%s: a capture without events was opened", name)
		}
		if grown := int64(heap()) - int64(before); grown > 40<<20 {
			t.Errorf("%s: %d bytes of heap", name, grown)
		}
		s.Close()
	}
}

// TestTruncated holds that a capture that is cut off is read to its last whole block, with one warning.
func TestTruncated(t *testing.T) {
	whole := small()
	var ends []int
	for at := 0; at < len(whole); {
		at += int(binary.LittleEndian.Uint32(whole[at+4:]))
		ends = append(ends, at)
	}
	first := ends[len(ends)-4] - 1 // the last four blocks are events
	for n := first; n < len(whole); n++ {
		var log bytes.Buffer
		s := New(Options{Input: bytes.NewReader(whole[:n]), State: state.New(state.Options{}), Log: slog.New(slog.NewTextHandler(&log, nil))})
		got, err := count(t, s)
		clean := false
		for _, e := range ends {
			clean = clean || n == e
		}
		switch {
		case n < ends[len(ends)-4]:
			if err == nil {
				t.Errorf("%d bytes: no error, though there is no event", n)
			}
		case err != nil:
			t.Errorf("%d bytes: %v", n, err)
		case strings.Count(log.String(), "cut off") != 1 && !clean || clean && log.Len() > 0:
			t.Errorf("%d bytes: %d events, log: %s", n, got, log.String())
		}
	}
}

// TestErrorsNameThePlace holds that an error says where it is and in what.
func TestErrorsNameThePlace(t *testing.T) {
	bad := small()
	at := 0
	for binary.LittleEndian.Uint32(bad[at:]) != 0x221 {
		at += int(binary.LittleEndian.Uint32(bad[at+4:]))
	}
	bad[at+8+2+17] = 0xff // of the event's length
	_, err := count(t, New(Options{Input: bytes.NewReader(bad)}))
	var e *Error
	if !errors.As(err, &e) || e.Offset != int64(at) || e.Block != "event" {
		t.Errorf("%v, want an error of the event block at %d", err, at)
	}
}
