// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// block is one block of a capture.
func block(typ uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	size := uint32(len(body) + 12)
	b := binary.LittleEndian.AppendUint32(nil, typ)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, size)
}

// capture is a capture with those events.
func capture(records ...[]byte) []byte {
	head := append(u32(0x1A2B3C4D), 1, 0, 2, 0)
	b := block(0x0A0D0D0A, binary.LittleEndian.AppendUint64(head, ^uint64(0)))
	for _, r := range records {
		b = append(b, block(0x216, append([]byte{0, 0}, r...))...)
	}
	return b
}

// replayed runs the application over a capture file.
func replayed(t *testing.T, content []byte, change func(*config.Config)) (stdout, stderr string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.scap")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, nil, func(c *config.Config, o *Options) {
		o.NewSource = nil
		c.Engine.Kind, c.Engine.Replay.CaptureFile = config.EngineReplay, file
		if change != nil {
			change(c)
		}
	})
}

func TestReplay(t *testing.T) {
	out, log, err := replayed(t, capture(openat(3, "/etc/shadow"), openat(4, "/etc/hosts"), openat(5, "/etc/passwd")), nil)
	if err != nil {
		t.Fatal(err, log)
	}
	for _, want := range []string{"1970-01-01T00:00:00.000000001", "Critical opened /etc/shadow", "opened /etc/passwd", "Events detected: 2"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if !strings.Contains(log, "Events seen: 3") || !strings.Contains(log, "Lost: nothing") || strings.Contains(log, "drop") {
		t.Errorf("log:\n%s", log)
	}
}

// TestReplayWaitsForOutputs holds that no alert of a replay is lost, however small the queue is.
func TestReplayWaitsForOutputs(t *testing.T) {
	var records [][]byte
	for range 3000 {
		records = append(records, openat(3, "/etc/shadow"))
	}
	out, log, err := replayed(t, capture(records...), func(c *config.Config) { c.OutputsQueue.Capacity = 2 })
	if err != nil {
		t.Fatal(err, log)
	}
	if n := strings.Count(out, "opened /etc/shadow"); n != 3000 || !strings.Contains(log, "Lost: nothing") {
		t.Errorf("%d alerts\n%s", n, log)
	}
}

func TestReplayOfBadFiles(t *testing.T) {
	whole := capture(openat(3, "/etc/shadow"), openat(5, "/etc/passwd"))
	for name, c := range map[string]struct {
		content []byte
		fails   string
		says    string
	}{
		"empty":     {nil, "the file is empty", ""},
		"other":     {[]byte("#!/bin/sh\necho nothing\n"), "not a capture", ""},
		"no events": {capture(), "no events", ""},
		"cut":       {whole[:len(whole)-9], "", "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			out, log, err := replayed(t, c.content, nil)
			switch {
			case c.fails == "" && err != nil:
				t.Fatal(err, log)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Fatalf("error %v", err)
			case c.fails == "" && (!strings.Contains(out, "opened /etc/shadow") || !strings.Contains(log, c.says)):
				t.Errorf("%s\n%s", out, log)
			}
		})
	}
}
