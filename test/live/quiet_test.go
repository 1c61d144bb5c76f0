// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// everyday are commands of a normal day on a Debian machine. None may bring an alert of the rules
// that are on by default. DIR stands for a directory of the test's.
var everyday = []string{
	"ls -la /etc /root",
	"cat /etc/passwd /etc/hostname",
	"id; whoami; uname -a; hostname; ps aux; w || true",
	"find /etc -name '*.conf' | head -3",
	"grep -r nameserver /etc/resolv.conf",
	"getent passwd root; getent group root",
	"passwd -S root",
	"chage -l root",
	"su -s /bin/sh -c true nobody",
	"su root -c true",
	"setpriv --reuid=65534 --regid=65534 --clear-groups true",
	"dpkg -l | tail -1; dpkg -S /bin/ls",
	"apt-cache policy coreutils",
	"apt-get --dry-run install coreutils",
	"apt-config dump",
	"ldconfig -p | tail -1; ldd /bin/ls",
	"ssh-keygen -q -t ed25519 -N '' -f DIR/key",
	"tar -C /etc -cf DIR/etc.tar hostname passwd",
	"cp -a /usr/share/doc/bash DIR/doc; chmod -R u+w DIR/doc; mv DIR/doc DIR/doc2; rm -rf DIR/doc2",
	"mkdir DIR/log; echo x > DIR/log/app.log; : > DIR/log/app.log",
	"mount; df -h /; du -sh /usr/share/doc/bash",
	"sh -c 'echo a | grep a | sed s/a/b/ | awk 1 | sort | uniq'",
	"perl -e 'print 1'; python3 -c 'print(1)' || true",
	"timeout 1 sleep 0.01; nohup true; nice true",
	"update-alternatives --list editor || true",
	"run-parts --test /etc/cron.daily || true",
	"strace -o DIR/strace.out true || true",
	"ip link; ip route || true",
	"unshare -m true",
	"bash -lc 'history -c; true'",
	"mandb --version || true",
	"git --version; git init -q DIR/repo; git -C DIR/repo status --short || true",
	"curl --version || true",
	"sysctl kernel.core_pattern || true",
	"systemctl --version || true",
	"journalctl --version || true",
	"useradd -D",
	"crontab -l || true",
	"cat DIR/nothing /etc/shadowy || true",
	"install -m 755 /bin/true DIR/true; DIR/true",
}

// TestQuiet holds the default rules to silence where nothing is wrong.
func TestQuiet(t *testing.T) {
	needLive(t)
	needBuild(t)
	// Others may be at work on the machine: what counts is what descends from this test's shell.
	const shell = "gyr-everyday"
	w, err := start("-o", "append_output[].extra_fields[]=proc.aname")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, "everyday")
	bash := s.path(shell)
	if err := os.Symlink("/bin/bash", bash); err != nil {
		t.Fatal(err)
	}
	for _, line := range everyday {
		script := strings.ReplaceAll(line, "DIR", s.dir)
		cmd := exec.Command(bash, "-c", script+"\nresult=$?; exit $result") // so that bash stays the parent
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Logf("%s: %v\n%s", line, err, text)
		}
	}
	barrier(t, w, "everyday-wall")
	for _, a := range w.find(func(a *alert) bool {
		return a.Fields["proc.name"] == shell || strings.Contains(fmt.Sprint(a.Fields["proc.aname"]), shell)
	}) {
		t.Errorf("%s: %s", a.Rule, a.Output)
	}
	if summary, err := w.stop(); err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
	for _, line := range w.bad {
		if strings.HasPrefix(line, "{") {
			t.Errorf("a line of the output is no alert: %s", line)
		}
	}
}
