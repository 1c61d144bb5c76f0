// SPDX-License-Identifier: Apache-2.0

package evasion

import (
	"os"
	"path/filepath"
)

var twinRows = []row{
	opensSecret("S1/open", "open", onHost, "call-open"),
	opensSecret("S1/openat", "openat", onHost, "call-openat"),
	opensSecret("S1/openat2", "openat2", onHost, "call-openat2"),
	{ID: "S1/creat", Technique: "creat", In: ownMounts, Act: []string{"call-creat"}, Rules: []string{belowEtc, shellConfig},
		Witness: "evt.type = creat and fd.path.real = /etc/profile", Field: "fd.path.real"},
	opensSecret("S1/by-handle", "open_by_handle_at", onHost, "handle"),
	{ID: "S1/to-handle", Technique: "name_to_handle_at alone", Act: []string{"call-handle"},
		Witness: "evt.type = name_to_handle_at and evt.arg.path = /etc/shadow", Field: "name_to_handle_at", Note: "nothing was read yet"},
	{ID: "S2/execveat", Technique: "execveat of a descriptor", Do: func(s *scene) error { return s.act(onHost, "execveat", s.fake("xmrig")) }, Rules: []string{miner}, Field: "proc.exepath"},
	opensSecret("S2/fork", "fork", onHost, "fork"),
	opensSecret("S2/vfork", "clone with CLONE_VFORK", onHost, "vfork"),
	opensSecret("S2/clone3", "clone3", onHost, "clone3"),
	redirects("S3/dup", "dup", "dup"),
	redirects("S3/dup2", "dup2", "dup2"),
	redirects("S3/dup3", "dup3", "dup3"),
	redirects("S3/fcntl", "fcntl(F_DUPFD)", "fcntl"),
	{ID: "S3/getfd", Technique: "pidfd_getfd", Act: []string{"getfd"}, Rules: []string{"Descriptor taken from another process"},
		Witness: "evt.type = pidfd_getfd and evt.rawres >= 0", Field: "pidfd_getfd", Also: secretRead},
	{ID: "S3/passed", Technique: "a connection passed through a unix socket", Act: []string{"passed", "/bin/sh", "-c", "sleep 1; : DIR"}, Rules: []string{shellOnNet},
		Witness: "evt.type = execve and proc.exec.stdin.type = ipv4", Field: "proc.exec.stdin.type"},
	{ID: "S4/sendmmsg", Technique: "sendmmsg", Act: []string{"sendmmsg"}, Witness: "evt.type = sendmmsg and evt.buffer contains secret", Field: "evt.buffer", Note: "data on its way, which no rule looks at"},
	{ID: "S4/recvmmsg", Technique: "recvmmsg", Act: []string{"sendmmsg"}, Witness: "evt.type = recvmmsg and evt.buffer contains secret", Field: "evt.buffer", Note: "data on its way, which no rule looks at"},
	moves("S4/sendfile", "sendfile", "sendfile", "evt.type = sendfile and evt.rawres > 0"),
	moves("S4/splice", "splice", "splice", "evt.type = splice and evt.rawres > 0"),
	moves("S4/tee", "tee", "tee", "evt.type = tee and evt.rawres > 0"),
	{ID: "S4/vmsplice", Technique: "vmsplice", Act: []string{"vmsplice"}, Witness: "evt.type = vmsplice and evt.rawres = 6", Field: "vmsplice", Note: "data on its way, which no rule looks at"},
	moves("S4/copy", "copy_file_range", "copy-range", "evt.type = copy_file_range and evt.rawres > 0"),
	writes("S5/pwrite", "pwrite64", "pwrite", "evt.type = pwrite and fd.name = /etc/profile"),
	writes("S5/pwritev2", "pwritev2", "pwritev2", "evt.type = pwritev2 and fd.name = /etc/profile"),
	moves("S5/preadv2", "preadv2", "preadv2", "evt.type = preadv2 and fd.name = /etc/shadow"),
	writes("S5/mmap", "a shared mapping: no write at all", "mmap-write", "evt.type = mmap and fd.name = /etc/profile and evt.arg.prot contains PROT_WRITE and evt.arg.flags contains MAP_SHARED"),
	{ID: "S5/truncate", Technique: "truncate: no open at all", In: ownMounts, Act: []string{"truncate"}, Rules: []string{"Clear Log Activities"}, Field: "truncate"},
	{ID: "S6/chmod", Technique: "chmod", Act: []string{"chmod"}, Rules: []string{setuidBit}, Field: "evt.arg.mode"},
	{ID: "S6/fchmod", Technique: "fchmod", Act: []string{"fchmod"}, Rules: []string{setuidBit}, Field: "evt.arg.mode"},
	{ID: "S6/fchmodat2", Technique: "fchmodat2", Act: []string{"fchmodat2"}, Rules: []string{setuidBit}, Field: "evt.arg.mode"},
	{ID: "S6/create", Technique: "the bit set by open", Act: []string{"setuid-create"}, Rules: []string{setuidBit}, Field: "evt.arg.mode"},
	{ID: "S6/capability", Technique: "a capability of the file instead of the bit", Act: []string{"capability"}, Rules: []string{"Capability given to a file"}, Field: "setxattr"},
	{ID: "S7/mount", Technique: "fsopen, fsmount, move_mount", In: inContainer, Act: []string{"new-mount", "DIR"}, Rules: []string{"Mount through new interface in container"}, Field: "move_mount"},
	{ID: "S7/tree", Technique: "open_tree and move_mount", In: ownMounts, Act: []string{"tree"}, Rules: []string{bindMounted}, Field: "open_tree"},
	{ID: "S7/attributes", Technique: "mount_setattr: make writable", In: inContainer, Act: []string{"set-attributes"},
		Rules: []string{"Mount through new interface in container"}, Witness: "evt.type = mount_setattr and evt.rawres = 0", Field: "mount_setattr"},
	{ID: "S8/pidfd", Technique: "pidfd_send_signal", Act: []string{"pidfd-kill"}, Rules: []string{agentKilled}, Field: "evt.arg.pid"},
	{ID: "S8/queue", Technique: "rt_sigqueueinfo", Act: []string{"queue-kill"}, Rules: []string{agentKilled}, Field: "evt.arg.pid"},
	{ID: "S8/kexec", Technique: "kexec_file_load", Act: []string{"kexec-file"}, Rules: []string{"Kernel replacement attempted"}, Field: "kexec_file_load"},
	{ID: "S8/memfd-secret", Technique: "memfd_secret", Act: []string{"secret-memory"}, Witness: "evt.type = memfd_secret", Field: "memfd_secret", Note: "memory that nobody else reads; no rule"},
	{ID: "S8/landlock", Technique: "landlock", Act: []string{"landlock"}, Witness: "evt.type = landlock_create_ruleset", Field: "landlock_create_ruleset", Note: "a program that confines itself; no rule"},
	{ID: "S10/int80", Technique: "int 0x80 of a 64-bit program", Act: []string{"int80"}, Rules: secretRead, Witness: realSecret, Field: "fd.path.real"},
	writes("S11", "io_submit", "aio", "evt.type = io_submit and fd.name = /etc/profile"),
	{ID: "S12/core", Technique: "core_pattern", Act: []string{"open-write", "/proc/sys/kernel/core_pattern"}, Rules: []string{helperChanged}, Field: "fd.path.real"},
	{ID: "S12/core-link", Technique: "core_pattern through a link", Do: func(s *scene) error {
		if err := os.Symlink("/proc/sys/kernel", s.path("k")); err != nil {
			return err
		}
		return s.act(onHost, "open-write", s.path("k")+"/core_pattern")
	}, Rules: []string{helperChanged}, Field: "fd.path.real"},
	{ID: "S12/poweroff", Technique: "poweroff_cmd", Act: []string{"open-write", "/proc/sys/kernel/poweroff_cmd"}, Rules: []string{helperChanged}, Field: "fd.path.real"},
	{ID: "S12/agent", Technique: "release_agent of a cgroup, from a container", In: inContainer, Act: []string{"write-agent"}, Rules: []string{"Detect release_agent File Container Escapes"}, Field: "fd.name"},
	{ID: "S12/run", Technique: "the kernel starts a program as a cgroup empties", Do: releaseAgent, Rules: []string{"Kernel started a program from an unusual place"}, Field: "proc.exepath, proc.pname"},
	{ID: "S13/heap", Technique: "a system call out of written memory", Act: []string{"from-heap"}, Rules: secretRead, Witness: realSecret, Field: "fd.path.real",
		Note: "the call is seen as any other; where it came from is not told"},
	{ID: "S13/dispatch", Technique: "system calls handed back to the program", Act: []string{"dispatch"}, Rules: secretRead, Witness: realSecret, Field: "fd.path.real"},
}

// redirects is a row of an act that puts a connection on a standard stream, in a container.
func redirects(id, technique, act string) row {
	return row{ID: id, Technique: technique, In: inContainer, Act: []string{act}, Rules: []string{redirected}, Field: "fd.type"}
}

// moves is a row of an act that moves the secret's data.
func moves(id, technique, act, witness string) row {
	return row{ID: id, Technique: technique, Act: []string{act}, Rules: secretRead, Witness: witness, Field: "the open; the call itself"}
}

// writes is a row of an act that writes to a watched file.
func writes(id, technique, act, witness string) row {
	return row{ID: id, Technique: technique, In: ownMounts, Act: []string{act}, Rules: []string{belowEtc, shellConfig}, Witness: witness, Field: "the open; the call itself"}
}

// releaseAgent lets the kernel start a script which tells that it ran.
func releaseAgent(s *scene) error {
	script, ran := s.path("agent"), s.path("ran")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n: > "+filepath.Clean(ran)+"\n"), 0o755); err != nil {
		return err
	}
	return s.run(ownMounts, s.actor, "release-agent", s.dir, script, ran)
}

// viaRing is what an event of a call through an io_uring is.
const viaRing = " and evt.is_io_uring = true"

// ringRow is a row of an act through an io_uring that a rule about the call itself sees.
func ringRow(id, technique string, in place, act, witness string, rules ...string) row {
	return row{ID: id, Technique: technique, In: in, Act: []string{act}, Rules: rules, Witness: witness + viaRing, Also: []string{ringSetUp}, Field: "the call's own event, evt.is_io_uring"}
}

var ringRows = []row{
	ringRow("S9/openat", "io_uring: OPENAT", onHost, "ring-openat", "evt.type = openat and fd.path.real = /etc/shadow", secretRead...),
	ringRow("S9/polled", "io_uring: OPENAT by the kernel's thread (SQPOLL)", onHost, "ring-openat-polled", "evt.type = openat and fd.path.real = /etc/shadow", secretRead...),
	ringRow("S9/openat2", "io_uring: OPENAT2", onHost, "ring-openat2", "evt.type = openat2 and fd.path.real = /etc/shadow", secretRead...),
	ringRow("S9/connect", "io_uring: CONNECT", onHost, "ring-connect", "evt.type = connect", ringSetUp),
	ringRow("S9/socket", "io_uring: SOCKET", onHost, "ring-socket", "evt.type = socket", ringSetUp),
	ringRow("S9/send", "io_uring: SEND", onHost, "ring-send", "evt.type in (send, sendto) and evt.buffer contains secret", ringSetUp),
	ringRow("S9/recv", "io_uring: RECV", onHost, "ring-send", "evt.type in (recv, recvfrom)", ringSetUp),
	ringRow("S9/rename", "io_uring: RENAMEAT", ownMounts, "ring-rename", "evt.type in (renameat, renameat2)", renamedOver),
	ringRow("S9/unlink", "io_uring: UNLINKAT", ownMounts, "ring-unlink", "evt.type = unlinkat", "Delete or rename log files"),
	ringRow("S9/link", "io_uring: LINKAT", ownMounts, "ring-link", "evt.type = linkat", hardLinked),
	ringRow("S9/symlink", "io_uring: SYMLINKAT", onHost, "ring-symlink", "evt.type = symlinkat", "Create Symlink Over Sensitive Files"),
	ringRow("S9/mkdir", "io_uring: MKDIRAT", ownMounts, "ring-mkdir", "evt.type = mkdirat", "Mkdir binary dirs"),
	ringRow("S9/statx", "io_uring: STATX", onHost, "ring-statx", "evt.type = statx", ringSetUp),
	{ID: "S9/command", Technique: "io_uring: URING_CMD", Act: []string{"ring-command"}, Rules: []string{ringSetUp}, Field: "io_uring_setup", Note: "the set-up is seen; the command is a driver's own"},
}
