// SPDX-License-Identifier: Apache-2.0

package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// unused are keys that nobody reads, with the reason; docs/differences.md has them.
var unused = map[string]string{
	"PluginsHostInfo":       "what is built in always knows the host",
	"KMod.Probe":            "the programs are brought along",
	"Plugin.OpenParams":     "no built-in plugin makes events",
	"Include.Strategy":      "read from the document, before the structs are filled",
	"GRPC.Threadiness":      "connections have goroutines, no pool",
	"Webserver.Threadiness": "connections have goroutines, no pool",
}

// Every key is read by somebody: a key that is accepted and ignored is a defect.
func TestEveryKeyIsUsed(t *testing.T) {
	sources := readSources(t)
	seen := map[reflect.Type]bool{}
	checked := 0
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			if tag := f.Tag.Get("yaml"); tag == "" || tag == "-" {
				continue
			}
			walk(f.Type)
			if unused[typ.Name()+"."+f.Name] != "" || unused[f.Name] != "" {
				continue
			}
			checked++
			if !regexp.MustCompile(`\.` + f.Name + `\b`).MatchString(sources) {
				t.Errorf("nobody reads %s.%s", typ.Name(), f.Name)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	if checked < 100 {
		t.Errorf("only %d keys were looked at", checked)
	}
}

// readSources returns the program's own sources, those that only describe the keys left out.
func readSources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir("..", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		content, err := os.ReadFile(file)
		all.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
