// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/terminal"
)

// newStatus is the command that prints a page about the running gyr.
func newStatus(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:           "status",
		Short:         "Say how the running gyr is",
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	client := o.socketFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := client()
		if err != nil {
			return err
		}
		var s control.Status
		if err := c.Get(cmd.Context(), control.PathStatus, &s); err != nil {
			return err
		}
		if asJSON {
			return writeJSON(o.stdout, &s)
		}
		printStatus(o.stdout, &s, time.Now())
		return nil
	}
	return cmd
}

// writeJSON prints a value for programs and people.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// page prints aligned lines of a name and a text.
type page struct{ w io.Writer }

// line prints one line; an empty name continues the one before.
func (p page) line(name, format string, args ...any) {
	fmt.Fprintf(p.w, "%-10s %s\n", name, fmt.Sprintf(format, args...))
}

// printStatus prints the page for people.
func printStatus(w io.Writer, s *control.Status, now time.Time) {
	p := page{w}
	doing := "watching"
	if !s.Watching {
		doing = "starting"
	}
	p.line("gyr", "%s, process %d on %s, %s for %s", s.Version, s.PID, s.Hostname, doing, since(s.Started, now))
	p.line("watches", "%d system calls (%s)", s.Syscalls, s.Source)
	for _, m := range s.Misses {
		p.line("", "misses: %s", m)
	}
	p.line("rules", "%d of %d in use, from %s", s.RulesInUse, s.RulesLoaded, strings.Join(s.RulesFrom, ", "))
	if len(s.ConfigFiles) > 0 {
		p.line("config", "%s", strings.Join(s.ConfigFiles, ", "))
	}
	p.line("loaded", "%s ago (generation %d; %d reloads, %d refused)", since(s.Since, now), s.Generation, s.Reloads, s.Refused)
	if r := s.LastReload; r != nil && !r.OK {
		p.line("", "the last reload, %s ago, was refused: %s", since(r.Time, now), r.Error)
	} else if r != nil {
		p.line("", "the last reload changed: %s", app.Differences(r))
		for _, key := range r.Restart {
			p.line("", "%s: the new value needs a restart", key)
		}
	}
	p.line("state", "%d processes, %d threads, %d descriptors; %d MiB of memory in use", s.Processes, s.Threads, s.Descriptors, s.RSSBytes>>20)
	p.line("events", "%d seen, %s", s.Events, losses(s.Losses))
	p.line("alerts", "%d raised", s.Alerts)
	for _, o := range s.Outputs {
		where := o.Where
		if where == "" {
			where = o.Name + " (closed)"
		}
		p.line("", "to %s: %d sent, %d waiting, %s", where, o.Sent, o.Waiting, losses(o.Losses))
	}
}

// losses says what was lost.
func losses(all []control.Loss) string {
	var parts []string
	for _, l := range all {
		if l.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d lost: %s", l.Count, l.Reason))
		}
	}
	if len(parts) == 0 {
		return "nothing lost"
	}
	return strings.Join(parts, ", ")
}

// since is the time between two moments as people say it.
func since(from, now time.Time) string { return terminal.Age(now.Sub(from)) }
