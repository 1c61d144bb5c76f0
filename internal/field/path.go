// SPDX-License-Identifier: Apache-2.0

package field

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

const (
	// maxPath is the length from which on a path is not told.
	maxPath = 1024
	tooLong = "/DIR_TOO_LONG/FILENAME_TOO_LONG"
	// unknownDir stands for the directory of a descriptor that is not known.
	unknownDir = "<UNKNOWN>"
)

// appendJoin appends path as seen from the directory dir, with ".", ".." and repeated slashes
// resolved by text alone. dir ends with a slash unless it is unknownDir or empty.
func appendJoin(dst []byte, dir, path string) []byte {
	n := len(dst)
	return joinOnto(append(dst, dir...), n, path)
}

// joinOnto does the same for the directory that stands behind dst[:start].
func joinOnto(dst []byte, start int, path string) []byte {
	if len(dst)-start+len(path) >= maxPath {
		return append(dst[:start], tooLong...)
	}
	if strings.HasPrefix(path, "/") {
		dst = dst[:start]
	}
	mid := len(dst)
	dst = append(dst, path...)
	if mid == start && isClean(path) {
		return dst
	}
	return normalize(dst, start)
}

// isClean reports whether normalize would leave an absolute path as it is.
func isClean(path string) bool {
	if len(path) < 2 || path[0] != '/' || path[len(path)-1] == '/' {
		return path == "/"
	}
	for i := 0; i+1 < len(path); i++ {
		if path[i] == '/' && (path[i+1] == '/' || path[i+1] == '.') {
			return false
		}
	}
	return true
}

// normalize resolves ".", "..", and repeated and final slashes of the path dst[start:] in place.
func normalize(dst []byte, start int) []byte {
	path := dst[start:]
	w := 0
	absolute := len(path) > 0 && path[0] == '/'
	if absolute {
		w = 1
	}
	root := w
	for r := w; r < len(path); {
		end := r
		for end < len(path) && path[end] != '/' {
			end++
		}
		switch part := path[r:end]; {
		case len(part) == 0, string(part) == ".":
		case string(part) == "..":
			w = parentOf(path[:w], root)
		default:
			if w > root {
				path[w] = '/'
				w++
			}
			w += copy(path[w:], part)
		}
		r = end + 1
	}
	return dst[:start+w]
}

// parentOf is the length of the path without its last component; root is where it cannot go below.
func parentOf(path []byte, root int) int {
	for i := len(path) - 1; i >= root; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return root
}

// cwd is the current directory of the thread's process, with a final slash.
func cwd(c *Context) string {
	if p := process(c); p != nil {
		return p.Cwd
	}
	return ""
}

// appendDir appends the directory that parameter i names: the current one, or that of a
// descriptor. ok is false if the descriptor is unknown; then unknownDir is appended.
func appendDir(dst []byte, c *Context, i int) (_ []byte, ok bool) {
	num, has := c.Ev.Int(i)
	if !has {
		return append(dst, unknownDir...), false
	}
	return appendDirFD(dst, c, num)
}

func appendDirFD(dst []byte, c *Context, num int64) (_ []byte, ok bool) {
	if num == atFDCWD {
		return append(dst, cwd(c)...), true
	}
	if f := fdOf(c, num); f != nil && f.Name() != "" {
		return appendSlash(append(dst, f.Name()...)), true
	}
	return append(dst, unknownDir...), false
}

func appendSlash(dst []byte) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '/' {
		return append(dst, '/')
	}
	return dst
}

// fdOf returns a descriptor of the thread's process, nil if it is unknown.
func fdOf(c *Context, num int64) *state.FD {
	if c.FD != nil && c.FDNum == num {
		return c.FD
	}
	if p := process(c); p != nil {
		return p.FDs.Get(num)
	}
	return nil
}

// dirname is a path without its last component; "/" at the root or if there is no slash.
func dirname(path string) string {
	i := strings.LastIndexByte(path, '/')
	switch {
	case i <= 0:
		return "/"
	case i == len(path)-1:
		return path
	}
	return path[:i]
}

// basename is a path's last component.
func basename(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
