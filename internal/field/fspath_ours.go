// SPDX-License-Identifier: Apache-2.0

package field

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// fsPathOursFields are the fields of the file that the kernel really opened or worked on.
var fsPathOursFields = []Field{
	{Name: "fs.path.real", Type: event.CharBuf, Ours: true, Str: fsPathReal,
		Doc: "The path of the file that a successful open opened, or that fchmod or fchown changed, as the kernel resolved it: symlinks followed, and not to be fooled by changing the argument meanwhile. No value where the kernel did not tell."},
	{Name: "fs.path.real.dev", Type: event.Uint32, Format: event.FormatHex, Ours: true, Uint: fsReal("dev", func(f *state.FD) uint64 { return uint64(f.Dev) }),
		Doc: "Number of the device that the file of fs.path.real lies on."},
	{Name: "fs.path.real.ino", Type: event.Uint64, Format: event.FormatDec, Ours: true, Uint: fsReal("ino", func(f *state.FD) uint64 { return f.Ino }),
		Doc: "Inode number of the file of fs.path.real: with the device the file's identity, whatever its names."},
	{Name: "fs.path.real.nlink", Type: event.Uint32, Format: event.FormatDec, Ours: true, Uint: fsReal("nlink", func(f *state.FD) uint64 { return uint64(f.NLink) }),
		Doc: "How many names (hard links) the file of fs.path.real has: more than one lets it be reached by a path that no rule names."},
}

// evtOursFields are fields of the event beyond the published ones.
var evtOursFields = []Field{
	{Name: "evt.arg_mismatch", Type: event.Bool, Ours: true, Bool: evtArgMismatch,
		Doc: "True if the path that a successful open was given, resolved by text alone, ends in another name than the path of the file that the kernel opened. A symlink as the last component does that, quite legitimately; so does a second thread that rewrites the argument while the call runs. No value where the kernel did not tell the path."},
}

// deletedSuffix is what the kernel puts behind the path of a file that has no name left.
const deletedSuffix = " (deleted)"

// paramTable maps each event to the index of its parameter of that name, -1 if it has none.
func paramTable(name string) (t [event.NumTypes]int8) {
	for i, info := range event.Infos() {
		t[i] = int8(info.ParamIndex(name))
	}
	return t
}

var realPathParam = paramTable("real_path")

// realPath is the path that the kernel resolved, of the event or of its descriptor.
func realPath(c *Context) (string, bool) {
	if !succeeded(c.Ev) {
		return "", false
	}
	if i := realPathParam[c.Ev.Type()]; i >= 0 {
		path, ok := c.Ev.Text(int(i))
		return path, ok && path != ""
	}
	if c.FD == nil || fsCallByType[c.Ev.Type()].name.base != baseName {
		return "", false
	}
	return c.FD.RealPath(), c.FD.RealPath() != ""
}

func fsPathReal(c *Context, _ *Arg) (string, bool) {
	path, ok := realPath(c)
	return strings.TrimSuffix(path, deletedSuffix), ok
}

// fsReal makes the getter of a number that comes with the real path: from the event, or from the
// descriptor that it is about.
func fsReal(name string, get func(*state.FD) uint64) func(*Context, *Arg) (uint64, bool) {
	index := paramTable(name)
	return func(c *Context, _ *Arg) (uint64, bool) {
		if _, ok := realPath(c); !ok {
			return 0, false
		}
		if i := index[c.Ev.Type()]; i >= 0 {
			return c.Ev.Uint(int(i))
		}
		if c.FD == nil {
			return 0, false
		}
		return get(c.FD), true
	}
}

// evtArgMismatch compares the last components. An unnamed temporary file is opened by its directory's
// path, which is no mismatch.
func evtArgMismatch(c *Context, _ *Arg) (bool, bool) {
	t := c.Ev.Type()
	if realPathParam[t] < 0 || openFlags(c.Ev)&oTmpfile != 0 {
		return false, false
	}
	path, ok := realPath(c)
	if !ok {
		return false, false
	}
	given := eventPath(c)
	if given == "" || given == naText {
		return false, false
	}
	given = c.Keep(joinOnto(c.Arena(), 0, given))
	return basename(given) != basename(strings.TrimSuffix(path, deletedSuffix)), true
}
