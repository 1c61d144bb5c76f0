// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// packed compresses b with what open makes.
func packed(t *testing.T, b []byte, open func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var out bytes.Buffer
	w := open(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestInputs reads the same capture in every form in which it may come, from files and pipes.
func TestInputs(t *testing.T) {
	gz := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	zs := func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }
	lz := func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) }
	one := small()
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	skip := []byte{0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'}
	for name, c := range map[string]struct {
		content []byte
		events  int
	}{
		"plain": {one, 2}, "gzip": {packed(t, one, gz), 2}, "zstd": {packed(t, one, zs), 2}, "lz4": {packed(t, one, lz), 2},
		"two plain": {join(one, one), 4}, "two gzip": {join(packed(t, one, gz), packed(t, one, gz)), 4},
		"gzip and plain": {join(packed(t, one, gz), one), 4}, "plain and gzip": {join(one, packed(t, one, gz)), 4}, "zstd and gzip": {join(packed(t, one, zs), packed(t, one, gz)), 4},
		"all":                {join(one, packed(t, one, zs), packed(t, one, lz), one, one, packed(t, one, gz), packed(t, one, zs), packed(t, one, zs), one, packed(t, one, lz)), 20},
		"plain and cut gzip": {join(one, packed(t, one, gz)[:40]), 2}, "gzip's mark alone": {join(one, magicGzip, []byte{8}), 2},
		"skippable frames": {join(skip, packed(t, one, zs), skip, one, skip, packed(t, one, zs), skip), 6},
		"cut":              {one[:len(one)-5], 2},
		"cut gzip":         {packed(t, one, gz)[:300], -1},
	} {
		file := filepath.Join(t.TempDir(), "a.scap")
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		for way, o := range map[string]Options{"file": {Path: file}, "pipe": {Input: io.MultiReader(bytes.NewReader(c.content))}, "drops": {Input: iotest.OneByteReader(bytes.NewReader(c.content))}} {
			t.Run(name+"/"+way, func(t *testing.T) {
				o.State = state.New(state.Options{})
				n, err := count(t, New(o))
				if c.events >= 0 && (n != c.events || err != nil) || c.events < 0 && n > 2 {
					t.Errorf("%d events, want %d (%v)", n, c.events, err)
				}
				if c.events > 0 && o.State.Process(7) == nil {
					t.Error("the process is not there")
				}
			})
		}
	}
}

// count reads a source to its end.
func count(t *testing.T, s *Source) (n int, err error) {
	if err := s.Open(t.Context()); err != nil {
		return 0, err
	}
	defer s.Close()
	var ev event.Event
	for {
		switch err := s.Next(&ev); {
		case err == nil:
			n++
		case errors.Is(err, io.EOF):
			return n, nil
		case !errors.Is(err, source.ErrIdle):
			return n, err
		}
	}
}

// openTest opens a file for a test.
func openTest(t *testing.T, file string) io.Reader {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
