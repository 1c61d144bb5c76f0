// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUsageOfThisProgram(t *testing.T) {
	u := ReadUsage("/", time.Now().Add(-time.Second))
	if u.RSS < 1<<20 || u.VSZ < u.RSS || u.PSS == 0 || u.HostMemory == 0 || u.OpenFiles == 0 || u.Running == 0 || u.HostCPU <= 0 || u.HostCPU > 100 {
		t.Errorf("got %+v", u)
	}
	if h := u.Heap; h.Alloc == 0 || h.Sys < h.Alloc || h.Goal == 0 || h.Goroutines == 0 {
		t.Errorf("heap: %+v", h)
	}
}

// write makes files below a new directory.
func write(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestUsageOfTheMachine(t *testing.T) {
	root := write(t, map[string]string{
		"proc/stat":           "cpu  10 10 20 50 5 3 2 9 9\ncpu0 1 2 3\nintr 5\nprocs_running 7\nprocs_blocked 1\n",
		"proc/meminfo":        "MemTotal: 1000 kB\nMemFree: 300 kB\nBuffers: 50 kB\nCached: 150 kB\n",
		"proc/sys/fs/file-nr": "1234\t0\t99999\n",
	})
	u := ReadUsage(root, time.Now())
	if u.HostCPU != 50 || u.Running != 7 || u.HostMemory != 500<<10 || u.OpenFiles != 1234 {
		t.Errorf("got %+v", u)
	}
	for _, broken := range []map[string]string{{}, {"proc/stat": "cpu x\nprocs_running\n", "proc/meminfo": "MemTotal:\n\nMemFree: 5", "proc/sys/fs/file-nr": "-"}} {
		if u := ReadUsage(write(t, broken), time.Now()); u.HostMemory != 0 || u.OpenFiles != 0 || u.Running != 0 {
			t.Errorf("%v: %+v", broken, u)
		}
	}
}

func TestCgroupMemory(t *testing.T) {
	v2 := map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.current": "42\n", "sys/fs/cgroup/memory.current": "7\n"}
	v1 := map[string]string{"proc/self/cgroup": "3:memory:/x\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "43\n"}
	other := write(t, map[string]string{"f": "44\n"})
	for _, tt := range []struct {
		files map[string]string
		path  string
		want  uint64
	}{
		{v2, "", 42}, {v1, "", 43}, {nil, "", 0}, {v2, other + "/f", 44}, {v2, other + "/../f", 42}, {v2, other + "/absent", 42},
		{map[string]string{"sys/fs/cgroup/memory.current": "max\n"}, "", 0},
	} {
		if got := cgroupMemory(write(t, tt.files), tt.path); got != tt.want {
			t.Errorf("%v %q: %d", tt.files, tt.path, got)
		}
	}
}
