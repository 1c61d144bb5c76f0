// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// Files of other versions and of the Helm chart load: what is gone is only warned of, what has
// moved still counts.
func TestOldFiles(t *testing.T) {
	tests := []struct {
		file  string
		warns []string // keys
		ok    func(c *Config) bool
	}{
		{"helm.yaml", []string{"plugin"}, func(c *Config) bool {
			return c.JSONOutput && c.HTTPOutput.Enabled && c.Metrics.Enabled && len(c.Plugins) == 2
		}},
		{
			"0.30.yaml", []string{"rules_file", "outputs", "webserver.k8s_audit_endpoint", "metadata_download"},
			func(c *Config) bool { return len(c.RulesFiles) == 2 && !c.Webserver.Enabled },
		},
		{
			"0.36.yaml", []string{"rules_file", "syscall_buf_size_preset", "syscall_drop_failed_exit", "modern_bpf", "outputs", "metadata_download"},
			func(c *Config) bool {
				m := c.Engine.ModernEBPF
				return m.BufSizePreset == 6 && m.DropFailedExit && m.CPUsForEachBuffer == 4
			},
		},
		{
			"0.43.yaml", []string{"engine.kind", "engine.gvisor", "container_engines", "engine.ebpf.probe"},
			func(c *Config) bool {
				return c.Engine.ModernEBPF.BufSizePreset == 5 && c.Engine.ModernEBPF.DropFailedExit
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			c, problems := Load(Options{Path: filepath.Join("testdata", "old", tt.file), Env: func(string) string { return "" }})
			var warned []string
			for _, p := range problems {
				key, _, _ := strings.Cut(strings.Fields(p.Message)[0], ":")
				switch {
				case p.Severity == diag.Error:
					t.Error(p.Text())
				case !strings.Contains(p.Message, "not implemented yet"):
					warned = append(warned, key)
				}
			}
			slices.Sort(warned)
			want := slices.Sorted(slices.Values(tt.warns))
			if !slices.Equal(warned, want) {
				t.Errorf("warned of %v, want %v", warned, want)
			}
			if !tt.ok(c) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// A path that can be set can be read again.
func FuzzPath(f *testing.F) {
	for _, path := range []string{`a`, `a.b[0].c`, `a[]`, `a\.b.c\[0\]`, `a..b`, `[`, `a[0][0]`, `\`, `a[].b.c[]`, `a[99999]`} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		root := &Value{Kind: Map}
		want := &Value{Kind: Scalar, Text: "x"}
		if err := root.Set(path, want); err != nil {
			return
		}
		steps, err := parsePath(path)
		if err != nil {
			t.Fatalf("%q was set, but: %v", path, err)
		}
		if slices.ContainsFunc(steps, func(s step) bool { return s.append }) {
			return // only ever set
		}
		if got, err := root.Get(path); err != nil || got == nil || got.Text != "x" {
			t.Errorf("%q: got %v, %v", path, got, err)
		}
	})
}
