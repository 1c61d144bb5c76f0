// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fds enters the open descriptors of a process.
func (f *procFS) fds(p *Process) {
	s := f.s
	from := s.opt.Now()
	nums, err := f.ids(f.file(p.PID, "fd"))
	if err != nil {
		return
	}
	s.pool.release(&p.FDs)
	before := f.scanning
	f.scanning = true
	for _, num := range nums {
		f.readFD(p, num)
	}
	f.scanning = before
	p.fdsFrom, p.fdsTo = from, max(s.opt.Now(), from)
}

// readFD enters one descriptor of a process and returns the entry; nil if /proc does not know it.
func (f *procFS) readFD(p *Process, num int64) *FD {
	s := f.s
	name := "fd/" + strconv.FormatInt(num, 10)
	link, ok := f.readlink(p.PID, name)
	if !ok {
		return nil
	}
	fd := s.pool.get()
	fd.Num, fd.since = num, s.opt.Now()
	f.describe(fd, p, name, string(link))
	if s.pool.put(&p.FDs, fd) == nil {
		s.pool.recycle(fd)
		return nil
	}
	return fd
}

// describe takes what a descriptor is from where its link leads.
func (f *procFS) describe(fd *FD, p *Process, name, link string) {
	kind, rest, _ := strings.Cut(link, ":")
	switch {
	case kind == "socket":
		fd.Ino = bracketed(rest)
		f.socket(fd, p)
	case kind == "pipe":
		fd.Type, fd.Ino = FDFifo, bracketed(rest)
	case kind == "anon_inode":
		fd.Type = anonType(rest)
	default:
		f.regular(fd, p, name, link)
		return
	}
	f.complete(fd, p)
}

// bracketed is the number in a text like "[123]".
func bracketed(s string) uint64 {
	v, _ := strconv.ParseUint(strings.Trim(s, "[]"), 10, 64)
	return v
}

// anonType is the type of an anonymous inode by its name.
func anonType(name string) FDType {
	switch strings.Trim(name, "[]") {
	case "eventfd":
		return FDEvent
	case "eventpoll":
		return FDEventPoll
	case "signalfd":
		return FDSignalFD
	case "timerfd":
		return FDTimerFD
	case "inotify":
		return FDInotify
	case "io_uring":
		return FDIOUring
	case "userfaultfd":
		return FDUserFault
	case "pidfd":
		return FDPidFD
	}
	if strings.HasPrefix(name, "bpf") || strings.HasPrefix(name, "[bpf") {
		return FDBPF
	}
	return FDUnsupported
}

// regular fills in a descriptor that has a path.
func (f *procFS) regular(fd *FD, p *Process, name, link string) {
	fd.Type = FDFileV2
	fd.SetName(link)
	if strings.HasPrefix(link, "/memfd:") {
		fd.Type = FDMemFD
	}
	var st unix.Stat_t
	if unix.Stat(f.file(p.PID, name), &st) == nil {
		fd.Ino, fd.NLink, fd.Dev = st.Ino, uint32(st.Nlink), uint32(st.Dev)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			fd.Type = FDDirectory
		case unix.S_IFIFO:
			fd.Type = FDFifo
		case unix.S_IFSOCK:
			fd.Type = FDUnsupported
		}
	}
	info, ok := f.complete(fd, p)
	if !ok {
		return
	}
	flags, _ := strconv.ParseUint(value(info, "flags:"), 8, 32)
	fd.Open = openFlags(uint32(flags))
	mount, _ := strconv.ParseUint(value(info, "mnt_id:"), 10, 32)
	fd.MountID = uint32(mount)
	if !f.scanning {
		return // a table of mounts is too much to read for one descriptor
	}
	if dev, ok := f.mountDev(p, fd.MountID); ok {
		fd.Dev = dev
	}
}

// complete fills in whether an exec closes the descriptor and, for a pidfd, its process. It returns
// the file that told.
func (f *procFS) complete(fd *FD, p *Process) ([]byte, bool) {
	info, ok := f.read(p.PID, "fdinfo/"+strconv.FormatInt(fd.Num, 10), 4096)
	if !ok {
		return nil, false
	}
	if flags, _ := strconv.ParseUint(value(info, "flags:"), 8, 32); flags&unix.O_CLOEXEC != 0 {
		fd.Flags |= FDCloseOnExec
	}
	if fd.Type == FDPidFD {
		fd.PID, _ = strconv.ParseInt(value(info, "Pid:"), 10, 64)
		fd.SetName(f.prefix + strconv.FormatInt(fd.PID, 10))
	}
	return info, true
}

// value is the text behind key at the start of a line.
func value(b []byte, key string) string {
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if v, ok := bytes.CutPrefix(line, []byte(key)); ok {
			return string(bytes.TrimSpace(v))
		}
	}
	return ""
}

// openFlags turns the kernel's open flags into the published ones.
func openFlags(k uint32) (flags uint32) {
	switch k & unix.O_ACCMODE {
	case unix.O_RDONLY:
		flags = 1
	case unix.O_WRONLY:
		flags = 2
	case unix.O_RDWR:
		flags = 3
	}
	for _, m := range [...]struct{ kernel, published uint32 }{
		{unix.O_CREAT, 4}, {unix.O_APPEND, 8}, {unix.O_DSYNC, 16}, {unix.O_EXCL, 32}, {unix.O_NONBLOCK, 64},
		{unix.O_SYNC, 128}, {unix.O_TRUNC, 256}, {unix.O_DIRECT, 512}, {unix.O_DIRECTORY, 1024},
		{0o100000, 2048}, {unix.O_CLOEXEC, 4096}, {unix.O_TMPFILE, 8192},
	} {
		if k&m.kernel == m.kernel {
			flags |= m.published
		}
	}
	return flags
}

// mountDev is the device of a mount, as the process' mount namespace numbers it.
func (f *procFS) mountDev(p *Process, id uint32) (dev uint32, ok bool) {
	link, ok := f.readlink(p.PID, "ns/mnt")
	if !ok || id == 0 {
		return 0, false
	}
	if f.mounts == nil {
		f.mounts = map[string]map[uint32]uint32{}
	}
	m, ok := f.mounts[string(link)]
	if !ok {
		key := string(link)
		m = map[uint32]uint32{}
		if b, ok := f.read(p.PID, "mountinfo", 1<<22); ok {
			parseMounts(m, b)
		}
		f.mounts[key] = m
	}
	dev, ok = m[id]
	return dev, ok
}

// parseMounts reads the numbers and devices from a mountinfo file.
func parseMounts(m map[uint32]uint32, b []byte) {
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		fields := bytes.SplitN(line, []byte{' '}, 4)
		if len(fields) < 4 {
			continue
		}
		id, err := strconv.ParseUint(string(fields[0]), 10, 32)
		major, minor, ok := strings.Cut(string(fields[2]), ":")
		if err != nil || !ok {
			continue
		}
		ma, _ := strconv.ParseUint(major, 10, 32)
		mi, _ := strconv.ParseUint(minor, 10, 32)
		m[uint32(id)] = uint32(unix.Mkdev(uint32(ma), uint32(mi)))
	}
}

// forgetTables drops what was read for one scan.
func (f *procFS) forgetTables() { f.nets, f.mounts = nil, nil }
