// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/bpf"
)

// The forms of the programs.
const (
	// FormFast follows kernel pointers by itself: tp_btf programs, from Linux 6.2 on.
	FormFast = "fast"
	// FormPortable asks a helper for each read: raw_tp programs, from Linux 5.8 on.
	FormPortable = "portable"
)

const scratchKinds = 2

// iterPrograms need sleepable iterators; the snapshot can do without them.
var iterPrograms = []string{"dump_task", "dump_file"}

// load loads the form that is asked for, or the first that the kernel takes.
func (s *Source) load() error {
	forms := []string{FormFast, FormPortable}
	if s.cfg.Form != "" {
		forms = []string{s.cfg.Form}
	}
	var errs []error
	for _, form := range forms {
		coll, err := s.loadForm(form)
		if err == nil {
			s.coll, s.form = coll, form
			if len(errs) > 0 {
				s.misses = append(s.misses, "the fast programs were refused, using the portable ones: "+errs[0].Error())
			}
			return nil
		}
		errs = append(errs, fmt.Errorf("%s programs: %w", form, err))
	}
	return fmt.Errorf("the kernel refuses the eBPF programs: %w (run \"gyr doctor\" to see what is missing)", errors.Join(errs...))
}

func (s *Source) loadForm(form string) (*ebpf.Collection, error) {
	object := bpf.Fast
	switch form {
	case FormFast:
	case FormPortable:
		object = bpf.Portable
	default:
		return nil, fmt.Errorf("unknown form %q (use %q or %q)", form, FormFast, FormPortable)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count processors: %w", err)
	}
	spec.Maps["scratch_map"].MaxEntries = uint32(1 + cpus*scratchKinds)
	spec.Maps["critical_ring"].MaxEntries = ringSize(s.cfg.CriticalBytes)
	bulk := spec.Maps["bulk_rings"]
	bulk.MaxEntries = 1
	if per := s.cfg.CPUsPerRing; per > 0 {
		bulk.MaxEntries = uint32((cpus + per - 1) / per)
	}
	bulk.InnerMap.MaxEntries = ringSize(s.cfg.BulkBytes)
	if s.cfg.NoIterators {
		dropIterators(spec)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil && isIterator(err) {
		s.misses = append(s.misses, "no task iterators: "+brief(err).Error())
		dropIterators(spec)
		coll, err = ebpf.NewCollection(spec)
	}
	if err != nil {
		return nil, brief(err)
	}
	if err := fillTables(coll); err != nil {
		coll.Close()
		return nil, err
	}
	return coll, nil
}

func dropIterators(spec *ebpf.CollectionSpec) {
	for _, p := range iterPrograms {
		delete(spec.Programs, p)
	}
}

func isIterator(err error) bool {
	return strings.Contains(err.Error(), iterPrograms[0]) || strings.Contains(err.Error(), iterPrograms[1])
}

// brief cuts the verifier's log to the lines that say what went wrong.
func brief(err error) error {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		return fmt.Errorf("%-.2v", err)
	}
	return err
}

// fillTables writes the translations and, on x86, the 32-bit numbers.
func fillTables(coll *ebpf.Collection) error {
	for i := range translations {
		if err := coll.Maps["translations"].Put(uint32(i), translations[i].forKernel()); err != nil {
			return fmt.Errorf("set translation %d: %w", i, err)
		}
	}
	table := coll.Maps["numbers32"]
	if table == nil {
		return nil
	}
	for nr := range uint32(maxSyscalls) {
		to, ok := numbers32[nr]
		if !ok {
			to = 0xffff
		}
		if err := table.Put(nr, to); err != nil {
			return fmt.Errorf("set 32-bit number %d: %w", nr, err)
		}
	}
	return nil
}

// ringSize rounds up to a power of two and to whole pages, as ring buffers must be.
func ringSize(n int) uint32 {
	n = max(n, unix.Getpagesize())
	return uint32(1) << bits.Len(uint(n-1))
}

// checkPrivileges says which capability is missing before the kernel says EPERM to something.
func checkPrivileges() error {
	missing := missingCapabilities()
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing privileges: %s (run as root, or give the program these capabilities; %s)",
		strings.Join(missing, ", "), "in a container: --privileged, or --cap-add for each")
}

// Capability numbers (include/uapi/linux/capability.h).
const (
	capSysPtrace = 19
	capSysAdmin  = 21
	capPerfmon   = 38
	capBPF       = 39
)

// missingCapabilities lists the capabilities that loading and attaching need and the process lacks:
// CAP_SYS_ADMIN, or both CAP_BPF and CAP_PERFMON.
func missingCapabilities() []string {
	have := EffectiveCapabilities()
	has := func(c int) bool { return have&(1<<c) != 0 }
	if has(capSysAdmin) {
		return nil
	}
	var missing []string
	if !has(capBPF) {
		missing = append(missing, "CAP_BPF")
	}
	if !has(capPerfmon) {
		missing = append(missing, "CAP_PERFMON")
	}
	return missing
}

// EffectiveCapabilities is the effective capability set of the process, bit n for capability n.
func EffectiveCapabilities() uint64 {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0
	}
	return uint64(data[0].Effective) | uint64(data[1].Effective)<<32
}
