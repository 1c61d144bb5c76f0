// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"context"
	"io"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// Program is the view as a program for a terminal; Sample and Silence are sent to it. It ends with ctx.
func Program(ctx context.Context, v *View, in io.Reader, out io.Writer, options ...tea.ProgramOption) *tea.Program {
	profile := colorprofile.ASCII
	if v.paint {
		profile = colorprofile.ANSI
	}
	return tea.NewProgram(v, append([]tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithColorProfile(profile),
	}, options...)...)
}
