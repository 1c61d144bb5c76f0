// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dataActs move data without read, write, send or recv.
var dataActs = []act{
	{"sendmmsg", messages},
	{"sendfile", fromSecret(func(in int, dir string) error {
		out, err := output(dir)
		if err != nil {
			return err
		}
		_, err = unix.Sendfile(out, in, nil, 4096)
		return err
	})},
	{"splice", fromSecret(func(in int, _ string) error {
		_, w, err := pipe()
		if err != nil {
			return err
		}
		_, err = unix.Splice(in, nil, w, nil, 4096, 0)
		return err
	})},
	{"tee", fromSecret(func(in int, _ string) error {
		r, w, err := pipe()
		if err != nil {
			return err
		}
		_, second, err := pipe()
		if err != nil {
			return err
		}
		if _, err := unix.Splice(in, nil, w, nil, 4096, 0); err != nil {
			return err
		}
		_, err = unix.Tee(r, second, 4096, 0)
		return err
	})},
	{"vmsplice", func(string, []string) error {
		_, w, err := pipe()
		if err != nil {
			return err
		}
		_, err = unix.Vmsplice(w, []unix.Iovec{{Base: &message[0], Len: uint64(len(message))}}, 0)
		return err
	}},
	{"copy-range", fromSecret(func(in int, dir string) error {
		out, err := output(dir)
		if err != nil {
			return err
		}
		_, err = unix.CopyFileRange(in, nil, out, nil, 4096, 0)
		return err
	})},
	{"pwrite", toProfile(func(fd int) error { _, err := unix.Pwrite(fd, []byte("x"), 0); return err })},
	{"pwritev2", toProfile(func(fd int) error {
		_, err := unix.Pwritev2(fd, [][]byte{[]byte("x")}, 0, unix.RWF_DSYNC)
		return err
	})},
	{"preadv2", fromSecret(func(in int, _ string) error {
		_, err := unix.Preadv2(in, [][]byte{make([]byte, 64)}, 0, 0)
		return err
	})},
	{"mmap-write", toProfile(func(fd int) error {
		page, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		page[0] = 'x'
		return unix.Msync(page, unix.MS_SYNC)
	})},
	{"truncate", func(string, []string) error {
		if err := cover("/var/log", "/var/log/auth.log"); err != nil {
			return err
		}
		return unix.Truncate("/var/log/auth.log", 0)
	}},
	{"aio", toProfile(submitWrite)},
}

// fromSecret does something with the secret's descriptor.
func fromSecret(do func(in int, dir string) error) func(string, []string) error {
	return func(dir string, _ []string) error {
		fd, err := unix.Open(secret, unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return do(fd, dir)
	}
}

// toProfile does something with a descriptor of /etc/profile that can be written to.
func toProfile(do func(fd int) error) func(string, []string) error {
	return func(string, []string) error {
		if err := coverEtc("/etc/profile"); err != nil {
			return err
		}
		fd, err := unix.Open("/etc/profile", unix.O_RDWR, 0)
		if err != nil {
			return err
		}
		return do(fd)
	}
}

// output makes a file for stolen data.
func output(dir string) (int, error) {
	return unix.Open(filepath.Join(dir, "out"), unix.O_WRONLY|unix.O_CREAT, 0o600)
}

func pipe() (r, w int, err error) {
	var p [2]int
	err = unix.Pipe2(p[:], 0)
	return p[0], p[1], err
}

// message is what is sent. It stays where it is, other than what lies on a stack.
var message = []byte("secret")

// messageHeader is struct mmsghdr.
type messageHeader struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

// messages sends and receives datagrams in batches.
func messages(string, []string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	part := &unix.Iovec{Base: &message[0], Len: uint64(len(message))}
	m := &messageHeader{header: unix.Msghdr{Iov: part, Iovlen: 1}}
	for i, nr := range []uintptr{unix.SYS_SENDMMSG, unix.SYS_RECVMMSG} {
		if _, err := call(nr, uintptr(pair[i]), uintptr(unsafe.Pointer(m)), 1, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// request is struct iocb, as far as a write at the start needs it.
type request struct {
	_              [16]byte
	operation      uint16
	_              int16
	fd             uint32
	buffer, length uint64
	_              [24]byte
}

// submitWrite writes by the kernel's asynchronous input and output.
func submitWrite(fd int) error {
	var context uintptr
	if _, err := call(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&context))); err != nil {
		return err
	}
	r := &request{operation: 1, fd: uint32(fd), buffer: pointer(unsafe.Pointer(&message[0])), length: 1}
	n, err := call(unix.SYS_IO_SUBMIT, context, 1, uintptr(unsafe.Pointer(&r)))
	if err != nil || n != 1 {
		return fmt.Errorf("io_submit: %d, %w", n, err)
	}
	var event [4]uint64
	_, err = call(unix.SYS_IO_GETEVENTS, context, 1, 1, uintptr(unsafe.Pointer(&event[0])), 0)
	_, _ = call(unix.SYS_IO_DESTROY, context)
	return err
}

// mountActs mount, and make the kernel run programs.
var mountActs = []act{
	{"new-mount", func(dir string, _ []string) error {
		fs, err := unix.Fsopen("tmpfs", 0)
		if err != nil {
			return err
		}
		if err := unix.FsconfigCreate(fs); err != nil {
			return err
		}
		fd, err := unix.Fsmount(fs, 0, 0)
		if err != nil {
			return err
		}
		return unix.MoveMount(fd, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}},
	{"new-cgroup", func(dir string, _ []string) error {
		fs, err := unix.Fsopen("cgroup", 0)
		if err != nil {
			return err
		}
		return unix.FsconfigSetString(fs, "none", "")
	}},
	{"set-attributes", func(dir string, _ []string) error {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
			return err
		}
		return unix.MountSetattr(unix.AT_FDCWD, dir, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
	}},
	// Opened for writing and left as they are: the machine's settings stay.
	{"open-write", func(_ string, args []string) error { return openAt(unix.AT_FDCWD, args[0], unix.O_WRONLY) }},
	{"write-agent", func(dir string, _ []string) error {
		path := filepath.Join(dir, "release_agent")
		return os.WriteFile(path, []byte("/x"), 0o644)
	}},
	{"preload-file", func(string, []string) error {
		if err := coverEtc(); err != nil {
			return err
		}
		return os.WriteFile("/etc/ld.so.preload", []byte("/tmp/none.so\n"), 0o644)
	}},
}
