// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/terminal"
)

const topLong = `Show what the gyr that runs sees and what that costs, once a second: events by system call, by
process, by container and by rule, losses, processor time and memory.

Keys: 1 to 4 or tab choose the table, s and S the column to sort by, r the direction, p pauses, arrows
and page keys scroll, q ends it. When gyr restarts the view goes on with the new one.

Events are those that the rules need; what no rule asks for is not seen and not counted. Of processes
and containers the busiest 256 of each second are counted one by one; a rate that may be too large for
that has the mark ≤. RULES is the mean time of testing all rules on such an event, TEST that of testing
one rule alone, CPU% what that rule takes of one processor.`

// newTop is the command that shows what the running gyr does.
func newTop(o *options) *cobra.Command {
	var (
		once, asJSON bool
		rows         int
		colour       string
	)
	cmd := &cobra.Command{
		Use:           "top",
		Short:         "Show what the running gyr sees, and what that costs",
		Long:          topLong,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&once, "once", false, "print one sample, of a second, as text")
	f.BoolVar(&asJSON, "json", false, "print one sample as JSON")
	f.IntVarP(&rows, "rows", "n", 15, "with --once: at most this `number` of rows of each table")
	f.StringVar(&colour, "color", "auto", "colour: `when` auto, always or never (NO_COLOR is respected)")
	client := o.socketFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		paint, err := terminal.ParseColour(colour, o.stdout)
		if err != nil {
			return err
		}
		if rows < 0 {
			return fmt.Errorf("-n: %d is no number of rows", rows)
		}
		c, err := client()
		if err != nil {
			return err
		}
		width, _, ok := terminal.Size(o.stdout)
		if !once && !asJSON {
			if !ok {
				return errors.New("standard output is no terminal (--once prints a sample as text, --json as JSON)")
			}
			return o.showTop(cmd.Context(), c, paint)
		}
		t, err := firstTop(cmd.Context(), c)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(o.stdout, t)
		}
		if !ok {
			width = 120
		}
		_, err = fmt.Fprint(o.stdout, terminal.Page(t, width, rows, paint))
		return err
	}
	return cmd
}

// firstTop returns one sample.
func firstTop(ctx context.Context, c *control.Client) (*control.Top, error) {
	for t, err := range tops(ctx, c) {
		return t, err
	}
	return nil, errStopped
}

// errStopped says that the stream ended.
var errStopped = errors.New("gyr has stopped")

// tops yields the samples of a running gyr, until it stops.
func tops(ctx context.Context, c *control.Client) func(yield func(*control.Top, error) bool) {
	return func(yield func(*control.Top, error) bool) {
		for line, err := range c.Lines(ctx, control.PathTop) {
			t := new(control.Top)
			if err == nil {
				err = json.Unmarshal(line, t)
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// again is how long the view waits before it looks for a gyr that has gone.
const again = time.Second

// showTop runs the view in the terminal.
func (o *options) showTop(ctx context.Context, c *control.Client, paint terminal.Paint) error {
	if err := c.Get(ctx, control.PathStatus, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	fed := make(chan struct{})
	p := terminal.Program(ctx, terminal.NewView(paint), os.Stdin, o.stdout)
	go func() {
		defer close(fed)
		feed(ctx, c, p.Send)
	}()
	_, err := p.Run()
	cancel()
	<-fed
	if errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// feed sends samples to the view until ctx ends; when gyr has gone it waits for the next one.
func feed(ctx context.Context, c *control.Client, send func(tea.Msg)) {
	for ctx.Err() == nil {
		why := errStopped
		for t, err := range tops(ctx, c) {
			if err != nil {
				why = err
				break
			}
			send(terminal.Sample{Top: t})
		}
		if ctx.Err() != nil {
			return
		}
		send(terminal.Silence{Err: why})
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}
