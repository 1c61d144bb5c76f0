// SPDX-License-Identifier: Apache-2.0

package field

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// fsPathFields are the fields of the paths that a call on the file system names.
var fsPathFields = []Field{
	{Name: "fs.path.name", Type: event.CharBuf, Str: fsPath(pathName, true),
		Doc: "The path that a successful call works on, made absolute, such as that of an open, unlink or chmod. What the kernel made of an open's path is fs.path.real."},
	{Name: "fs.path.nameraw", Type: event.CharBuf, Str: fsPath(pathName, false),
		Doc: "The same path as the program gave it."},
	{Name: "fs.path.source", Type: event.CharBuf, Str: fsPath(pathSource, true),
		Doc: "Of a successful call with two paths, the one that it starts from, made absolute: what is renamed or mounted. For links it is the new path."},
	{Name: "fs.path.sourceraw", Type: event.CharBuf, Str: fsPath(pathSource, false),
		Doc: "The same path as the program gave it."},
	{Name: "fs.path.target", Type: event.CharBuf, Str: fsPath(pathTarget, true),
		Doc: "Of a successful call with two paths, the one that it leads to, made absolute: the new name, or the mount point. For links it is what the link points to."},
	{Name: "fs.path.targetraw", Type: event.CharBuf, Str: fsPath(pathTarget, false),
		Doc: "The same path as the program gave it."},
}

// base says what a relative path is relative to.
type base uint8

const (
	baseCwd   base = iota // the current directory
	baseFD                // the descriptor that the event is about, if that is a directory
	baseDirFD             // the descriptor in the parameter before the path
	baseName              // none: fd.name is the path
	baseOpen              // none: fd.name is the path made absolute
)

// pathRef says which parameter holds a path; param -1: the descriptor's name is the path.
type pathRef struct {
	param int8
	base  base
}

// fsCall says where the paths of a call are. A zero pathRef (param 0 is the result) is none.
type fsCall struct{ name, source, target pathRef }

// fsCalls are the calls that have fs.path fields, by event code.
var fsCalls = map[event.Type]fsCall{
	event.Open:      {name: pathRef{1, baseCwd}},
	event.OpenAt:    {name: pathRef{2, baseOpen}},
	event.OpenAt2:   {name: pathRef{2, baseOpen}},
	event.Mkdir:     {name: pathRef{1, baseCwd}},
	event.MkdirAt:   {name: pathRef{2, baseFD}},
	event.Rmdir:     {name: pathRef{1, baseCwd}},
	event.Unlink:    {name: pathRef{1, baseCwd}},
	event.UnlinkAt:  {name: pathRef{2, baseFD}},
	event.Chmod:     {name: pathRef{1, baseCwd}},
	event.FchmodAt:  {name: pathRef{2, baseFD}},
	event.Fchmod:    {name: pathRef{-1, baseName}},
	event.Chown:     {name: pathRef{1, baseCwd}},
	event.LChown:    {name: pathRef{1, baseCwd}},
	event.FChown:    {name: pathRef{-1, baseName}},
	event.FChownAt:  {name: pathRef{2, baseFD}},
	quotactl:        {name: pathRef{1, baseCwd}},
	event.Umount:    {name: pathRef{1, baseCwd}},
	event.Umount2:   {name: pathRef{1, baseCwd}},
	event.Rename:    {source: pathRef{1, baseCwd}, target: pathRef{2, baseCwd}},
	event.RenameAt:  {source: pathRef{2, baseCwd}, target: pathRef{4, baseCwd}},
	event.RenameAt2: {source: pathRef{2, baseDirFD}, target: pathRef{4, baseDirFD}},
	event.Link:      {source: pathRef{2, baseCwd}, target: pathRef{1, baseCwd}},
	event.LinkAt:    {source: pathRef{4, baseCwd}, target: pathRef{2, baseCwd}},
	event.Symlink:   {source: pathRef{2, baseCwd}, target: pathRef{1, baseCwd}},
	event.SymlinkAt: {source: pathRef{3, baseFD}, target: pathRef{1, baseCwd}},
	event.Mount:     {source: pathRef{1, baseCwd}, target: pathRef{2, baseCwd}},
}

// quotactl is the code of that call's event.
const quotactl event.Type = 191

// fsCallByType is fsCalls as a table, for the hot path.
var fsCallByType = func() (t [event.NumTypes]fsCall) {
	for code, call := range fsCalls {
		t[code] = call
	}
	return t
}()

// The paths of a call.
func pathName(call *fsCall) pathRef   { return call.name }
func pathSource(call *fsCall) pathRef { return call.source }
func pathTarget(call *fsCall) pathRef { return call.target }

// fsPath makes the getter of one of the paths, made absolute or as it was given.
func fsPath(which func(*fsCall) pathRef, resolve bool) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		t := c.Ev.Type()
		if int(t) >= len(fsCallByType) || c.Thread == nil {
			return "", false
		}
		ref := which(&fsCallByType[t])
		if ref.param == 0 || !succeeded(c.Ev) {
			return "", false
		}
		if ref.param < 0 {
			if c.FD == nil {
				return "", false
			}
			return c.FD.Name(), true
		}
		path, ok := c.Ev.Text(int(ref.param))
		if !ok {
			return "", false
		}
		if !resolve || path != "" && path[0] == '/' && isClean(path) && len(path) < maxPath {
			return path, true
		}
		return c.Keep(appendFrom(c.Arena(), c, ref, path)), true
	}
}

// succeeded reports whether the call did what it was asked for. Calls that return a descriptor
// have failed with -1 alone, as the published fields have it.
func succeeded(ev *event.Event) bool {
	res, ok := result(ev)
	if ev.Info().Flags&event.CreatesFD != 0 {
		return ok && res != -1
	}
	return ok && res == 0
}

// appendFrom appends path as seen from where ref says.
func appendFrom(dst []byte, c *Context, ref pathRef, path string) []byte {
	n := len(dst)
	if path == "" || path[0] != '/' {
		switch ref.base {
		case baseCwd:
			dst = append(dst, cwd(c)...)
		case baseDirFD:
			dst, _ = appendDir(dst, c, int(ref.param)-1)
		case baseOpen:
			if c.FD != nil {
				return append(dst, c.FD.Name()...)
			}
			return append(dst, eventPath(c)...) // as fd.name tells of an open that failed
		case baseFD:
			dst = appendEventDir(dst, c, int(ref.param)-1)
		}
		if len(dst) == n && ref.base == baseFD { // not even the current directory is known
			return append(append(dst, unknownDir...), path...)
		}
	}
	return joinOnto(dst, n, path)
}

// appendEventDir appends the directory that the event's descriptor is, or the current one.
func appendEventDir(dst []byte, c *Context, i int) []byte {
	if num, ok := c.Ev.Int(i); ok && num == atFDCWD {
		return append(dst, cwd(c)...)
	}
	if c.FD == nil || !isDirectory(c) {
		return append(dst, unknownDir...)
	}
	return appendSlash(append(dst, c.FD.Name()...))
}

// isDirectory reports whether the event's descriptor is a directory.
func isDirectory(c *Context) bool { return c.FD != nil && fdTypeName(c.FD.Type) == "directory" }
