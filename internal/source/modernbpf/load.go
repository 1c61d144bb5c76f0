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
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
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

// scratchKinds is SCRATCH_KINDS of bpf/src/common.h.
const scratchKinds = 7

// iterPrograms need sleepable iterators; the snapshot can do without them.
var iterPrograms = []string{"dump_task", "dump_file"}

// Programs are loaded programs with their maps, not attached yet. Loading takes most of a start and
// depends on nothing else, so that it can begin first.
type Programs struct {
	cfg    Config
	done   chan struct{}
	coll   *ebpf.Collection
	second *ebpf.Collection // nil where programs cannot be held up
	form   string
	ring   ringForm
	// ringSubmit is the tracepoint of submissions to an io_uring.
	ringSubmit string
	// resolving are programs at security checks, one each.
	resolving []*ebpf.Collection
	// types are the kernel's types, decoded once for all collections; nil when they are loaded.
	types  *btf.Cache
	misses []string
	err    error
}

// Load begins to load the programs for a source of that configuration and returns at once. Config.Syscalls
// is not needed yet. The result goes into Config.Programs of the source; without one, Close it.
func Load(cfg Config) *Programs {
	p := &Programs{cfg: cfg.withDefaults(), done: make(chan struct{}), types: btf.NewCache()}
	go func() {
		defer close(p.done)
		defer func() { p.types = nil }()
		if p.err = checkPrivileges(); p.err != nil {
			return
		}
		if err := rlimit.RemoveMemlock(); err != nil {
			p.cfg.Log.Debug("locked memory limit stays", "error", err)
		}
		p.err = p.load()
	}()
	return p
}

// Close waits for the loading and unloads. A source that was given the programs does that itself.
func (p *Programs) Close() {
	coll, second, _ := p.take()
	unload(p.resolving...)
	unload(coll, second)
}

// unload closes collections, those that are not nil.
func unload(colls ...*ebpf.Collection) {
	for _, c := range colls {
		if c != nil {
			c.Close()
		}
	}
}

// take hands the programs over, when they are loaded.
func (p *Programs) take() (coll, second *ebpf.Collection, err error) {
	<-p.done
	coll, second = p.coll, p.second
	p.coll, p.second = nil, nil
	return coll, second, p.err
}

// load loads the form that is asked for, or the first that the kernel takes.
func (p *Programs) load() error {
	forms := []string{FormFast, FormPortable}
	if p.cfg.Form != "" {
		forms = []string{p.cfg.Form}
	}
	var errs []error
	for _, form := range forms {
		err := p.loadForm(form)
		if err == nil {
			p.form = form
			if len(errs) > 0 {
				p.misses = append(p.misses, "the fast programs were refused, using the portable ones: "+errs[0].Error())
			}
			return nil
		}
		if errors.Is(err, unix.EMFILE) {
			return fmt.Errorf("too few descriptors for the eBPF programs: %w (gyr needs about 150: raise ulimit -n or LimitNOFILE)", err)
		}
		errs = append(errs, fmt.Errorf("%s programs: %w", form, err))
	}
	return fmt.Errorf("the kernel refuses the eBPF programs: %w (run \"gyr doctor\" to see what is missing)", errors.Join(errs...))
}

func (p *Programs) loadForm(form string) error {
	spec, err := p.spec(form)
	if err != nil {
		return err
	}
	checks := takeChecks(spec)
	options := ebpf.CollectionOptions{Cache: p.types}
	coll, err := ebpf.NewCollectionWithOptions(spec, options)
	if err != nil && isIterator(err) {
		p.misses = append(p.misses, "no task iterators: "+err.Error())
		dropIterators(spec)
		coll, err = ebpf.NewCollectionWithOptions(spec, options)
	}
	if err != nil {
		return err
	}
	var second *ebpf.Collection
	if p.cfg.twice {
		second, err = p.loadSecond(spec, coll, 1+(spec.Maps["scratch_map"].MaxEntries-1)/2)
	}
	if err == nil {
		err = fillTables(coll)
	}
	if err != nil {
		unload(coll, second)
		return err
	}
	p.coll, p.second = coll, second
	p.loadResolving(checks, coll)
	return nil
}

// spec is the object of a form, with the maps in the sizes that the configuration wants.
func (p *Programs) spec(form string) (*ebpf.CollectionSpec, error) {
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
	slots := cpus * scratchKinds
	if p.cfg.twice {
		slots *= 2
	}
	spec.Maps["scratch_map"].MaxEntries = uint32(1 + slots)
	spec.Maps["critical_ring"].MaxEntries = ringSize(p.cfg.CriticalBytes)
	bulk := spec.Maps["bulk_rings"]
	bulk.MaxEntries = 1
	if per := p.cfg.CPUsPerRing; per > 0 {
		bulk.MaxEntries = uint32((cpus + per - 1) / per)
	}
	bulk.InnerMap.MaxEntries = ringSize(p.cfg.BulkBytes)
	if p.cfg.NoIterators {
		dropIterators(spec)
	}
	p.dropMissingTraces(spec)
	if err := p.prepareRings(spec); err != nil {
		return nil, err
	}
	return spec, nil
}

func dropIterators(spec *ebpf.CollectionSpec) {
	for _, p := range iterPrograms {
		delete(spec.Programs, p)
	}
}

func isIterator(err error) bool {
	return strings.Contains(err.Error(), iterPrograms[0]) || strings.Contains(err.Error(), iterPrograms[1])
}

// fillTables writes the translations and, on x86, the 32-bit numbers.
func fillTables(coll *ebpf.Collection) error {
	for i := range translations {
		if err := coll.Maps["translations"].Put(uint32(i), translations[i].forKernel()); err != nil {
			return fmt.Errorf("set translation %d: %w", i, err)
		}
	}
	if err := fillRingCalls(coll); err != nil {
		return err
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
	capSysAdmin = 21
	capPerfmon  = 38
	capBPF      = 39
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
