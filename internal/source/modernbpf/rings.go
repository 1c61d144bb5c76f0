// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// ringForm says how the kernel's tracepoints tell of requests to an io_uring: enum in bpf/src/uring.h.
type ringForm uint32

// The forms.
const (
	ringNone ringForm = iota
	ringByData
	ringByReq
	ringByCQE
)

// ringHooks are the programs that see io_uring, with their tracepoints. Before 6.4 the first has another name.
var ringHooks = []struct{ program, tracepoint string }{
	{"on_ring_submit", "io_uring_submit_req"},
	{"on_ring_complete", "io_uring_complete"},
	{"on_ring_overflow", "io_uring_cqe_overflow"},
}

// ringReport is the program behind all of them.
const ringReport = "ring_report"

// oldSubmit is the name of the tracepoint of submissions before Linux 6.4.
const oldSubmit = "io_uring_submit_sqe"

// ringCalls are the system calls that the operations of an io_uring stand for (enum io_uring_op). Operations
// that only wait, or tell the kernel what memory and descriptors they may use, are none.
var ringCalls = map[uint32]string{
	1: "preadv", 2: "pwritev", 4: "pread64", 5: "pwrite64", 9: "sendmsg", 10: "recvmsg", 13: "accept4",
	16: "connect", 17: "fallocate", 18: "openat", 19: "close", 21: "statx", 22: "pread64", 23: "pwrite64",
	26: "sendto", 27: "recvfrom", 28: "openat2", 30: "splice", 33: "tee", 34: "shutdown", 35: "renameat2",
	36: "unlinkat", 37: "mkdirat", 38: "symlinkat", 39: "linkat", 41: "fsetxattr", 42: "setxattr", 45: "socket",
	46: "ioctl", 47: "sendto", 48: "sendmsg", 54: "dup", 55: "ftruncate", 56: "bind", 57: "listen", 62: "pipe2",
}

// findRings finds the form of the kernel's tracepoints and the name of that of submissions.
func (p *Programs) findRings() (form ringForm, submit string) {
	kernel, err := p.types.Kernel()
	if err != nil {
		return ringNone, ""
	}
	params := func(tracepoint string) []btf.FuncParam {
		var def *btf.Typedef
		if kernel.TypeByName("btf_trace_"+tracepoint, &def) != nil {
			return nil
		}
		pointer, ok := def.Type.(*btf.Pointer)
		if !ok {
			return nil
		}
		proto, ok := pointer.Target.(*btf.FuncProto)
		if !ok || len(proto.Params) == 0 {
			return nil
		}
		return proto.Params[1:] // the first is the tracepoint's own
	}
	submit = ringHooks[0].tracepoint
	if params(submit) == nil {
		submit = oldSubmit
	}
	in, out := params(submit), params(ringHooks[1].tracepoint)
	switch {
	case len(in) == 7 && len(out) == 4:
		return ringByData, submit
	case len(in) >= 1 && len(in) <= 2 && len(out) == 7:
		return ringByReq, submit
	case len(in) == 1 && len(out) == 3:
		return ringByCQE, submit
	}
	return ringNone, submit
}

// prepareRings tells the programs the form of the kernel, or takes those out that it has no use for.
func (p *Programs) prepareRings(spec *ebpf.CollectionSpec) error {
	p.ring, p.ringSubmit = p.findRings()
	if p.ring == ringNone {
		for _, h := range ringHooks {
			delete(spec.Programs, h.program)
		}
		delete(spec.Programs, ringReport)
		p.misses = append(p.misses, "calls through an io_uring are not seen: this kernel has no io_uring, or one whose tracepoints do not tell (requires kernel ≥ 5.15)")
		return nil
	}
	if err := spec.Variables["ring_form"].Set(uint32(p.ring)); err != nil {
		return fmt.Errorf("set form of io_uring: %w", err)
	}
	return nil
}

// fillRingCalls writes the numbers of the calls behind the operations.
func fillRingCalls(coll *ebpf.Collection) error {
	table := coll.Maps["ring_calls"]
	for i := range table.MaxEntries() {
		nr := uint16(0xffff)
		if call := event.SyscallByName(ringCalls[i]); call != nil && call.Number() >= 0 {
			nr = uint16(call.Number())
		}
		if err := table.Put(i, nr); err != nil {
			return fmt.Errorf("set call of io_uring operation %d: %w", i, err)
		}
	}
	return nil
}
