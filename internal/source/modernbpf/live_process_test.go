// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// testProcess starts a process and compares what the kernel's programs say of its fork, exec and exit.
func testProcess(t *testing.T, s *Source) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	dev, ino, nlink := inode(t, shell)
	runtime.LockOSThread() // which is the child's parent in the kernel's eyes
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/bin/sh", "-c", "exit 3")
	cmd.Env = []string{"KEY=VALUE"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	self, child := int64(unix.Gettid()), int64(cmd.Process.Pid)
	cgroups := processCgroups(t)
	const vm, vfork = 1 << 15, 1 << 27
	type p = map[string]any
	wants := []want{
		{event.Clone, p{"res": int64(0), "tid": child, "pid": child, "ptid": self, "cwd": dir, "comm": comm(t),
			"cgroups": cgroups, "flags": int64(vm | vfork), "uid": int64(os.Getuid()), "vpid": child}},
		{event.Execve, p{"res": int64(0), "exe": "/bin/sh", "args": "-c\x00exit 3\x00", "env": "KEY=VALUE\x00", "tid": child, "pid": child,
			"ptid": self, "cwd": dir, "comm": "sh", "cgroups": cgroups, "trusted_exepath": shell, "filename": "/bin/sh",
			"exe_ino": ino, "exe_dev": dev, "exe_nlink": nlink, "pgid": int64(unix.Getpgrp())}},
		{event.ProcExit, p{"status": int64(3 << 8), "ret": int64(3), "sig": int64(0), "core": int64(0), "reaper_tid": int64(0)}},
	}
	awaitEvents(t, s, child, wants)
	testLongExec(t, s)
}

// testLongExec starts a process with more arguments and environment than the published parameters hold.
func testLongExec(t *testing.T, s *Source) {
	t.Helper()
	const kept, more = 4095, 3 * 4095
	for _, c := range []struct{ args, env int }{{4000, 4000}, {4096, 4095}, {4097, 4096}, {6000, 9000}, {300_000, 60_000}} {
		cmd := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", ":", ""}, Env: []string{"K="}}
		args := "sh\x00-c\x00:\x00" + pattern(c.args-9) + "\x00"
		cmd.Args[3] = args[8 : len(args)-1]
		env := "K=" + pattern(c.env-3) + "\x00"
		cmd.Env[0] = env[:len(env)-1]
		if c.args > 100_000 { // an argument has its own limit
			cmd.Args = append(cmd.Args[:3], cmd.Args[3][:c.args/3], cmd.Args[3][c.args/3:2*c.args/3], cmd.Args[3][2*c.args/3:])
			args = strings.Join(cmd.Args, "\x00") + "\x00"
		}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		params := map[string]any{"args_len": int64(len(args)), "env_len": int64(len(env)), "args_tail": "", "env_more": ""}
		if len(args) > 4096 {
			params["args_tail"] = args[len(args)-kept:]
		}
		if len(env) > kept {
			params["env_more"] = env[kept-1 : min(len(env), kept-1+more)]
		}
		awaitEvents(t, s, int64(cmd.Process.Pid), []want{{event.Execve, params}})
	}
}

// pattern is a text of n bytes of which no two parts of four are the same for long.
func pattern(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x,", i)
	}
	return b.String()[:n]
}

// comm is this process' name.
func comm(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// processCgroups are the cgroups in which the events must place this process, as far as /proc says.
func processCgroups(t *testing.T) containing {
	t.Helper()
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var all containing
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, controller := range strings.Split(parts[1], ",") {
			switch {
			case controller == "" && parts[2] != "/":
				all = append(all, "="+parts[2]+"\x00") // which controllers are there is not said
			case controller == "blkio":
				all = append(all, "io="+parts[2]+"\x00")
			case slices.Contains([]string{"cpuset", "cpu", "cpuacct", "memory"}, controller):
				all = append(all, controller+"="+parts[2]+"\x00")
			}
		}
	}
	return all
}

// awaitEvents reads until the wanted events of a thread came, in that order.
func awaitEvents(t *testing.T, s *Source, tid int64, wants []want) {
	t.Helper()
	left, last := wants, ""
	var ev event.Event
	for deadline := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(deadline); {
		err := s.Next(&ev)
		if errors.Is(err, source.ErrIdle) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.TID() != tid {
			continue
		}
		if m := left[0].mismatch(&ev); m == "" {
			left, last = left[1:], ""
		} else if m != "type" {
			last += "\n  saw a " + ev.Info().Name + " with " + m
		}
	}
	if len(left) > 0 {
		t.Fatalf("%d of %d events came; the next one, %s %v, did not:%s", len(wants)-len(left), len(wants), event.Lookup(left[0].typ).Name, left[0].params, last)
	}
}

// testSnapshot looks for this process, and a file that it opened before the source, in what the iterators
// deliver. Nothing may have been read from the source yet.
func testSnapshot(t *testing.T, s *Source, file *os.File) {
	if s.form == FormPortable {
		t.Skip("the portable programs have no iterators")
	}
	if !s.Snapshot() {
		t.Fatal("no snapshot: ", s.misses)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := os.Getwd()
	dev, ino, nlink := inode(t, file.Name())
	_, exeIno, _ := inode(t, exe)
	self := int64(os.Getpid())
	type p = map[string]any
	awaitEvents(t, s, self, []want{
		{event.IterTask, p{"pid": self, "ppid": int64(os.Getppid()), "comm": comm(t), "exepath": exe, "exe_ino_num": exeIno, "cwd": dir,
			"euid": int64(os.Geteuid()), "cgroups": processCgroups(t)}},
		{event.IterRegular, p{"fd": int64(file.Fd()), "path": file.Name(), "ino_num": ino, "dev": dev, "nlink": nlink}},
	})
	long := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", "read x", pattern(9000) + ".end"}, Env: []string{"K=" + pattern(40_000)}}
	in, err := long.StdinPipe()
	if err != nil || long.Start() != nil {
		t.Fatal("a shell does not start")
	}
	defer long.Wait()
	defer in.Close()
	s = openLive(t, Config{Syscalls: stateCalls(), Form: FormFast})
	args, env := pattern(9000)+".end\x00", "K="+pattern(40_000)
	awaitEvents(t, s, int64(long.Process.Pid), []want{{event.IterTask, p{"args_tail": args[len(args)-4095:], "env_more": env[4094:][:3*4095]}}})
}
