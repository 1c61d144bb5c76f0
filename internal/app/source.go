// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/modernbpf"
)

// newKernelSource makes the source that watches the kernel of this machine.
func newKernelSource(o SourceOptions) (source.Source, error) {
	m := &o.Config.Engine.ModernEBPF
	return modernbpf.New(modernbpf.Config{
		Syscalls:      syscallList(o.Syscalls),
		CPUsPerRing:   int(m.CPUsForEachBuffer),
		BulkBytes:     m.BufBytes(),
		CriticalBytes: m.BufBytes(),
		SnapLen:       int(o.Config.FalcoLibs.Snaplen),
		DropFailed:    m.DropFailedExit,
		NoIterators:   m.DisableIterators,
		Log:           o.Log,
	}), nil
}

// syscallList is the set as descriptions.
func syscallList(set filter.SyscallSet) []*event.Syscall {
	var list []*event.Syscall
	for code := range set.All() {
		list = append(list, event.SyscallByCode(code))
	}
	return list
}
