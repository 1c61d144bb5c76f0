// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/packages.txt anew")

// TestLinkedPackages compares the packages of others that the program links with the recorded list,
// so that a new dependency is a visible change.
func TestLinkedPackages(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the list is recorded for amd64")
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if not .Module.Main}}{{.ImportPath}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	text := strings.Join(got, "\n") + "\n"
	golden := filepath.Join("testdata", "packages.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("the linked packages changed (go test ./cmd/gyr -update, and say why in the commit); have:\n%s", text)
	}
}

// maxBinary is how large the program may be, in MiB, built as `make build` does.
const maxBinary = 32

// TestBinarySize holds the size of the program.
func TestBinarySize(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bin := filepath.Join(t.TempDir(), "gyr")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	st, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MiB", float64(st.Size())/(1<<20))
	if st.Size() > maxBinary<<20 {
		t.Errorf("the program has %d bytes, more than %d MiB", st.Size(), maxBinary)
	}
}
