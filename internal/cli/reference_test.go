// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

//go:generate env GYR_UPDATE=1 go test -run TestReference|TestManual .

// references are the pages of the manual that are lists.
var references = []struct {
	file, head string
	list       func(io.Writer) error
}{
	{"fields.md", `# Fields

What conditions and outputs can ask of an event. A field that takes an argument has it in brackets:
` + "`proc.aname[2]`, `evt.arg[flags]`" + `. Of a field without a value every comparison is false; outputs print
` + "`<NA>`" + `. ` + "`gyr --list`" + ` prints the same with the fields of your configuration.

`, printed("--list", "--format", "markdown")},
	{"events.md", `# Events

What happens, with the parameters that ` + "`evt.arg.NAME`" + ` asks for. Rules see the rows marked ` + "`<`" + `, the end of a
system call, where its result is known. ` + "`gyr --list-events`" + ` prints the list. What is told of an event by ` + "`gyr`" + ` and by Falco 0.44:

- *decoded*: all its parameters, live and in captures;
- *generic*: only that the system call was made;
- *captures*: only captures hold it.

`, func(w io.Writer) error { return field.ListEvents(w, field.ListManual) }},
}

// printed is what the program prints with these arguments.
func printed(args ...string) func(io.Writer) error {
	return func(w io.Writer) error {
		var errs bytes.Buffer
		if code := Main(append(args, "-c", os.DevNull), w, &errs); code != 0 {
			return errors.New(errs.String())
		}
		return nil
	}
}

// The generated pages of the manual are current; go generate writes them.
func TestReference(t *testing.T) {
	for _, r := range references {
		var out bytes.Buffer
		if err := r.list(&out); err != nil {
			t.Fatalf("%s: %s", r.file, err)
		}
		want := append([]byte(r.head), bytes.TrimRight(out.Bytes(), "\n")...)
		want = append(want, '\n')
		file := filepath.Join("..", "..", "docs", "reference", r.file)
		if os.Getenv("GYR_UPDATE") == "1" {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/reference/%s is out of date: run go generate ./internal/cli", r.file)
		}
	}
}
