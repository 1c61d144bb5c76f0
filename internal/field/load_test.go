// SPDX-License-Identifier: Apache-2.0

package field

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// caseFloor is how many values of the state tests agreed when this was last measured. What is left
// is listed by go test -v.
const caseFloor = 305000

// caseAddrs says that no address of the state tests is the machine's own.
var caseAddrs = map[netip.Addr]struct{}{}

// caseThread is a thread that a state test starts with.
type caseThread struct {
	TID, PID, PTID, SID, VPGID, PGID, VTID, VPID int64
	Comm, Exe, ExePath, Cwd, Root                string
	Args, Env, Cgroups                           []string
	FDLimit                                      uint64
	UID, GID, LoginUID, TTY                      uint32
	Permitted                                    uint64 `json:"cap_permitted"`
	Effective                                    uint64 `json:"cap_effective"`
	Inheritable                                  uint64 `json:"cap_inheritable"`
	VMSize                                       uint32 `json:"vmsize_kb"`
	VMRSS                                        uint32 `json:"vmrss_kb"`
	VMSwap                                       uint32 `json:"vmswap_kb"`
	PFMajor, PFMinor                             uint64
	Writable                                     bool   `json:"exe_writable"`
	CloneTS                                      uint64 `json:"clone_ts"`
	FDs                                          []caseFD
}

// caseFD is a descriptor that a state test starts with; all of them are files.
type caseFD struct {
	FD    int64
	Ino   uint64
	Flags uint32 `json:"open_flags"`
	Mount uint32 `json:"mount_id"`
	Dev   uint32
	Name  string
}

// caseState is a state with the threads that a case starts with, entered as a snapshot would.
func caseState(t testing.TB, raw json.RawMessage) *state.State {
	t.Helper()
	var threads []caseThread
	if err := json.Unmarshal(raw, &threads); err != nil {
		t.Fatal(err)
	}
	st := state.New(state.Options{HostRoot: caseRoot(t)})
	var ev event.Event
	for i := range threads {
		for _, rec := range threads[i].records() {
			if err := ev.Decode(rec); err != nil {
				t.Fatal(err)
			}
			st.Apply(&ev)
			st.After(&ev)
		}
	}
	return st
}

// records are the snapshot's records of a thread and its descriptors.
func (x *caseThread) records() [][]byte {
	flags := int64(0)
	if x.Writable {
		flags = 1
	}
	list := [][]byte{event.AppendRecord(nil, 1, x.TID, event.IterTask,
		i32(x.PTID), i32(x.PGID), i32(x.VPGID), i32(x.SID), str(x.Comm), strs(append([]string{x.Exe}, x.Args...)),
		str(x.ExePath), i32(flags), strs(x.Env), str(x.Cwd), u64(x.FDLimit), i32(int64(x.UID)), i32(int64(x.GID)),
		u64(x.Permitted), u64(x.Effective), u64(x.Inheritable), u64(0), u64(0), u64(0),
		i32(int64(x.VMSize)), i32(int64(x.VMRSS)), i32(int64(x.VMSwap)), u64(x.PFMajor), u64(x.PFMinor),
		i32(x.VPID), i32(x.VTID), u64(0), strs(x.Cgroups), str(x.Root), u64(x.CloneTS), i32(int64(x.TTY)),
		i32(int64(x.LoginUID)), i32(x.PID), i32(0), i32(0), u64(0), u64(0))}
	for _, f := range x.FDs {
		list = append(list, event.AppendRecord(nil, 1, x.TID, event.IterRegular,
			i32(f.FD), str(f.Name), i32(int64(f.Flags)), i32(int64(f.Mount)), u64(f.Ino), i32(int64(f.Dev))))
	}
	return list
}

// The encodings of parameters.
func i32(n int64) []byte  { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
func i64(n int64) []byte  { return u64(uint64(n)) }
func u64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
func str(s string) []byte { return append([]byte(s), 0) }

func strs(list []string) []byte {
	if len(list) == 0 {
		return nil
	}
	return str(strings.Join(list, "\x00"))
}

// caseRoot is a root directory with the users that the reference run knew, root not among them.
func caseRoot(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"passwd": "cloudsdk:x:1000:1000::/home/cloudsdk:/bin/bash\n",
		"group":  "cloudsdk:x:1000:\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// noServices makes ports print as numbers, as on a machine without /etc/services.
func noServices(t testing.TB) {
	old := hostServices
	hostServices = func() *services { return &services{} }
	t.Cleanup(func() { hostServices = old })
}
