// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// procFS reads the host's /proc. Its buffers are reused.
type procFS struct {
	s      *State
	prefix string // of the paths of processes: "/proc/" or "/host/proc/"
	path   []byte
	buf    []byte
	link   []byte

	forThreads, forFDs, forNets budget // of the lookups of threads, of descriptors, of socket tables

	// scanning says that many descriptors are read, for which the socket tables are read once.
	scanning bool
	nets     map[string]map[uint64]sock // by net namespace, while a scan lasts
	mounts   map[string]map[uint32]uint32
}

// newProcFS returns a reader of the /proc below the host's root.
func newProcFS(s *State) *procFS {
	return &procFS{
		s:      s,
		prefix: filepath.Join(s.opt.HostRoot, "proc") + "/",
		buf:    make([]byte, 0, 8192),
		link:   make([]byte, 4096),
	}
}

// allowed takes one of the lookups that this second has; false if there is none left.
func (f *procFS) allowed() bool {
	if !f.s.opt.ProcLookup {
		return false
	}
	if !f.forThreads.take(f.s.opt.MaxLookups) {
		f.s.stats.LookupsRefused++
		return false
	}
	return true
}

// file returns the path of a file of the task, valid until the next call.
func (f *procFS) file(tid int64, name string) string {
	f.path = append(f.path[:0], f.prefix...)
	f.path = strconv.AppendInt(f.path, tid, 10)
	f.path = append(append(f.path, '/'), name...)
	return string(f.path)
}

// read returns the content of a task's file up to limit, valid until the next read.
func (f *procFS) read(tid int64, name string, limit int) ([]byte, bool) {
	return f.readPath(f.file(tid, name), limit)
}

// readPath is read for any file.
func (f *procFS) readPath(path string, limit int) ([]byte, bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	buf := f.buf[:0]
	for len(buf) < limit {
		if cap(buf)-len(buf) < 2048 {
			buf = append(buf, make([]byte, 4096)...)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			f.keep(buf)
			return buf, err == nil
		}
		buf = buf[:len(buf)+n]
	}
	f.keep(buf)
	return buf[:limit], true
}

// tail returns the last n bytes of a task's file that has the given size; nil if it has another one. Valid
// until the next read.
func (f *procFS) tail(tid int64, name string, size int64, n int) []byte {
	fd, err := unix.Open(f.file(tid, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if cap(f.buf) < n+1 {
		f.buf = make([]byte, 0, n+1)
	}
	buf := f.buf[:n+1]
	got, err := unix.Pread(fd, buf, max(size-int64(n), 0))
	if err != nil || got != n {
		return nil
	}
	return buf[:got]
}

// keep keeps a buffer for the next read unless it has become large.
func (f *procFS) keep(buf []byte) {
	if cap(buf) <= 1<<20 {
		f.buf = buf[:0]
	}
}

// readlink returns the target of a task's link, valid until the next call.
func (f *procFS) readlink(tid int64, name string) ([]byte, bool) {
	n, err := unix.Readlink(f.file(tid, name), f.link)
	if err != nil || n <= 0 {
		return nil, false
	}
	return f.link[:n], true
}

// alive reports whether there is such a task.
func (f *procFS) alive(tid int64) bool {
	return unix.Access(f.file(tid, "comm"), unix.F_OK) == nil
}

// status is what the file of that name tells of a task.
type status struct {
	tgid, ppid        int64
	vtid, vpid, vpgid int64
	uid, gid          uint32
	caps              Caps
	vm                VM
	found             bool
}

// status reads the file of that name.
func (f *procFS) status(tid int64) (st status) {
	b, ok := f.read(tid, "status", 1<<14)
	if !ok {
		return st
	}
	st = status{tgid: -1, ppid: -1, vtid: tid, vpid: -1, vpgid: -1, uid: NoID, gid: NoID, found: true}
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		key, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		st.set(string(key), value)
	}
	if st.vpid < 0 {
		st.vpid = st.tgid
	}
	return st
}

// set takes one line.
func (st *status) set(key string, value []byte) {
	switch key {
	case "Tgid":
		st.tgid = number(value, 0)
	case "PPid":
		st.ppid = number(value, 0)
	case "Uid":
		st.uid = uint32(number(value, 1))
	case "Gid":
		st.gid = uint32(number(value, 1))
	case "NSpid":
		st.vtid = last(value)
	case "NStgid":
		st.vpid = last(value)
	case "NSpgid":
		st.vpgid = last(value)
	case "CapInh":
		st.caps.Inheritable = hexNumber(value)
	case "CapPrm":
		st.caps.Permitted = hexNumber(value)
	case "CapEff":
		st.caps.Effective = hexNumber(value)
	case "VmSize":
		st.vm.Size = uint32(number(value, 0))
	case "VmRSS":
		st.vm.RSS = uint32(number(value, 0))
	case "VmSwap":
		st.vm.Swap = uint32(number(value, 0))
	}
}

// number returns the n-th number in b, -1 if there is none.
func number(b []byte, n int) int64 {
	fields := bytes.Fields(b)
	if n >= len(fields) {
		return -1
	}
	v, err := strconv.ParseInt(string(fields[n]), 10, 64)
	if err != nil {
		return -1
	}
	return v
}

// last returns the last number in b.
func last(b []byte) int64 { return number(b, len(bytes.Fields(b))-1) }

// hexNumber returns the hexadecimal number in b, 0 if there is none.
func hexNumber(b []byte) uint64 {
	v, _ := strconv.ParseUint(string(bytes.TrimSpace(b)), 16, 64)
	return v
}

// stat is what the file of that name tells of a task beyond status.
type stat struct {
	pgid, sid, tty  int64
	minor, major    uint64
	start           uint64 // clock ticks since the boot
	args, env       uint64 // lengths in bytes; 0 if the kernel does not say
	comm            string
	found, isZombie bool
	kernel          bool // a thread of the kernel
}

// stat reads the file of that name.
func (f *procFS) stat(tid int64) (st stat) {
	b, ok := f.read(tid, "stat", 1<<13)
	if !ok {
		return st
	}
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return st
	}
	st.comm = f.s.names.str(b[open+1 : end])
	fields := bytes.Fields(b[end+1:])
	if len(fields) < 20 {
		return st
	}
	at := func(i int) uint64 {
		v, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return uint64(v)
	}
	st.isZombie = fields[0][0] == 'Z' || fields[0][0] == 'X'
	const kernelThread = 0x200000 // PF_KTHREAD
	st.kernel = at(6)&kernelThread != 0
	st.pgid, st.sid, st.tty = int64(at(2)), int64(at(3)), int64(at(4))
	st.minor, st.major, st.start = at(7), at(9), at(19)
	if len(fields) > 48 {
		st.args, st.env = between(at(45), at(46)), between(at(47), at(48))
	}
	st.found = true
	return st
}

// between is the length of an area of memory.
func between(start, end uint64) uint64 {
	if end <= start {
		return 0
	}
	return end - start
}

// bootTime is when the machine started, ns since the epoch.
func (f *procFS) bootTime() uint64 {
	var real, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return uint64(real.Nano() - boot.Nano())
}

// thread enters one thread, and its process before it if that is not known yet.
func (f *procFS) thread(tid int64, fds bool) *Thread {
	s := f.s
	now := s.opt.Now()
	st := f.status(tid)
	if !st.found || st.tgid <= 0 {
		return nil
	}
	if st.tgid != tid {
		p := s.procs[st.tgid]
		if p == nil {
			if f.thread(st.tgid, fds) == nil {
				return nil
			}
			p = s.procs[st.tgid]
		}
		t := f.enterThread(p, tid, &st, now)
		if t != nil {
			s.tellThread(t)
		}
		return t
	}
	p := s.addProcess(tid)
	t := f.enterThread(p, tid, &st, now)
	if t == nil {
		return nil
	}
	f.fillProcess(p, t, &st)
	if fds {
		f.fds(p)
	}
	s.tellThread(t)
	return t
}

// enterThread enters a thread, or renews the entry that there is.
func (f *procFS) enterThread(p *Process, tid int64, st *status, now uint64) *Thread {
	s := f.s
	t := s.threads.get(tid)
	details := f.stat(tid)
	if !details.found || details.kernel {
		s.dropEmpty(p)
		return nil
	}
	if t == nil || t.Fake || t.Proc != p {
		if t = s.addThread(tid, p); t == nil {
			return nil
		}
	}
	t.VTID, t.UID, t.GID, t.Caps, t.VM = st.vtid, st.uid, st.gid, st.caps, st.vm
	t.Comm, t.PFMajor, t.PFMinor = details.comm, details.major, details.minor
	t.snapshot, t.seen = now, now
	if details.isZombie && !t.Dead {
		s.endThread(t)
	}
	if tid != p.PID {
		t.Flags = cloneThread | cloneFiles
		return t
	}
	p.PGID, p.SID, p.TTY = details.pgid, details.sid, uint32(details.tty)
	if boot := f.bootTime(); boot != 0 && details.found {
		// The clock ticks at 100 Hz for user space on every platform.
		p.StartTime = boot + details.start*10_000_000
	}
	return t
}

// fillProcess takes what /proc tells of a process beyond its threads.
func (f *procFS) fillProcess(p *Process, t *Thread, st *status) {
	s, pid := f.s, p.PID
	p.VPID, p.VPGID, p.snapshot = st.vpid, st.vpgid, t.snapshot
	s.linkParent(p, st.ppid)
	if b, ok := f.readlink(pid, "exe"); ok {
		f.exe(p, string(b))
	}
	if b, ok := f.read(pid, "cmdline", maxBlock); ok && len(b) > 0 {
		exe, args, _ := bytes.Cut(b, []byte{0})
		p.Exe = s.names.str(exe)
		s.setArgs(p, t.Comm, args)
		s.guessScript(p, t.Comm, args)
	} else {
		p.CmdLine = t.Comm
	}
	if b, ok := f.read(pid, "environ", MaxEnv); ok && len(b) > 0 {
		s.setEnv(p, b, nil)
	}
	f.lengths(p)
	if b, ok := f.readlink(pid, "root"); ok {
		p.Root = s.names.str(b)
	}
	if b, ok := f.readlink(pid, "cwd"); ok {
		s.setCwd(p, string(b))
		p.snapshotCwd = s.opt.Now()
	}
	if b, ok := f.read(pid, "loginuid", 32); ok {
		if v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32); err == nil {
			p.LoginUID = uint32(v)
		}
	}
	f.limits(p)
	f.cgroups(p)
	var when unix.Stat_t
	if unix.Stat(f.file(pid, "cmdline"), &when) == nil {
		p.CloneTS = nanos(when.Ctim)
		t.CloneTS = p.CloneTS
	}
	if unix.Stat(f.file(pid, "root/proc/1/cmdline"), &when) == nil {
		p.PIDNSStartTS = nanos(when.Ctim)
	}
}

// lengths takes how long arguments and environment are, and the end of arguments of which the start alone is
// kept. Programs that began before there were events of them have it from here.
func (f *procFS) lengths(p *Process) {
	st := f.stat(p.PID)
	p.ArgsLen, p.EnvLen = st.args, st.env
	if p.ArgsLen > maxBlock {
		p.ArgsTail = argsTail(f.tail(p.PID, "cmdline", int64(p.ArgsLen), maxBlock-1))
	}
}

// nanos returns a time in ns since the epoch.
func nanos(t unix.Timespec) uint64 { return uint64(t.Nano()) }

// exe takes what is to be known of the executed file, whose link leads to path.
func (f *procFS) exe(p *Process, path string) {
	s := f.s
	s.setTrustedExe(p, path)
	p.Exec.FromMemFD = strings.HasPrefix(path, "/memfd:")
	var st unix.Stat_t
	if unix.Stat(f.file(p.PID, "exe"), &st) != nil {
		return
	}
	p.Exec.Ino, p.Exec.NLink = st.Ino, uint32(st.Nlink)
	p.Exec.Dev = uint32(st.Dev)
	p.Exec.CTime, p.Exec.MTime = nanos(st.Ctim), nanos(st.Mtim)
	if t := p.Main; t != nil {
		p.Exec.Writable = writable(&st, t)
	}
}

// writable reports whether the user of t may write to a file: he owns it, so that he could allow it
// to himself, has the permission, or the capability to go without.
func writable(st *unix.Stat_t, t *Thread) bool {
	const dacOverride = 1 << 1
	return t.UID == st.Uid || t.Caps.Effective&dacOverride != 0 ||
		st.Mode&0o002 != 0 || t.GID == st.Gid && st.Mode&0o020 != 0
}

// limits takes the limit on descriptors.
func (f *procFS) limits(p *Process) {
	b, ok := f.read(p.PID, "limits", 1<<13)
	if !ok {
		return
	}
	i := bytes.Index(b, []byte("Max open files"))
	if i < 0 {
		return
	}
	line, _, _ := bytes.Cut(b[i+len("Max open files"):], []byte{'\n'})
	p.FDLimit = number(line, 0)
}

// Scan enters all processes of the host with their threads and descriptors, as /proc tells them.
// Events up to the time at which each was read change it no more. It returns how many threads it
// entered.
func (s *State) Scan() (threads int, err error) {
	f := s.proc
	defer f.forgetTables()
	pids, err := f.ids(f.prefix)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		if f.thread(pid, true) == nil {
			continue
		}
		threads++
		tids, err := f.ids(f.file(pid, "task"))
		if err != nil {
			continue
		}
		for _, tid := range tids {
			if tid != pid && f.thread(tid, false) != nil {
				threads++
			}
		}
	}
	s.fixServers()
	return threads, nil
}

// ids returns the numbers among the names in a directory.
func (f *procFS) ids(dir string) ([]int64, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, len(names))
	for _, n := range names {
		if id, err := strconv.ParseInt(n, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
