// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// begin watches paths until the test ends.
func begin(t *testing.T, paths ...string) *Watcher {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Watch(paths); err != nil {
		t.Fatal(err)
	}
	return w
}

// told waits for a change.
func told(t *testing.T, w *Watcher, what string) {
	t.Helper()
	select {
	case <-w.Changed():
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: no change was told", what)
	}
}

// write writes a file.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.yaml")
	write(t, file, "a")
	w := begin(t, file)
	write(t, file, "b")
	told(t, w, "written in place")

	// vim writes a new file, moves the old one away and the new one to its place.
	write(t, filepath.Join(dir, "4913"), "")
	must(t, os.Rename(file, file+"~"))
	write(t, file, "c")
	told(t, w, "moved away and written")
	write(t, file+".tmp", "d")
	must(t, os.Rename(file+".tmp", file))
	told(t, w, "renamed over")
	write(t, file, "e")
	told(t, w, "written after it was replaced")
	must(t, os.Remove(file))
	told(t, w, "removed")
	write(t, file, "f")
	told(t, w, "made again")
}

func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	version := func(name, content string) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "rules.yaml"), content)
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	version("..1", "one")
	file := filepath.Join(dir, "rules.yaml")
	must(t, os.Symlink("..data/rules.yaml", file))
	for _, watched := range []string{file, dir} {
		must(t, os.RemoveAll(filepath.Join(dir, "..2")))
		must(t, os.RemoveAll(filepath.Join(dir, "..3")))
		w := begin(t, watched)
		version("..2", "two")
		told(t, w, "first swap of "+watched)
		must(t, w.Watch([]string{watched}))
		must(t, os.RemoveAll(filepath.Join(dir, "..1")))
		version("..3", "three")
		told(t, w, "second swap of "+watched)
		must(t, w.Watch([]string{watched}))
		must(t, os.RemoveAll(filepath.Join(dir, "..1")))
		version("..1", "one")
		told(t, w, "third swap of "+watched)
	}
}

func TestDirectory(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "rules.d")
	w := begin(t, dir)
	must(t, os.Mkdir(dir, 0o700))
	told(t, w, "a directory that was awaited")
	must(t, w.Watch([]string{dir}))
	write(t, filepath.Join(dir, "a.yaml"), "a")
	told(t, w, "a new file")
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	told(t, w, "a removed file")
	other := filepath.Join(top, "other")
	must(t, os.Mkdir(other, 0o700))
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Rename(other, dir))
	told(t, w, "a replaced directory")
	must(t, w.Watch([]string{dir}))
	write(t, filepath.Join(dir, "b.yaml"), "b")
	told(t, w, "a file in the new directory")
}

func TestDirectoryOfAFileIsReplaced(t *testing.T) {
	top := t.TempDir()
	dir, other := filepath.Join(top, "etc"), filepath.Join(top, "new")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Mkdir(other, 0o700))
	write(t, filepath.Join(dir, "f"), "a")
	write(t, filepath.Join(other, "f"), "b")
	w := begin(t, filepath.Join(dir, "f"))
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Rename(other, dir))
	told(t, w, "the directory was replaced")
}

func TestOthersDoNotMatter(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	write(t, file, "a")
	w := begin(t, file)
	write(t, filepath.Join(dir, "other"), "x")
	must(t, os.Chmod(file, 0o640))
	if _, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.Changed():
		t.Error("a change was told")
	case <-time.After(2 * Quiet):
	}
}

func TestManyEventsAreOneChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	w := begin(t, file)
	for range 20 {
		write(t, file, "a")
	}
	told(t, w, "many writes")
	select {
	case <-w.Changed():
		t.Error("told twice")
	case <-time.After(2 * Quiet):
	}
}

func TestNeverQuiet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	w := begin(t, file)
	end := time.After(3 * Longest)
	tick := time.NewTicker(Quiet / 4)
	defer tick.Stop()
	for {
		select {
		case <-w.Changed():
			return
		case <-tick.C:
			write(t, file, "a")
		case <-end:
			t.Fatal("no change was told while the file kept changing")
		}
	}
}

func TestLoopOfLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("b", filepath.Join(dir, "a")))
	must(t, os.Symlink("a", filepath.Join(dir, "b")))
	w := begin(t, filepath.Join(dir, "a", "file"))
	must(t, os.Remove(filepath.Join(dir, "b")))
	told(t, w, "a loop was broken")
}
