// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// BenchmarkTables writes down the state of a machine with that many threads, each with 20 descriptors
// and 1,500 bytes of arguments and variables: what a segment of the ring costs at its start.
func BenchmarkTables(b *testing.B) {
	for _, threads := range []int{300, 3000} {
		b.Run(fmt.Sprint(threads), func(b *testing.B) {
			st := state.New(state.Options{})
			env := make([]byte, 0, 1500)
			for i := range 50 {
				env = append(env, fmt.Sprintf("VARIABLE_%02d=%015d\x00", i, i)...)
			}
			for i := range threads {
				t := st.Enter(&state.Entry{TID: int64(i + 1), PID: int64(i + 1), Comm: "server", Exe: "/usr/bin/server", ExePath: "/usr/bin/server",
					Args: env[:300], Env: env, Cgroups: []byte("cpu=/a/b/c\x00memory=/a/b/c\x00"), Cwd: "/srv"})
				for k := range 20 {
					f := state.FD{Num: int64(k), Type: state.FDFileV2}
					f.SetName("/var/lib/server/data/file")
					st.EnterFD(t.Proc, &f)
				}
			}
			head := LocalHead()
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = scap.AppendTables(dst[:0], head, st, 1)
			}
			b.ReportMetric(float64(len(dst)), "bytes")
		})
	}
}
