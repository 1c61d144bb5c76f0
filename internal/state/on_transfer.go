// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// tupleParams holds the index of the parameter with the socket's ends, for the calls that send and
// receive; 0 for all others.
var tupleParams = makeTupleParams()

// makeTupleParams finds them in the event table.
func makeTupleParams() (params [event.NumTypes]int8) {
	for _, t := range []event.Type{
		event.Send, event.SendTo, event.SendMsg, event.SendMMsg,
		event.Recv, event.RecvFrom, event.RecvMsg, event.RecvMMsg,
	} {
		params[t] = int8(index(t, "tuple"))
	}
	return params
}

var (
	recvMsgControl  = index(event.RecvMsg, "msgcontrol")
	recvMMsgControl = index(event.RecvMMsg, "msgcontrol")
)

// onTransfer learns the ends of sockets that have no connection from what they send and receive.
func (s *State) onTransfer(ev *event.Event, t *Thread) {
	if !succeeded(ev) || s.num < 0 {
		return
	}
	if s.fd != nil && s.fd.L4 == L4TCP && s.fd.name.len > 0 {
		return
	}
	e, ok := parseTuple(ev.Param(int(tupleParams[ev.Type()])))
	if !ok {
		return
	}
	if f := s.fd; f != nil && f.sameEnds(&e) {
		return
	}
	f := s.socket(t)
	if f == nil {
		return
	}
	incoming := ev.Info().Flags&event.ReadsFD != 0
	f.setEnds(&e)
	if e.family == familyUnix {
		s.rename(f, e.appendTuple(s.scratch[:0]))
		return
	}
	if f.L4 == L4Unknown || f.L4 == L4NA {
		f.L4 = L4UDP
	}
	if f.L4 == L4TCP {
		f.Flags |= FDConnected // its connect was missed, or is still to be told
	}
	if f.Flags&(FDRoleClient|FDRoleServer) == 0 {
		// Servers start by reading, clients by writing.
		if incoming {
			f.role(FDRoleServer)
		} else {
			f.role(FDRoleClient)
		}
	}
	// The source is the client's end, whichever way the data went.
	if incoming == (f.Flags&FDRoleClient != 0) {
		e.src, e.dst = e.dst, e.src
		f.setEnds(&e)
	}
	s.rename(f, e.appendTuple(s.scratch[:0]))
}

// sameEnds reports whether e are the ends of f already, in either direction.
func (f *FD) sameEnds(e *ends) bool {
	if e.family == familyUnix {
		return f.Type == FDUnixSock && f.UnixSource == e.unixSrc && f.UnixDest == e.unixDst && f.name.len > 0
	}
	if f.Type != ipType(e) {
		return false
	}
	return f.Source == e.src && f.Dest == e.dst || f.Source == e.dst && f.Dest == e.src
}

// onRecvMsg learns from the data received and from the descriptors that came along.
func (s *State) onRecvMsg(ev *event.Event, t *Thread) {
	s.onTransfer(ev, t)
	if succeeded(ev) {
		s.received(t, ev.Param(recvMsgControl))
	}
}

// onRecvMMsg does the same for the first of several messages.
func (s *State) onRecvMMsg(ev *event.Event, t *Thread) {
	s.onTransfer(ev, t)
	if succeeded(ev) {
		s.received(t, ev.Param(recvMMsgControl))
	}
}

const (
	cmsgHeader = 16
	solSocket  = 1
	scmRights  = 1
)

// received enters the descriptors that came over a unix socket. What they are, only /proc knows.
func (s *State) received(t *Thread, control []byte) {
	for len(control) >= cmsgHeader {
		size := binary.LittleEndian.Uint64(control)
		level := binary.LittleEndian.Uint32(control[8:])
		kind := binary.LittleEndian.Uint32(control[12:])
		if size < cmsgHeader {
			return
		}
		size = min(size, uint64(len(control)))
		if level == solSocket && kind == scmRights {
			for b := control[cmsgHeader:size]; len(b) >= 4; b = b[4:] {
				s.learnFD(t.Proc, int64(int32(binary.LittleEndian.Uint32(b))))
			}
		}
		next := (size + 7) &^ 7
		if next >= uint64(len(control)) {
			return
		}
		control = control[next:]
	}
}

// learnFD enters a descriptor of which the number is all that is known.
func (s *State) learnFD(p *Process, num int64) {
	if num < 0 || s.held(p, num) {
		return
	}
	s.pool.remove(&p.FDs, num)
	s.stats.Received++
	if s.lookFD(p, num) != nil {
		s.stats.ReceivedKnown++
	}
}
