// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// Codes of the problems of a configuration.
const (
	CodeRead        = "CONFIG_READ"        // a file cannot be read
	CodeYAML        = "CONFIG_YAML"        // a file is not YAML, or not a map
	CodeKey         = "CONFIG_UNKNOWN_KEY" // nobody knows the key
	CodeDeprecated  = "CONFIG_DEPRECATED"  // a key that has a better name
	CodeValue       = "CONFIG_VALUE"       // a value of the wrong kind or out of its range
	CodeOption      = "CONFIG_OPTION"      // an override of the command line cannot be read
	CodeInclude     = "CONFIG_INCLUDE"     // config_files cannot be followed
	CodeEmpty       = "CONFIG_EMPTY"       // a file without any key
	CodeUnsupported = "CONFIG_UNSUPPORTED" // Falco has it, this version of gyr does not
)

// Options say what to load. The zero value loads the defaults.
type Options struct {
	// Path is the main file; "" for none.
	Path string
	// Content is used instead of the content of Path, unless it is nil.
	Content []byte
	// Overrides are key=value settings that win over every file.
	Overrides []string
	// Env looks environment variables up; nil means os.Getenv.
	Env func(string) string
}

// Document is a merged configuration before it is checked against what gyr knows.
type Document struct {
	Root *Value
	// Files are the files that were read, the main one first.
	Files []string
	// Problems are all mistakes found so far.
	Problems []diag.Problem

	contents map[string][]byte
	env      func(string) string
}

// Limits that no configuration of people reaches.
const (
	maxDepth    = 64
	maxValues   = 100_000
	maxProblems = 200 // reported; an error among them makes the configuration unusable anyway
)

// Read reads the main file, merges the included ones and applies the overrides. It always returns
// a document; what went wrong is in its Problems.
func Read(o Options) *Document {
	d := &Document{Root: &Value{Kind: Map}, contents: map[string][]byte{}, env: o.Env}
	if d.env == nil {
		d.env = os.Getenv
	}
	if o.Path != "" || o.Content != nil {
		content := o.Content
		if content == nil {
			var err error
			if content, err = readFile(o.Path); err != nil {
				d.report(Pos{File: o.Path}, CodeRead, diag.Error, "cannot read the configuration: "+cause(err), "")
				return d
			}
		}
		d.Files = append(d.Files, o.Path)
		d.Root = d.parse(o.Path, content)
	}
	var later []string
	for _, option := range o.Overrides {
		if strings.HasPrefix(option, "config_files") {
			d.override(option)
		} else {
			later = append(later, option)
		}
	}
	d.include(o.Path)
	for _, option := range later {
		d.override(option)
	}
	return d
}

// report adds a problem with the source line it stands on.
func (d *Document) report(pos Pos, code string, severity diag.Severity, message, hint string) {
	if len(d.Problems) >= maxProblems && (severity != diag.Error || !usable(d.Problems)) {
		return
	}
	p := diag.Problem{File: pos.File, Line: pos.Line, Col: pos.Col, Code: code, Severity: severity, Message: message, Hint: hint}
	if content, ok := d.contents[pos.File]; ok && pos.Line > 0 {
		p.Snippet = diag.Line(content, pos.Line)
		if code == CodeKey {
			p.Snippet = upToKey(p.Snippet, pos.Col)
		}
	}
	d.Problems = append(d.Problems, p)
}

// harmless is what may stand before a key in its line and be shown: nothing, or the key of its map.
var harmless = regexp.MustCompile(`^[\s\w."'-]*(:\s*)?\{?\s*$`)

// upToKey is a line without what follows the key at a column, "" if other values stand before it:
// nobody knows whether the value of an unknown key is a secret, and the line goes to logs.
func upToKey(line string, col int) string {
	begin := min(max(col-1, 0), len(line))
	if !harmless.MatchString(line[:begin]) {
		return ""
	}
	end := strings.IndexByte(line[begin:], ':')
	if end < 0 {
		return ""
	}
	end += begin + 1
	if strings.TrimSpace(line[end:]) == "" {
		return line
	}
	return line[:end] + " …"
}

// convert turns a YAML node into a Value.
func (d *Document) convert(n *yaml.Node, file string, depth int, budget *int) (*Value, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, fmt.Errorf("too large or nested too deeply (at most %d values, %d levels)", maxValues, maxDepth)
	}
	v := &Value{Pos: Pos{File: file, Line: n.Line, Col: n.Column}}
	switch n.Kind {
	case yaml.AliasNode:
		return d.convert(n.Alias, file, depth+1, budget)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return v, nil
		}
		d.fill(v, n.Value)
		v.Plain = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	case yaml.SequenceNode:
		v.Kind = Sequence
		for _, item := range n.Content {
			c, err := d.convert(item, file, depth+1, budget)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, c)
		}
	case yaml.MappingNode:
		v.Kind = Map
		seen := make(map[string]struct{}, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			c, err := d.convert(n.Content[i+1], file, depth+1, budget)
			if err != nil {
				return nil, err
			}
			pos := Pos{File: file, Line: key.Line, Col: key.Column}
			if _, twice := seen[key.Value]; twice {
				d.report(pos, CodeYAML, diag.Warning, fmt.Sprintf("key %q is given twice, the first one counts", key.Value), "")
				continue
			}
			seen[key.Value] = struct{}{}
			v.Keys = append(v.Keys, Key{Name: key.Value, Pos: pos, Value: c})
		}
	}
	return v, nil
}

// fill makes a scalar of a text and notes which variable was replaced in it.
func (d *Document) fill(v *Value, text string) {
	v.Kind = Scalar
	v.Text = expand(text, func(name string) string {
		if v.Env == "" {
			v.Env = name
		}
		return d.env(name)
	})
}

// override applies one key=value of the command line.
func (d *Document) override(option string) {
	path, text, found := strings.Cut(option, "=")
	pos := Pos{File: "-o " + option}
	if found {
		pos.File = "-o " + path + "=" + Redact(path, text)
	}
	if !found {
		d.report(pos, CodeOption, diag.Error, fmt.Sprintf("%q is not a setting", path), "write key=value")
		return
	}
	value := &Value{Pos: pos, Plain: true}
	d.fill(value, text)
	if t := strings.TrimSpace(text); strings.HasPrefix(t, "{") && strings.HasSuffix(t, "}") {
		before := len(d.Problems)
		value = d.parse(pos.File, []byte(t))
		value.place(pos)
		delete(d.contents, pos.File)
		for i := before; i < len(d.Problems); i++ {
			d.Problems[i].Code = CodeOption
		}
	}
	if err := d.Root.Set(path, value); err != nil {
		d.report(pos, CodeOption, diag.Error, err.Error(), "")
	}
}

// place gives a value and all within it the same position.
func (v *Value) place(pos Pos) {
	v.Pos = pos
	for _, item := range v.Items {
		item.place(pos)
	}
	for i := range v.Keys {
		v.Keys[i].Pos = pos
		v.Keys[i].Value.place(pos)
	}
}

// include merges what config_files names into the document.
func (d *Document) include(main string) {
	list := d.Root.Lookup("config_files")
	if list == nil || list.Kind == Null {
		return
	}
	entries := list.Items
	if list.Kind != Sequence {
		entries = []*Value{list}
	}
	for _, entry := range entries {
		path, strategy := entry, "append"
		if entry.Kind == Map {
			path = entry.Lookup("path")
			if s := entry.Lookup("strategy"); s != nil {
				strategy = s.Text
			}
		}
		if path == nil || path.Kind != Scalar || path.Text == "" {
			d.report(entry.Pos, CodeInclude, diag.Error, "an entry of config_files is a path, or a map of path and strategy", "")
			continue
		}
		if words := []string{"append", "override", "add-only"}; !slices.Contains(words, strategy) {
			d.report(entry.Pos, CodeInclude, diag.Warning, fmt.Sprintf("unknown strategy %q, append is used", strategy), diag.DidYouMean(strategy, words))
			strategy = "append"
		}
		for _, file := range expandDir(path.Text) {
			d.merge(file, main, strategy, path.Pos)
		}
	}
}

// expandDir returns the regular files of a directory, sorted, or the path itself if it is a file;
// nothing if it does not exist.
func expandDir(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries {
		file := filepath.Join(path, e.Name())
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

// merge reads an included file and puts its top-level keys into the document.
func (d *Document) merge(file, main, strategy string, from Pos) {
	if sameFile(file, main) {
		d.report(from, CodeInclude, diag.Error, fmt.Sprintf("config_files includes the main file %q", main), "")
		return
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		d.report(from, CodeRead, diag.Error, fmt.Sprintf("cannot read %q: it is no regular file", file), "")
		return
	}
	content, err := readFile(file)
	if err != nil {
		d.report(from, CodeRead, diag.Error, fmt.Sprintf("cannot read %q: %s", file, cause(err)), "")
		return
	}
	d.Files = append(d.Files, file)
	for _, k := range d.parse(file, content).Keys {
		old := d.Root.Lookup(k.Name)
		switch {
		case k.Name == "config_files":
			d.report(k.Pos, CodeInclude, diag.Error, "config_files may stand in the main file only", "")
		case old == nil || strategy == "override":
			d.Root.set(k)
		case strategy == "add-only":
		case old.Kind == Sequence && k.Value.Kind == Sequence:
			old.Items = append(old.Items, k.Value.Items...)
		default:
			d.Root.set(k)
		}
	}
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	if b == "" {
		return false
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}
