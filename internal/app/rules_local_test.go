// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// Rules in the local directory are added to the embedded ones, and only to them.
func TestLocalRules(t *testing.T) {
	dir := t.TempDir()
	defer func(old string) { localRules = old }(localRules)
	localRules = dir
	file := filepath.Join(dir, "ours.yaml")
	text := "- rule: ours\n  desc: d\n  condition: evt.type = openat\n  output: o\n  priority: ERROR\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	load := func(paths ...string) *Rules {
		r, err := LoadRules(cfg, paths, Catalogue(cfg))
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		return r
	}
	if r := load(); !slices.Equal(r.Names, []string{"the embedded rules", file}) || r.Set.Rule("ours") == nil || len(r.Set.Rules) < 20 {
		t.Errorf("got %v", r.Names)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := load(other); !slices.Equal(r.Names, []string{other}) {
		t.Errorf("got %v", r.Names)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r := load(); !slices.Equal(r.Names, []string{"the embedded rules"}) {
		t.Errorf("got %v", r.Names)
	}
}
