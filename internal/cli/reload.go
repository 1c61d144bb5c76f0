// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

// socketFlag declares the flag of commands that talk to a running gyr. The result is the client for
// it, once the flags are read.
func (o *options) socketFlag(cmd *cobra.Command) func() (*control.Client, error) {
	return o.socket(cmd, o.configFlags)
}

// socketOnly is socketFlag for commands whose -o means something else.
func (o *options) socketOnly(cmd *cobra.Command) func() (*control.Client, error) {
	return o.socket(cmd, o.configFlag)
}

// socket declares the flag and those that choose the configuration.
func (o *options) socket(cmd *cobra.Command, choose func(*cobra.Command)) func() (*control.Client, error) {
	var path string
	cmd.Flags().StringVar(&path, "socket", "", "control `socket` of the gyr to talk to (default: gyr.control.socket of the configuration)")
	choose(cmd)
	return func() (*control.Client, error) {
		if path == "" {
			cfg, _ := o.read()
			path = cfg.Gyr.Control.Socket
		}
		if path == "" {
			return nil, fmt.Errorf("gyr.control.socket is empty: this gyr has no control socket (send SIGHUP to reload)")
		}
		return control.NewClient(path), nil
	}
}

// newReload is the command that makes a running gyr load configuration and rules again.
func newReload(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Load configuration and rules again in the running gyr",
		Long: `Load configuration and rules again in the gyr that runs, and say what changed.

Nothing is lost meanwhile: state, events and alerts go on. If anything is wrong with the new files
it is printed, the old rules stay in force, and the exit code is 1.`,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	client := o.socketFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := client()
		if err != nil {
			return err
		}
		var r control.Reload
		if err := c.Post(cmd.Context(), control.PathReload, nil, &r); err != nil {
			return err
		}
		if asJSON {
			if err := writeJSON(o.stdout, &r); err != nil {
				return err
			}
		} else {
			printReload(o.stdout, &r)
		}
		if !r.OK {
			return errSaid
		}
		return nil
	}
	return cmd
}

// printReload prints the result for people.
func printReload(w io.Writer, r *control.Reload) {
	if !r.OK {
		for _, d := range r.Diagnostics {
			fmt.Fprintln(w, d)
		}
		if len(r.Diagnostics) == 0 {
			fmt.Fprintln(w, r.Error)
		}
		fmt.Fprintf(w, "refused: the %d rules before stay in force\n", r.InUse)
		return
	}
	fmt.Fprintf(w, "reloaded: %d rules in use (generation %d; %.0f ms to build, %.0f ms to take over)\n", r.InUse, r.Generation, r.BuildMS, r.SwapMS)
	same := true
	for _, d := range []struct {
		what string
		c    control.Change
	}{{"rule", r.Rules}, {"system call", r.Syscalls}, {"output", r.Outputs}} {
		for _, list := range []struct {
			sign  string
			names []string
		}{{"+", d.c.Added}, {"-", d.c.Removed}, {"~", d.c.Changed}} {
			for _, name := range list.names {
				fmt.Fprintf(w, "  %s %s %s\n", list.sign, d.what, name)
				same = false
			}
		}
	}
	if same {
		fmt.Fprintln(w, "  nothing differs")
	}
	for _, key := range r.Restart {
		fmt.Fprintf(w, "  ! %s: the new value needs a restart, the old one stays in force\n", key)
	}
}
