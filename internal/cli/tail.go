// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/terminal"
)

const tailLong = `Show the alerts of the gyr that runs, the last ones and then each as it comes, whatever outputs it
has. Ctrl-C ends it, and so does the end of that gyr: the exit code is 0 if it stopped in order, and
1 if the connection broke.

With -o compact an alert is a line, cut to the width of the terminal; with -o tree a paragraph with the
processes that led to it; with -o json the alert as gyr writes it, and under "gyr" lineage, container and
pod. The lineage is noted while somebody follows: alerts of before show what their fields tell.

Following delays nothing. Who reads too slowly misses alerts, and is told how many.`

const tailExample = `  gyr tail                                        the last ten, and what comes
  gyr tail -o tree --priority warning             only what is serious, with lineage
  gyr tail --rule '*shell*' -o json | jq .gyr     rules by a pattern
  gyr tail -n 100 --follow=false                  only the last hundred`

// newTail is the command that follows the alerts of the running gyr.
func newTail(o *options) *cobra.Command {
	var (
		form, colour string
		follow       bool
		last         int
	)
	ask := url.Values{}
	var priority, rule string
	cmd := &cobra.Command{
		Use:           "tail",
		Short:         "Follow the alerts of the running gyr",
		Long:          tailLong,
		Example:       tailExample,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&form, "output", "o", "compact", "`form`: compact, tree or json")
	f.IntVarP(&last, "lines", "n", 10, "begin with the last `N` alerts (at most "+strconv.Itoa(control.MaxLast)+")")
	f.BoolVar(&follow, "follow", true, "go on with the alerts that come")
	f.StringVar(&priority, "priority", "", "only alerts of this `priority` and more serious ones")
	f.StringVar(&rule, "rule", "", "only alerts of rules whose name matches this `pattern` (*, ?, [a-z])")
	f.StringVar(&colour, "color", "auto", "colour: `when` auto, always or never (NO_COLOR is respected)")
	client := o.socketOnly(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p := &terminal.AlertPrinter{}
		var err error
		if p.Form, err = terminal.ParseForm(form); err != nil {
			return err
		}
		if p.Paint, err = terminal.ParseColour(colour, o.stdout); err != nil {
			return err
		}
		c, err := client()
		if err != nil {
			return err
		}
		ask.Set("last", strconv.Itoa(last))
		ask.Set("priority", priority)
		ask.Set("rule", rule)
		if !follow {
			ask.Set("follow", "0")
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		return o.follow(ctx, c, p, control.PathAlerts+"?"+ask.Encode(), follow)
	}
	return cmd
}

// follow prints the alerts of a stream until ctx or the stream ends.
func (o *options) follow(ctx context.Context, c *control.Client, p *terminal.AlertPrinter, path string, endless bool) error {
	var out []byte
	for line, err := range c.Lines(ctx, path) {
		if err != nil {
			return err
		}
		p.Width, _, _ = terminal.Size(o.stdout)
		var end string
		if out, end, err = p.Append(out[:0], line); err != nil {
			return err
		}
		if _, err := o.stdout.Write(out); err != nil {
			return err
		}
		if end != "" {
			fmt.Fprintln(o.stderr, end)
			return nil
		}
	}
	if endless && ctx.Err() == nil {
		return errors.New("the connection to gyr broke (was it killed?)")
	}
	return nil
}
