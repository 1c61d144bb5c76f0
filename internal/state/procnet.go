// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// sock is one socket of a net namespace.
type sock struct {
	typ           FDType
	l4            L4Proto
	local, remote netip.AddrPort
	unix          uint64
	path          string
	connect       bool
}

// netTables are the files below /proc/PID/net with sockets, as they are read.
var netTables = []struct {
	name string
	l4   L4Proto
	six  bool
}{
	{"net/tcp", L4TCP, false}, {"net/udp", L4UDP, false}, {"net/raw", L4Raw, false},
	{"net/tcp6", L4TCP, true}, {"net/udp6", L4UDP, true}, {"net/raw6", L4Raw, true},
}

// socket fills in a descriptor that is a socket, found by its inode.
func (f *procFS) socket(fd *FD, p *Process) {
	fd.Type = FDUnsupported
	if !f.scanning && !f.forNets.take(netReads) {
		f.s.stats.NetReadsRefused++
		return
	}
	socks := f.sockets(p)
	k, ok := socks[fd.Ino]
	if !ok {
		return
	}
	fd.Type, fd.L4 = k.typ, k.l4
	switch k.typ {
	case FDUnixSock:
		fd.UnixSource = k.unix
		fd.SetName(k.path)
	case FDIPv4Sock, FDIPv6Sock:
		f.s.fillInet(fd, k.local, k.remote, k.connect)
		if !f.scanning {
			f.guessRole(fd, socks)
		}
	}
}

// fillInet sets the ends of a socket that a snapshot tells of. Which end is the server's is only
// known once all listening sockets are, so fixServers has the last word.
func (s *State) fillInet(fd *FD, local, remote netip.AddrPort, connected bool) {
	e := ends{family: familyINet6, src: local, dst: remote}
	if remote.Port() == 0 {
		e = ends{family: familyINet6, dst: local}
	}
	if local.Addr().Is4() {
		e.family = familyINet
	} else {
		e.unmap()
	}
	if remote.Port() != 0 {
		fd.setEnds(&e)
		s.scratch = e.appendTuple(s.scratch[:0])
		fd.SetName(text(s.scratch))
		if connected {
			fd.Flags |= FDConnected
		}
		return
	}
	if local.Port() == 0 {
		fd.Type = ipType(&e)
		return
	}
	fd.Type = ipType(&e) + (FDIPv4ServSock - FDIPv4Sock)
	fd.Dest = e.dst
	fd.role(FDRoleServer)
	s.scratch = e.appendAddr(s.scratch[:0])
	fd.SetName(text(s.scratch))
}

// fixServers finds the ends of the sockets that a snapshot told of: a local port on which somebody
// listens is the server's.
func (s *State) fixServers() {
	listening := map[uint16]bool{}
	for _, p := range s.procs {
		p.FDs.Each(func(f *FD) bool {
			if f.Type == FDIPv4ServSock || f.Type == FDIPv6ServSock {
				listening[f.Dest.Port()] = true
			}
			return true
		})
	}
	for _, p := range s.procs {
		p.FDs.Each(func(f *FD) bool {
			if (f.Type != FDIPv4Sock && f.Type != FDIPv6Sock) || f.Flags&(FDRoleClient|FDRoleServer) != 0 || !f.Source.IsValid() {
				return true
			}
			if !listening[f.Source.Port()] {
				f.role(FDRoleClient)
				return true
			}
			s.serve(f)
			return true
		})
	}
}

// sockets returns the sockets of the process' net namespace by inode.
func (f *procFS) sockets(p *Process) map[uint64]sock {
	key := "?"
	if link, ok := f.readlink(p.PID, "ns/net"); ok {
		key = string(link)
	}
	if m, ok := f.nets[key]; ok {
		return m
	}
	if f.nets == nil {
		f.nets = map[string]map[uint64]sock{}
	}
	m := map[uint64]sock{}
	for _, t := range netTables {
		if b, ok := f.read(p.PID, t.name, 1<<26); ok {
			parseInet(m, b, t.l4, t.six)
		}
	}
	if b, ok := f.read(p.PID, "net/unix", 1<<26); ok {
		parseUnix(m, b)
	}
	if b, ok := f.read(p.PID, "net/netlink", 1<<24); ok {
		parseNetlink(m, b)
	}
	f.nets[key] = m
	return m
}

// eachRow calls f with the fields of each line after the first.
func eachRow(b []byte, f func(fields [][]byte)) {
	_, b, _ = bytes.Cut(b, []byte{'\n'})
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if fields := bytes.Fields(line); len(fields) > 0 {
			f(fields)
		}
	}
}

// parseInet reads the IP sockets of one table.
func parseInet(m map[uint64]sock, b []byte, l4 L4Proto, six bool) {
	const established = "01"
	eachRow(b, func(fields [][]byte) {
		if len(fields) < 10 {
			return
		}
		local, ok1 := hexEnd(fields[1])
		remote, ok2 := hexEnd(fields[2])
		ino, err := strconv.ParseUint(string(fields[9]), 10, 64)
		if !ok1 || !ok2 || err != nil {
			return
		}
		k := sock{typ: FDIPv4Sock, l4: l4, local: local, remote: remote}
		if six {
			k.typ = FDIPv6Sock
		}
		k.connect = string(fields[3]) == established
		m[ino] = k
	})
}

// hexEnd reads an address like 0100007F:0050, whose 32-bit words are in the machine's order.
func hexEnd(b []byte) (netip.AddrPort, bool) {
	addr, port, ok := bytes.Cut(b, []byte{':'})
	if !ok {
		return netip.AddrPort{}, false
	}
	var raw [16]byte
	if len(addr) > 2*len(raw) {
		return netip.AddrPort{}, false
	}
	n, err := hex.Decode(raw[:], addr)
	if err != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i+4 <= n; i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	ip, ok := netip.AddrFromSlice(raw[:n])
	num, err := strconv.ParseUint(string(port), 16, 16)
	return netip.AddrPortFrom(ip, uint16(num)), ok && err == nil
}

// parseUnix reads the unix sockets.
func parseUnix(m map[uint64]sock, b []byte) {
	eachRow(b, func(fields [][]byte) {
		if len(fields) < 7 {
			return
		}
		ino, err := strconv.ParseUint(string(fields[6]), 10, 64)
		if err != nil {
			return
		}
		k := sock{typ: FDUnixSock, l4: L4NA}
		k.unix, _ = strconv.ParseUint(string(bytes.TrimSuffix(fields[0], []byte{':'})), 16, 64)
		if len(fields) > 7 {
			k.path = string(fields[7])
		}
		m[ino] = k
	})
}

// parseNetlink reads the netlink sockets.
func parseNetlink(m map[uint64]sock, b []byte) {
	eachRow(b, func(fields [][]byte) {
		if ino, err := strconv.ParseUint(string(fields[len(fields)-1]), 10, 64); err == nil {
			m[ino] = sock{typ: FDNetlink, l4: L4NA}
		}
	})
}
