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
		Doc: "The path of the file that a successful call opened, executed, renamed, linked, removed or changed, as the kernel resolved it: symlinks followed, and not to be fooled by changing the argument meanwhile. Of an exec it is the file that runs, for a script its interpreter. No value where the kernel did not tell: opens and execs always have it, other calls where the kernel allows programs at its security hooks."},
	{Name: "fs.path.real.target", Type: event.CharBuf, Ours: true, Str: fsPathRealTarget,
		Doc: "The second path of a call that has two, as the kernel resolved it: the new name of what is renamed or linked; for mounts what was mounted on fs.path.real. No value where the kernel did not tell."},
	{Name: "fs.path.real.dev", Type: event.Uint32, Format: event.FormatHex, Ours: true, Uint: fsReal("dev", func(f *state.FD) uint64 { return uint64(f.Dev) }),
		Doc: "Number of the device that the file of fs.path.real lies on."},
	{Name: "fs.path.real.ino", Type: event.Uint64, Format: event.FormatDec, Ours: true, Uint: fsReal("ino", func(f *state.FD) uint64 { return f.Ino }),
		Doc: "Inode number of the file of fs.path.real: with the device the file's identity, whatever its names."},
	{Name: "fs.path.real.nlink", Type: event.Uint32, Format: event.FormatDec, Ours: true, Uint: fsReal("nlink", func(f *state.FD) uint64 { return uint64(f.NLink) }),
		Doc: "How many names (hard links) the file of fs.path.real has: more than one lets it be reached by a path that no rule names."},
	{Name: "fs.path.real.mntid", Type: event.Uint32, Format: event.FormatDec, Ours: true, Uint: fsReal("mnt_id", func(f *state.FD) uint64 { return uint64(f.MountID) }),
		Doc: "Number of the mount through which the file of fs.path.real was reached, as /proc/PID/mountinfo counts them: another one than the path suggests for bind mounts and for the mounts of other namespaces."},
}

// evtOursFields are fields of the event beyond the published ones.
var evtOursFields = []Field{
	{Name: "evt.arg_mismatch", Type: event.Bool, Ours: true, Bool: evtArgMismatch,
		Doc: "True if the path that a successful open was given, resolved by text alone, ends in another name than the path of the file that the kernel opened. A symlink as the last component does that, quite legitimately; so does a second thread that rewrites the argument while the call runs. Calls that do not follow symlinks, such as rename and unlink, leave no other reason. No value where the kernel did not tell the path."},
	{Name: "evt.is_io_uring", Type: event.Bool, Ours: true, Bool: evtIsIOUring,
		Doc: "True if the call was made through an io_uring, which monitors of system calls do not see. The event is the one of the call itself."},
}

// deletedSuffix is what the kernel puts behind the path of a file that has no name left.
const deletedSuffix = " (deleted)"

// paramTable maps each event to the index of its parameter of that name, -1 if it has none.
func paramTable(name string) []int8 {
	infos := event.Infos()
	t := make([]int8, len(infos))
	for i := range infos {
		t[i] = int8(infos[i].ParamIndex(name))
	}
	return t
}

// withExec adds to a table the parameter of that name of the events of an exec.
func withExec(t []int8, name string) []int8 {
	for _, exec := range []event.Type{event.Execve, event.Execveat} {
		t[exec] = int8(event.Lookup(exec).ParamIndex(name))
	}
	return t
}

// isExec reports whether the event is one of an exec.
func isExec(t event.Type) bool { return t == event.Execve || t == event.Execveat }

var (
	realPathParam   = withExec(paramTable("real_path"), "trusted_exepath")
	realTargetParam = paramTable("real_target")
	ioUringParam    = paramTable("io_uring")
)

func evtIsIOUring(c *Context, _ *Arg) (bool, bool) {
	i := ioUringParam[c.Ev.Type()]
	if i < 0 {
		return false, true
	}
	v, _ := c.Ev.Uint(int(i))
	return v != 0, true
}

func fsPathRealTarget(c *Context, _ *Arg) (string, bool) {
	i := realTargetParam[c.Ev.Type()]
	if i < 0 || !succeeded(c.Ev) {
		return "", false
	}
	path, ok := c.Ev.Text(int(i))
	return strings.TrimSuffix(path, deletedSuffix), ok && path != ""
}

// realPath is the path that the kernel resolved, of the event or of its descriptor.
func realPath(c *Context) (string, bool) {
	if !succeeded(c.Ev) {
		return "", false
	}
	if i := realPathParam[c.Ev.Type()]; i >= 0 {
		path, ok := c.Ev.Text(int(i))
		return path, ok && path != ""
	}
	if t := c.Ev.Type(); c.FD == nil || int(t) >= len(fsCallByType) || fsCallByType[t].name.base != baseName {
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
	index := paramTable("real_" + name)
	for i, at := range paramTable(name) {
		// Opens have it among their published parameters; elsewhere the name may mean something else.
		if index[i] < 0 && event.Infos()[i].Flags&event.CreatesFD != 0 {
			index[i] = at
		}
	}
	withExec(index, "exe_"+name)
	return func(c *Context, _ *Arg) (uint64, bool) {
		if _, ok := realPath(c); !ok {
			return 0, false
		}
		if i := index[c.Ev.Type()]; i >= 0 {
			return c.Ev.Uint(int(i))
		}
		if c.FD == nil || isExec(c.Ev.Type()) {
			return 0, false
		}
		return get(c.FD), true
	}
}

// evtArgMismatch compares the last components. An unnamed temporary file is opened by its directory's
// path, which is no mismatch.
func evtArgMismatch(c *Context, _ *Arg) (bool, bool) {
	t := c.Ev.Type()
	if realPathParam[t] < 0 || isExec(t) || openFlags(c.Ev)&oTmpfile != 0 {
		return false, false
	}
	path, ok := realPath(c)
	if !ok {
		return false, false
	}
	given := givenPath(c)
	if given == "" || given == naText {
		return false, false
	}
	given = c.Keep(joinOnto(c.Arena(), 0, given))
	return basename(given) != basename(strings.TrimSuffix(path, deletedSuffix)), true
}

// givenPath is the path by which the event's call was told of the object that real_path names: of the
// opened file, or of what was renamed, linked, removed or changed. "" if it is not known where it stands.
func givenPath(c *Context) string {
	if path := eventPath(c); path != "" {
		return path
	}
	t := c.Ev.Type()
	if int(t) >= len(fsCallByType) {
		return ""
	}
	call := &fsCallByType[t]
	ref := call.name
	switch t {
	case event.Rename, event.RenameAt, event.RenameAt2:
		ref = call.source
	case event.Link, event.LinkAt, event.Mount:
		ref = call.target
	}
	if ref.param <= 0 {
		return ""
	}
	path, ok := c.Ev.Text(int(ref.param))
	if !ok || path == "" {
		return ""
	}
	return c.Keep(appendFrom(c.Arena(), c, ref, path))
}
