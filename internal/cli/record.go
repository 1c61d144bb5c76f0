// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

const recordLong = `Write a capture file: the events of this machine, all system calls or those that the filter
needs, together with the processes, descriptors, users and interfaces that were there when the
recording began. With -r the events come from another capture, which is filtered or cut that way.

The file is one that Falco, sysdig and Stratoshark read, and that "gyr replay" and "gyr -e" read
without a loss. Events that the filter does not want, but without which the wanted ones could not
be understood, are kept too, marked so that readers do not show them.

Only the owner may read the file: it holds what was read and written. Ctrl-C ends the recording.`

const recordExample = `  sudo gyr record -w all.scap -M 60                            everything, for a minute
  sudo gyr record -w web.scap.gz --compress 'proc.name = nginx'
  sudo gyr record -w ring.scap -C 100 -W 5                     the last 500 MB, in five files
  gyr record -r night.scap -w curl.scap 'proc.name = curl'     cut a capture
  sudo gyr record -w - | gyr replay -                          as a pipe`

// recordOptions are the flags of "gyr record".
type recordOptions struct {
	*options
	app.RecordOptions
	seconds  int
	fileSize uint64
	format   string
}

// newRecord builds the subcommand that writes captures.
func newRecord(o *options) *cobra.Command {
	r := &recordOptions{options: o}
	cmd := &cobra.Command{
		Use:     "record -w FILE [FILTER]",
		Short:   "Write a capture file",
		Long:    recordLong,
		Example: recordExample,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), strings.Join(args, ""))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&r.File, "write", "w", "", "write to this `file` (- for standard output)")
	f.StringVarP(&r.Input, "read", "r", "", "record from this capture `file` (- for standard input) instead of the running system")
	f.StringVar(&r.Filter, "filter", "", "record events that meet this `condition`; it may also stand at the end of the line")
	f.IntVarP(&r.SnapLen, "snaplen", "s", 0, "keep this many `bytes` of what is read and written (default falco_libs.snaplen, or what the capture has)")
	f.IntVarP(&r.seconds, "stop-after", "M", 0, "stop after this many `seconds` (with -r, of the capture's time)")
	f.Uint64VarP(&r.Count, "count", "n", 0, "stop after this `number` of events")
	f.Uint64VarP(&r.fileSize, "file-size", "C", 0, "begin another file whenever one has this many `megabytes` (of 1,000,000), and half of that are events")
	f.IntVarP(&r.Files, "files", "W", 0, "with -C, keep this `number` of files: then the oldest is written over")
	f.BoolVarP(&r.Compress, "compress", "z", false, "compress the file as gzip does")
	f.StringVar(&r.format, "format", scap.Widest.String(), "`form` of the capture: widest (every reader since 2022) or current (smaller, for readers of 2025 and later)")
	f.StringVarP(&o.config, "config", "c", "", "configuration `file`")
	f.StringArrayVarP(&o.overrides, "option", "o", nil, "set a configuration key to a value, as in `key=value`; repeatable")
	return cmd
}

// check completes and checks what the flags say.
func (r *recordOptions) check(condition string) (err error) {
	const maxFileSize = 1 << 32
	switch {
	case r.File == "":
		return errors.New("nothing to write to (name a file with -w)")
	case condition != "" && r.Filter != "":
		return errors.New("two filters: one behind --filter and one at the end of the line")
	case r.SnapLen < 0:
		return fmt.Errorf("-s, --snaplen: %d is negative", r.SnapLen)
	case r.seconds < 0:
		return fmt.Errorf("-M, --stop-after: %d is negative", r.seconds)
	case r.Files < 0:
		return fmt.Errorf("-W, --files: %d is negative", r.Files)
	case r.SnapLen > 1<<16-1:
		return fmt.Errorf("snaplen %d is more than an event can hold (at most %d)", r.SnapLen, 1<<16-1)
	case r.Files > 0 && r.fileSize == 0:
		return errors.New("-W needs -C: files are exchanged by their size")
	case r.fileSize > maxFileSize:
		return fmt.Errorf("file size %d is too large (at most %d million bytes)", r.fileSize, maxFileSize)
	case r.fileSize > 0 && r.File == "-":
		return errors.New("standard output cannot be exchanged by its size (-C with -w -)")
	}
	if condition != "" {
		r.Filter = condition
	}
	r.FileBytes, r.Duration = int64(r.fileSize)*1_000_000, time.Duration(r.seconds)*time.Second
	r.Format, err = scap.ParseFormat(r.format)
	return err
}

// run records and prints what came of it.
func (r *recordOptions) run(ctx context.Context, condition string) error {
	if err := r.check(condition); err != nil {
		return err
	}
	cfg, _, err := r.load()
	if err != nil {
		return err
	}
	r.Config, r.Output = cfg, r.stdout
	r.Log = slog.New(slog.NewTextHandler(r.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if r.Input == "" {
		r.Ready = func() { fmt.Fprintln(r.stderr, "recording; Ctrl-C ends it") }
	}
	done, err := app.Record(ctx, r.RecordOptions)
	if done != nil {
		r.print(done, err)
	}
	return err
}

// print prints what was recorded and lost. err is the error with which the recording ended.
func (r *recordOptions) print(d *app.Recorded, err error) {
	files := ""
	if d.Files > 1 {
		files = fmt.Sprintf(" in %d files", d.Files)
	}
	if d.Left < d.Files {
		files += fmt.Sprintf(", of which the last %d are left", d.Left)
	}
	fmt.Fprintf(r.stderr, "Events recorded: %d of %d\nBytes written: %d%s\n", d.Events, d.Seen, d.Bytes, files)
	switch {
	case len(d.Losses) == 0 && err == nil:
		fmt.Fprintln(r.stderr, "Lost: nothing")
		return
	case err != nil:
		fmt.Fprintln(r.stderr, "Lost: what was not yet written when the recording failed")
	default:
		fmt.Fprintln(r.stderr, "Lost:")
	}
	for _, l := range d.Losses {
		fmt.Fprintf(r.stderr, "   events, %s: %d\n", l.Reason, l.Events)
	}
}
