// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/source/modernbpf"
)

// What is kept of a cgroup's memory for others than Go's heap and the rings: pages of the binary, other
// maps and the programs, page tables, sockets, the kernel's stacks of the threads; and the least that the
// heap needs to be of use, which is what the default rules take at the start.
const (
	memoryBeside = 16 << 20
	leastHeap    = 40 << 20
)

// limitMemory tells Go's collector how much memory the cgroup allows, so that it works harder instead of
// letting the kernel kill gyr. What the environment says (GOMEMLIMIT) counts more.
func (a *App) limitMemory(context.Context) error {
	limit, ok := cgroupLimit("/")
	if !ok || a.o.DryRun || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	var kernel int64
	if a.o.NewSource == nil && !a.replays() && !a.quiet() {
		kernel = modernbpf.KernelBytes(kernelConfig(SourceOptions{Config: a.cfg}))
	}
	heap := heapLimit(limit, kernel)
	before := debug.SetMemoryLimit(heap)
	a.onStop(func() { debug.SetMemoryLimit(before) })
	a.say("memory", fmt.Sprintf("the cgroup allows %d MiB: %d MiB for rings and programs, the collector keeps the rest within %d MiB", limit>>20, kernel>>20, heap>>20),
		"limit", limit, "kernel", kernel, "heap", heap)
	if left := limit - kernel - memoryBeside; left < leastHeap {
		a.log.Warn(fmt.Sprintf("memory is short: the cgroup's %d MiB leave %d MiB for state and alerts, the kernel may end gyr (allow %d MiB, or lower engine.modern_ebpf.buf_size_preset)",
			limit>>20, max(left, 0)>>20, (kernel+memoryBeside+leastHeap+1<<20-1)>>20))
	}
	return nil
}

// heapLimit is what Go's heap may take of a limit, with some air for what is not counted.
func heapLimit(limit, kernel int64) int64 {
	return max((limit-kernel-memoryBeside)/10*9, leastHeap/2)
}

// cgroupLimit is the lowest limit of memory, in bytes, of this process' cgroup and those above it, of
// version 2 or 1; ok is false if there is none. root is "/", or a directory of a test's.
func cgroupLimit(root string) (limit int64, ok bool) {
	content, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0, false
	}
	limit = math.MaxInt64
	for line := range strings.Lines(string(content)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(part) != 3:
		case part[1] == "":
			limit = min(limit, lowestLimit(filepath.Join(root, "sys/fs/cgroup"), part[2], "memory.max"))
		case strings.Contains(","+part[1]+",", ",memory,"):
			limit = min(limit, lowestLimit(filepath.Join(root, "sys/fs/cgroup/memory"), part[2], "memory.limit_in_bytes"))
		}
	}
	// Version 1 has a number of about 2^63 for no limit.
	return limit, limit < math.MaxInt64>>1
}

// lowestLimit is the lowest number in the files of a name from the cgroup at path up to the root of its
// hierarchy. In a container the path can be the host's, which is not there: then the root is the cgroup.
func lowestLimit(root, path, name string) int64 {
	lowest := int64(math.MaxInt64)
	for dir := filepath.Clean("/" + path); ; dir = filepath.Dir(dir) {
		if content, err := os.ReadFile(filepath.Join(root, dir, name)); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64); err == nil && n > 0 {
				lowest = min(lowest, n)
			}
		}
		if dir == "/" {
			return lowest
		}
	}
}
