// SPDX-License-Identifier: Apache-2.0

package evasion

import (
	"os"
)

var processRows = []row{
	{ID: "N1/copy", Technique: "a copy under an allowed name", Do: readAs("systemd-logind"), Rules: secretRead, Field: "proc.exepath"},
	{ID: "N1/server", Technique: "a copy under the name of a server", Do: readAs("nginx"), Rules: secretRead, Field: "proc.exepath"},
	{ID: "N1/package", Technique: "a copy under the name of a package manager", Do: readAs("dnf"), Rules: secretRead, Field: "proc.exepath"},
	{ID: "N1/runtime", Technique: "a copy under the name of a container runtime", Do: readAs("runc"), Rules: secretRead, Field: "proc.exepath"},
	{ID: "N2", Technique: "a symbolic link under an allowed name", Do: func(s *scene) error {
		if err := os.Symlink(s.evader, s.path("passwd")); err != nil {
			return err
		}
		return s.run(onHost, s.path("passwd"), "open", s.dir, "/etc/shadow")
	}, Rules: secretRead, Witness: "evt.type = execve and proc.name = passwd and proc.exepath endswith /bin/evader", Field: "proc.exepath"},
	opensSecret("N3/parent", "a child of what calls itself dnf", onHost, "child-of", "dnf", "EVADER", "open", "DIR", "/etc/shadow"),
	opensSecret("N3/grandparent", "a grandchild of what calls itself unattended-upgrade", onHost, "child-of", "unattended-upgr", "EVADER", "child-of", "DIR", "x", "EVADER", "open", "DIR", "/etc/shadow"),
	{ID: "N3/copy", Technique: "a child of a copy under the name dnf", Do: func(s *scene) error {
		return s.run(onHost, s.as("dnf", s.evader), "child-of", s.dir, "dnf", s.evader, "open", s.dir, "/etc/shadow")
	}, Rules: secretRead, Field: "proc.aexepath"},
	{ID: "N3/perl", Technique: "a child of a perl that calls itself dnf", Do: func(s *scene) error {
		return s.run(onHost, "/usr/bin/perl", "-e", "$0='dnf'; exit system(@ARGV)", s.evader, "open", s.dir, "/etc/shadow")
	}, Rules: secretRead, Witness: realSecret, Field: "proc.ascript"},
	{ID: "N4/argv0", Technique: "another argv[0]", Do: func(s *scene) error {
		s.argv = "/usr/bin/passwd"
		return s.act(onHost, "open", "/etc/shadow")
	}, Rules: secretRead, Field: "proc.exepath"},
	opensSecret("N4/name", "prctl(PR_SET_NAME)", onHost, "set-name", "sshd"),
	opensSecret("N4/comm", "write to /proc/self/comm", onHost, "write-comm", "dpkg"),
	opensSecret("N4/rewrite", "overwrite one's argument vector", onHost, "rewrite-arguments"),
	opensSecret("N4/move", "prctl(PR_SET_MM_ARG_START)", onHost, "move-arguments"),
	{ID: "N5", Technique: "a name of which 15 characters are those of an allowed one", Do: readAs("unattended-upgrXXX"), Rules: secretRead, Field: "proc.exepath"},
	{ID: "N6/loader", Technique: "the dynamic loader as interpreter", Do: func(s *scene) error {
		return s.run(onHost, loader(), s.fake("tool"))
	}, Rules: []string{"Program started through the dynamic loader"}, Field: "proc.exepath, proc.args"},
	{ID: "N6/busybox", Technique: "an applet of busybox", Do: func(s *scene) error {
		return s.run(onHost, s.fake("busybox"), "nc", "-e", "/bin/sh", "127.0.0.1", "1")
	}, Rules: []string{netcat}, Field: "proc.args"},
	{ID: "N6/perl", Technique: "a line of perl", Do: func(s *scene) error {
		return s.run(onHost, "/usr/bin/perl", "-e", "open(F,'/etc/shadow')||die; # "+s.dir)
	}, Rules: secretRead, Witness: realSecret, Field: "fd.path.real"},
	{ID: "N6/script", Technique: "a script under an allowed name", Do: func(s *scene) error {
		script := s.path("passwd")
		if err := os.WriteFile(script, []byte("#!/bin/sh\nread x < /etc/shadow\n"), 0o755); err != nil {
			return err
		}
		return s.run(onHost, script)
	}, Rules: secretRead, Witness: "evt.type = execve and proc.script endswith MARK/passwd and proc.interp exists", Field: "proc.script, proc.interp"},
	{ID: "N6/format", Technique: "a binary format of one's own (binfmt_misc)", Act: []string{"binary-format"},
		Rules: []string{helperChanged}, Witness: "evt.type = execve and proc.script endswith MARK/data.gyrev", Field: "proc.script, fd.path.real"},
	{ID: "N7/memfd", Technique: "memfd_create and /proc/self/fd", Act: []string{"memfd-exec", "NOTHING", "DIR"}, Rules: []string{fileless}, Field: "proc.is_exe_from_memfd"},
	{ID: "N7/execveat", Technique: "memfd_create and execveat(AT_EMPTY_PATH)", Act: []string{"memfd-execveat", "NOTHING", "DIR"}, Rules: []string{fileless}, Field: "proc.is_exe_from_memfd"},
	{ID: "N8/mem", Technique: "write code by /proc/self/mem", Act: []string{"own-memory"}, Rules: []string{"Process memory opened for writing through proc"}, Field: "fd.name"},
	{ID: "N8/mprotect", Technique: "make written memory executable", Act: []string{"executable-memory"},
		Witness: "evt.type = mprotect and evt.arg.prot contains PROT_EXEC", Field: "mprotect",
		Note: "no rule, since compilers at run time do it all day"},
	{ID: "N9/writev", Technique: "process_vm_writev", Act: []string{"write-process"}, Rules: []string{"Memory of another process written"}, Field: "process_vm_writev"},
	{ID: "N9/poke", Technique: "ptrace(PTRACE_POKETEXT) of a child", Act: []string{"poke"}, Rules: []string{"PTRACE attached to process"}, Field: "ptrace"},
	{ID: "N10/preload", Technique: "LD_PRELOAD", Do: startWith("LD_PRELOAD=/tmp/none.so"), Rules: []string{"Preload library from a temporary directory"}, Field: "proc.env"},
	{ID: "N10/audit", Technique: "LD_AUDIT", Do: startWith("LD_AUDIT=/dev/shm/none.so"), Rules: []string{"Preload library from a temporary directory"}, Field: "proc.env"},
	{ID: "N10/file", Technique: "/etc/ld.so.preload", In: ownMounts, Act: []string{"preload-file"}, Rules: []string{"Write to dynamic linker preload file"}, Field: "fd.name"},
	{ID: "N11/read", Technique: "a shell's own read: no exec", Do: shell("read x < /etc/shadow"), Rules: secretRead, Witness: realSecret, Field: "fd.path.real"},
	{ID: "N11/tcp", Technique: "a shell's own connection: /dev/tcp", Do: shell("(exec 3<>/dev/tcp/127.0.0.2/9) 2>/dev/null; true"), Rules: []string{"Shell opens network connection by itself"}, Field: "proc.args"},
	{ID: "N11/kill", Technique: "a shell's own kill", Do: func(s *scene) error {
		agent, err := s.agent()
		if err != nil {
			return err
		}
		defer agent.Wait()
		defer agent.Process.Kill()
		return s.run(onHost, "/bin/bash", "-c", "kill -9 $1; true", s.dir, itoa(agent.Process.Pid))
	}, Rules: []string{agentKilled}, Field: "kill"},
	{ID: "N12/deleted", Technique: "a program without a file name", Act: []string{"deleted-exec", "NOTHING", "DIR"}, Rules: []string{"Program started from a deleted file"}, Field: "proc.is_exe_deleted"},
	{ID: "N12/shm", Technique: "a program in /dev/shm, by a link", Do: func(s *scene) error {
		dir := "/dev/shm/" + s.mark
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		data, err := os.ReadFile(s.nothing)
		if err != nil {
			return err
		}
		if err := os.WriteFile(dir+"/x", data, 0o755); err != nil {
			return err
		}
		if err := os.Symlink(dir+"/x", s.path("tool")); err != nil {
			return err
		}
		return s.run(onHost, s.path("tool"))
	}, Rules: []string{"Execution from /dev/shm"}, Field: "proc.exepath"},
	{ID: "N13", Technique: "fork twice and exit between: no parent", Act: []string{"orphan", "EVADER", "open", "DIR", "/etc/shadow"}, Rules: secretRead,
		Witness: "evt.type = openat and fd.path.real = /etc/shadow and proc.is_orphan = true and proc.lineage.cmdline[1] contains \"evader orphan \"",
		Field:   "proc.lineage, proc.is_orphan"},
}

// readAs lets the evader read the secret under another name.
func readAs(name string) func(*scene) error {
	return func(s *scene) error { return s.run(onHost, s.as(name, s.evader), "open", s.dir, "/etc/shadow") }
}

// startWith starts a program with a variable in its environment.
func startWith(variable string) func(*scene) error {
	return func(s *scene) error {
		s.env = []string{variable}
		return s.run(onHost, s.fake("app"))
	}
}

// shell runs a command line of bash.
func shell(line string) func(*scene) error {
	return func(s *scene) error { return s.run(onHost, "/bin/bash", "-c", line, s.dir) }
}
