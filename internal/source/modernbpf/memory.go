// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "github.com/cilium/ebpf"

// scratchBytes is no less than the size of struct scratch of bpf/src/common.h.
const scratchBytes = 128 << 10

// KernelBytes is about how much of the kernel's memory, which counts as this process', the rings and the
// scratch memory of the programs take with a configuration. It is 0 if the processors cannot be counted.
func KernelBytes(cfg Config) int64 {
	cfg = cfg.withDefaults()
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return 0
	}
	bulk := 1
	if per := cfg.CPUsPerRing; per > 0 {
		bulk = (cpus + per - 1) / per
	}
	slots := 1 + cpus*scratchKinds
	if cfg.twice {
		slots += cpus * scratchKinds
	}
	return int64(ringSize(cfg.CriticalBytes)) + int64(bulk)*int64(ringSize(cfg.BulkBytes)) + int64(slots)*scratchBytes
}
