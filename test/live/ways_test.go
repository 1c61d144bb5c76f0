// SPDX-License-Identifier: Apache-2.0

package live

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ways are ways to read /etc/shadow, most of which do not name it. What a bind mount or a hard link
// leads to has another path for the kernel, too: there the rules see how they were made.
var ways = []struct {
	name string
	read func(*scene)
}{
	{"by name", func(s *scene) { s.act("open", "r", "/etc/shadow") }},
	{"with needless slashes", func(s *scene) { s.act("open", "r", "//etc/.///shadow") }},
	{"relative to a directory, by openat2", func(s *scene) { s.act("openat2", "/etc", "shadow") }},
	{"by handle", func(s *scene) { s.act("open-handle", "/etc/shadow") }},
	{"by a symbolic link", func(s *scene) { link(s, "/etc/shadow"); s.act("open", "r", s.path("link")) }},
	{"by a symbolic link to a directory, and up", func(s *scene) { link(s, "/etc/security"); s.act("open", "r", s.path("link")+"/../shadow") }},
	{"by the root directory of the process", func(s *scene) { s.act("open", "r", "/proc/self/root/etc/shadow") }},
	{"by a descriptor of a directory", func(s *scene) { s.act("openat2", "/proc/self/root/etc", "shadow") }},
	{"by a bind mount", func(s *scene) { s.actOn(stage{}, "open-bound", "/etc/shadow", s.path("")) }},
	{"by a hard link", func(s *scene) { s.actOn(over("/etc", "/etc/shadow"), "link", "/etc/shadow", "/etc/x") }},
	{"through an io_uring", func(s *scene) { s.act("ring-open", "/etc/shadow") }},
	{"by int 0x80 of a 64-bit program", func(s *scene) { s.act("int80-open", "/etc/shadow") }},
	{"by a 32-bit call", func(s *scene) { s.run(needActor32(s), "open", "r", "/etc/shadow", s.mark) }},
	{"under a trusted name", func(s *scene) { s.run(s.actor("unix_chkpwd"), "open", "r", "/etc/shadow") }},
	{"by a link under a trusted name", func(s *scene) {
		if err := os.Symlink(build.actor, s.path("sudo")); err != nil {
			s.t.Fatal(err)
		}
		s.run(s.path("sudo"), "open", "r", "/etc/shadow", s.mark)
	}},
}

// witnesses are the rules one of which must see each way.
var witnesses = []string{"Read sensitive file untrusted", "Sensitive file reached by another name", "Bind mount of sensitive files", "Create Hardlink Over Sensitive Files"}

// TestEveryWay holds the rules for sensitive files to seeing the file, whatever it is called.
func TestEveryWay(t *testing.T) {
	w := watch(t)
	for i, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s := newScene(t, "way"+string(rune('a'+i)))
			way.read(s)
			seen := func(a *alert) bool { return slices.Contains(witnesses, a.Rule) && strings.Contains(a.Output, s.mark) }
			if len(w.wait(1, 5*time.Second, seen)) == 0 {
				t.Errorf("no alert; others with the mark: %s", outputs(w, s.mark))
			}
		})
	}
}

// needActor32 builds the actor as a 32-bit program, on machines that run such.
func needActor32(s *scene) string {
	s.t.Helper()
	path := filepath.Join(build.dir, "bin", "actor32")
	cmd := exec.Command("go", "build", "-o", path, "./actor")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=386")
	if text, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, text)
	}
	if err := exec.Command(path, "sleep", "1ns").Run(); err != nil {
		s.t.Skipf("32-bit programs do not run here: %v", err)
	}
	return path
}
