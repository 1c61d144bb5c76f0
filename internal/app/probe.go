// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// nothing is the smallest program: it returns 0.
func nothing() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
}

// tracepoints are the hooks without which nothing, or not enough, is seen.
var tracepoints = []string{"sys_exit", "sched_process_exec", "sched_process_fork", "sched_process_exit"}

// probes are the checks that really load and attach a tiny program or make a map, and take it away
// again at once.
func probes() []check {
	rows := []check{{"ring buffer", true, probeRingBuffer}}
	for _, name := range tracepoints {
		rows = append(rows, check{"hook " + name, true, func() (Verdict, string, string) { return probeTracepoint(name) }})
	}
	for _, name := range []string{"task", "task_file"} {
		rows = append(rows, check{"iterator " + name, true, func() (Verdict, string, string) { return probeIterator(name) }})
	}
	return rows
}

// message is an error without the library's guess at locked memory, which has a check of its own.
func message(err error) string {
	text, _, _ := strings.Cut(err.Error(), " (MEMLOCK")
	return text
}

// explain turns the errors of the bpf system call into advice.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "not permitted: see capabilities and lockdown above; in a container, seccomp or AppArmor may forbid bpf(2)"
	case errors.Is(err, unix.ENOSYS):
		return "this kernel has no bpf(2): use one with CONFIG_BPF_SYSCALL=y"
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return "this kernel lacks it: Linux 5.8 or newer with BTF is needed"
	}
	return "see the message; gyr cannot work without it"
}

func probeRingBuffer() (Verdict, string, string) {
	_ = rlimit.RemoveMemlock()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "gyr_probe", Type: ebpf.RingBuf, MaxEntries: uint32(unix.Getpagesize())})
	if err != nil {
		return Missing, message(err), explain(err)
	}
	m.Close()
	return Good, "a map was made", ""
}

// probeTracepoint tries the typed form of a trace point first and the raw one then.
func probeTracepoint(name string) (Verdict, string, string) {
	typed := attach(&ebpf.ProgramSpec{
		Name: "gyr_probe", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: name,
		Instructions: nothing(), License: "GPL",
	}, func(p *ebpf.Program) (link.Link, error) { return link.AttachTracing(link.TracingOptions{Program: p}) })
	if typed == nil {
		return Good, "typed (tp_btf)", ""
	}
	raw := attach(&ebpf.ProgramSpec{Name: "gyr_probe", Type: ebpf.RawTracepoint, Instructions: nothing(), License: "GPL"},
		func(p *ebpf.Program) (link.Link, error) {
			return link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: p})
		})
	if raw == nil {
		return Degraded, "raw only (raw_tp): " + message(typed), "a kernel with BTF makes every event cheaper"
	}
	return Missing, message(typed), explain(typed)
}

func probeIterator(name string) (Verdict, string, string) {
	err := attach(&ebpf.ProgramSpec{
		Name: "gyr_probe", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: name,
		Instructions: nothing(), License: "GPL",
	}, func(p *ebpf.Program) (link.Link, error) { return link.AttachIter(link.IterOptions{Program: p}) })
	if err != nil {
		return Degraded, message(err), "what already runs is read from /proc instead, which is slower"
	}
	return Good, "available", ""
}

// attach loads a program, attaches it and takes it away again.
func attach(spec *ebpf.ProgramSpec, to func(*ebpf.Program) (link.Link, error)) error {
	p, err := ebpf.NewProgram(spec)
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := to(p)
	if err != nil {
		return err
	}
	return l.Close()
}
