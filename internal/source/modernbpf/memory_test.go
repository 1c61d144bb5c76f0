// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"testing"

	"github.com/cilium/ebpf/btf"
)

// TestKernelBytes compares the estimate with the maps that are made.
func TestKernelBytes(t *testing.T) {
	for _, cfg := range []Config{{}, {CPUsPerRing: 1, BulkBytes: 4 << 20, CriticalBytes: 1 << 20}} {
		spec, err := (&Programs{cfg: cfg.withDefaults(), types: btf.NewCache()}).spec(FormPortable)
		if err != nil {
			t.Fatal(err)
		}
		var want int64
		for _, name := range []string{"critical_ring", "scratch_map"} {
			m := spec.Maps[name]
			want += max(int64(m.ValueSize), 1) * int64(m.MaxEntries)
		}
		bulk := spec.Maps["bulk_rings"]
		want += int64(bulk.MaxEntries) * int64(bulk.InnerMap.MaxEntries)
		if got := KernelBytes(cfg); got < want || got > want+want/4 {
			t.Errorf("%+v: %d bytes, want %d and at most a quarter more", cfg, got, want)
		}
	}
}
