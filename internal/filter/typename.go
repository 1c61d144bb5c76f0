// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// typeNames are the published names of the parameter types, as messages show them.
var typeNames = [...]string{
	event.None: "NONE", event.Int8: "INT8", event.Int16: "INT16", event.Int32: "INT32", event.Int64: "INT64",
	event.Uint8: "UINT8", event.Uint16: "UINT16", event.Uint32: "UINT32", event.Uint64: "UINT64",
	event.CharBuf: "CHARBUF", event.ByteBuf: "BYTEBUF", event.Errno: "ERRNO", event.SockAddr: "SOCKADDR",
	event.SockTuple: "SOCKTUPLE", event.FD: "FD", event.PID: "PID", event.FDList: "FDLIST", event.FSPath: "FSPATH",
	event.SyscallID: "SYSCALLID", event.SigType: "SIGTYPE", event.RelTime: "RELTIME", event.AbsTime: "ABSTIME",
	event.Port: "PORT", event.L4Proto: "L4PROTO", event.SockFamily: "SOCKFAMILY", event.Bool: "BOOL",
	event.IPv4Addr: "IPV4ADDR", event.Dyn: "DYN", event.Flags8: "FLAGS8", event.Flags16: "FLAGS16",
	event.Flags32: "FLAGS32", event.UID: "UID", event.GID: "GID", event.Double: "DOUBLE", event.SigSet: "SIGSET",
	event.CharBufArray: "CHARBUFARRAY", event.CharBufPairArray: "CHARBUF_PAIR_ARRAY", event.IPv4Net: "IPV4NET",
	event.IPv6Addr: "IPV6ADDR", event.IPv6Net: "IPV6NET", event.IPAddr: "IPADDR", event.IPNet: "IPNET",
	event.Mode: "MODE", event.FSRelPath: "FSRELPATH", event.EnumFlags8: "ENUMFLAGS8", event.EnumFlags16: "ENUMFLAGS16",
	event.EnumFlags32: "ENUMFLAGS32", event.FD32: "FD32", event.PID32: "PID32",
}

// typeName is the published name of a type.
func typeName(t event.ParamType) string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return strconv.Itoa(int(t))
}

// group is what types have in common when they are compared.
type group uint8

// The groups.
const (
	groupNone group = iota
	groupNumber
	groupBool
	groupText
	groupBytes
	groupIP
	groupNet
)

// groupOf returns the group of a type.
func groupOf(t event.ParamType) group {
	switch t {
	case event.CharBuf, event.FSPath, event.FSRelPath:
		return groupText
	case event.ByteBuf:
		return groupBytes
	case event.Bool:
		return groupBool
	case event.IPAddr, event.IPv4Addr, event.IPv6Addr:
		return groupIP
	case event.IPNet, event.IPv4Net, event.IPv6Net:
		return groupNet
	case event.Int8, event.Int16, event.Int32, event.Int64, event.Uint8, event.Uint16, event.Uint32, event.Uint64,
		event.Errno, event.FD, event.PID, event.FD32, event.PID32, event.SyscallID, event.SigType, event.RelTime,
		event.AbsTime, event.Port, event.L4Proto, event.SockFamily, event.Flags8, event.Flags16, event.Flags32,
		event.Double, event.Mode, event.EnumFlags8, event.EnumFlags16, event.EnumFlags32:
		return groupNumber
	}
	return groupNone
}
