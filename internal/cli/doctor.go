// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
)

const doctorLong = `Examine this machine: kernel, type information, privileges, and every hook that gyr uses,
each tried out with a tiny program that is taken away again at once. At the end gyr really
watches for a moment and looks whether it sees itself.

Every line says what was found; where something is missing, the line after it says how to
mend that. The exit code is 1 if gyr cannot watch this machine.`

// newDoctor builds the subcommand that examines the machine.
func newDoctor(o *options, stdout io.Writer) *cobra.Command {
	rules := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine whether this machine can be watched, and how to mend what is missing",
		Long:  doctorLong,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if rules {
				return printTraced(o, stdout)
			}
			return printFindings(stdout, app.Diagnose(true))
		},
	}
	cmd.Flags().BoolVar(&rules, "rules", false, "show the system calls that the rules ask for instead, why each is traced and by which program")
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "configuration `file` (default "+strings.Join(o.configPaths(), " or ")+")")
	return cmd
}

// printTraced prints the system calls that would be traced, and why.
func printTraced(o *options, w io.Writer) error {
	cfg, _, err := o.load()
	if err != nil {
		return err
	}
	loaded, err := app.LoadRules(cfg, nil, app.Catalogue(cfg))
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return err
	}
	calls, general, warnings := app.TracedCalls(cfg, loaded.Set)
	fmt.Fprintf(w, "%-24s %-14s %s\n", "SYSTEM CALL", "PROGRAM", "WHY")
	programs := map[string]int{}
	for _, t := range calls {
		if t.Program == "" {
			continue
		}
		programs[t.Program]++
		var why []string
		if t.State {
			why = append(why, "the state needs it")
		}
		if t.Custom {
			why = append(why, "base_syscalls.custom_set")
		}
		if n := len(t.Rules); n > 3 {
			why = append(why, fmt.Sprintf("%d rules: %q, %q, …", n, t.Rules[0], t.Rules[1]))
		} else {
			for _, r := range t.Rules {
				why = append(why, fmt.Sprintf("rule %q", r))
			}
		}
		if len(why) == 0 {
			why = append(why, "rules that any call can match")
		}
		fmt.Fprintf(w, "%-24s %-14s %s\n", t.Call.Name, t.Program, strings.Join(why, "; "))
	}
	for _, warning := range warnings {
		fmt.Fprintf(w, "\nwarning: %s\n", warning)
	}
	if len(general) > 0 {
		fmt.Fprintf(w, "\nRules that any system call can match: %q\n", general)
	}
	fmt.Fprintf(w, "\nPrograms attached: on_sys_exit, on_exec, on_fork, on_exit, on_ring_submit, on_ring_complete, on_ring_overflow; behind the first:\n")
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		fmt.Fprintf(w, "  %-16s %d calls\n", name, programs[name])
	}
	return nil
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
