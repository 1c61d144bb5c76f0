// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReloadWhenFilesChange(t *testing.T) {
	r := begin(t, func(r *reloaded, o *Options) {
		r.cfg.WatchConfigFiles = true
		// As Kubernetes mounts a ConfigMap.
		r.rules = filepath.Join(r.dir, "map", "rules.yaml")
		o.RulesPaths = []string{r.rules}
		must(t, os.Mkdir(filepath.Join(r.dir, "map"), 0o700))
		must(t, os.Symlink("..data/rules.yaml", r.rules))
		r.swapMap(t, "..1", rulesNamed("a"))
	})
	reloads := func(n uint64) func() bool { return func() bool { return r.reload.done.Load() == n } }
	r.swapMap(t, "..2", rulesNamed("b"))
	await(t, "the reload after a swap", reloads(1), r)
	must(t, os.RemoveAll(filepath.Join(r.dir, "map", "..1")))
	r.swapMap(t, "..3", rulesNamed("broken")+"- nonsense\n")
	await(t, "the refusal", func() bool { return r.reload.refused.Load() == 1 }, r)
	// The same broken rules in new files are no second reason for an alert.
	r.swapMap(t, "..4", rulesNamed("broken")+"- nonsense\n")
	r.swapMap(t, "..5", rulesNamed("c"))
	await(t, "the reload after the mistake is mended", reloads(2), r)
	// As editors save: a new file in the place of the old one.
	file := filepath.Join(r.dir, "map", "..5", "rules.yaml")
	must(t, os.WriteFile(file+"~", []byte(rulesNamed("d")), 0o600))
	must(t, os.Rename(file+"~", file))
	await(t, "the reload after a rename", reloads(3), r)
	r.seen(t, 1)
	r.finish(t)
	if got := alerts(r.out.String()); !slices.Equal(got, []string{"d /n/1"}) || r.reload.refused.Load() != 1 {
		t.Errorf("got %q, %d refused\n%s", got, r.reload.refused.Load(), r.log)
	}
}

// swapMap makes rules the content of the map as Kubernetes does.
func (r *reloaded) swapMap(t *testing.T, version, rules string) {
	t.Helper()
	dir := filepath.Join(r.dir, "map")
	must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, version, "rules.yaml"), []byte(rules), 0o600))
	must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTouchedFilesAreNoReload(t *testing.T) {
	r := begin(t, func(r *reloaded, _ *Options) { r.cfg.WatchConfigFiles, r.cfg.LogLevel = true, "debug" })
	r.write(t, rulesNamed("a"))
	await(t, "the look", func() bool { return strings.Contains(r.log.String(), "files were touched") }, r)
	if r.reload.done.Load() != 0 {
		t.Error("it was reloaded")
	}
}
