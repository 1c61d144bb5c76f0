// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// Effect says how much of what rules may read an event changes. It lets rules be evaluated while the
// state goes on: an evaluation of an earlier event does not see an effect that it does not read.
type Effect uint8

// The effects, each of which includes those before it.
const (
	// EffectNone changes nothing that rules read but the event's own thread's LastFD.
	EffectNone Effect = iota
	// EffectTables changes descriptors, tables of descriptors, limits on them, and memory figures.
	EffectTables
	// EffectAll may change everything: threads, processes, users, containers.
	EffectAll
)

// effects holds the effect of each event.
var effects [event.NumPublished]Effect

// tableEvents are the events with a handler that changes no more than EffectTables.
var tableEvents = []event.Type{
	event.Open, event.OpenAt, event.OpenAt2, event.Creat, event.OpenByHandleAt,
	event.Close, event.CloseRange, event.Dup, event.Dup2, event.Dup3, event.Fcntl,
	event.Socket, event.SocketPair, event.Bind, event.Connect, event.Accept, event.Accept4,
	event.Send, event.SendTo, event.SendMsg, event.SendMMsg,
	event.Recv, event.RecvFrom, event.RecvMsg, event.RecvMMsg,
	event.Pipe, event.Pipe2, event.EventFD, event.EventFD2, event.SignalFD, event.SignalFD4,
	event.TimerFDCreate, event.InotifyInit, event.InotifyInit1, event.EpollCreate, event.EpollCreate1,
	event.UserFaultFD, event.IOUringSetup, event.MemFDCreate, event.BPF, event.PidFDOpen, event.PidFDGetFD,
	event.GetRLimit, event.SetRLimit, event.PRLimit, brk, mmap, mmap2, munmap, event.Switch,
}

// plainEvents are the events with a handler that changes nothing that rules read.
var plainEvents = []event.Type{
	event.OpenEnter, event.OpenAtEnter, event.OpenAt2Enter, event.CreatEnter, event.ConnectEnter,
	execveEnter, execveatEnter,
}

// EffectOf returns the effect of the events of a type on a thread that the state knows. An event of
// another thread has EffectAll: it makes the thread known.
func EffectOf(t event.Type) Effect {
	if int(t) >= len(effects) {
		return EffectAll
	}
	return effects[t]
}

// Ends reports whether events of a type have a further effect, as large as that of Apply, once the
// rules have seen them (After).
func Ends(t event.Type) bool {
	return t == event.Close || t == event.CloseRange || t == event.ProcExit
}

// Lasts reports whether t stays what it is when other events of no larger effect than EffectTables
// are applied: it is neither missing nor made up for one event.
func (s *State) Lasts(t *Thread) bool { return t != nil && t != &s.ghost }

// CopyFrom makes f an equal of o with memory of its own, which f keeps from one copy to the next. The
// copy stands in no table.
func (f *FD) CopyFrom(o *FD) { f.copyFrom(o) }

// makeEffects fills the table of effects: what has no handler changes nothing.
func makeEffects() {
	for i := range effects {
		if handlers[i] != nil || !hasThread(event.Lookup(event.Type(i))) {
			effects[i] = EffectAll
		}
	}
	for _, t := range tableEvents {
		effects[t] = EffectTables
	}
	for _, t := range plainEvents {
		effects[t] = EffectNone
	}
}
