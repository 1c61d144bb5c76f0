// SPDX-License-Identifier: Apache-2.0

// Package arch holds the shape of the program: who may import whom.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gyrfalcon/gyrfalcon/"

// allowed lists, for every package, the packages of ours that it may import. What is not here is
// forbidden: a new dependency between rooms is a visible change of this table.
var allowed = map[string][]string{
	"bpf":                             {},
	"rules":                           {},
	"internal/diag":                   {},
	"internal/alert":                  {},
	"internal/event":                  {},
	"internal/source":                 {"internal/event"},
	"internal/source/modernbpf":       {"bpf", "internal/event", "internal/source"},
	"internal/state/container":        {},
	"internal/state":                  {"internal/event", "internal/state/container"},
	"internal/state/statetest":        {"internal/event", "internal/state"},
	"internal/field":                  {"internal/event", "internal/state"},
	"internal/filter/syntax":          {},
	"internal/filter/internal/corpus": {},
	"internal/filter":                 {"internal/diag", "internal/event", "internal/field", "internal/filter/syntax", "internal/state"},
	"internal/format":                 {"internal/diag", "internal/event", "internal/field", "internal/filter", "internal/filter/syntax"},
	"internal/rule":                   {"internal/alert", "internal/diag", "internal/event", "internal/field", "internal/filter", "internal/filter/syntax", "internal/format"},
	"internal/engine":                 {"internal/alert", "internal/event", "internal/field", "internal/filter", "internal/format", "internal/rule", "internal/state"},
	"internal/output":                 {"internal/alert"},
	"internal/output/dest":            {"internal/alert", "internal/output"},
	"internal/config":                 {"internal/alert", "internal/diag"},
	"internal/app":                    nil, // knows everything
	"internal/cli":                    nil,
	"cmd/gyr":                         {"internal/cli"},
}

// free packages may import whatever they like.
var free = []string{"internal/app", "internal/cli"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(out)
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "test/") || slices.Contains(free, name) {
			continue
		}
		may, known := allowed[name]
		if !known {
			t.Errorf("%s is not in the table of rooms: add it to test/arch and to ARCHITECTURE.md", name)
		}
		for _, i := range p.Imports {
			if dep, ours := strings.CutPrefix(i, module); ours && !slices.Contains(may, dep) {
				t.Errorf("%s imports %s, which the table does not allow", name, dep)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
