// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// tracePrograms are the programs at tracepoints that fire often, by the names under which they are asked for,
// which are the tracepoints'. They are attached only while they are wanted.
var tracePrograms = map[string]string{
	"sched_switch":      "on_switch",
	"signal_deliver":    "on_signal",
	"page_fault_user":   "on_fault_user",
	"page_fault_kernel": "on_fault_kernel",
}

// traces holds the attached ones. The selection's lock guards it.
type traces struct {
	coll  *ebpf.Collection
	form  string
	links map[string]link.Link
}

// sync attaches what calls ask for and detaches what they do not.
func (t *traces) sync(calls []*event.Syscall) error {
	if t.coll == nil {
		return nil
	}
	wanted := map[string]bool{}
	for _, c := range calls {
		wanted[c.Name] = tracePrograms[c.Name] != ""
	}
	var errs []error
	for name, program := range tracePrograms {
		p := t.coll.Programs[program]
		switch {
		case wanted[name] && t.links[name] == nil && p != nil:
			l, err := attachTracepoint(t.form, p, name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			t.links[name] = l
		case !wanted[name] && t.links[name] != nil:
			errs = append(errs, t.links[name].Close())
			delete(t.links, name)
		}
	}
	return errors.Join(errs...)
}

// attachTracepoint attaches a program of a form to its tracepoint.
func attachTracepoint(form string, p *ebpf.Program, name string) (l link.Link, err error) {
	if form == FormFast {
		l, err = link.AttachTracing(link.TracingOptions{Program: p})
	} else {
		l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: p})
	}
	if err != nil {
		return nil, fmt.Errorf("attach to tracepoint %s: %w", name, err)
	}
	return l, nil
}

// stopTraces detaches all of them.
func (s *selected) stopTraces() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.traces.sync(nil)
	s.traces.coll = nil
	return err
}

// dropMissingTraces takes the programs out whose tracepoint this kernel lacks (page faults are x86's).
func (p *Programs) dropMissingTraces(spec *ebpf.CollectionSpec) {
	kernel, err := p.types.Kernel()
	if err != nil {
		return
	}
	for name, program := range tracePrograms {
		var def *btf.Typedef
		if kernel.TypeByName("btf_trace_"+name, &def) != nil {
			delete(spec.Programs, program)
		}
	}
}
