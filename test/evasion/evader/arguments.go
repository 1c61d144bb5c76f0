// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// argumentActs hide what a program is told.
var argumentActs = []act{
	// PROGRAM ARG...: the arguments come behind more than is kept of them.
	{"padded", func(_ string, args []string) error {
		return unix.Exec(args[0], append([]string{args[0], strings.Repeat(" ", 5000)}, args[1:]...), os.Environ())
	}},
	{"empty-arguments", func(_ string, args []string) error {
		argv := append([]string{args[0]}, make([]string, 5000)...)
		return unix.Exec(args[0], append(argv, args[1:]...), os.Environ())
	}},
	{"padded-environment", func(_ string, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		return unix.Exec(args[1], args[1:], []string{"PADDING=" + strings.Repeat("x", n), "LD_PRELOAD=/tmp/none.so"})
	}},
	{"socket-link", socketLink},
	{"connect", func(string, []string) error {
		fd, err := connectSelf()
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}},
	{"shell-on-udp", func(_ string, args []string) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
		return execOn(fd, args)
	}},
	{"shell-on-first", func(_ string, args []string) error {
		if err := unix.Close(0); err != nil {
			return err
		}
		fd, err := connectSelf() // the first free number is that of the standard input
		if err != nil {
			return err
		}
		if fd != 0 {
			return execOn(fd, args)
		}
		return unix.Exec(args[0], args, os.Environ())
	}},
	{"shell-on-unix", func(_ string, args []string) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		unix.Close(pair[1])
		return execOn(pair[0], args)
	}},
	{"shell-on-abstract", func(dir string, args []string) error {
		address := &unix.SockaddrUnix{Name: "@" + filepath.Base(dir)}
		server, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(server, address); err != nil {
			return err
		}
		if err := unix.Listen(server, 1); err != nil {
			return err
		}
		client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(client, address); err != nil {
			return err
		}
		return execOn(client, args)
	}},
	{"shell-on-fifo", func(dir string, args []string) error {
		fifo := filepath.Join(dir, "p")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			return err
		}
		fd, err := unix.Open(fifo, unix.O_RDWR, 0) // both ends, so that nobody waits
		if err != nil {
			return err
		}
		return execOn(fd, args)
	}},
}

// execOn executes a program with a descriptor as standard input.
func execOn(fd int, args []string) error {
	if err := unix.Dup3(fd, 0, 0); err != nil {
		return err
	}
	return unix.Exec(args[0], args, os.Environ())
}

// connectSelf connects to a socket of its own over the loopback. Both stay open over an exec, so that the
// connection lasts.
func connectSelf() (int, error) {
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	if server == 0 { // keep the first number free
		if server, err = unix.FcntlInt(0, unix.F_DUPFD, 3); err != nil {
			return -1, err
		}
		unix.Close(0)
	}
	if err := unix.Bind(server, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, err
	}
	if err := unix.Listen(server, 1); err != nil {
		return -1, err
	}
	address, err := unix.Getsockname(server)
	if err != nil {
		return -1, err
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	return client, unix.Connect(client, address)
}

// socketLink connects to the runtime's socket through a link with a harmless name.
func socketLink(dir string, args []string) error {
	link, err := symlink(dir, "x", args[0])
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return unix.Connect(fd, &unix.SockaddrUnix{Name: link})
}
