// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCgroupLimit(t *testing.T) {
	const none = "9223372036854771712\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no cgroups":         {nil, 0},
		"no limit, v2":       {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"no limit, v1":       {map[string]string{"proc/self/cgroup": "4:memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": none}, 0},
		"own, v2":            {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "134217728\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 128 << 20},
		"above, v2":          {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "134217728\n", "sys/fs/cgroup/a/memory.max": "67108864\n"}, 64 << 20},
		"own, v1":            {map[string]string{"proc/self/cgroup": "5:cpu,memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "134217728\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": none}, 128 << 20},
		"container, v1":      {map[string]string{"proc/self/cgroup": "4:memory:/docker/0123\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		"container, v2":      {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		"the path leads out": {map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "134217728\n", "x/memory.max": "1\n"}, 128 << 20},
		"nonsense":           {map[string]string{"proc/self/cgroup": "memory\n0::/a\n\n", "sys/fs/cgroup/a/memory.max": "-3\n"}, 0},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, ok := cgroupLimit(root); ok != (c.want != 0) || ok && got != c.want {
			t.Errorf("%s: %d %t, want %d", name, got, ok, c.want)
		}
	}
}

func TestHeapLimit(t *testing.T) {
	for _, c := range []struct{ limit, kernel, want int64 }{
		{128, 18, 84}, {1024, 18, 891}, {64, 18, 27}, {64, 264, 20}, {16, 18, 20},
	} {
		if got := heapLimit(c.limit<<20, c.kernel<<20); got>>20 != c.want {
			t.Errorf("of %d MiB with %d MiB in the kernel: %d MiB, want %d", c.limit, c.kernel, got>>20, c.want)
		}
	}
}
