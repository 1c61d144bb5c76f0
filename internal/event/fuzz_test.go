// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzDecode decodes arbitrary bytes: what is accepted must hold together, and make the same record again.
func FuzzDecode(f *testing.F) {
	for i := range table {
		f.Add(AppendRecord(nil, 1, 2, Type(i), make([][]byte, len(table[i].Params))...))
		params := make([][]byte, len(table[i].Params))
		for n := range params {
			params[n] = bytes.Repeat([]byte{byte(n), 0xff}, n%5)
		}
		f.Add(AppendRecord(nil, 1<<63, -2, Type(i), params...))
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		var ev Event
		if ev.Decode(rec) != nil {
			return
		}
		if got := ev.Record(); len(got) > len(rec) || int(binary.LittleEndian.Uint32(rec[16:])) != len(got) {
			t.Fatalf("%d of %d bytes", len(got), len(rec))
		}
		params := make([][]byte, ev.NumParams())
		total := 0
		for i := range MaxParams + 2 {
			b := ev.Param(i)
			if i >= ev.NumParams() {
				if b != nil {
					t.Fatalf("parameter %d of %d", i, ev.NumParams())
				}
				continue
			}
			params[i] = b
			total += len(b)
			text, ok := ev.Text(i)
			if ok != (len(b) > 0) || len(text) > len(b) {
				t.Fatalf("text %q of %q", text, b)
			}
			_, _ = ev.Int(i)
			_, _ = ev.Uint(i)
		}
		if total > len(rec) {
			t.Fatalf("%d bytes of parameters in %d", total, len(rec))
		}
		again := AppendRecord(nil, ev.Time(), ev.TID(), ev.Type(), params...)
		var ev2 Event
		if err := ev2.Decode(again); err != nil {
			t.Fatalf("its copy: %v", err)
		}
		for i := range params {
			if !bytes.Equal(ev2.Param(i), params[i]) {
				t.Fatalf("parameter %d: %q, want %q", i, ev2.Param(i), params[i])
			}
		}
	})
}
