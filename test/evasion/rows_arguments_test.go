// SPDX-License-Identifier: Apache-2.0

package evasion

import (
	"net"
	"os"
	"runtime"
	"strconv"
)

var argumentRows = []row{
	{ID: "A1/stapled", Technique: "nc -nve instead of nc -e", Do: start("nc", "-nve", "/bin/sh", "127.0.0.1", "1"), Rules: []string{netcat}, Field: "proc.args"},
	{ID: "A1/long", Technique: "sudoedit --shell instead of -s", Do: start("sudoedit", "--shell", `AAAA\`), Rules: []string{"Sudo Potential Privilege Escalation"}, Field: "proc.args"},
	{ID: "A1/regex", Technique: "find -regex .*id_.sa$", Do: start("find", "/", "-regex", ".*id_.sa$"), Rules: []string{"Search Private Keys or Passwords"}, Field: "proc.args"},
	{ID: "A2/blanks", Technique: "5,000 blanks before the arguments that count", Act: []string{"padded", "DIR/nc", "-e", "/bin/sh"}, Do: padded("padded"),
		Rules: []string{netcat, "Arguments padded with blanks"}, Witness: "evt.type = execve and proc.args.truncated = true and proc.args.len > 5000", Field: "proc.args.truncated, .len, .tail"},
	{ID: "A2/empty", Technique: "5,000 empty arguments before those that count", Do: padded("empty-arguments"),
		Rules: []string{netcat, "Arguments padded with blanks"}, Witness: "evt.type = execve and proc.args.truncated = true and proc.args.len > 5000", Field: "proc.args.truncated, .len, .tail"},
	{ID: "A3/quotes", Technique: "quotes and $IFS within a shell's command", Do: func(s *scene) error {
		s.fake("nc")
		return s.run(onHost, "/bin/bash", "-c", `cd $0; ./n""c${IFS}-e $'\x2fbin/sh' 1`, s.dir)
	}, Rules: []string{netcat}, Field: "proc.args of the child"},
	{ID: "A3/base64", Technique: "a command in Base64", Do: func(s *scene) error {
		s.fake("nc")
		return s.run(onHost, "/bin/bash", "-c", `cd $0; echo Li9uYyAtZSAvYmluL3NoIDE= | base64 -d | sh`, s.dir) // ./nc -e /bin/sh 1
	}, Rules: []string{netcat}, Field: "proc.args of the child"},
	{ID: "A4", Technique: "LD_PRELOAD behind 5,000 bytes of environment", Do: func(s *scene) error {
		return s.act(onHost, "padded-environment", "5000", s.fake("app"))
	}, Rules: []string{"Preload library from a temporary directory"}, Field: "proc.env"},
	{ID: "A4/longer", Technique: "LD_PRELOAD behind 20,000 bytes of environment", Do: func(s *scene) error {
		return s.act(onHost, "padded-environment", "20000", s.fake("app"))
	}, Witness: "evt.type = execve and proc.env.truncated = true", Field: "proc.env.truncated",
		Note: "no rule, since long environments are common"},
	{ID: "A5/socket", Technique: "the runtime's socket through another directory", Do: func(s *scene) error {
		l, err := net.Listen("unix", s.path("docker.sock"))
		if err != nil {
			return err
		}
		defer l.Close()
		return s.run(inContainer, s.actor, "connect-unix", s.path("docker.sock"), s.dir)
	}, Rules: []string{"Container runtime socket opened in container"}, Field: "fd.name"},
	{ID: "A5/link", Technique: "the runtime's socket through a link", Do: func(s *scene) error {
		l, err := net.Listen("unix", s.path("docker.sock"))
		if err != nil {
			return err
		}
		defer l.Close()
		return s.act(inContainer, "socket-link", s.path("docker.sock"))
	}, Rules: []string{"Container runtime socket opened in container"}, Field: "fd.name"},
	{ID: "A6", Technique: "a privileged container that no Docker made", Do: func(s *scene) error {
		return s.run(inContainer, s.fake("debugfs"), "x")
	}, Rules: []string{"Debugfs Launched in Privileged Container"}, Field: "thread.cap_effective"},
	{ID: "A7/miner", Technique: "a miner without a telling argument", Act: []string{"connect"},
		Witness: "evt.type = connect and fd.sport > 0", Field: "connect", Note: "it is a program that connects: the rule about miners knows their ports, and this is another"},
	{ID: "A7/no-dup", Technique: "a shell on a connection that nobody copied", Act: []string{"shell-on-first", "/bin/sh", "-c", ": DIR"}, Rules: []string{shellOnNet},
		Witness: "evt.type = execve and proc.exec.stdin.type = ipv4", Field: "proc.exec.stdin.type"},
	{ID: "A7/udp", Technique: "a shell on a UDP socket", Act: []string{"shell-on-udp", "/bin/sh", "-c", ": DIR"}, Rules: []string{shellOnNet},
		Witness: "evt.type = execve and proc.exec.stdin.type = ipv4", Field: "proc.exec.stdin.type"},
	{ID: "A7/fifo", Technique: "a shell that reads from a named pipe: sh <p | nc >p", Act: []string{"shell-on-fifo", "/bin/sh", "-c", ": DIR"},
		Witness: "evt.type = execve and proc.name = sh and proc.stdin.name endswith MARK/p", Field: "mknodat, proc.stdin.name",
		Note: "a pipe with a name is told as a file is; no rule, since shells read scripts from files all day"},
	{ID: "A7/unix", Technique: "a shell on a unix socket", Act: []string{"shell-on-unix", "/bin/sh", "-c", ": DIR"},
		Witness: "evt.type = execve and proc.exec.stdin.type = unix and proc.name = sh", Field: "proc.exec.stdin.type", Note: "no rule, since sshd and service managers do so"},
	{ID: "A7/abstract", Technique: "a shell on an abstract socket", Act: []string{"shell-on-abstract", "/bin/sh", "-c", ": DIR"},
		Witness: "evt.type = execve and proc.exec.stdin.type = unix and proc.name = sh", Field: "proc.exec.stdin.type", Note: "no rule, since sshd and service managers do so"},
}

// start starts a program that does nothing, under a name.
func start(name string, args ...string) func(*scene) error {
	return func(s *scene) error { return s.run(onHost, append([]string{s.fake(name)}, args...)...) }
}

// padded starts netcat with something before the arguments that count.
func padded(how string) func(*scene) error {
	return func(s *scene) error { return s.act(onHost, how, s.fake("nc"), "-e", "/bin/sh") }
}

func itoa(n int) string { return strconv.Itoa(n) }

// loader is the dynamic loader's path.
func loader() string {
	for _, path := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return "no loader for " + runtime.GOARCH
}
