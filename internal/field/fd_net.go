// SPDX-License-Identifier: Apache-2.0

package field

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// fdNetFields are the fields of the ends of a connection.
var fdNetFields = []Field{
	{Name: "fd.ip", Type: event.IPAddr, Flags: FilterOnly | NoRHS | NoTransformer | EitherEnd, IPs: bothAddrs,
		Doc: "The addresses of both ends: a condition holds if it holds for one of them, but != only if for both."},
	{Name: "fd.cip", Type: event.IPAddr, IP: endAddr(client),
		Doc: "Address of the client's end."},
	{Name: "fd.sip", Type: event.IPAddr, IP: endAddr(server),
		Doc: "Address of the server's end, or the one that a socket listens on."},
	{Name: "fd.lip", Type: event.IPAddr, IP: endAddr(near),
		Doc: "Address of this machine's end."},
	{Name: "fd.rip", Type: event.IPAddr, IP: endAddr(far),
		Doc: "Address of the other machine's end."},
	{Name: "fd.port", Type: event.Port, Format: event.FormatDec, Flags: FilterOnly | NoRHS | NoTransformer | EitherEnd, Uints: bothPorts,
		Doc: "The ports of both ends: a condition holds if it holds for one of them, but != only if for both."},
	{Name: "fd.cport", Type: event.Port, Format: event.FormatDec, Uint: endPort(client),
		Doc: "Port of the client's end."},
	{Name: "fd.sport", Type: event.Port, Format: event.FormatDec, Uint: endPort(server),
		Doc: "Port of the server's end, or the one that a socket listens on."},
	{Name: "fd.lport", Type: event.Port, Format: event.FormatDec, Uint: endPort(near),
		Doc: "Port of this machine's end."},
	{Name: "fd.rport", Type: event.Port, Format: event.FormatDec, Uint: endPort(far),
		Doc: "Port of the other machine's end."},
	{Name: "fd.l4proto", Type: event.CharBuf, Str: fdL4Proto,
		Doc: "Transport protocol: tcp, udp, icmp or raw, and <NA> for what is no IP socket."},
	{Name: "fd.sockfamily", Type: event.CharBuf, Str: fdSockFamily,
		Doc: "ip or unix, for sockets of those families."},
	{Name: "fd.is_server", Type: event.Bool, Bool: fdIsServer,
		Doc: "True if the process is the server of the connection, or listens."},
	{Name: "fd.uid", Type: event.CharBuf, Str: fdUID,
		Doc: "A text that no other descriptor has: the thread's number and the descriptor's, one behind the other."},
	{Name: "fd.containername", Type: event.CharBuf, Str: fdContainerName,
		Doc: "The container's id and fd.name with a colon between them."},
	{Name: "fd.containerdirectory", Type: event.CharBuf, Str: fdContainerDirectory,
		Doc: "The container's id and fd.directory with a colon between them."},
	{Name: "fd.proto", Type: event.Port, Flags: FilterOnly | NoRHS | NoTransformer | EitherEnd, Uints: bothPorts,
		Doc: "The same as fd.port; names of services are understood: fd.proto = https."},
	{Name: "fd.cproto", Type: event.CharBuf, Str: endProto(client),
		Doc: "Name of the service of fd.cport, or its number."},
	{Name: "fd.sproto", Type: event.CharBuf, Str: endProto(server),
		Doc: "Name of the service of fd.sport, or its number."},
	{Name: "fd.lproto", Type: event.CharBuf, Str: endProto(near),
		Doc: "Name of the service of fd.lport, or its number."},
	{Name: "fd.rproto", Type: event.CharBuf, Str: endProto(far),
		Doc: "Name of the service of fd.rport, or its number."},
	{Name: "fd.net", Type: event.IPNet, Flags: FilterOnly | NoRHS | NoTransformer | EitherEnd, IPs: bothAddrs,
		Doc: "Tests whether the address of either end lies in a network: fd.net = 10.0.0.0/8."},
	{Name: "fd.cnet", Type: event.IPNet, Flags: FilterOnly | NoRHS | NoTransformer, IPs: endNet(client),
		Doc: "Tests whether fd.cip lies in a network."},
	{Name: "fd.snet", Type: event.IPNet, Flags: FilterOnly | NoRHS | NoTransformer, IPs: endNet(server),
		Doc: "Tests whether fd.sip lies in a network."},
	{Name: "fd.lnet", Type: event.IPNet, Flags: FilterOnly | NoRHS | NoTransformer, IPs: endNet(near),
		Doc: "Tests whether fd.lip lies in a network."},
	{Name: "fd.rnet", Type: event.IPNet, Flags: FilterOnly | NoRHS | NoTransformer, IPs: endNet(far),
		Doc: "Tests whether fd.rip lies in a network."},
	{Name: "fd.connected", Type: event.Bool, Bool: fdConnected,
		Doc: "True if the socket is connected, or about to be."},
	{Name: "fd.name_changed", Type: event.Bool, Bool: fdFlag(state.FDNameChanged),
		Doc: "True if this event changed fd.name, as a datagram to another address does."},
	{Name: "fd.cip.name", Type: event.CharBuf, Flags: NoRHS | NoTransformer | ByHostName, Str: endHost(client), IP: connAddr(client),
		Doc: "Tests whether fd.cip is an address of the named host. Outputs show the name if a condition asked for it."},
	{Name: "fd.sip.name", Type: event.CharBuf, Flags: NoRHS | NoTransformer | ByHostName, Str: endHost(server), IP: connAddr(server),
		Doc: "Tests whether fd.sip is an address of the named host. Outputs show the name if a condition asked for it."},
	{Name: "fd.lip.name", Type: event.CharBuf, Flags: NoRHS | NoTransformer | ByHostName, Str: endHost(near), IP: connAddr(near),
		Doc: "Tests whether fd.lip is an address of the named host. Outputs show the name if a condition asked for it."},
	{Name: "fd.rip.name", Type: event.CharBuf, Flags: NoRHS | NoTransformer | ByHostName, Str: endHost(far), IP: connAddr(far),
		Doc: "Tests whether fd.rip is an address of the named host. Outputs show the name if a condition asked for it."},
}

// end picks one end of an IP socket; ok is false if it is not known which that is.
type end func(c *Context, f *state.FD) (netip.AddrPort, bool)

// isConn reports whether the descriptor is an IP socket with two ends.
func isConn(f *state.FD) bool {
	return f.Type == state.FDIPv4Sock || f.Type == state.FDIPv6Sock
}

// isListener reports whether the descriptor is an IP socket that listens.
func isListener(f *state.FD) bool {
	return f.Type == state.FDIPv4ServSock || f.Type == state.FDIPv6ServSock
}

// hasRole reports whether it is known who is the client and who the server.
func hasRole(f *state.FD) bool { return f.Flags&(state.FDRoleClient|state.FDRoleServer) != 0 }

func client(_ *Context, f *state.FD) (netip.AddrPort, bool) {
	return f.Source, isConn(f) && hasRole(f)
}

func server(_ *Context, f *state.FD) (netip.AddrPort, bool) {
	return f.Dest, isListener(f) || isConn(f) && hasRole(f)
}

func near(c *Context, f *state.FD) (netip.AddrPort, bool) {
	switch {
	case !isConn(f) || !hasRole(f):
		return netip.AddrPort{}, false
	case sourceIsNear(c, f):
		return f.Source, true
	}
	return f.Dest, true
}

func far(c *Context, f *state.FD) (netip.AddrPort, bool) {
	switch {
	case !isConn(f) || !hasRole(f):
		return netip.AddrPort{}, false
	case sourceIsNear(c, f):
		return f.Dest, true
	}
	return f.Source, true
}

// sourceIsNear reports whether the source is this machine's end. The addresses of the machine tell;
// where they are not known, the role does: a client is at the source, a server at the destination.
func sourceIsNear(c *Context, f *state.FD) bool {
	if local, ok := isLocal(c, f.Source.Addr()); ok {
		return local
	}
	return f.Flags&state.FDRoleClient != 0
}

// isLocal reports whether an address is one of the machine's, or of the container in which the process
// runs; ok is false if that is not known. Of IPv6 addresses the upper half counts, which is the network.
func isLocal(c *Context, ip netip.Addr) (local, ok bool) {
	if c.Machine == nil || c.Machine.Addrs == nil {
		return false, false
	}
	ip = ip.Unmap()
	p := process(c)
	inside := p != nil && p.Container.ID != ""
	if ip.Is6() {
		return !inside && c.Machine.hasNet(ip), true
	}
	if inside {
		switch m := c.State.Metadata(p.Container.ID); {
		case m == nil:
			return false, false
		case m.IP == ip.String():
			return true, true
		}
	}
	_, local = c.Machine.Addrs[ip]
	return local, true
}

// hasNet reports whether an interface of the machine is in the network of an IPv6 address.
func (m *Machine) hasNet(ip netip.Addr) bool {
	if _, ok := m.Addrs[ip]; ok {
		return true
	}
	want := ip.As16()
	for a := range m.Addrs {
		if b := a.As16(); a.Is6() && [8]byte(b[:8]) == [8]byte(want[:8]) {
			return true
		}
	}
	return false
}

// interfaceAddrs are the addresses of the interfaces of the program's own network namespace.
func interfaceAddrs() map[netip.Addr]struct{} {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	addrs := make(map[netip.Addr]struct{}, len(list))
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addrs[prefix.Addr().Unmap()] = struct{}{}
		}
	}
	return addrs
}

// endAddr makes the getter of the address of one end.
func endAddr(which end) func(*Context, *Arg) (netip.Addr, bool) {
	return func(c *Context, _ *Arg) (netip.Addr, bool) {
		if f := eventFD(c); f != nil {
			ap, ok := which(c, f)
			return ap.Addr().Unmap(), ok && ap.Addr().IsValid()
		}
		return netip.Addr{}, false
	}
}

// connAddr is endAddr for sockets with two ends alone.
func connAddr(which end) func(*Context, *Arg) (netip.Addr, bool) {
	get := endAddr(which)
	return func(c *Context, a *Arg) (netip.Addr, bool) {
		if f := eventFD(c); f == nil || !isConn(f) {
			return netip.Addr{}, false
		}
		return get(c, a)
	}
}

// endNet makes the getter of the address of one end as a list.
func endNet(which end) func(*Context, *Arg, []netip.Addr) []netip.Addr {
	get := endAddr(which)
	return func(c *Context, a *Arg, dst []netip.Addr) []netip.Addr {
		if ip, ok := get(c, a); ok {
			dst = append(dst, ip)
		}
		return dst
	}
}

// endPort makes the getter of the port of one end.
func endPort(which end) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, _ *Arg) (uint64, bool) {
		if f := eventFD(c); f != nil {
			ap, ok := which(c, f)
			return uint64(ap.Port()), ok
		}
		return 0, false
	}
}

// endProto makes the getter of the service of one end.
func endProto(which end) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		f := eventFD(c)
		if f == nil || !isIPSock(f) {
			return "", false
		}
		ap, ok := which(c, f)
		if !ok {
			return "", false
		}
		return serviceName(c, ap.Port(), f.L4 == state.L4UDP), true
	}
}

// endHost makes the getter of the name under which a condition asked for one end's address.
func endHost(which end) func(*Context, *Arg) (string, bool) {
	get := connAddr(which)
	return func(c *Context, a *Arg) (string, bool) {
		if c.Machine == nil || c.Machine.DNS == nil {
			return "", false
		}
		ip, ok := get(c, a)
		if !ok {
			return "", false
		}
		return c.Machine.DNS.Name(ip)
	}
}

func bothAddrs(c *Context, _ *Arg, dst []netip.Addr) []netip.Addr {
	f := eventFD(c)
	switch {
	case f == nil || !isIPSock(f):
		return dst
	case isListener(f):
		return append(dst, f.Dest.Addr().Unmap())
	case !f.Source.Addr().IsValid():
		return dst
	}
	return append(dst, f.Source.Addr().Unmap(), f.Dest.Addr().Unmap())
}

func bothPorts(c *Context, _ *Arg, dst []uint64) []uint64 {
	f := eventFD(c)
	switch {
	case f == nil || !isIPSock(f):
		return dst
	case isListener(f):
		return append(dst, uint64(f.Dest.Port()))
	case !f.Source.Addr().IsValid():
		return dst
	}
	return append(dst, uint64(f.Source.Port()), uint64(f.Dest.Port()))
}

func fdL4Proto(c *Context, _ *Arg) (string, bool) {
	f := eventFD(c)
	if f == nil {
		return "", false
	}
	if isIPSock(f) {
		switch f.Transport() {
		case state.L4TCP:
			return "tcp", true
		case state.L4UDP:
			return "udp", true
		case state.L4ICMP:
			return "icmp", true
		case state.L4Raw:
			return "raw", true
		}
	}
	return naText, true
}

func fdSockFamily(c *Context, _ *Arg) (string, bool) {
	f := eventFD(c)
	switch {
	case f == nil:
		return "", false
	case isIPSock(f):
		return "ip", true
	case f.Type == state.FDUnixSock:
		return "unix", true
	}
	return "", false
}

func fdIsServer(c *Context, _ *Arg) (bool, bool) {
	f := eventFD(c)
	switch {
	case f == nil:
		return false, false
	case isListener(f):
		return true, true
	case !isConn(f):
		return false, true
	}
	dest := f.Dest.Addr()
	switch {
	case dest.IsValid():
	case f.Type == state.FDIPv6Sock:
		dest = netip.IPv6Unspecified()
	default:
		dest = netip.IPv4Unspecified()
	}
	if local, ok := isLocal(c, dest); ok {
		return local, true
	}
	return f.Flags&state.FDRoleServer != 0, true
}

func fdConnected(c *Context, _ *Arg) (bool, bool) {
	f := eventFD(c)
	if f == nil {
		return false, false
	}
	return isSock(f) && f.Flags&(state.FDConnected|state.FDConnectPending) != 0, true
}

func fdUID(c *Context, _ *Arg) (string, bool) {
	if !isFDEvent(c) {
		return "", false
	}
	b := strconv.AppendInt(c.Arena(), c.Thread.TID, 10)
	return c.Keep(strconv.AppendInt(b, c.FDNum, 10)), true
}

func fdContainerName(c *Context, a *Arg) (string, bool) {
	name, ok := fdName(c, a)
	return inContainer(c, name), ok
}

func fdContainerDirectory(c *Context, a *Arg) (string, bool) {
	dir, ok := fdDirectory(c, a)
	return inContainer(c, dir), ok
}

// inContainer puts the container's id before a text.
func inContainer(c *Context, text string) string {
	b := c.Arena()
	if p := process(c); p != nil {
		b = append(b, p.Container.ID...)
	}
	b = append(b, ':')
	return c.Keep(append(b, text...))
}
