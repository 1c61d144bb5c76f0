// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"strings"
)

// guessScript fills in the script of a process whose exec no event told of, or one without the
// interpreter. The kernel names the process after the script, so that it is one if its first argument that is no
// option is a full path with that name at its end. args are the arguments behind the program's own, each with a final NUL.
func (s *State) guessScript(p *Process, comm string, args []byte) {
	const most = 15 // bytes of a name
	if strings.HasSuffix(p.ExePath, "/"+comm) {
		return // the process bears its program's own name
	}
	for len(args) > 0 && p.Exec.Script == "" {
		var arg []byte
		arg, args = firstText(args)
		if len(arg) > 0 && arg[0] == '-' {
			continue
		}
		base := arg[bytes.LastIndexByte(arg, '/')+1:]
		if len(arg) == 0 || arg[0] != '/' || comm == "" || string(base[:min(len(base), most)]) != comm || string(arg) == p.ExePath {
			return
		}
		p.Exec.Script, p.Exec.Interp = s.names.str(arg), p.ExePath
	}
}
