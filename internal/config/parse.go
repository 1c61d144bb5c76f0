// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// maxFile bounds the size of one file of a configuration.
const maxFile = 16 << 20

// readFile reads a file of a configuration. The main one may be a pipe, so its size is not asked for.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("larger than %d MiB", maxFile>>20)
	}
	return content, err
}

// cause is an error without the path, which the problem names already.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// yamlLine finds the line in a message of the YAML reader.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse reads a file's first document, which must be a map; the result is never nil.
func (d *Document) parse(file string, content []byte) *Value {
	d.contents[file] = content
	empty := &Value{Kind: Map, Pos: Pos{File: file}}
	// A last line of blanks and tabs is no reason to refuse a file; Falco's reader accepts it too.
	reader := yaml.NewDecoder(bytes.NewReader(append(bytes.Clone(bytes.TrimRight(content, " \t\r\n")), '\n')))
	var node yaml.Node
	if err := reader.Decode(&node); err != nil && err != io.EOF {
		d.invalid(file, err)
		return empty
	}
	var more yaml.Node
	if err := reader.Decode(&more); err == nil {
		// Falco reads the first document, too. What stands behind it looks as if it counted.
		d.report(Pos{File: file, Line: more.Line, Col: more.Column}, CodeYAML, diag.Warning,
			"a second document begins here, only the first one counts", `take the line "---" or "..." out`)
	}
	if len(node.Content) == 0 {
		return empty
	}
	budget := maxValues
	root, err := d.convert(node.Content[0], file, 0, &budget)
	switch {
	case err != nil:
		d.report(Pos{File: file}, CodeYAML, diag.Error, err.Error(), "")
	case root.Kind == Map:
		return root
	case root.Kind != Null:
		d.report(root.Pos, CodeYAML, diag.Error, fmt.Sprintf("a configuration is a map of keys, this is %s", root.Kind), "")
	}
	return empty
}

// invalid reports what the YAML reader said.
func (d *Document) invalid(file string, err error) {
	text, pos, hint := err.Error(), Pos{File: file}, ""
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	if pos.Line == 0 && !strings.Contains(text, "anchor") {
		pos.Line = 1 // the reader leaves the number of the first line out
	}
	line := diag.Line(d.contents[file], pos.Line)
	if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") {
		pos.Col = 1 + strings.Index(indent, "\t")
		hint = "YAML is indented with blanks, here is a tab"
	}
	d.report(pos, CodeYAML, diag.Error, "not valid YAML: "+text, hint)
}
