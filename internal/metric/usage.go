// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what the program and the machine use. What could not be read is 0.
type Usage struct {
	CPU, HostCPU          float64 // percent
	RSS, VSZ, PSS, Cgroup uint64  // bytes
	HostMemory            uint64  // bytes
	Running, OpenFiles    uint64
	Heap                  HeapUsage
}

// HeapUsage is what Go's runtime uses.
type HeapUsage struct {
	Alloc, Sys, Goal        uint64 // bytes
	Collections, Goroutines uint64
}

// ReadUsage reads the use of now from /proc, that of the machine below hostRoot. start is when the
// program began.
func ReadUsage(hostRoot string, start time.Time) Usage {
	u := Usage{Cgroup: cgroupMemory("/", os.Getenv("FALCO_CGROUP_MEM_PATH")), Heap: readHeap()}
	var r unix.Rusage
	if elapsed := time.Since(start).Seconds(); unix.Getrusage(unix.RUSAGE_SELF, &r) == nil && elapsed > 0 {
		u.CPU = tenth(100 * float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9 / elapsed)
	}
	own := keyed("/proc/self/status")
	u.RSS, u.VSZ = own["VmRSS:"]<<10, own["VmSize:"]<<10
	u.PSS = keyed("/proc/self/smaps_rollup")["Pss:"] << 10
	memory := keyed(filepath.Join(hostRoot, "proc/meminfo"))
	free := memory["MemFree:"] + memory["Buffers:"] + memory["Cached:"]
	u.HostMemory = (memory["MemTotal:"] - min(free, memory["MemTotal:"])) << 10
	u.HostCPU, u.Running = readStat(filepath.Join(hostRoot, "proc/stat"))
	if f := fields(filepath.Join(hostRoot, "proc/sys/fs/file-nr")); len(f) > 0 {
		u.OpenFiles = f[0]
	}
	return u
}

// keyed reads the number behind the first word of every line; further lines with the same word are
// left out.
func keyed(path string) map[string]uint64 {
	values := map[string]uint64{}
	content, err := os.ReadFile(path)
	if err != nil {
		return values
	}
	for line := range bytes.Lines(content) {
		words := bytes.Fields(line)
		if len(words) < 2 {
			continue
		}
		if n, err := strconv.ParseUint(string(words[1]), 10, 64); err == nil {
			if _, known := values[string(words[0])]; !known {
				values[string(words[0])] = n
			}
		}
	}
	return values
}

// fields reads the numbers that a file begins with.
func fields(path string) (numbers []uint64) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for _, word := range bytes.Fields(content) {
		n, err := strconv.ParseUint(string(word), 10, 64)
		if err != nil {
			break
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// readStat reads the use of all processors since the start, in percent, and how many tasks run.
func readStat(path string) (percent float64, running uint64) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) > 7 && words[0] == "cpu":
			var sum, idle uint64
			for i, word := range words[1:8] { // user, nice, system, idle, iowait, irq, softirq
				n, _ := strconv.ParseUint(word, 10, 64)
				sum += n
				if i == 3 {
					idle = n
				}
			}
			if sum > 0 {
				percent = tenth(100 - 100*float64(idle)/float64(sum))
			}
		case len(words) > 1 && words[0] == "procs_running":
			running, _ = strconv.ParseUint(words[1], 10, 64)
			return percent, running
		}
	}
	return percent, running
}

// cgroupMemory is the memory of the program's cgroup: what the file at path says, if one is given, or
// else the cgroup of version 2, or that of version 1.
func cgroupMemory(root, path string) uint64 {
	var paths []string
	if path != "" && !strings.Contains(path, "..") {
		paths = append(paths, path)
	}
	if content, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup")); err == nil {
		for line := range strings.Lines(string(content)) {
			if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				paths = append(paths, filepath.Join(root, "sys/fs/cgroup", group, "memory.current"))
			}
		}
	}
	paths = append(paths, filepath.Join(root, "sys/fs/cgroup/memory.current"), filepath.Join(root, "sys/fs/cgroup/memory/memory.usage_in_bytes"))
	for _, p := range paths {
		if n := fields(p); len(n) > 0 {
			return n[0]
		}
	}
	return 0
}

// heapFigures are what is read of Go's runtime, in the order of HeapUsage.
var heapFigures = [...]string{
	"/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes", "/memory/classes/heap/released:bytes",
	"/gc/heap/goal:bytes", "/gc/cycles/total:gc-cycles", "/sched/goroutines:goroutines",
}

// readHeap reads the figures of Go's runtime, without stopping it.
func readHeap() HeapUsage {
	var samples [len(heapFigures)]metrics.Sample
	for i, name := range heapFigures {
		samples[i].Name = name
	}
	metrics.Read(samples[:])
	var n [len(heapFigures)]uint64
	for i := range samples {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			n[i] = samples[i].Value.Uint64()
		}
	}
	return HeapUsage{Alloc: n[0], Sys: n[1] - min(n[1], n[2]), Goal: n[3], Collections: n[4], Goroutines: n[5]}
}
