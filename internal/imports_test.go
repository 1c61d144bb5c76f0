// SPDX-License-Identifier: Apache-2.0

// Package internal_test holds the table of who may import whom.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gyrfalcon/gyrfalcon/"

// allowed says which packages of ours a package may import, besides those below itself. A package
// without a row may import none; "*" allows all.
var allowed = map[string]string{
	"bpf":                       "",
	"rules":                     "",
	"internal/alert":            "",
	"internal/diag":             "",
	"internal/event":            "",
	"internal/source":           "internal/event",
	"internal/source/modernbpf": "bpf internal/event internal/source",
	"internal/source/scap":      "internal/event internal/source internal/state",
	"internal/state":            "internal/event",
	"internal/field":            "internal/event internal/state",
	"internal/filter":           "internal/diag internal/event internal/state internal/field",
	"internal/format":           "internal/diag internal/event internal/field internal/filter/syntax",
	"internal/rule":             "internal/alert internal/diag internal/event internal/field internal/filter internal/filter/cel internal/filter/syntax internal/format",
	"internal/engine":           "internal/alert internal/event internal/field internal/filter internal/filter/syntax internal/format internal/rule",
	"internal/ruletest":         "internal/alert internal/diag internal/engine internal/event internal/field internal/filter internal/filter/syntax internal/format internal/rule internal/source internal/state internal/state/container",
	"internal/output":           "internal/alert",
	"internal/output/dest":      "internal/alert internal/output internal/output/form",
	"internal/metric":           "internal/alert internal/engine internal/event internal/output internal/rule internal/source internal/state",
	"internal/web":              "",
	"internal/config":           "internal/alert internal/diag",
	"internal/control":          "",
	"internal/tally":            "",
	"internal/terminal":         "internal/alert internal/control",
	"internal/watch":            "",
	"internal/app":              "*",
	"internal/cli":              "*",
	"cmd/gyr":                   "internal/cli",
}

func TestImports(t *testing.T) {
	root := ".."
	for _, top := range []string{"internal", "cmd", "bpf", "rules"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			rel, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			checkFile(t, file, path.Dir(filepath.ToSlash(rel)))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkFile reports the imports of a file of package pkg that its row does not allow. A package
// below another one has the other's row unless it has its own.
func checkFile(t *testing.T, file, pkg string) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	owner := pkg
	row, ok := allowed[owner]
	for ; !ok && owner != "."; row, ok = allowed[owner] {
		owner = path.Dir(owner)
	}
	if row == "*" {
		return
	}
	for _, i := range f.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		ours, found := strings.CutPrefix(name, module)
		if !found || strings.HasPrefix(ours, owner+"/") || ours == owner || slices.Contains(strings.Fields(row), ours) {
			continue
		}
		t.Errorf("%s imports %s (the table of imports does not allow it)", file, ours)
	}
}
