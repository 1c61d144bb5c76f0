// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file below testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it)", name)
	}
}

// smallCatalogue has fields of each shape that lists tell apart.
func smallCatalogue() *Catalogue {
	full, c := Default(), &Catalogue{byName: map[string]*Field{}}
	for _, name := range []string{
		"evt.num", "evt.latency", "evt.buflen.in", "evt.arg", "proc.aname", "proc.exe_ino.ctime_duration_proc_start", "fd.types", "fd.net", "fs.path.real",
	} {
		c.Add(full.Lookup(name))
	}
	return c
}

func TestListGolden(t *testing.T) {
	for name, o := range map[string]ListOptions{
		"list.txt": {}, "list-verbose.txt": {Verbose: true}, "list.md": {Format: ListMarkdown}, "list.json": {Format: ListJSON},
		"names.txt": {NamesOnly: true}, "names.json": {NamesOnly: true, Format: ListJSON},
	} {
		var b bytes.Buffer
		if err := smallCatalogue().List(&b, o); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestListShowsEverything(t *testing.T) {
	var b bytes.Buffer
	if err := Default().List(&b, ListOptions{NamesOnly: true}); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for name := range strings.Lines(b.String()) {
		shown[strings.TrimSpace(name)] = true
	}
	for _, f := range Default().All() {
		if want := f.Flags&(TableOnly|PrintOnly) == 0; shown[f.Name] != want {
			t.Errorf("%s: shown is %v", f.Name, shown[f.Name])
		}
	}
	for _, s := range Default().sections(ListOptions{}) {
		if classDocs[[2]string{s.class, s.source}].long == "" {
			t.Errorf("class %q has no doc", s.class)
		}
	}
	b.Reset()
	if err := Default().List(&b, ListOptions{Source: "k8s_audit", NamesOnly: true}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Contains(text, "proc.name") || !strings.Contains(text, "evt.num") {
		t.Errorf("another source has %q", text)
	}
}

func TestListEvents(t *testing.T) {
	for _, format := range []ListFormat{ListText, ListMarkdown, ListJSON, ListManual} {
		var b bytes.Buffer
		if err := ListEvents(&b, format); err != nil {
			t.Fatal(err)
		}
		for _, want := range map[ListFormat][]string{
			ListText:     {"< close(ERRNO res, FD fd, FLAGS8 io_uring)\n", "> procexit(", "< sync(SYSCALLID ID, UINT16 nativeID)\n"},
			ListManual:   {"gyr | Falco | Dir | Event\n", "decoded | decoded | `<` | **close**(ERRNO res, FD fd, FLAGS8 io_uring)\n", "decoded | generic | `<` | **fsopen**(", "generic | generic | `<` | **sync**(", "captures | decoded | `>` | **open**("},
			ListMarkdown: {"Falco | Dir | Event\n", "Yes | `<` | **close**(ERRNO res, FD fd, FLAGS8 io_uring)\n"},
			ListJSON:     {`"name": "close"`},
		}[format] {
			if !strings.Contains(b.String(), want) {
				t.Errorf("format %d: no %q", format, want)
			}
		}
		if format == ListJSON && !json.Valid(b.Bytes()) {
			t.Error("not JSON")
		}
	}
}
