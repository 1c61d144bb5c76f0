// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRunc watches a real container, made by runc, in which somebody works at a terminal.
func TestRunc(t *testing.T) {
	w := watch(t)
	runc, busybox := needTool(t, "runc"), needTool(t, "busybox")
	s := newScene(t, "runc")
	id := containerID(s.mark)
	bundle := makeBundle(t, s, runc, busybox, []string{"/bin/sh", "-c", "cat /etc/shadow; /bin/wget --help; whoami", s.mark})
	defer func() { _ = exec.Command(runc, "--root", s.path("state"), "delete", "-f", id).Run() }()

	s.tty = true
	cmd := s.command(runc, []string{"runc", "--root", s.path("state"), "run", "--bundle", bundle, id})
	if err := cmd.Run(); err != nil {
		t.Logf("runc: %v", err)
	}
	in := func(rule string) func(*alert) bool {
		return func(a *alert) bool {
			return a.Rule == rule && a.Fields["container.id"] == id[:12]
		}
	}
	for _, rule := range []string{"Terminal shell in container", "Read sensitive file untrusted"} {
		if len(w.wait(1, 5*time.Second, in(rule))) == 0 {
			t.Errorf("no alert of %q in container %s; in it: %s", rule, id[:12], inContainer(w, id[:12]))
		}
	}
	for _, rule := range []string{"Fileless execution via memfd_create", "Change thread namespace", "Device or cgroup mounted in container", "BPF Program Not Profiled", "Drop and execute new binary in container"} {
		for _, a := range w.find(func(a *alert) bool {
			return a.Rule == rule && strings.Contains(fmt.Sprint(a.Fields["proc.name"], a.Fields["proc.exepath"], a.Fields["proc.cmdline"]), "runc")
		}) {
			t.Errorf("runc at work brought an alert: %s: %s", a.Rule, a.Output)
		}
	}
}

func inContainer(w *watcher, id string) (text string) {
	for _, a := range w.find(func(a *alert) bool { return a.Fields["container.id"] == id }) {
		text += "\n\t" + a.Rule + ": " + a.Output
	}
	return text
}

func needTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv(requireVar) == "1" {
		t.Fatalf("%v (install runc and busybox-static)", err)
	}
	t.Skip(err)
	return ""
}

// makeBundle makes a runc bundle whose file system is busybox alone and whose program is argv.
func makeBundle(t *testing.T, s *scene, runc, busybox string, argv []string) string {
	t.Helper()
	bundle := s.path("bundle")
	bin := s.path("bundle/rootfs/bin/busybox")
	data, err := os.ReadFile(busybox)
	if err == nil {
		err = os.WriteFile(bin, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, applet := range []string{"sh", "cat", "wget", "whoami"} {
		if err := os.Symlink("busybox", filepath.Join(filepath.Dir(bin), applet)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0:root:/:/bin/sh\n", "shadow": "root:*:::::::\n"} {
		if err := os.WriteFile(s.path("bundle/rootfs/etc/"+name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"proc", "dev", "sys"} {
		if err := os.Mkdir(filepath.Join(bundle, "rootfs", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	spec := exec.Command(runc, "spec")
	spec.Dir = bundle
	if text, err := spec.CombinedOutput(); err != nil {
		t.Fatalf("runc spec: %v\n%s", err, text)
	}
	if err := editSpec(filepath.Join(bundle, "config.json"), argv, nil); err != nil {
		t.Fatal(err)
	}
	return bundle
}

// editSpec changes the program and leaves out what a machine without all privileges refuses. With a root
// directory the container has no terminal either.
func editSpec(path string, argv []string, root map[string]any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		return err
	}
	process := spec["process"].(map[string]any)
	process["args"] = argv
	delete(process, "rlimits")
	if root != nil {
		spec["root"], process["terminal"] = root, false
	}
	if data, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
