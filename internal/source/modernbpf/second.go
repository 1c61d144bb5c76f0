// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"maps"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// From Linux 7 on a task can lose its processor within a program at a tracepoint, and until it runs
// again the kernel leaves that program out for all other tasks of the processor, taking it for a
// recursion. So there each hook has its program twice; the second one works while the first is held up
// (enum SCRATCH_… in bpf/src/common.h).

// heldUp says whether programs at the scheduler's tracepoints and at the system calls' exit can be
// held up in this kernel.
func heldUp() (sched, calls bool) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false, false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false, false
	}
	return major >= 7, major > 7 || major == 7 && minor >= 2
}

// loadSecond loads the hooks' programs once more, with the maps of the first ones but for those that
// make them the second.
func (p *Programs) loadSecond(spec *ebpf.CollectionSpec, first *ebpf.Collection, firstSlot uint32) (*ebpf.Collection, error) {
	spec = spec.Copy()
	dropIterators(spec)
	for _, program := range tracePrograms {
		delete(spec.Programs, program)
	}
	if err := spec.Variables["first_slot"].Set(firstSlot); err != nil {
		return nil, fmt.Errorf("second programs: %w", err)
	}
	shared := maps.Clone(first.Maps)
	delete(shared, ".rodata")
	delete(shared, "tails")
	delete(shared, "ring_tails")
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared, Cache: p.types})
	if err != nil {
		return nil, fmt.Errorf("second programs: %w", err)
	}
	return coll, nil
}
