// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// checkOf says which security check the calls of an event pass: enum CHECK_… in bpf/src/resolved.h.
var checkOf = map[event.Type]uint32{
	event.Rename: 1, event.RenameAt: 1, event.RenameAt2: 1, event.Link: 2, event.LinkAt: 2, event.Symlink: 3,
	event.SymlinkAt: 3, event.Unlink: 4, event.UnlinkAt: 4, event.Rmdir: 5, event.Mkdir: 6, event.MkdirAt: 6, 415: 7, 417: 7,
	event.Chmod: 8, event.FchmodAt: 8, event.FchmodAt2: 8, event.Chown: 9, event.LChown: 9, event.FChownAt: 9,
	event.Truncate: 10, event.Chroot: 11, event.Mount: 12, event.Umount: 13, event.Umount2: 13, event.MoveMount: 14,
}

// takeChecks takes the programs at security checks out of a specification and returns one that has only those.
func takeChecks(spec *ebpf.CollectionSpec) *ebpf.CollectionSpec {
	checks := spec.Copy()
	for name := range spec.Programs {
		if strings.HasPrefix(name, "see_") {
			delete(spec.Programs, name)
		} else {
			delete(checks.Programs, name)
		}
	}
	return checks
}

// loadResolving loads the programs at security checks, each by itself: a kernel may lack some of the checks,
// and locked-down kernels refuse such programs altogether.
func (p *Programs) loadResolving(checks *ebpf.CollectionSpec, main *ebpf.Collection) {
	names := make([]string, 0, len(checks.Programs))
	for name := range checks.Programs {
		names = append(names, name)
	}
	slices.Sort(names)
	shared := map[string]*ebpf.Map{}
	for name, m := range main.Maps {
		if name != ".rodata" && name != "tails" && name != "ring_tails" {
			shared[name] = m
		}
	}
	for _, name := range names {
		one := checks.Copy()
		for other := range checks.Programs {
			if other != name {
				delete(one.Programs, other)
			}
		}
		coll, err := ebpf.NewCollectionWithOptions(one, ebpf.CollectionOptions{MapReplacements: shared, Cache: p.types})
		if err != nil {
			if len(p.resolving) == 0 {
				p.misses = append(p.misses, "paths of rename, link, unlink and their like are the caller's word: the kernel refuses programs at its security checks")
				p.cfg.Log.Debug("no programs at security checks", "program", name, "error", err)
				return
			}
			p.misses = append(p.misses, fmt.Sprintf("no program at the security check %s", checks.Programs[name].AttachTo))
			continue
		}
		p.resolving = append(p.resolving, coll)
	}
}

// attachResolving attaches the programs at security checks that were loaded, and tells the others of it.
func (s *Source) attachResolving() {
	attached := 0
	for _, coll := range s.resolving {
		for name, p := range coll.Programs {
			l, err := link.AttachTracing(link.TracingOptions{Program: p})
			if err != nil {
				s.misses = append(s.misses, fmt.Sprintf("no program at a security check: %s: %v", name, err))
				continue
			}
			s.links = append(s.links, l)
			attached++
		}
	}
	if attached > 0 {
		atomic.StoreUint32(&s.ctl.Resolving, 1)
	}
}
