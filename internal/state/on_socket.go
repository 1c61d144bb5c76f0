// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"net/netip"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Kinds of sockets and protocols, as the kernel numbers them.
const (
	sockStream    = 1
	sockDgram     = 2
	sockRaw       = 3
	sockKind      = 0xff    // the kind among the flags in a socket's type
	sockCloseExec = 0x80000 // SOCK_CLOEXEC

	protoIP   = 0
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
	protoRaw  = 255

	errInProgress = -115
)

var (
	socketDomain = index(event.Socket, "domain")
	socketType   = index(event.Socket, "type")
	socketProto  = index(event.Socket, "proto")
	socketFlags  = index(event.Socket, "flags")
	pairFD1      = index(event.SocketPair, "fd1")
	pairFD2      = index(event.SocketPair, "fd2")
	pairSource   = index(event.SocketPair, "source")
	pairPeer     = index(event.SocketPair, "peer")
	pairType     = index(event.SocketPair, "type")
	bindAddr     = index(event.Bind, "addr")
	connectTuple = index(event.Connect, "tuple")
	connectAddr  = index(event.Connect, "addr")
	acceptTuple  = index(event.Accept, "tuple")
	accept4Flags = index(event.Accept4, "flags")
)

// onSocket enters a socket that has no ends yet.
func (s *State) onSocket(ev *event.Event, t *Thread) {
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		return
	}
	f := s.pool.get()
	f.Num = num
	kind := uintOf(ev, socketType, 0)
	switch uintOf(ev, socketDomain, 0) {
	case familyUnix:
		f.Type = FDUnixSock
	case familyINet:
		f.Type = FDIPv4Sock
	case familyINet6:
		f.Type = FDIPv6Sock
	case familyNetlink:
		f.Type = FDNetlink
	}
	if f.Type == FDIPv4Sock || f.Type == FDIPv6Sock {
		f.L4 = transport(kind&sockKind, uintOf(ev, socketProto, 0))
	}
	if kind&sockCloseExec != 0 || uintOf(ev, socketFlags, 0)&openCloseExec != 0 {
		f.Flags |= FDCloseOnExec
	}
	s.enterFD(t, f)
}

// transport is the protocol that a socket of this kind and protocol number speaks.
func transport(kind, proto uint64) L4Proto {
	if kind == sockRaw && proto != protoIP || proto == protoRaw {
		return L4Raw
	}
	switch {
	case proto == protoTCP, proto == protoIP && kind == sockStream:
		return L4TCP
	case proto == protoUDP, proto == protoIP && kind == sockDgram:
		return L4UDP
	case proto == protoICMP:
		return L4ICMP
	}
	return L4Unknown
}

// onSocketPair enters two connected sockets; the event is about the second.
func (s *State) onSocketPair(ev *event.Event, t *Thread) {
	if !succeeded(ev) {
		s.num, s.fd = -1, nil
		return
	}
	source, peer := uintOf(ev, pairSource, 0), uintOf(ev, pairPeer, 0)
	closeExec := uintOf(ev, pairType, 0)&sockCloseExec != 0
	for i, at := range [...]int{pairFD1, pairFD2} {
		num, ok := ev.Int(at)
		if !ok || num < 0 {
			continue
		}
		f := s.pool.get()
		f.Num, f.Type = num, FDUnixSock
		f.UnixSource, f.UnixDest = source, peer
		if i == 1 {
			f.UnixSource, f.UnixDest = peer, source
		}
		if closeExec {
			f.Flags |= FDCloseOnExec
		}
		s.enterFD(t, f)
	}
}

// socket returns the event's descriptor for writing, made if it was not known.
func (s *State) socket(t *Thread) *FD {
	if s.num < 0 {
		return nil
	}
	if s.held(t.Proc, s.num) {
		s.loose.clear()
		if s.fd != nil {
			s.loose.copyFrom(s.fd)
		}
		s.loose.Num = s.num
		s.fd = &s.loose
		return s.fd
	}
	if s.fd == nil {
		f := s.pool.get()
		f.Num = s.num
		s.enterFD(t, f)
		return s.fd
	}
	s.fd = s.pool.own(&t.Proc.FDs, s.fd)
	return s.fd
}

// onBind gives a socket its address. With a port it becomes a server's.
func (s *State) onBind(ev *event.Event, t *Thread) {
	if !succeeded(ev) {
		return
	}
	e, ok := parseAddr(ev.Param(bindAddr))
	if !ok {
		return
	}
	f := s.socket(t)
	if f == nil {
		return
	}
	switch e.family {
	case familyUnix:
		f.Type = FDUnixSock
	case familyINet, familyINet6:
		if e.dst.Port() > 0 {
			f.Type = ipType(&e) + (FDIPv4ServSock - FDIPv4Sock)
			f.Source, f.Dest = netip.AddrPort{}, e.dst
			f.role(FDRoleServer)
		} else if f.Type == FDUnknown {
			f.Type = ipType(&e)
		}
	}
	s.rename(f, e.appendAddr(s.scratch[:0]))
}

// ipType is the type of a connected socket with these ends.
func ipType(e *ends) FDType {
	if e.family == familyINet {
		return FDIPv4Sock
	}
	return FDIPv6Sock
}

// role makes the descriptor the client's or the server's end.
func (f *FD) role(r FDFlags) {
	f.Flags = f.Flags&^(FDRoleClient|FDRoleServer) | r
}

// rename gives f the name in b, which lies in the state's scratch memory.
func (s *State) rename(f *FD, b []byte) {
	s.scratch = b
	if string(b) == f.Name() {
		return
	}
	f.SetName(text(b))
	if f != &s.loose {
		s.pool.account(f)
	}
	s.markChanged(true)
}

// setEnds makes e the ends of f.
func (f *FD) setEnds(e *ends) {
	if e.family == familyUnix {
		f.Type = FDUnixSock
		f.UnixSource, f.UnixDest = e.unixSrc, e.unixDst
		return
	}
	f.Type = ipType(e)
	f.Source, f.Dest = e.src, e.dst
}

// onConnect gives a socket its ends, unless the call failed.
func (s *State) onConnect(ev *event.Event, t *Thread) {
	asked := t.enter.of(ev.Type())
	res, ok := ev.Int(0)
	if !ok || res < 0 && res != errInProgress {
		return
	}
	e, ok := parseTuple(ev.Param(connectTuple))
	if !ok && s.fd == nil {
		return
	}
	f := s.socket(t)
	if f == nil {
		return
	}
	f.Flags &^= FDConnectPending | FDConnectFailed
	f.Flags |= FDConnected
	if res == errInProgress {
		f.Flags |= FDConnectPending
	}
	if !ok {
		return
	}
	if asked {
		e.redirect(t.enter.text, ev.Param(connectAddr))
	}
	f.setEnds(&e)
	f.role(FDRoleClient)
	s.rename(f, e.appendTuple(s.scratch[:0]))
}

// redirect makes the address with which connect was called the destination, if what stood in the
// caller's memory afterwards is another one.
func (e *ends) redirect(asked, afterwards []byte) {
	if len(asked) == 0 || bytes.Equal(asked, afterwards) {
		return
	}
	a, ok := parseAddr(asked)
	if !ok || a.family != e.family {
		return
	}
	if e.family == familyUnix {
		e.path = a.path
		return
	}
	e.dst = a.dst
}

// onAccept enters an accepted connection.
func (s *State) onAccept(ev *event.Event, t *Thread) { s.accept(ev, t, false) }

// onAccept4 enters an accepted connection that may be closed by the next exec.
func (s *State) onAccept4(ev *event.Event, t *Thread) {
	s.accept(ev, t, uintOf(ev, accept4Flags, 0)&(sockCloseExec|openCloseExec) != 0)
}

// accept enters an accepted connection.
func (s *State) accept(ev *event.Event, t *Thread, closeExec bool) {
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		s.num = -1
		return
	}
	e, ok := parseTuple(ev.Param(acceptTuple))
	if !ok {
		s.num = num
		if !s.held(t.Proc, num) {
			s.pool.remove(&t.Proc.FDs, num)
		}
		return
	}
	f := s.pool.get()
	f.Num = num
	f.setEnds(&e)
	if e.family != familyUnix {
		f.L4 = L4TCP
	}
	f.Flags = FDRoleServer | FDConnected
	if closeExec {
		f.Flags |= FDCloseOnExec
	}
	s.scratch = e.appendTuple(s.scratch[:0])
	f.SetName(text(s.scratch))
	s.enterFD(t, f)
	s.markChanged(true)
}
