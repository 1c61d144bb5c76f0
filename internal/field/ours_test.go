// SPDX-License-Identifier: Apache-2.0

package field

import (
	"slices"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

const noValue = "no value"

// texts are the values of fields as an output prints them.
func checkTexts(t *testing.T, c *Context, want map[string]string) {
	t.Helper()
	cat := Default()
	for name, text := range want {
		got, ok, err := caseText(cat, c, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !ok {
			got = noValue
		}
		if got != text {
			t.Errorf("%s on %s: %q, want %q", name, c.Ev.Info().Name, got, text)
		}
	}
}

func TestSceneValues(t *testing.T) {
	noServices(t)
	s := newScene(t)
	checkTexts(t, s.step(0), map[string]string{
		"evt.type": "openat", "fd.name": "/root/shadow", "fd.nameraw": "notes/../shadow", "fd.path.real": "/etc/shadow",
		"fs.path.name": "/root/shadow", "fs.path.real": "/etc/shadow", "fs.path.real.ino": "9", "fs.path.real.nlink": "1",
		"fs.path.real.dev": "1", "evt.arg_mismatch": "false", "evt.arg.flags": "O_CREAT|O_RDONLY|O_CLOEXEC",
		"evt.arg.name": "/root/shadow", "evt.arg[1]": "AT_FDCWD", "evt.arg.mode": "0644", "evt.arg.real_path": "/etc/shadow",
		"evt.args":   "fd=5(<f>/root/shadow) dirfd=-100(AT_FDCWD) name=notes/../shadow(/root/shadow) flags=4101(O_CREAT|O_RDONLY|O_CLOEXEC) mode=0644 dev=1 ino=9",
		"proc.aname": "bash sshd systemd", "proc.apid": "4", "proc.apid[2]": "2", "proc.pname": "bash", "proc.pcmdline": "bash -s https://example.com",
		"proc.env[HOME]": "/root", "proc.env[NO]": "", "proc.aenv[PATH]": "/bin:/usr/bin", "container.id": "host", "container.name": "host",
		"container.image.repository": "", "evt.hostname": "box", "evt.type.is.openat": "1", "evt.type.is[3]": "0", "thread.cgroup.cpu": "/user.slice",
		"evt.abspath": "/root/shadow", "proc.lineage.name": "bash sshd systemd", "proc.exe.dev": "1", "proc.is_orphan": "false", "proc.args.truncated": noValue,
		"thread.cap_effective": "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID",
		"fd.types[1]":          "(pipe)", "evt.around[1566230400010000000]": "0", "proc.sname": "sshd", "proc.pgid.name": "bash",
	})
	s.step(2)
	checkTexts(t, s.step(3), map[string]string{
		"fd.name": "10.0.0.2:40000->93.184.216.34:443", "fd.cip": "10.0.0.2", "fd.sip": "93.184.216.34", "fd.lip": "10.0.0.2",
		"fd.rport": "443", "fd.l4proto": "tcp", "fd.type": "ipv4", "fd.is_server": "false", "fd.connected": "true", "fd.snet": "<IPNET>",
		"fd.sproto": "443", "evt.arg.addr": "93.184.216.34:443", "evt.rawres": "0", "evt.res": "SUCCESS", "fs.path.real": noValue,
		"evt.arg_mismatch": noValue, "fd.sip.name": noValue, "fd.uid": "46",
	})
	checkTexts(t, s.step(4), map[string]string{
		"evt.res": "ESRCH", "evt.failed": "true", "evt.arg.sig": "SIGKILL", "evt.arg.pid": "bash", "fd.name": noValue, "fd.num": noValue,
	})
	checkTexts(t, s.step(5), map[string]string{
		"fs.path.source": "/dev/thing2/a", "fs.path.target": "/root/b", "fs.path.sourceraw": "a", "evt.abspath.dst": "/root/b", "evt.abspath.src": "/dev/thing2/a",
	})
	checkTexts(t, s.step(6), map[string]string{"evt.type": "sync", "syscall.type": "sync", "evt.args": "", "evt.rawres": noValue})
	checkTexts(t, s.step(8), map[string]string{"fs.path.name": "/dev/thing2/x", "evt.arg.mode": "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"})
}

// TestTextsOfOneEvent holds what is said of single events that the scene does not have.
func TestTextsOfOneEvent(t *testing.T) {
	for _, tc := range []struct {
		name   string
		typ    event.Type
		params statetest.P
		want   map[string]string
	}{
		{"an event of ours is shown whole", event.FchmodAt2, statetest.P{"res": 0, "dirfd": 2, "filename": "x", "mode": 0o4755, "flags": 0x100},
			map[string]string{"evt.args": "res=0 dirfd=2(<d>/dev/thing2) filename=x(/dev/thing2/x) mode=04755(S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID) " +
				"flags=256(AT_SYMLINK_NOFOLLOW)", "evt.info": "res=0 dirfd=2(<d>/dev/thing2) filename=x(/dev/thing2/x) mode=04755(S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID) " +
				"flags=256(AT_SYMLINK_NOFOLLOW)"}},
		{"with what the kernel resolved", event.Truncate, statetest.P{"res": 0, "path": "x", "length": 3, "real_path": "/r/x", "real_dev": 1, "real_ino": 9, "real_nlink": 1},
			map[string]string{"evt.args": "res=0 path=x(/root/x) length=3 real_path=/r/x real_dev=1 real_ino=9 real_nlink=1"}},
		{"without what it did not", event.Truncate, statetest.P{"res": -2, "path": "x", "length": 3},
			map[string]string{"evt.args": "res=-2(ENOENT) path=x(/root/x) length=3"}},
		{"one that failed too", event.FSOpen, statetest.P{"fd": -19, "fsname": "nofs", "flags": 1},
			map[string]string{"evt.args": "fd=-19(ENODEV) fsname=nofs flags=1"}},
		{"an exec", event.Execve, statetest.P{"res": 0, "exe": "x", "trusted_exepath": "/usr/bin/x", "exe_ino": 7, "exe_dev": 8, "exe_nlink": 3, "filename": "./x"},
			map[string]string{"fs.path.real": "/usr/bin/x", "fs.path.real.ino": "7", "fs.path.real.dev": "8", "fs.path.real.nlink": "3", "fs.path.real.mntid": noValue,
				"fs.path.real.target": noValue, "evt.arg_mismatch": noValue}},
		{"an exec that failed", event.Execveat, statetest.P{"res": -2, "exe": "x"},
			map[string]string{"fs.path.real": noValue, "fs.path.real.ino": noValue}},
		{"a failed open, relative to the current directory", event.OpenAt, statetest.P{"fd": -2, "dirfd": atFDCWD, "name": "a/../b", "flags": 1},
			map[string]string{"fs.path.name": "/root/b", "fs.path.nameraw": "a/../b", "fd.name": "/root/b"}},
		{"a failed open, relative to a descriptor", event.OpenAt2, statetest.P{"fd": -40, "dirfd": 2, "name": "b", "flags": 1},
			map[string]string{"fs.path.name": "/dev/thing2/b", "fs.path.nameraw": "b", "fd.name": "/dev/thing2/b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			s.events = append(s.events[:0:0], statetest.Event(t, tc.typ, 1566230400010000000, 4, tc.params))
			checkTexts(t, s.step(0), tc.want)
		})
	}
}

func TestArgMismatch(t *testing.T) {
	for _, tc := range []struct {
		given, real string
		flags       int
		fd          int
		want        string
	}{
		{"/etc/passwd", "/etc/passwd", 1, 5, "false"},
		{"/var/run/secret", "/run/secret", 1, 5, "false"},
		{"/tmp/link", "/etc/shadow", 1, 5, "true"},
		{"/etc/hostname", "/etc/shadow", 1, 5, "true"},
		{"/a/../b/./c", "/b/c", 1, 5, "false"},
		{"gone", "/root/gone (deleted)", 1, 5, "false"},
		{"/tmp", "/tmp/#1234 (deleted)", oTmpfile | oWronly, 5, noValue},
		{"/etc/passwd", "", 1, 5, noValue},
		{"/etc/passwd", "/etc/passwd", 1, -1, noValue},
	} {
		s := newScene(t)
		ev := statetest.Event(t, event.Open, 5, 4, statetest.P{"fd": tc.fd, "name": tc.given, "flags": tc.flags, "mode": 0, "real_path": tc.real})
		th, fd, num := s.st.Apply(ev)
		s.c.Reset(ev, s.st, th, fd, num, syscalls)
		checkTexts(t, s.c, map[string]string{"evt.arg_mismatch": tc.want})
	}
}

// TestLineage follows makers that are gone, and stops where the tree turns into a loop.
func TestLineage(t *testing.T) {
	s := newScene(t)
	c := s.step(0)
	p := c.Thread.Proc
	dead := &state.Process{PID: 77, CmdLine: "dropper -x", Gone: true, Main: &state.Thread{Comm: "dropper"}, Lineage: p.Parent}
	p.Lineage = dead
	checkTexts(t, c, map[string]string{
		"proc.lineage.name[1]": "dropper", "proc.lineage.name": "dropper bash sshd systemd", "proc.lineage.cmdline[1]": "dropper -x",
		"proc.lineage.pid[1]": "77", "proc.is_orphan": "true", "proc.aname[1]": "bash", "proc.lineage.name[9]": noValue,
	})
	// Conditions on any ancestor find it, outputs print what they always did.
	for name, want := range map[string]bool{"dropper": true, "sshd": true, "nobody": false} {
		f, a, err := Default().Resolve("proc.aname", "", false)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(f.Strs(c, &a, nil), name); got != want {
			t.Errorf("proc.aname has %s: %v", name, got)
		}
	}
	checkTexts(t, c, map[string]string{"proc.aname": "bash sshd systemd"})
	dead.Lineage, dead.Parent = p, p
	checkTexts(t, c, map[string]string{"proc.lineage.name[9]": noValue})
}

// TestExecFields asks what an exec leaves: the script, and the kinds of the first descriptors.
func TestExecFields(t *testing.T) {
	s := newScene(t)
	apply := func(typ event.Type, ts uint64, params statetest.P) *Context {
		ev := statetest.Event(t, typ, ts, 4, params)
		th, fd, num := s.st.Apply(ev)
		s.c.Reset(ev, s.st, th, fd, num, syscalls)
		s.st.After(ev)
		return s.c
	}
	apply(event.Socket, 10, statetest.P{"fd": 0, "domain": 2, "type": 1})
	apply(event.Pipe, 11, statetest.P{"res": 0, "fd1": 1, "fd2": 7})
	apply(event.Close, 12, statetest.P{"res": 0, "fd": 2})
	exec := statetest.P{"res": 0, "exe": "./run", "pid": 4, "tid": 4, "comm": "run", "filename": "./run", "interp": "/bin/sh", "trusted_exepath": "/bin/dash"}
	checkTexts(t, apply(event.Execve, 13, exec), map[string]string{
		"proc.script": "/root/run", "proc.interp": "/bin/sh", "proc.exepath": "/bin/dash", "proc.exec.stdin.type": "ipv4", "proc.exec.stdout.type": "pipe",
		"proc.exec.stderr.type": noValue, "proc.args.tail": noValue})
	apply(event.Close, 14, statetest.P{"res": 0, "fd": 0})
	checkTexts(t, apply(event.OpenAt, 15, statetest.P{"fd": 9, "dirfd": -100, "name": "/opt", "flags": 1024}), map[string]string{
		"proc.exec.stdin.type": "ipv4", "proc.stdin.type": noValue})
	exec["filename"] = "/dev/fd/9/tool"
	checkTexts(t, apply(event.Execve, 16, exec), map[string]string{"proc.script": "/opt/tool", "proc.exec.stdin.type": noValue})
	delete(exec, "interp")
	checkTexts(t, apply(event.Execve, 17, exec), map[string]string{"proc.script": noValue, "proc.interp": noValue})
}

// TestLongExec asks for what a record holds of arguments and an environment that are too long for it.
func TestLongExec(t *testing.T) {
	s := newScene(t)
	exec := statetest.P{"res": 0, "exe": "./run", "pid": 4, "tid": 4, "comm": "run", "args": "a\x00", "args_len": 9000, "args_tail": "ing\x00-x\x00the end\x00",
		"env": "A=1\x00B=\x00", "env_more": "23\x00LD_PRELOAD=/tmp/x\x00C=4\x00", "env_len": 31}
	for _, c := range []struct {
		envLen int
		want   map[string]string
	}{
		{31, map[string]string{"proc.args.truncated": "true", "proc.args.len": "9000", "proc.args.tail": "ing -x the end", "proc.env[B]": "23", "proc.env[C]": "4",
			"proc.env[LD_PRELOAD]": "/tmp/x", "proc.env.truncated": "false"}},
		{60, map[string]string{"proc.env.truncated": "true"}},
	} {
		exec["env_len"] = c.envLen
		ev := statetest.Event(t, event.Execve, 10, 4, exec)
		th, fd, num := s.st.Apply(ev)
		s.c.Reset(ev, s.st, th, fd, num, syscalls)
		checkTexts(t, s.c, c.want)
	}
	ev := statetest.Event(t, event.Execve, 11, 4, statetest.P{"res": 0, "exe": "./run", "pid": 4, "tid": 4, "comm": "run", "args": "a\x00", "args_len": 8, "env": "A=1\x00", "env_len": 4})
	th, fd, num := s.st.Apply(ev)
	s.c.Reset(ev, s.st, th, fd, num, syscalls)
	checkTexts(t, s.c, map[string]string{"proc.args.tail": noValue, "proc.args.truncated": "false", "proc.env[B]": "", "proc.env.truncated": "false"})
}

// TestResolvedPaths gives the kernel's paths of calls with one and two of them.
func TestResolvedPaths(t *testing.T) {
	for _, tc := range []struct {
		typ    event.Type
		params statetest.P
		want   map[string]string
	}{
		{event.RenameAt2, statetest.P{"res": 0, "olddirfd": -100, "oldpath": "a", "newdirfd": -100, "newpath": "/tmp/b", "real_path": "/root/a", "real_target": "/tmp/b", "real_dev": 8, "real_ino": 7, "real_nlink": 3},
			map[string]string{"fs.path.real": "/root/a", "fs.path.real.target": "/tmp/b", "fs.path.real.ino": "7", "fs.path.real.nlink": "3", "fs.path.real.dev": "8", "fs.path.real.mntid": noValue, "evt.arg_mismatch": "false"}},
		{event.Rename, statetest.P{"res": 0, "oldpath": "/x/innocent", "newpath": "/y", "real_path": "/etc/shadow", "real_target": "/y"},
			map[string]string{"fs.path.real": "/etc/shadow", "evt.arg_mismatch": "true"}},
		{event.Rename, statetest.P{"res": -2, "oldpath": "/x", "newpath": "/y", "real_path": "/x", "real_target": "/y"},
			map[string]string{"fs.path.real": noValue, "fs.path.real.target": noValue, "evt.arg_mismatch": noValue}},
		{event.LinkAt, statetest.P{"res": 0, "olddir": -100, "oldpath": "/etc/shadow", "newdir": -100, "newpath": "z", "real_path": "/etc/shadow", "real_target": "/root/z"},
			map[string]string{"fs.path.real": "/etc/shadow", "fs.path.real.target": "/root/z", "evt.arg_mismatch": "false"}},
		{event.Unlink, statetest.P{"res": 0, "path": "gone", "real_path": "/root/other (deleted)"},
			map[string]string{"fs.path.real": "/root/other", "evt.arg_mismatch": "true", "fs.path.real.target": noValue}},
		{event.Unlink, statetest.P{"res": 0, "path": "gone"}, map[string]string{"fs.path.real": noValue, "evt.arg_mismatch": noValue, "evt.is_io_uring": "false"}},
		{event.UnlinkAt, statetest.P{"res": 0, "dirfd": -100, "name": "gone", "io_uring": 1}, map[string]string{"evt.is_io_uring": "true", "evt.arg.io_uring": "IO_URING"}},
	} {
		s := newScene(t)
		ev := statetest.Event(t, tc.typ, 5, 4, tc.params)
		th, fd, num := s.st.Apply(ev)
		s.c.Reset(ev, s.st, th, fd, num, syscalls)
		checkTexts(t, s.c, tc.want)
	}
}
