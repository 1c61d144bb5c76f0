// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
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

// probeSource opens the real source, causes one event and looks whether it comes.
func probeSource() (Verdict, string, string) {
	src, err := newKernelSource(SourceOptions{Config: config.Default(), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		began := time.Now()
		if err = src.Open(context.Background()); err == nil {
			defer src.Close()
			return seeOneself(src, began)
		}
	}
	return Missing, message(err), "see what failed above; if nothing did, please report this"
}

// seeOneself waits until an open source delivers an event that this process causes.
func seeOneself(src source.Source, began time.Time) (Verdict, string, string) {
	loaded := time.Since(began)
	tester, ok := src.(source.SelfTester)
	if !ok {
		return Good, "programs were loaded", ""
	}
	if err := tester.SelfTest(true); err != nil {
		return Missing, message(err), explain(err)
	}
	t := selfTest{path: "/gyr-doctor-" + rand.Text()}
	t.try()
	var ev event.Event
	caused := time.Now()
	for time.Since(caused) < selfTestTimeout {
		switch err := src.Next(&ev); {
		case errors.Is(err, source.ErrIdle):
		case err != nil:
			return Missing, message(err), explain(err)
		case bytes.Contains(ev.Record(), []byte(t.path)):
			return Good, fmt.Sprintf("programs loaded in %d ms, own event seen after %.1f ms",
				loaded.Milliseconds(), float64(time.Since(caused).Microseconds())/1000), ""
		}
		if time.Since(t.tried) > selfTestRetry {
			t.try()
		}
	}
	return Missing, fmt.Sprintf("programs were loaded, but no event of this process came within %s", selfTestTimeout),
		"another kernel may help; please report this with the output above"
}
