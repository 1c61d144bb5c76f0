// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// timed are n events, a tenth of a second apart.
func timed(n int) (records [][]byte) {
	for i := range n {
		rec := openat(3, "/etc/hosts")
		binary.LittleEndian.PutUint64(rec, 1e9+uint64(i)*1e8)
		records = append(records, rec)
	}
	return records
}

// record records from a capture in a directory of its own.
func record(t *testing.T, content []byte, change func(dir string, o *RecordOptions)) (dir string, done *Recorded, err error) {
	t.Helper()
	dir = t.TempDir()
	o := RecordOptions{
		Config: config.Default(), Input: filepath.Join(dir, "in.scap"), File: filepath.Join(dir, "out.scap"), Log: slog.New(slog.DiscardHandler),
	}
	if err := os.WriteFile(o.Input, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(dir, &o)
	}
	done, err = Record(context.Background(), o)
	if now, e := os.ReadFile(filepath.Join(dir, "in.scap")); e != nil || string(now) != string(content) {
		t.Error("the capture that was read has changed", e)
	}
	return dir, done, err
}

// TestRecordStopsByTheCapture holds that seconds are those of the capture, if there is one.
func TestRecordStopsByTheCapture(t *testing.T) {
	_, done, err := record(t, capture(timed(100)...), func(_ string, o *RecordOptions) { o.Duration = 2 * time.Second })
	if err != nil || done.Events != 20 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestRecordRefusesItsInput holds that a capture is not written over while it is read, whatever its name.
func TestRecordRefusesItsInput(t *testing.T) {
	for name, change := range map[string]func(dir string, o *RecordOptions) error{
		"same": func(_ string, o *RecordOptions) error { o.File = o.Input; return nil },
		"symbolic link": func(_ string, o *RecordOptions) error {
			return os.Symlink(o.Input, o.File)
		},
		"hard link": func(_ string, o *RecordOptions) error { return os.Link(o.Input, o.File) },
		"in turn":   func(_ string, o *RecordOptions) error { o.FileBytes = 1000; return os.Link(o.Input, o.File+"2") },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := record(t, capture(timed(2000)...), func(dir string, o *RecordOptions) {
				if err := change(dir, o); err != nil {
					t.Fatal(err)
				}
			})
			if err == nil || !strings.Contains(err.Error(), "is the capture that is read") {
				t.Error(err)
			}
		})
	}
}

// TestRecordTellsEarly holds that a file that cannot be written is known before anything is recorded, and that
// nothing is made if there is nothing to record.
func TestRecordTellsEarly(t *testing.T) {
	_, done, err := record(t, capture(timed(10)...), func(dir string, o *RecordOptions) { o.File = filepath.Join(dir, "no", "such") })
	if err == nil || done != nil {
		t.Errorf("%+v, %v", done, err)
	}
	dir, _, err := record(t, []byte("#!/bin/sh\n"), nil)
	if _, e := os.Stat(filepath.Join(dir, "out.scap")); err == nil || !os.IsNotExist(e) {
		t.Errorf("%v, %v", err, e)
	}
}

// TestRecordIsPrivate holds that only the owner may read a file, also one that was there before.
func TestRecordIsPrivate(t *testing.T) {
	dir, _, err := record(t, capture(timed(10)...), func(_ string, o *RecordOptions) {
		if err := os.WriteFile(o.File, make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	info, e := os.Stat(filepath.Join(dir, "out.scap"))
	if err != nil || e != nil || info.Mode().Perm() != 0o600 || info.Size() >= 1<<20 {
		t.Errorf("%v, %v, %v", info, err, e)
	}
}

// processes is a list of n processes.
func processes(n int) []byte {
	var list []byte
	for i := range n {
		var e []byte
		for _, v := range []uint64{uint64(i) + 100, uint64(i) + 100, 1, 1, 1} {
			e = binary.LittleEndian.AppendUint64(e, v)
		}
		comm := fmt.Sprintf("process-%d", i)
		e = append(binary.LittleEndian.AppendUint16(e, uint16(len(comm))), comm...)
		e = append(e, make([]byte, 200)...)
		list = append(append(list, u32(uint32(len(e)+4))...), e...)
	}
	return block(0x215, list)
}

// TestRecordExchangesFiles holds that files have about the size that was asked for, that what they begin with counts,
// and that half of the size are events nevertheless.
func TestRecordExchangesFiles(t *testing.T) {
	const size, slack = 200_000, 50_000
	events := capture(timed(20_000)...)
	head := len(capture())
	for _, c := range []struct{ processes, least, most int }{
		{10, size, size + slack},
		{100, size, size + slack},
		{3000, size / 2, 3000*500 + size/2 + slack},
	} {
		content := append(append(append([]byte{}, events[:head]...), processes(c.processes)...), events[head:]...)
		dir, done, err := record(t, content, func(_ string, o *RecordOptions) { o.FileBytes, o.Files = size, 3 })
		if err != nil || done.Left != 3 || done.Files <= 3 || done.Files > 2*len(events)/(size/2) {
			t.Fatalf("%d processes: %+v, %v", c.processes, done, err)
		}
		for i := range 3 {
			if i == (done.Files-1)%3 {
				continue // the last one ends where the events do
			}
			b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("out.scap%d", i)))
			if err != nil || len(b) < c.least || len(b) > c.most || strings.Count(string(b), "/etc/hosts") < size/2/500 {
				t.Errorf("%d processes, file %d: %d bytes, %v", c.processes, i, len(b), err)
			}
		}
	}
}
