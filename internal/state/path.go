// SPDX-License-Identifier: Apache-2.0

package state

// maxPath is the length from which on a path is reported by a placeholder, as rules expect.
const maxPath = 1024

const tooLong = "/DIR_TOO_LONG/FILENAME_TOO_LONG"

// unknownDir stands for the directory of a descriptor that is not known.
const unknownDir = "<UNKNOWN>"

// appendPath appends the normalised path of name below dir: without empty parts, "." and ".."
// and without a final slash. An absolute name stands for itself.
func appendPath(dst []byte, dir, name string) []byte {
	if len(name) > 0 && name[0] == '/' {
		dir = ""
	}
	if len(dir)+len(name) > maxPath {
		return append(dst, tooLong...)
	}
	start := len(dst)
	if dir == "" && (len(name) == 0 || name[0] != '/') {
		return appendParts(dst, start, name)
	}
	if dir == "" || dir[0] == '/' {
		dst = append(dst, '/')
		start++
	}
	dst = appendParts(dst, start, dir)
	dst = appendParts(dst, start, name)
	return dst
}

// appendParts appends the parts of path to dst[start:], which holds parts without a final slash.
func appendParts(dst []byte, start int, path string) []byte {
	for len(path) > 0 {
		n := 0
		for n < len(path) && path[n] != '/' {
			n++
		}
		part := path[:n]
		if n < len(path) {
			n++
		}
		path = path[n:]
		switch part {
		case "", ".":
		case "..":
			dst = dst[:parent(dst, start)]
		default:
			if len(dst) > start {
				dst = append(dst, '/')
			}
			dst = append(dst, part...)
		}
	}
	return dst
}

// parent is the length of dst without its last part.
func parent(dst []byte, start int) int {
	i := len(dst)
	for i > start && dst[i-1] != '/' {
		i--
	}
	if i > start {
		i--
	}
	return i
}

// dirName is the directory against which a path is resolved that was given with dirfd.
func (s *State) dirName(p *Process, dirfd int64) string {
	if dirfd == atCwd {
		return p.Cwd
	}
	if fd := p.FDs.Get(dirfd); fd != nil {
		return fd.Name()
	}
	if fd := s.lookFD(p, dirfd); fd != nil {
		return fd.Name()
	}
	return unknownDir
}

// atCwd is the descriptor that stands for the working directory.
const atCwd = -100

// setCwd sets the working directory to name, resolved against the old one.
func (s *State) setCwd(p *Process, name string) {
	s.scratch = appendPath(s.scratch[:0], p.Cwd, name)
	if n := len(s.scratch); n == 0 || s.scratch[n-1] != '/' {
		s.scratch = append(s.scratch, '/')
	}
	if string(s.scratch) != p.Cwd {
		p.Cwd = s.names.str(s.scratch)
	}
}
