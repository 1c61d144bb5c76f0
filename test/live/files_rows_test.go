// SPDX-License-Identifier: Apache-2.0

package live

import "os"

var sensitiveRows = []row{
	{"Directory traversal monitored file read",
		func(s *scene) { s.act("open", "r", "/etc/../etc/shadow") },
		func(s *scene) { s.act("open", "r", "/etc/../etc/hostname") }},
	{"Sensitive file reached by another name",
		func(s *scene) { link(s, "/etc/shadow"); s.act("open", "r", s.path("link")) },
		func(s *scene) { link(s, "/etc/hostname"); s.act("open", "r", s.path("link")) }},
	{"Read sensitive file trusted after startup",
		func(s *scene) { s.run(s.actor("nginx"), "open-late", "5200ms", "/etc/shadow") },
		func(s *scene) { s.run(s.actor("nginx"), "open-late", "1ms", "/etc/shadow") }},
	{"Read sensitive file untrusted",
		func(s *scene) { s.act("open", "r", "/etc/shadow") },
		func(s *scene) { s.act("open", "r", "/etc/passwd") }},
	{"Read sensitive file untrusted", // a trusted name does not make a trusted program
		func(s *scene) { s.run(s.actor("sshd"), "open", "r", "/etc/shadow") },
		func(s *scene) { s.run("/usr/bin/chage", "-l", "root") }},
	{"Read ssh information",
		func(s *scene) { s.act("open", "r", s.file(".ssh/id_rsa")) },
		func(s *scene) { s.act("open", "r", s.file(".ssh/id_rsa.pub")) }},
	{"Search Private Keys or Passwords",
		func(s *scene) { s.run(s.fake("grep"), "-r", "BEGIN OPENSSH PRIVATE KEY", "/home") },
		func(s *scene) { s.run(s.fake("grep"), "-r", "hello", "/home") }},
	{"Search Private Keys or Passwords",
		func(s *scene) { s.run(s.fake("find"), "/", "-regex", ".*id_.sa$") },
		func(s *scene) { s.run(s.fake("find"), "/", "-name", "grid_layout") }},
	{"Find AWS Credentials",
		func(s *scene) { s.run(s.fake("find"), "/", "-path", "*/.aws/credentials") },
		func(s *scene) { s.run(s.fake("find"), "/", "-path", "*/aws/docs") }},
	{"Read cloud or cluster credentials",
		func(s *scene) { s.run(s.actor("cat"), "open", "r", s.file(".aws/credentials")) },
		func(s *scene) { s.run(s.actor("aws"), "open", "r", s.file(".aws/credentials")) }},
	{"Read Kubernetes service account token",
		func(s *scene) { s.on(tokenStage(s), s.actor("cat"), "open", "r", tokenPath) },
		func(s *scene) { s.on(tokenStage(s), s.actor("webapp"), "open", "r", tokenPath) }},
	{"Read environment variable from /proc files",
		func(s *scene) { s.actOn(s.container(), "open", "r", "/proc/1/environ") },
		func(s *scene) { s.actOn(s.container(), "open", "r", "/proc/1/status") }},
	{"Backdoored library loaded into SSHD (CVE-2024-3094)",
		func(s *scene) { s.run(s.actor("sshd"), "open", "r", s.file("liblzma.so.5.6.1")) },
		func(s *scene) { s.run(s.actor("sshd"), "open", "r", s.file("liblzma.so.5.6.2")) }},
	{"Create Symlink Over Sensitive Files",
		func(s *scene) { s.act("symlink", "/etc/shadow", s.path("x")) },
		func(s *scene) { s.act("symlink", "/etc/hostname", s.path("x")) }},
	{"Create Hardlink Over Sensitive Files",
		func(s *scene) { s.actOn(over("/etc", "/etc/shadow"), "link", "/etc/shadow", "/etc/x") },
		func(s *scene) { s.actOn(over("/etc", "/etc/other"), "link", "/etc/other", "/etc/x") }},
	{"Create Hardlink Over Sensitive Files", // relative to a directory's descriptor
		func(s *scene) { s.actOn(over("/etc", "/etc/shadow"), "linkat", "/etc", "shadow", "x") },
		func(s *scene) { s.actOn(over("/etc", "/etc/other"), "linkat", "/etc", "other", "x") }},
	{"Bind mount of sensitive files",
		func(s *scene) { s.actOn(stage{}, "open-bound", "/etc/shadow", s.path("")) },
		func(s *scene) { s.actOn(stage{}, "open-bound", "/usr/share/common-licenses", s.path("")) }},
}

// processRootRows are about paths through the directories of processes.
var processRootRows = []row{
	{"File changed through the directory of a process",
		func(s *scene) { s.act("rename", s.file("x"), "/proc/self/root"+s.path("y")) },
		func(s *scene) { s.act("rename", s.file("x"), s.path("y")) }},
}

const tokenPath = "/run/secrets/kubernetes.io/serviceaccount/token"

func tokenStage(s *scene) stage {
	st := s.container()
	st.Tmpfs, st.Files = []string{"/run"}, []string{tokenPath}
	return st
}

func link(s *scene, target string) {
	if err := os.Symlink(target, s.path("link")); err != nil {
		s.t.Fatal(err)
	}
}

// writeIn opens a file for writing below a directory that an empty file system covers.
func writeIn(dir, file string) func(*scene) {
	return func(s *scene) { s.actOn(over(dir, file), "open", "wc", file) }
}

// renameIn moves a file below a directory that an empty file system covers.
func renameIn(dir, from, to string) func(*scene) {
	return func(s *scene) { s.actOn(over(dir, from), "rename", from, to) }
}

var persistenceRows = []row{
	{"Write to dynamic linker preload file", writeIn("/etc", "/etc/ld.so.preload"), writeIn("/etc", "/etc/ld.so.conf")},
	{"Write to dynamic linker preload file", renameIn("/etc", "/etc/x", "/etc/ld.so.preload"), renameIn("/etc", "/etc/x", "/etc/ld.so.conf")},
	{"Schedule Cron Jobs", writeIn("/etc", "/etc/cron.d/job"), writeIn("/etc", "/etc/chrony/chrony.conf")},
	{"Schedule Cron Jobs",
		func(s *scene) { s.run(s.fake("crontab"), "-e") },
		func(s *scene) { s.run(s.fake("crontab"), "-l") }},
	{"Create or modify systemd unit", writeIn("/etc", "/etc/systemd/system/x.service"), writeIn("/etc", "/etc/systemd/journald.conf")},
	{"Create or modify systemd unit", renameIn("/etc", "/etc/systemd/system/x", "/etc/systemd/system/x.timer"), renameIn("/etc", "/etc/systemd/x", "/etc/systemd/y")},
	{"Adding ssh keys to authorized_keys",
		func(s *scene) { s.act("open", "wa", s.file(".ssh/authorized_keys")) },
		func(s *scene) { s.act("open", "r", s.file(".ssh/authorized_keys.txt")) }},
	{"Modify Shell Configuration File",
		func(s *scene) { s.act("open", "wac", s.path(".bashrc")) },
		func(s *scene) { s.act("open", "wac", s.path("bashrc")) }},
	{"Modify account or sudoers file", writeIn("/etc", "/etc/sudoers"), writeIn("/etc", "/etc/sudo.conf")},
	{"Rename over sensitive file", renameIn("/etc", "/etc/x", "/etc/shadow"), renameIn("/etc", "/etc/x", "/etc/motd")},
	{"Rename over sensitive file", // relative to a directory's descriptor
		func(s *scene) { s.actOn(over("/etc", "/etc/x"), "renameat", "/etc", "x", "shadow") },
		func(s *scene) { s.actOn(over("/etc", "/etc/x"), "renameat", "/etc", "x", "motd") }},
	{"Modify authentication modules", writeIn("/etc", "/etc/pam.d/login"), writeIn("/etc", "/etc/nsswitch.conf.bak")},
	{"Modify boot or device script", writeIn("/etc", "/etc/rc.local"), writeIn("/etc", "/etc/rc.locale")},
	{"Write below rpm database", writeIn("/var/lib", "/var/lib/rpm/Packages"), writeIn("/var/lib", "/var/lib/rpmbuild/Packages")},
	{"Write below dpkg database", writeIn("/var/lib", "/var/lib/dpkg/status"), writeIn("/var/lib", "/var/lib/dpkgx/status")},
	{"User mgmt binaries",
		func(s *scene) { s.run(s.fake("useradd"), "mallory") },
		func(s *scene) { s.run(s.fake("useradd"), "-D") }},
	{"Write below etc", writeBelowEtc, func(s *scene) { s.act("open", "wc", s.path("etc/file")) }},
	{"Write below etc", // by creat
		func(s *scene) { s.actOn(over("/etc"), "creat", "/etc/x") },
		func(s *scene) { s.actOn(over("/etc"), "creat", s.path("x")) }},
	{"Write below etc", // through a symbolic link to the root directory
		func(s *scene) {
			rootLink(s)
			s.actOn(over("/etc", "/etc/profile.x"), "open", "w", s.path("root")+"/etc/profile.x")
		},
		func(s *scene) { rootLink(s); s.act("open", "r", s.path("root")+"/etc/hostname") }},
	{"Write below binary dir", writeIn("/usr/local/bin", "/usr/local/bin/x"), writeIn("/usr/local/share", "/usr/local/share/x")},
	{"Modify binary dirs",
		renameIn("/usr/local/bin", "/usr/local/bin/x", "/usr/local/bin/y"),
		renameIn("/usr/local/share", "/usr/local/share/x", "/usr/local/share/y")},
	{"Modify binary dirs",
		func(s *scene) { s.actOn(over("/usr/local/bin", "/usr/local/bin/x"), "unlink", "/usr/local/bin/x") },
		func(s *scene) {
			s.actOn(over("/usr/local/share", "/usr/local/share/x"), "unlink", "/usr/local/share/x")
		}},
	{"Mkdir binary dirs",
		func(s *scene) { s.actOn(over("/usr/local/bin"), "mkdir", "/usr/local/bin/x") },
		func(s *scene) { s.actOn(over("/usr/local/share"), "mkdir", "/usr/local/share/x") }},
	{"Write below monitored dir", writeIn("/boot", "/boot/vmlinuz"), writeIn("/usr/local/share", "/usr/local/share/boot")},
	{"Update Package Repository", writeIn("/etc", "/etc/apt/sources.list.d/x.list"), writeIn("/etc", "/etc/apt/listchanges.conf")},
	{"Create files below dev",
		func(s *scene) { s.actOn(over("/dev"), "open", "wc", "/dev/x") },
		func(s *scene) { s.actOn(over("/dev", "/dev/x"), "open", "wc", "/dev/x") }},
}

// writeBelowEtc makes a new file in the real directory, and takes it away again.
func writeBelowEtc(s *scene) {
	file := "/etc/gyr-live-" + s.mark
	defer os.Remove(file)
	s.act("open", "wc", file)
}

func rootLink(s *scene) {
	if err := os.Symlink("/", s.path("root")); err != nil {
		s.t.Fatal(err)
	}
}

var exfilRows = []row{
	{"Clear Log Activities",
		func(s *scene) { s.actOn(over("/var/log", "/var/log/auth.log"), "open", "wt", "/var/log/auth.log") },
		func(s *scene) { s.actOn(over("/var/log", "/var/log/auth.log"), "open", "wa", "/var/log/auth.log") }},
	{"Delete or rename log files",
		func(s *scene) { s.actOn(over("/var/log", "/var/log/auth.log"), "unlink", "/var/log/auth.log") },
		func(s *scene) { s.actOn(over("/var/log", "/var/log/app.log"), "unlink", "/var/log/app.log") }},
	{"Delete or rename log files",
		renameIn("/var/log", "/var/log/wtmp", "/var/log/x"), renameIn("/var/log", "/var/log/app.log", "/var/log/x")},
	{"Exfiltrating Artifacts via Kubernetes Control Plane",
		func(s *scene) { s.on(s.container(), s.fake("tar"), "cf", "-", "/data") },
		func(s *scene) { s.on(s.container(), s.fake("tar"), "xf", "-", "/data") }},
	{"Remove Bulk Data from Disk",
		func(s *scene) { s.run(s.fake("shred"), "-u", "x") },
		func(s *scene) { s.run(s.fake("rm"), "-rf", "x") }},
	{"Write to raw disk device",
		func(s *scene) { s.actOn(over("/dev", "/dev/sda"), "open", "w", "/dev/sda") },
		func(s *scene) { s.actOn(over("/dev", "/dev/sda"), "open", "r", "/dev/sda") }},
	{"Delete or rename shell history",
		func(s *scene) { s.act("unlink", s.file("home/.bash_history")) },
		func(s *scene) { s.act("unlink", s.file("home/bash_history")) }},
	{"Delete or rename shell history",
		func(s *scene) { s.act("rename", s.file("home/.bash_history"), s.path("home/x")) },
		func(s *scene) { s.act("rename", s.file("home/new"), s.path("home/.zsh_history")) }},
	{"Delete or rename shell history",
		func(s *scene) { s.act("symlink", "/dev/null", s.path("home/.bash_history")) },
		func(s *scene) { s.act("open", "wac", s.path("home/.bash_history")) }},
	{"Shell history switched off",
		func(s *scene) { s.env = []string{"HISTFILE=/dev/null"}; s.run("/bin/sh", "/dev/null", s.mark) },
		func(s *scene) { s.env = []string{"HISTFILE=" + s.path("h")}; s.run("/bin/sh", "/dev/null", s.mark) }},
	{"Launch Remote File Copy Tools in Container",
		func(s *scene) { s.on(s.container(), s.fake("rsync"), "a", "b") },
		func(s *scene) { s.run(s.fake("rsync"), "a", "b") }},
}
