// SPDX-License-Identifier: Apache-2.0

package field

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// ErrUnknown says that a name is not a field's.
var ErrUnknown = errors.New("unknown field")

// Catalogue is the set of fields that can be asked for. Reading it is safe from many goroutines,
// Add only before that.
type Catalogue struct {
	fields []*Field
	byName map[string]*Field
}

// class is one file's table of fields.
type class struct {
	name    string
	sources string
	fields  []Field
}

// builtin builds the fields of all tables once; they are never changed.
var builtin = sync.OnceValue(func() []*Field {
	var all []*Field
	for _, cl := range classes() {
		for i := range cl.fields {
			f := &cl.fields[i]
			f.Class, f.Sources = cl.name, cl.sources
			f.Kind = kindOf(f)
			all = append(all, f)
		}
	}
	return all
})

// syscalls is the source of the events that the kernel tells.
const syscalls = "syscall"

// classes lists the tables in the order of the manual.
func classes() []class {
	return []class{
		{"evt", "", evtFields},
		{"evt", syscalls, evtSyscallFields},
		{"evt", syscalls, evtArgFields},
		{"evt", syscalls, evtCountFields},
		{"evt", syscalls, evtOursFields},
		{"process", syscalls, procFields},
		{"process", syscalls, threadFields},
		{"process", syscalls, procOursFields},
		{"user", syscalls, userFields},
		{"group", syscalls, groupFields},
		{"fd", syscalls, fdFields},
		{"fd", syscalls, fdNetFields},
		{"fs.path", syscalls, fsPathFields},
		{"fs.path", syscalls, fsPathOursFields},
		{"fdlist", syscalls, fdListFields},
		{"util", "", utilFields},
		{"container", syscalls, containerFields},
		{"k8s", syscalls, k8sFields},
		{"k8smeta", syscalls, k8sMetaFields},
	}
}

// kindOf derives a field's kind from its getter and its published type.
func kindOf(f *Field) Kind {
	switch {
	case f.Any != nil:
		return KindDynamic
	case f.Strs != nil:
		return KindStrings
	case f.Uints != nil:
		return KindUints
	case f.Ints != nil:
		return KindInts
	case f.IPs != nil && f.Type == event.IPNet:
		return KindNet
	case f.IPs != nil:
		return KindIPs
	case f.Str != nil && f.Type == event.ByteBuf:
		return KindBytes
	case f.Str != nil:
		return KindString
	case f.Int != nil:
		return KindInt
	case f.Uint != nil:
		return KindUint
	case f.Bool != nil:
		return KindBool
	case f.Float != nil:
		return KindFloat
	}
	return KindIP
}

// Default returns a new catalogue with all built-in fields.
func Default() *Catalogue {
	c := &Catalogue{byName: make(map[string]*Field, 400)}
	for _, f := range builtin() {
		c.Add(f)
	}
	return c
}

// Add puts a field into the catalogue; a field of the same name is replaced.
func (c *Catalogue) Add(f *Field) {
	if old := c.byName[f.Name]; old != nil {
		c.fields[slices.Index(c.fields, old)] = f
	} else {
		c.fields = append(c.fields, f)
	}
	c.byName[f.Name] = f
}

// All returns the fields in the order of the manual. The result must not be changed.
func (c *Catalogue) All() []*Field { return c.fields }

// Lookup returns the field of exactly that name, nil if there is none.
func (c *Catalogue) Lookup(name string) *Field { return c.byName[name] }

// Resolve finds the field that name and its bracket argument mean and checks the argument. Some
// fields take their argument behind a dot, too: "evt.arg.flags" is evt.arg with "flags".
func (c *Catalogue) Resolve(name, arg string, hasArg bool) (*Field, Arg, error) {
	if f := c.byName[name]; f != nil {
		a, err := f.parseArg(arg, hasArg)
		return f, a, err
	}
	if hasArg {
		return nil, Arg{}, fmt.Errorf("%w %q", ErrUnknown, name)
	}
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if f := c.byName[name[:i]]; f != nil && f.DotArg && i+1 < len(name) {
			a, err := f.parseArg(name[i+1:], true)
			return f, a, err
		}
	}
	return nil, Arg{}, fmt.Errorf("%w %q", ErrUnknown, name)
}

// parseArg checks what was written between the brackets.
func (f *Field) parseArg(text string, given bool) (Arg, error) {
	a := Arg{Given: given, Text: text, Index: -1}
	switch {
	case given && f.Arg == ArgNone:
		return a, fmt.Errorf("field %q takes no argument, got %q", f.Name, text)
	case !given && f.Arg == ArgRequired && !f.BareArg:
		return a, fmt.Errorf("field %q requires an argument (write %s[...])", f.Name, f.Name)
	case !given:
		return a, nil
	case text == "":
		return a, fmt.Errorf("field %q has an empty argument", f.Name)
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		a.Index = int(n)
	}
	if f.Parse != nil {
		if err := f.Parse(&a); err != nil {
			return a, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	return a, nil
}

// Prefix finds the longest field, with its argument, that text starts with, and returns its length.
func (c *Catalogue) Prefix(text string) (n int, f *Field, a Arg, err error) {
	err = fmt.Errorf("%w at %q", ErrUnknown, head(text))
	end := 0
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	first := true
	for i := end; i > 0; i-- {
		name := text[:i]
		g := c.byName[name]
		if g != nil && i < len(text) && text[i] == '[' && g.Arg != ArgNone {
			size, arg, ok := bracket(text[i:])
			if !ok {
				return 0, nil, Arg{}, fmt.Errorf("field %q: argument is not closed (missing ']')", name)
			}
			a, err := g.parseArg(arg, true)
			return i + size, g, a, err
		}
		g, arg, e := c.Resolve(name, "", false)
		if e == nil {
			return i, g, arg, nil
		}
		if first && !errors.Is(e, ErrUnknown) { // the longest candidate tells best what is wrong
			err, first = e, false
		}
	}
	return 0, nil, Arg{}, err
}

// bracket splits the argument from text, which starts with "[".
func bracket(text string) (n int, arg string, ok bool) {
	if len(text) > 1 && (text[1] == '"' || text[1] == '\'') {
		if i := strings.IndexByte(text[2:], text[1]); i >= 0 && strings.HasPrefix(text[2+i+1:], "]") {
			return i + 4, text[2 : 2+i], true
		}
	}
	i := strings.IndexByte(text, ']')
	if i < 0 {
		return 0, "", false
	}
	return i + 1, text[1:i], true
}

func isNameByte(b byte) bool {
	return b == '_' || b == '.' || b == '-' || b == '/' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// head is the start of a text, for messages.
func head(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}
