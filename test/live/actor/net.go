// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// actSocket opens a socket of the address FAMILY given by number.
func actSocket(args []string) error {
	family, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	kind := unix.SOCK_DGRAM
	if family == unix.AF_PACKET {
		kind = unix.SOCK_RAW
	}
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// connectSelf listens at an address and connects to it with a blocking socket.
func connectSelf(text string) (fd int, err error) {
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return -1, err
	}
	l, err := net.Listen("tcp", text)
	if err != nil {
		return -1, err
	}
	if addr.Port() == 0 {
		addr = netip.AddrPortFrom(addr.Addr(), uint16(l.Addr().(*net.TCPAddr).Port))
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err != nil {
		return -1, fmt.Errorf("connect %s: %w", addr, err)
	}
	return fd, nil
}

// actConnect connects to ADDRESS:PORT, at which it listens itself.
func actConnect(args []string) error {
	_, err := connectSelf(args[0])
	return err
}

// actConnectUnix connects to the unix socket at PATH.
func actConnectUnix(args []string) error {
	c, err := net.Dial("unix", args[0])
	if err != nil {
		return err
	}
	return c.Close()
}

// actConnectDup copies a network connection to the descriptor NUMBER.
func actConnectDup(args []string) error {
	number, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	fd, err := connectSelf("127.0.0.1:0")
	if err != nil {
		return err
	}
	return unix.Dup3(fd, number, 0)
}

// actConnectFcntl copies a network connection to the descriptor NUMBER, which it frees, by fcntl.
func actConnectFcntl(args []string) error {
	number, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	fd, err := connectSelf("127.0.0.1:0")
	if err != nil {
		return err
	}
	_ = unix.Close(number)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD, number)
	return err
}

// actConnectExec executes a program that inherits a network connection as standard input.
func actConnectExec(args []string) error {
	fd, err := connectSelf("127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := unix.Dup3(fd, 0, 0); err != nil {
		return err
	}
	return unix.Exec(args[0], args, os.Environ())
}

// tcpPair returns the two ends of a connection over the loopback.
func tcpPair() (ends [2]*os.File, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ends, err
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return ends, err
	}
	b, err := l.Accept()
	if err != nil {
		return ends, err
	}
	for i, c := range []net.Conn{a, b} {
		if ends[i], err = c.(*net.TCPConn).File(); err != nil {
			return ends, err
		}
		c.Close()
	}
	return ends, nil
}
