// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runtimeTools is one container runtime, running in a directory and a network of its own.
type runtimeTools struct {
	name  string
	typ   string   // container.type of its containers
	tools []string // what it takes

	// setUp starts the daemon, if there is one, and gets images ready.
	setUp func(y *yard) error
	// run starts a container and returns its id.
	run func(y *yard, name, script string) (id string, err error)
	// enter runs a program in a container.
	enter func(y *yard, id, user string, argv ...string) error
	// remove ends a container.
	remove func(y *yard, id string) error
}

// yard is where the engines work: a directory, a network namespace, and a root file system of busybox.
type yard struct {
	t       testing.TB
	dir     string
	netns   string
	cleanup []func()
}

// newYard makes a yard; it is cleared when the test ends.
func newYard(t testing.TB) *yard {
	t.Helper()
	y := &yard{t: t, dir: filepath.Join(build.dir, "yard"), netns: fmt.Sprintf("gyrlive%d", os.Getpid())}
	t.Cleanup(y.clear)
	for _, dir := range []string{"bin", "etc", "proc", "dev", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(y.dir, "rootfs", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, err := os.ReadFile(needTool(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"bin/busybox": string(busybox),
		"etc/passwd":  "root:x:0:0:root:/:/bin/sh\nalice:x:1234:1234:alice:/:/bin/sh\n",
		"etc/group":   "root:x:0:\nwonderland:x:1234:\n",
	} {
		if err := os.WriteFile(filepath.Join(y.dir, "rootfs", name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("busybox", filepath.Join(y.dir, "rootfs/bin/sh")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(y.dir, "rootfs/tmp"), 0o1777); err != nil {
		t.Fatal(err)
	}
	if _, err := y.do("ip", "netns", "add", y.netns); err != nil {
		t.Fatal(err)
	}
	y.onClear(func() { _, _ = y.do("ip", "netns", "del", y.netns) })
	return y
}

// onClear has f called at the end, last first.
func (y *yard) onClear(f func()) { y.cleanup = append(y.cleanup, f) }

func (y *yard) clear() {
	for i := len(y.cleanup) - 1; i >= 0; i-- {
		y.cleanup[i]()
	}
	if err := os.RemoveAll(y.dir); err != nil {
		y.t.Logf("clear: %v", err)
	}
}

// toolTimeout bounds every command of the runtimes.
const toolTimeout = 20 * time.Second

// do runs a program in the yard's network and returns the last line that it printed.
func (y *yard) do(argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), toolTimeout)
	defer cancel()
	if argv[0] != "ip" {
		argv = append([]string{"nsenter", "--net=/run/netns/" + y.netns}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = y.dir
	// What a runtime leaves behind may keep a pipe open: a file has no such end.
	out, err := os.CreateTemp(y.dir, "out")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, _ := os.ReadFile(out.Name())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil {
		return "", fmt.Errorf("%q: %w\n%s", argv, err, text)
	}
	return strings.TrimSpace(lines[len(lines)-1]), nil
}

// daemon starts a program that stays, and waits until ready succeeds.
func (y *yard) daemon(ready []string, argv ...string) error {
	log, err := os.Create(filepath.Join(y.dir, filepath.Base(argv[0])+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("nsenter", append([]string{"--net=/run/netns/" + y.netns}, argv...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = y.dir, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	y.onClear(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
	})
	for end := time.Now().Add(toolTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err = y.do(ready...); err == nil {
			return nil
		}
		select {
		case <-exited:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s has ended: %s", argv[0], text)
		default:
		}
	}
	return fmt.Errorf("%s does not get ready: %w", argv[0], err)
}

// at is a path in the yard.
func (y *yard) at(name string) string { return filepath.Join(y.dir, name) }

// engines are the runtimes that are tested.
var engines = []runtimeTools{
	{name: "runc", typ: "docker", tools: []string{"runc"},
		run: runRunc,
		enter: func(y *yard, id, user string, argv ...string) error {
			_, err := y.do(append([]string{"runc", "--root", y.at("runc"), "exec", "--user", user, id}, argv...)...)
			return err
		},
		remove: func(y *yard, id string) error {
			_, err := y.do("runc", "--root", y.at("runc"), "delete", "-f", id)
			return err
		}},
	{name: "containerd", typ: "containerd", tools: []string{"containerd", "ctr", "runc"},
		setUp: startContainerd,
		run: func(y *yard, name, script string) (string, error) {
			_, err := y.ctr("run", "-d", "--rootfs", y.at("rootfs"), name, "/bin/sh", "-c", script)
			return name, err
		},
		enter: func(y *yard, id, user string, argv ...string) error {
			_, err := y.ctr(append([]string{"task", "exec", "--user", user, "--exec-id", "x" + strconv.Itoa(int(time.Now().UnixNano())), id}, argv...)...)
			return err
		},
		remove: removeTask},
	{name: "docker", typ: "docker", tools: []string{"dockerd", "docker", "containerd", "runc"},
		setUp: startDocker,
		run: func(y *yard, name, script string) (string, error) {
			return y.docker("run", "-d", "--network", "none", "--name", name, "gyrlive/busybox", "/bin/sh", "-c", script)
		},
		enter: func(y *yard, id, user string, argv ...string) error {
			_, err := y.docker(append([]string{"exec", "-u", user, id}, argv...)...)
			return err
		},
		remove: func(y *yard, id string) error {
			_, err := y.docker("rm", "-f", id)
			return err
		}},
	{name: "podman", typ: "podman", tools: []string{"podman", "runc"},
		run: func(y *yard, name, script string) (string, error) {
			// Without limits of their own containers get ones that not every root may set.
			return y.podman("run", "-d", "--network", "none", "--name", name, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
				"--rootfs", y.at("rootfs"), "/bin/sh", "-c", script)
		},
		enter: func(y *yard, id, user string, argv ...string) error {
			_, err := y.podman(append([]string{"exec", "-u", user, id}, argv...)...)
			return err
		},
		remove: func(y *yard, id string) error {
			_, err := y.podman("rm", "-f", "-t", "0", id)
			return err
		}},
}

// runRunc makes a bundle and runs it. The id is the name of the cgroup, too.
func runRunc(y *yard, name, script string) (string, error) {
	id := containerID(name)
	bundle := y.at(name)
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		return "", err
	}
	if _, err := y.do("runc", "spec", "--bundle", bundle); err != nil {
		return "", err
	}
	err := editSpec(filepath.Join(bundle, "config.json"), []string{"/bin/sh", "-c", script}, map[string]any{"path": y.at("rootfs")})
	if err == nil {
		_, err = y.do("runc", "--root", y.at("runc"), "run", "-d", "--bundle", bundle, id)
	}
	return id, err
}

// startContainerd starts a containerd; a second call finds it running.
func startContainerd(y *yard) error {
	if _, err := os.Stat(y.at("containerd.toml")); err == nil {
		return nil
	}
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		y.at("ctd/root"), y.at("ctd/state"), y.at("ctd.sock"))
	if err := os.WriteFile(y.at("containerd.toml"), []byte(config), 0o644); err != nil {
		return err
	}
	return y.daemon([]string{"ctr", "-a", y.at("ctd.sock"), "version"}, "containerd", "-c", y.at("containerd.toml"))
}

func (y *yard) ctr(args ...string) (string, error) {
	return y.do(append([]string{"ctr", "-a", y.at("ctd.sock"), "-n", "k8s.io"}, args...)...)
}

// removeTask kills a container's processes and, once they are gone, removes it.
func removeTask(y *yard, id string) error {
	_, err := y.ctr("task", "kill", "-a", "-s", "SIGKILL", id)
	for end := time.Now().Add(toolTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err = y.ctr("task", "rm", id); err == nil || strings.Contains(err.Error(), "not found") {
			_, err = y.ctr("container", "rm", id)
			return err
		}
	}
	return err
}

// startDocker starts a dockerd above containerd and imports the image.
func startDocker(y *yard) error {
	if err := startContainerd(y); err != nil {
		return err
	}
	err := y.daemon([]string{"docker", "-H", "unix://" + y.at("docker.sock"), "version"},
		"dockerd", "--data-root", y.at("docker/data"), "--exec-root", y.at("docker/exec"), "-p", y.at("docker.pid"), "-H", "unix://"+y.at("docker.sock"),
		"--iptables=false", "--ip6tables=false", "--ip-masq=false", "--bridge=none", "--storage-driver=vfs", "--containerd", y.at("ctd.sock"))
	if err != nil {
		return err
	}
	if _, err := y.do("tar", "-C", y.at("rootfs"), "-cf", y.at("rootfs.tar"), "."); err != nil {
		return err
	}
	_, err = y.docker("import", y.at("rootfs.tar"), "gyrlive/busybox")
	return err
}

func (y *yard) docker(args ...string) (string, error) {
	return y.do(append([]string{"docker", "-H", "unix://" + y.at("docker.sock")}, args...)...)
}

func (y *yard) podman(args ...string) (string, error) {
	return y.do(append([]string{"podman", "--root", y.at("podman/root"), "--runroot", y.at("podman/run"), "--tmpdir", y.at("podman/tmp"),
		"--storage-driver", "vfs", "--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime", "runc"}, args...)...)
}

// missing returns why an engine cannot be tested here; nil if it can.
func (e *runtimeTools) missing() error {
	for _, tool := range e.tools {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	return nil
}

// errNoContainer is what a runtime that printed no id is met with.
var errNoContainer = errors.New("the runtime printed no id")

// copyLog logs the end of a daemon's log.
func (y *yard) copyLog(name string) {
	f, err := os.Open(y.at(name + ".log"))
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 2048 {
		_, _ = f.Seek(-2048, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	y.t.Logf("%s: %s", name, text)
}
