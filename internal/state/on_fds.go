// SPDX-License-Identifier: Apache-2.0

package state

import (
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

var (
	pipeFD1     = index(event.Pipe, "fd1")
	pipeFD2     = index(event.Pipe, "fd2")
	pipeIno     = index(event.Pipe, "ino")
	pipe2Flags  = index(event.Pipe2, "flags")
	memfdName   = index(event.MemFDCreate, "name")
	memfdFlags  = index(event.MemFDCreate, "flags")
	pidfdPID    = index(event.PidFDOpen, "pid")
	getfdPIDFD  = index(event.PidFDGetFD, "pid_fd")
	getfdTarget = index(event.PidFDGetFD, "target_fd")
	bpfCmd      = index(event.BPF, "cmd")
	flagsEvent2 = index(event.EventFD2, "flags")
	flagsSig4   = index(event.SignalFD4, "flags")
	flagsIno1   = index(event.InotifyInit1, "flags")
	flagsEpoll1 = index(event.EpollCreate1, "flags")
	flagsUFault = index(event.UserFaultFD, "flags")
)

const closeExecBit = 1 // of MFD_CLOEXEC and EPOLL_CLOEXEC in their own published tables

// onPipe enters both ends of a pipe; the event is about the second.
func (s *State) onPipe(ev *event.Event, t *Thread) {
	if !succeeded(ev) {
		return
	}
	var flags FDFlags
	if ev.Type() == event.Pipe2 && uintOf(ev, pipe2Flags, 0)&openCloseExec != 0 {
		flags = FDCloseOnExec
	}
	for _, at := range [...]int{pipeFD1, pipeFD2} {
		num, ok := ev.Int(at)
		if !ok || num < 0 {
			continue
		}
		f := s.pool.get()
		f.Num, f.Type, f.Flags, f.Ino = num, FDFifo, flags, uintOf(ev, pipeIno, 0)
		s.enterFD(t, f)
	}
}

// typed enters the descriptor that the call returned as one of a type without a name. It returns
// nil if the call failed.
func (s *State) typed(ev *event.Event, t *Thread, typ FDType, closeExec bool) *FD {
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		s.num, s.fd = -1, nil
		return nil
	}
	f := s.pool.get()
	f.Num, f.Type = num, typ
	if closeExec {
		f.Flags = FDCloseOnExec
	}
	s.enterFD(t, f)
	return s.fd
}

// The calls that make a descriptor without a name, and need no more than its type.
func (s *State) onEventFD(ev *event.Event, t *Thread)     { s.typed(ev, t, FDEvent, false) }
func (s *State) onSignalFD(ev *event.Event, t *Thread)    { s.typed(ev, t, FDSignalFD, false) }
func (s *State) onTimerFD(ev *event.Event, t *Thread)     { s.typed(ev, t, FDTimerFD, false) }
func (s *State) onInotify(ev *event.Event, t *Thread)     { s.typed(ev, t, FDInotify, false) }
func (s *State) onEpoll(ev *event.Event, t *Thread)       { s.typed(ev, t, FDEventPoll, false) }
func (s *State) onIOUring(ev *event.Event, t *Thread)     { s.typed(ev, t, FDIOUring, true) }
func (s *State) onUserFaultFD(ev *event.Event, t *Thread) { s.flagged(ev, t, FDUserFault, flagsUFault) }
func (s *State) onEventFD2(ev *event.Event, t *Thread)    { s.flagged(ev, t, FDEvent, flagsEvent2) }
func (s *State) onSignalFD4(ev *event.Event, t *Thread)   { s.flagged(ev, t, FDSignalFD, flagsSig4) }
func (s *State) onInotify1(ev *event.Event, t *Thread)    { s.flagged(ev, t, FDInotify, flagsIno1) }

// flagged is typed for calls that say in their open flags whether the descriptor survives an exec.
func (s *State) flagged(ev *event.Event, t *Thread, typ FDType, flags int) {
	s.typed(ev, t, typ, uintOf(ev, flags, 0)&openCloseExec != 0)
}

// onEpoll1 enters an epoll descriptor, whose flags have a table of their own.
func (s *State) onEpoll1(ev *event.Event, t *Thread) {
	s.typed(ev, t, FDEventPoll, uintOf(ev, flagsEpoll1, 0)&closeExecBit != 0)
}

// onMemFD enters a memory file under the name that it was given.
func (s *State) onMemFD(ev *event.Event, t *Thread) {
	f := s.typed(ev, t, FDMemFD, uintOf(ev, memfdFlags, 0)&closeExecBit != 0)
	if f == nil {
		return
	}
	if name, ok := ev.Text(memfdName); ok {
		s.scratch = append(s.scratch[:0], name...)
		s.rename(f, s.scratch)
	}
}

// bpfMakesFD has a bit for each published bpf command that returns a descriptor.
const bpfMakesFD = 1<<0 | 1<<5 | 1<<7 | 1<<13 | 1<<14 | 1<<17 | 1<<18 | 1<<19 | 1<<28 | 1<<30 | 1<<32 | 1<<33 | 1<<36

// onBPF enters the descriptors that bpf makes. Most of its commands return something else, but
// records without the command are believed to have made one.
func (s *State) onBPF(ev *event.Event, t *Thread) {
	if cmd, ok := ev.Uint(bpfCmd); ok && (cmd > 63 || bpfMakesFD>>cmd&1 == 0) {
		s.num, s.fd = -1, nil
		return
	}
	s.typed(ev, t, FDBPF, true)
}

// onPidFDOpen enters the descriptor of a process under that one's directory.
func (s *State) onPidFDOpen(ev *event.Event, t *Thread) {
	f := s.typed(ev, t, FDPidFD, true)
	if f == nil {
		return
	}
	f.PID = intOf(ev, pidfdPID, 0)
	s.scratch = append(s.scratch[:0], s.proc.prefix...)
	s.rename(f, strconv.AppendInt(s.scratch, f.PID, 10))
}

// onPidFDGetFD makes the new descriptor a copy of that of the other process.
func (s *State) onPidFDGetFD(ev *event.Event, t *Thread) {
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		s.num, s.fd = -1, nil
		return
	}
	var target *FD
	if pidfd := t.Proc.FDs.Get(intOf(ev, getfdPIDFD, -1)); pidfd != nil && pidfd.Type == FDPidFD {
		if o := s.threads.get(pidfd.PID); o != nil {
			target = o.Proc.FDs.Get(intOf(ev, getfdTarget, -1))
		}
	}
	s.num, s.fd = -1, target
	s.dup(ev, t, true)
}
