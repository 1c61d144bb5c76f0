// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// sqe is struct io_uring_sqe (include/uapi/linux/io_uring.h).
type sqe struct {
	op, flags uint8
	prio      uint16
	fd        int32
	off       uint64
	addr      uint64
	len       uint32
	opFlags   uint32
	data      uint64
	buf       uint16
	person    uint16
	spliceFD  int32 // or the place in the table of files, from 1
	addr3     uint64
	_         uint64
}

// cqe is struct io_uring_cqe.
type cqe struct {
	data  uint64
	res   int32
	flags uint32
}

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, cpu, idle, features, wq uint32
	_                                                    [3]uint32
	sq                                                   struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		user                                                uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		user                                                uint64
	}
}

// Flags of rings, calls and requests.
const (
	ringSQPoll     = 2
	ringGetEvents  = 1
	ringWakeup     = 2
	sqeFixedFile   = 1
	sqeSkipSuccess = 64
	featLinkedFile = 1 << 12 // requests keep the number of their descriptor
)

// testRing is an io_uring of the test's own.
type testRing struct {
	t      testing.TB
	fd     int
	p      ringParams
	rings  []byte
	cqs    []byte
	sqes   []byte
	number uint64
}

// newRing makes an io_uring, or skips where the kernel has none.
func newRing(t testing.TB, flags uint32) *testRing {
	t.Helper()
	r := &testRing{t: t, p: ringParams{flags: flags, idle: 100}}
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&r.p)), 0)
	if e != 0 {
		t.Skip("no io_uring here: ", e)
	}
	r.fd = int(fd)
	t.Cleanup(func() { unix.Close(r.fd) })
	mem := func(off int64, size uint32) []byte {
		b, err := unix.Mmap(r.fd, off, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(b) })
		return b
	}
	r.rings = mem(0, r.p.sq.array+4*r.p.sqEntries)
	r.cqs = mem(0x8000000, r.p.cq.cqes+16*r.p.cqEntries)
	r.sqes = mem(0x10000000, 64*r.p.sqEntries)
	return r
}

func (r *testRing) word(b []byte, off uint32) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&b[off]))
}

// submit puts a request into the ring and makes the kernel take it.
func (r *testRing) submit(s sqe) {
	r.t.Helper()
	r.number++
	s.data = r.number
	tail := r.word(r.rings, r.p.sq.tail)
	i := tail.Load() & (r.p.sqEntries - 1)
	*(*sqe)(unsafe.Pointer(&r.sqes[64*i])) = s
	*(*uint32)(unsafe.Pointer(&r.rings[r.p.sq.array+4*i])) = i
	tail.Add(1)
	n, flags := uintptr(1), uintptr(0)
	if r.p.flags&ringSQPoll != 0 {
		n, flags = 0, ringWakeup
	}
	if _, _, e := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), n, 0, flags, 0, 0); e != 0 {
		r.t.Fatal("io_uring_enter: ", e)
	}
}

// do submits a request, waits for it and returns its result.
func (r *testRing) do(s sqe) int64 {
	r.t.Helper()
	r.submit(s)
	head, tail := r.word(r.cqs, r.p.cq.head), r.word(r.cqs, r.p.cq.tail)
	for head.Load() == tail.Load() {
		if _, _, e := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), 0, 1, ringGetEvents, 0, 0); e != 0 && e != unix.EINTR {
			r.t.Fatal("io_uring_enter: ", e)
		}
	}
	c := *(*cqe)(unsafe.Pointer(&r.cqs[r.p.cq.cqes+16*(head.Load()&(r.p.cqEntries-1))]))
	head.Add(1)
	return int64(c.res)
}

// kept holds what requests point to, so that it stays where it is.
type kept struct{ all []any }

func (k *kept) text(s string) uint64 {
	b, _ := unix.BytePtrFromString(s)
	k.all = append(k.all, b)
	return uint64(uintptr(unsafe.Pointer(b)))
}

func (k *kept) bytes(b []byte) uint64 {
	k.all = append(k.all, b)
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}

// testRings makes calls through an io_uring and compares their events with those of the system calls.
func testRings(t *testing.T, s *Source) {
	if s.coll.Programs["on_ring_submit"] == nil {
		t.Skip("calls through an io_uring are not seen here")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var wants []want
	expect := func(typ event.Type, params map[string]any) { wants = append(wants, want{typ, params}) }
	ringFiles(t, newRing(t, 0), event.ViaIOUring, expect)
	ringSockets(t, newRing(t, 0), expect)
	awaitEvents(t, s, int64(unix.Gettid()), wants)

	// The kernel's thread takes the requests: they are the process's all the same.
	wants = nil
	ringFiles(t, newRing(t, ringSQPoll), event.ViaIOUring|event.ViaPoll, expect)
	awaitEvents(t, s, int64(os.Getpid()), wants)
}

// ringFiles makes the calls on files.
func ringFiles(t *testing.T, r *testRing, via int64, expect func(event.Type, map[string]any)) {
	t.Helper()
	type p = map[string]any
	var k kept
	defer runtime.KeepAlive(&k)
	const cwd = int64(unix.AT_FDCWD)
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := r.do(sqe{op: 39, fd: unix.AT_FDCWD, addr: k.text(real), len: 0xffffff9c, off: k.text(link + "h")}); res == 0 {
		expect(event.LinkAt, p{"res": int64(0), "oldpath": real, "newpath": link + "h", "io_uring": via})
		r.do(sqe{op: 38, fd: unix.AT_FDCWD, addr: k.text(real), off: k.text(link)})
		expect(event.SymlinkAt, p{"res": int64(0), "target": real, "linkdirfd": cwd, "linkpath": link, "io_uring": via})
		r.do(sqe{op: 37, fd: unix.AT_FDCWD, addr: k.text(dir + "/d"), len: 0o711})
		expect(event.MkdirAt, p{"res": int64(0), "path": dir + "/d", "mode": int64(0o711), "io_uring": via})
	} else if res != -int64(unix.EINVAL) {
		t.Errorf("linkat: %d", res)
	} else if err := os.Symlink(real, link); err != nil { // before 5.15
		t.Fatal(err)
	}
	_, ino, _ := inode(t, real)
	fd := r.do(sqe{op: 18, fd: unix.AT_FDCWD, addr: k.text(link), opFlags: unix.O_RDWR})
	expect(event.OpenAt, p{"fd": fd, "dirfd": cwd, "name": link, "flags": int64(3), "real_path": real, "ino": ino, "io_uring": via})
	missing := filepath.Join(dir, "missing")
	r.do(sqe{op: 18, fd: unix.AT_FDCWD, addr: k.text(missing)})
	expect(event.OpenAt, p{"fd": enoent, "name": missing, "io_uring": via})
	how := unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CREAT, Mode: 0o640, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	k.all = append(k.all, &how)
	made := filepath.Join(dir, "made")
	fd2 := r.do(sqe{op: 28, fd: unix.AT_FDCWD, addr: k.text(made), len: uint32(unsafe.Sizeof(how)), off: uint64(uintptr(unsafe.Pointer(&how)))})
	expect(event.OpenAt2, p{"fd": fd2, "name": made, "mode": int64(0o640), "resolve": int64(4), "real_path": made, "io_uring": via})
	in := make([]byte, 8)
	n := r.do(sqe{op: 22, fd: int32(fd), addr: k.bytes(in), len: 8})
	expect(113, p{"res": n, "data": "content", "size": int64(8), "pos": int64(0), "io_uring": via})
	r.do(sqe{op: 35, fd: unix.AT_FDCWD, addr: k.text(made), len: 0xffffff9c, off: k.text(made + "2")})
	expect(event.RenameAt2, p{"res": int64(0), "oldpath": made, "newpath": made + "2", "io_uring": via})
	r.do(sqe{op: 36, fd: unix.AT_FDCWD, addr: k.text(made + "2")})
	expect(event.UnlinkAt, p{"res": int64(0), "dirfd": cwd, "name": made + "2", "io_uring": via})
	r.do(sqe{op: 19, fd: int32(fd2)})
	expect(event.Close, p{"res": int64(0), "fd": fd2, "io_uring": via})
	unix.Close(int(fd))
	if r.p.features&(1<<11) != 0 { // requests whose success is not told
		r.submit(sqe{op: 18, flags: sqeSkipSuccess, fd: unix.AT_FDCWD, addr: k.text(real)})
		expect(event.OpenAt, p{"name": real, "fd": int64(0x7fffffff), "io_uring": via | event.ViaUnknown})
	}
	table := [4]int32{-1, -1, -1, -1}
	if _, _, e := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), 2, uintptr(unsafe.Pointer(&table)), 4, 0, 0); e != 0 {
		t.Fatal("register files: ", e)
	}
	if res := r.do(sqe{op: 18, fd: unix.AT_FDCWD, addr: k.text(real), spliceFD: 3}); res != 0 {
		t.Fatalf("open into the ring's table: %d", res)
	}
	expect(event.OpenAt, p{"name": real, "fd": int64(event.DirectFD + 2), "io_uring": via | event.ViaDirect})
	r.do(sqe{op: 22, flags: sqeFixedFile, fd: 2, addr: k.bytes(in), len: 3})
	place := int64(event.DirectFD + 2)
	if r.p.features&featLinkedFile == 0 { // the request does not keep the place either
		place = event.DirectFD - 1
	}
	expect(113, p{"data": "con", "fd": place, "io_uring": via | event.ViaDirect})
}

// ringSockets makes the calls on sockets.
func ringSockets(t *testing.T, r *testRing, expect func(event.Type, map[string]any)) {
	t.Helper()
	type p = map[string]any
	var k kept
	defer runtime.KeepAlive(&k)
	lfd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(lfd)
	if err := unix.Bind(lfd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(lfd, 5); err != nil {
		t.Fatal(err)
	}
	sa, _ := unix.Getsockname(lfd)
	port := sa.(*unix.SockaddrInet4).Port
	le := func(n int) string { return string([]byte{byte(n), byte(n >> 8)}) }
	cfd := r.do(sqe{op: 45, fd: unix.AF_INET, off: unix.SOCK_STREAM})
	if cfd >= 0 {
		expect(event.Socket, p{"fd": cfd, "domain": int64(2), "type": int64(1), "io_uring": int64(event.ViaIOUring)})
	} else { // before 5.19
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		cfd = int64(fd)
	}
	addr := []byte{unix.AF_INET, 0, byte(port >> 8), byte(port), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	if res := r.do(sqe{op: 16, fd: int32(cfd), addr: k.bytes(addr), off: uint64(len(addr))}); res != 0 {
		t.Fatalf("connect: %d", res)
	}
	ca, _ := unix.Getsockname(int(cfd))
	tuple := "\x02\x7f\x00\x00\x01" + le(ca.(*unix.SockaddrInet4).Port) + "\x7f\x00\x00\x01" + le(port)
	number := cfd
	if r.p.features&featLinkedFile == 0 { // before 5.19 the request does not keep the descriptor
		number = -1
	}
	expect(event.Connect, p{"res": int64(0), "tuple": tuple, "fd": number, "addr": "\x02\x7f\x00\x00\x01" + le(port), "io_uring": int64(event.ViaIOUring)})
	afd := r.do(sqe{op: 13, fd: int32(lfd)})
	expect(event.Accept4, p{"fd": afd, "tuple": tuple, "io_uring": int64(event.ViaIOUring)})
	n := r.do(sqe{op: 26, fd: int32(cfd), addr: k.bytes([]byte("hello")), len: 5})
	expect(event.SendTo, p{"res": n, "data": "hello", "fd": number, "size": int64(5), "tuple": tuple, "io_uring": int64(event.ViaIOUring)})
	in := make([]byte, 16)
	r.do(sqe{op: 27, fd: int32(afd), addr: k.bytes(in), len: 16})
	expect(event.RecvFrom, p{"res": int64(5), "data": "hello", "tuple": tuple, "io_uring": int64(event.ViaIOUring)})
	r.do(sqe{op: 34, fd: int32(cfd), len: unix.SHUT_WR})
	expect(event.Shutdown, p{"res": int64(0), "how": int64(1), "io_uring": int64(event.ViaIOUring)})
	unix.Close(int(afd))
	unix.Close(int(cfd))
	if bfd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); err == nil {
		defer unix.Close(bfd)
		path := filepath.Join(t.TempDir(), "sock")
		ua := append([]byte{unix.AF_UNIX, 0}, path+"\x00"...)
		if res := r.do(sqe{op: 56, fd: int32(bfd), addr: k.bytes(ua), off: uint64(len(ua))}); res == 0 {
			expect(event.Bind, p{"res": int64(0), "addr": "\x01" + path + "\x00", "fd": int64(bfd), "io_uring": int64(event.ViaIOUring)})
			r.do(sqe{op: 57, fd: int32(bfd), len: 7})
			expect(event.Listen, p{"res": int64(0), "backlog": int64(7), "io_uring": int64(event.ViaIOUring)})
		} else {
			t.Log(fmt.Sprint("bind through the ring: ", res))
		}
	}
}
