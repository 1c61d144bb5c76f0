// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func corpus(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = "../../../../shared/corpora"
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatalf("corpus: %v", err)
		}
		t.Skipf("no corpus %q", file)
	}
	return file
}

func TestMatchCorpus(t *testing.T) {
	f, err := os.Open(corpus(t, "container-cgroups.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := NewMatcher()
	rows := 0
	for lines := bufio.NewScanner(f); lines.Scan(); rows++ {
		var row struct {
			ID, Input string
			Expected  struct {
				Match       bool
				ContainerID string `json:"container_id"`
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			ref, ok := m.Match(row.Input)
			if ok != row.Expected.Match || ref.ID != row.Expected.ContainerID {
				t.Errorf("%s: %q is %+v, want %+v", row.ID, row.Input, ref, row.Expected)
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows", rows)
	}
}

const id = "605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22"

func TestMatchRuntimes(t *testing.T) {
	for _, c := range []struct{ path, id, typ string }{
		{"/machine.slice/libpod-" + id + ".scope", id, "podman"},
		{"/machine.slice/libpod-" + id + ".scope/container", id, "podman"},
		{"/docker/" + id, id, "docker"},
		{"/kubepods/pod1/" + id, id, "docker"},
		{"/kubepods.slice/cri-containerd-" + id + ".scope", id, "cri"},
		{"/x/nerdctl-" + id + ".scope", id, "cri"},
		{"/k8s.io/t1", "t1", "containerd"},
		{"/k8s.io/" + id + "0", "", ""},
		{"/lxc/web/init", "web", "lxc"},
		{"/lxc.payload.web/init.scope", "web", "lxc"},
		{"/machine/x/web.libvirt-lxc", "web", "libvirt-lxc"},
		{`/machine.slice/machine-lxc\x2dweb.scope/libvirt`, "web", "libvirt-lxc"},
		{"/libvirt/lxc/web", "web", "lxc"},
		{"/system.slice/runc-bpm-cell_rep.scope", "cell_rep", "bpm"},
		{"/user.slice/user-0.slice/session-1.scope", "", ""},
		{"/init.scope", "", ""},
		{"/docker/" + id + "/init.scope", id, "docker"},
		{"/docker/" + id + "/system.slice/x.service", id, "docker"},
		{"/machine.slice/libpod-" + id + ".scope/container/user.slice/a/b", id, "podman"},
		{"/kubepods.slice/cri-containerd-" + id + ".scope/hide", id, "cri"},
		{"/kubepods.slice/crio-" + id + ".scope/a/" + id[:63] + "0", id[:63] + "0", "docker"}, // a container in a container
		{"/docker/" + id + "/docker/" + id[:63] + "0/x", id[:63] + "0", "docker"},
		{"/k8s.io/t1/hide", "t1", "containerd"},
		{"/kubepods/burstable/pod1", "", ""},
		{"/kubepods/burstable/pod1/x", "", ""},
		{"/user/1/x", "", ""},
		{"/user.slice/user-0.slice/user@0.service/app.slice/x", "", ""},
		{"", "", ""},
	} {
		ref, ok := NewMatcher().Match(c.path)
		if ref.FullID != c.id || ref.Type != c.typ || ok != (c.id != "") {
			t.Errorf("%q is %+v, want %q %q", c.path, ref, c.id, c.typ)
		}
	}
}

func TestMatchEngines(t *testing.T) {
	if _, ok := NewMatcher("lxc").Match("/docker/" + id); ok {
		t.Error("a runtime that is not enabled matched")
	}
	if ref, ok := NewStatic(Ref{ID: "x"}).Match("/"); !ok || ref.ID != "x" {
		t.Errorf("static is %+v", ref)
	}
	if got := strings.Join(Engines(), " "); got != "podman docker cri containerd lxc libvirt_lxc bpm" {
		t.Errorf("engines are %s", got)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	m := NewMatcher()
	path := "/docker/" + id
	m.Match(path)
	if n := testing.AllocsPerRun(100, func() { m.Match(path) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMatchCacheIsBounded(t *testing.T) {
	m := NewMatcher()
	for i := range 5 * maxCached {
		m.Match("/x/" + strings.Repeat("a", i%100) + string(rune('a'+i%26)) + string(rune(i)))
	}
	if n := len(m.now) + len(m.before); n > 2*maxCached {
		t.Errorf("%d paths cached", n)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("/docker/" + id)
	f.Add("/a/b.scope")
	f.Fuzz(func(t *testing.T, path string) {
		ref, ok := NewMatcher().Match(path)
		if ok != (ref.ID != "") || len(ref.ID) > idLen || !strings.HasPrefix(ref.FullID, ref.ID) {
			t.Errorf("%q is %+v", path, ref)
		}
	})
}
