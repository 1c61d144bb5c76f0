// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fieldRules print the fields that are ours for every exec and open that bears a mark.
const fieldRules = `
- rule: executed
  desc: a program was executed
  condition: evt.type in (execve, execveat) and (proc.args contains gyrfield- or proc.script contains gyrfield- or proc.exepath contains gyrfield-)
  output: "%proc.args %proc.script %proc.interp %proc.exepath %proc.args.len %proc.args.truncated %proc.args.tail
    %proc.exec.stdin.type %proc.exec.stdout.type %proc.exec.stderr.type %proc.exe.dev %proc.exe.nlink %proc.exe_ino
    %proc.lineage.name %proc.is_orphan %proc.pname %proc.is_exe_deleted"
  priority: INFO
- rule: opened
  desc: a file was opened
  condition: evt.type in (open, openat, openat2, creat) and evt.arg.name contains gyrfield- and fd.num >= 0
  output: "%evt.arg.name %fd.name %fs.path.real %fs.path.real.dev %fs.path.real.ino %fs.path.real.nlink %fs.path.real.mntid %evt.arg_mismatch %evt.is_io_uring"
  priority: INFO
- rule: descends
  desc: an ancestor that may have exited
  condition: evt.type in (execve, execveat) and proc.args = gyrfield-orphan and proc.aname = gyrfield-daddy
  output: "%proc.args %proc.aname %proc.pname %proc.lineage.name"
  priority: INFO
`

// TestFieldsOfOurs asks for every field beyond the published ones what real processes do.
func TestFieldsOfOurs(t *testing.T) {
	needLive(t)
	needBuild(t)
	s := newScene(t, "gyrfield-scene")
	rules := s.path("rules.yaml")
	if err := os.WriteFile(rules, []byte(fieldRules), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := start("-r", rules, "-o", "rule_matching=all")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if summary, err := w.stop(); err != nil {
			t.Errorf("gyr ended badly: %v\n%s", err, summary)
		}
	})
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("script", func(t *testing.T) { testScript(t, w, s, shell) })
	t.Run("arguments", func(t *testing.T) { testLongArguments(t, w, s) })
	t.Run("stdio", func(t *testing.T) { testStdio(t, w, s) })
	t.Run("lineage", func(t *testing.T) { testLineage(t, w, s) })
	t.Run("file", func(t *testing.T) { testRealFile(t, w, s) })
	t.Run("ring", func(t *testing.T) { testRing(t, w, s) })
}

// expect waits for an alert in which want holds and compares fields.
func (w *watcher) expect(t *testing.T, rule string, of func(*alert) bool, want map[string]any) {
	t.Helper()
	found := w.wait(1, 10*time.Second, func(a *alert) bool { return a.Rule == rule && of(a) })
	if len(found) == 0 {
		t.Errorf("%s: no alert\n%s", rule, w.log())
		return
	}
	for field, value := range want {
		got := fmt.Sprint(found[0].Fields[field])
		if n, ok := found[0].Fields[field].(float64); ok {
			got = fmt.Sprintf("%.0f", n)
		}
		if got != fmt.Sprint(value) {
			t.Errorf("%s is %q, want %q (%s)", field, got, fmt.Sprint(value), found[0].Output)
		}
	}
}

// with says that a field of an alert has that value.
func with(field, value string) func(*alert) bool {
	return func(a *alert) bool { return a.Fields[field] == value }
}

func testScript(t *testing.T, w *watcher, s *scene, shell string) {
	path := s.path("gyrfield-script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n:\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("./gyrfield-script", "x")
	cmd.Dir = s.dir
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "executed", with("proc.script", path), map[string]any{"proc.interp": "/bin/sh", "proc.exepath": shell})
	s.run(build.nothing, "gyrfield-binary")
	w.expect(t, "executed", with("proc.args", "gyrfield-binary"), map[string]any{"proc.script": nil, "proc.interp": nil, "proc.exepath": build.nothing,
		"proc.args.truncated": false, "proc.args.tail": nil, "proc.exe.nlink": links(t, build.nothing)})
}

func links(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return uint64(st.Nlink)
}

func testLongArguments(t *testing.T, w *watcher, s *scene) {
	args := []string{"gyrfield-long"}
	size := len("gyrfield") + 1 + len(args[0]) + 1
	for i := range 2000 {
		args = append(args, fmt.Sprintf("padding-%d", i))
		size += len(args[len(args)-1]) + 1
	}
	args = append(args, "the-evil-end")
	size += len(args[len(args)-1]) + 1
	cmd := &exec.Cmd{Path: "/bin/sh", Args: append([]string{"gyrfield", "-c", ":"}, args...)} // which is gone at once
	size += len("-c") + 1 + len(":") + 1
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	long := func(a *alert) bool {
		return strings.HasSuffix(fmt.Sprint(a.Fields["proc.args.tail"]), " padding-1999 the-evil-end")
	}
	w.expect(t, "executed", long, map[string]any{"proc.args.truncated": true, "proc.args.len": size})
}

func testStdio(t *testing.T, w *watcher, s *scene) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	socket, err := there.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	cmd := &exec.Cmd{Path: build.nothing, Args: []string{"nothing", "gyrfield-stdio"}, Stdin: socket, Stdout: pipe}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "executed", with("proc.args", "gyrfield-stdio"), map[string]any{
		"proc.exec.stdin.type": "ipv4", "proc.exec.stdout.type": "pipe", "proc.exec.stderr.type": "file"})
}

// testLineage has a process start another through one that exits before.
func testLineage(t *testing.T, w *watcher, s *scene) {
	daddy := s.path("gyrfield-daddy")
	script := fmt.Sprintf("#!/bin/sh\n(sh -c 'sleep 0.3; %s gyrfield-orphan; :' >/dev/null 2>&1 &)\n", build.nothing)
	if err := os.WriteFile(daddy, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(daddy).Run(); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "executed", with("proc.args", "gyrfield-orphan"), map[string]any{"proc.is_orphan": false, "proc.pname": "sh"})
	w.expect(t, "descends", with("proc.args", "gyrfield-orphan"), nil)
	for _, a := range w.find(func(a *alert) bool { return a.Rule == "descends" }) {
		if aname := fmt.Sprint(a.Fields["proc.aname"]); strings.Contains(aname, "daddy") {
			t.Errorf("the ancestor had not exited: %s", a.Output)
		}
		if lineage := fmt.Sprint(a.Fields["proc.lineage.name"]); !strings.Contains(lineage, "gyrfield-daddy") {
			t.Errorf("lineage is %q", lineage)
		}
	}
}

func testRealFile(t *testing.T, w *watcher, s *scene) {
	file, link, hard := s.file("gyrfield-file"), s.path("gyrfield-link"), s.path("gyrfield-hard")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(file, hard); err != nil {
		t.Fatal(err)
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, file, 0, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st); err != nil {
		t.Fatal(err)
	}
	dev := fmt.Sprintf("%X", unix.Mkdev(st.Dev_major, st.Dev_minor))
	for _, c := range []struct {
		path, real string
		mismatch   bool
	}{{file, file, false}, {link, file, true}, {hard, hard, false}} {
		f, err := os.Open(c.path)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		again := func(a *alert) bool { // not when it was made
			return a.Fields["fd.name"] == c.path && a.Fields["fs.path.real.nlink"] != 1.0
		}
		w.expect(t, "opened", again, map[string]any{
			"fs.path.real": c.real, "fs.path.real.dev": dev, "fs.path.real.ino": st.Ino, "fs.path.real.nlink": 2,
			"fs.path.real.mntid": st.Mnt_id, "evt.arg_mismatch": c.mismatch, "evt.is_io_uring": false})
	}
}

// testRing opens a file through an io_uring, and one by a system call.
func testRing(t *testing.T, w *watcher, s *scene) {
	file, link := s.file("gyrfield-ring"), s.path("gyrfield-ring-link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	s.run(build.actor, "ring-open", link)
	byRing := func(a *alert) bool { return a.Fields["fd.name"] == link && a.Fields["evt.is_io_uring"] == true }
	w.expect(t, "opened", byRing, map[string]any{"fs.path.real": file, "evt.arg_mismatch": true})
	s.run(build.actor, "open", "r", link)
	w.expect(t, "opened", func(a *alert) bool { return a.Fields["fd.name"] == link && a.Fields["evt.is_io_uring"] == false }, nil)
}
