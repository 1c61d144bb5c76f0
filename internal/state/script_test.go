// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// TestGuessScript enters processes whose exec no event told of, and asks for the scripts that they run.
func TestGuessScript(t *testing.T) {
	const python = "/usr/bin/python3"
	for name, c := range map[string]struct{ comm, exe, args, want string }{
		"a script":                       {"dnf", python, "/usr/bin/dnf\x00update\x00", "/usr/bin/dnf"},
		"a script behind options":        {"dnf", python, "-s\x00-E\x00/usr/bin/dnf\x00", "/usr/bin/dnf"},
		"a script with a long name":      {"unattended-upgr", python, "/usr/bin/unattended-upgrade\x00", "/usr/bin/unattended-upgrade"},
		"another name":                   {"python3", python, "/usr/bin/dnf\x00", ""},
		"an option's value":              {"dnf", python, "-m\x00dnf\x00", ""},
		"a relative path":                {"dnf", python, "dnf\x00", ""},
		"a program of the script's name": {"dnf", "/tmp/dnf", "/usr/bin/dnf\x00", ""},
		"a program given itself":         {"dnf", "/usr/bin/dnf", "/usr/bin/dnf\x00", ""},
		"no arguments":                   {"dnf", python, "", ""},
		"no name":                        {"", python, "/usr/bin/\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := state.New(state.Options{})
			th := s.Enter(&state.Entry{TID: 7, PID: 7, Comm: c.comm, Exe: python, ExePath: c.exe, Args: []byte(c.args)})
			interp := ""
			if c.want != "" {
				interp = c.exe
			}
			if got := th.Proc.Exec; got.Script != c.want || got.Interp != interp {
				t.Errorf("script %q, interpreter %q; want %q, %q", got.Script, got.Interp, c.want, interp)
			}
		})
	}
}
