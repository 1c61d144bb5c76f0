// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
)

const doctorLong = `Examine this machine: kernel, type information, privileges, and every hook that gyr uses,
each tried out with a tiny program that is taken away again at once. At the end gyr really
watches for a moment and looks whether it sees itself.

Every line says what was found; where something is missing, the line after it says how to
mend that. The exit code is 1 if gyr cannot watch this machine.`

// newDoctor builds the subcommand that examines the machine.
func newDoctor(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Examine whether this machine can be watched, and how to mend what is missing",
		Long:  doctorLong,
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return printFindings(stdout, app.Diagnose(true)) },
	}
}

// printFindings prints an examination; the error says that the machine cannot be watched.
func printFindings(w io.Writer, findings []app.Finding) error {
	worst := app.Good
	missing := 0
	for _, f := range findings {
		fmt.Fprintf(w, "%-4s  %-24s %s\n", f.Verdict, f.Name, f.Detail)
		if f.Mend != "" {
			fmt.Fprintf(w, "      %-24s -> %s\n", "", f.Mend)
		}
		worst = max(worst, f.Verdict)
		if f.Verdict == app.Missing {
			missing++
		}
	}
	switch worst {
	case app.Missing:
		fmt.Fprintf(w, "\nThis machine cannot be watched: %d of %d checks failed.\n", missing, len(findings))
		return errSaid
	case app.Degraded:
		fmt.Fprintln(w, "\nThis machine can be watched, with the limits above.")
	default:
		fmt.Fprintln(w, "\nThis machine can be watched.")
	}
	return nil
}
