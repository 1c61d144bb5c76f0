// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// widths of the parameter types that have one.
var widths = map[event.ParamType]int{
	event.Int8: 1, event.Uint8: 1, event.Flags8: 1, event.EnumFlags8: 1, event.SigType: 1,
	event.Int16: 2, event.Uint16: 2, event.Flags16: 2, event.EnumFlags16: 2, event.SyscallID: 2,
	event.Int32: 4, event.Uint32: 4, event.Flags32: 4, event.EnumFlags32: 4, event.UID: 4, event.GID: 4, event.Mode: 4, event.SigSet: 4,
	event.Int64: 8, event.Uint64: 8, event.Errno: 8, event.FD: 8, event.PID: 8, event.AbsTime: 8, event.RelTime: 8,
}

// TestRowsFitTheEventTable checks that each row fills the parameters of its event, in number and width.
func TestRowsFitTheEventTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows {
		t.Run(r.syscall, func(t *testing.T) {
			if seen[r.syscall] {
				t.Fatal("the call has two rows")
			}
			seen[r.syscall] = true
			sc := event.SyscallByName(r.syscall)
			if sc == nil {
				t.Fatal("no such system call")
			}
			if sc.Event != r.event {
				t.Errorf("event %d (%s), the table of system calls says %d", r.event, event.Lookup(r.event).Name, sc.Event)
			}
			if r.want == wantExec || r.want == wantClone || r.want == wantMMsg || r.want == wantAIO {
				return
			}
			info := event.Lookup(r.event)
			params := info.Params
			if i := info.ParamIndex(event.ParamIOUring); i >= 0 {
				params = params[:i] // which only calls from rings have
			}
			if len(r.ops) != len(params) {
				t.Fatalf("%d operations for %d parameters", len(r.ops), len(params))
			}
			if len(r.ops) > maxOps {
				t.Fatalf("%d operations, at most %d fit", len(r.ops), maxOps)
			}
			for i, o := range r.ops {
				p := info.Params[i]
				w := o.width()
				if want, fixed := widths[p.Type]; fixed && w != want {
					t.Errorf("parameter %s: operation writes %d bytes, its type has %d", p.Name, w, want)
				}
				if _, fixed := widths[p.Type]; !fixed && w >= 0 {
					t.Errorf("parameter %s: operation writes %d bytes, its type has no width", p.Name, w)
				}
				if o.Kind > opSocketEnd && r.want != wantRare || o.Kind > opFileEnd && o.Kind < opSocketEnd && r.want != wantSocket || o.Kind > opPlainEnd && o.Kind < opFileEnd && r.want != wantFile {
					t.Errorf("parameter %s: operation %d is not known to program %d", p.Name, o.Kind, r.want)
				}
			}
		})
	}
}

// TestTranslations checks that every name of the kernel's side stands in the published table, and
// that the tables fit the programs' map.
func TestTranslations(t *testing.T) {
	for i := range translations {
		tr := &translations[i]
		if len(tr.kernel) > mapPairs {
			t.Errorf("translation %d: %d pairs, at most %d fit", i, len(tr.kernel), mapPairs)
		}
		for name := range tr.kernel {
			if _, ok := tr.table.Value(name); !ok {
				t.Errorf("translation %d: %s is not in table %s", i, name, tr.table.Name)
			}
		}
		if tr.table != nil && int(tr.forKernel().Len) < len(tr.kernel) {
			t.Errorf("translation %d: a name is missing for the kernel", i)
		}
	}
}

// TestEveryStateSyscallIsDecoded checks that what the state needs does not come as a generic event.
func TestEveryStateSyscallIsDecoded(t *testing.T) {
	for i, sc := range event.Syscalls() {
		if !sc.State || sc.Number() < 0 {
			continue
		}
		if !Decoded(&event.Syscalls()[i]) {
			t.Errorf("%s changes state and is not decoded", sc.Name)
		}
	}
}

func TestRingSize(t *testing.T) {
	for in, want := range map[int]uint32{0: 4096, 1: 4096, 4096: 4096, 4097: 8192, 8 << 20: 8 << 20, 8<<20 + 1: 16 << 20} {
		if got := ringSize(in); got != want {
			t.Errorf("ringSize(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestAnonType(t *testing.T) {
	for name, want := range map[string]byte{"/[eventfd]": 1, "anon_inode:[eventpoll]": 2, "/inotify": 3, "bpf-map": 9, "/[unheard]": 0, "": 0} {
		if got := anonType(name); got != want {
			t.Errorf("anonType(%q) = %d, want %d", name, got, want)
		}
	}
}

// FuzzFixRecords checks that no output of an iterator makes the daemon panic.
func FuzzFixRecords(f *testing.F) {
	f.Add(event.AppendRecord(nil, 1, 2, event.IterAnonInode, []byte{1, 0, 0, 0}, []byte{0}, []byte("/[eventfd]\x00"), make([]byte, 8)))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		if fixRecords(data) == nil {
			s := snapshot{data: data}
			for s.next() != nil {
			}
		}
	})
}
