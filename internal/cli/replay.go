// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
)

const replayLong = `Print the events of a capture file, one a line, or those for which a filter holds. Captures are
those of Falco, sysdig and Stratoshark, also compressed; - reads standard input. Filters and formats
are those of the rules language.

To test rules with a capture, see "gyr -e FILE".`

const replayExample = `  gyr replay night.scap 'evt.type = execve'
  gyr replay night.scap -p '%evt.time %proc.cmdline' 'proc.name in (curl, wget)'
  gyr replay night.scap --json --output-fields evt.time,proc.name,fd.name -n 20
  gyr replay --stats night.scap
  gyr replay --bench night.scap -r my_rules.yaml`

// eventLine is how events are printed unless -p says otherwise.
const eventLine = "%evt.num %evt.time %evt.cpu %proc.name (%thread.tid) %evt.type %evt.args"

// replayOptions are the flags of "gyr replay".
type replayOptions struct {
	*options
	format string
	fields []string
	count  uint64
	json   bool
	stats  bool
	bench  bool
	// workers is the number of goroutines for --bench; 0: one and two, one after the other.
	workers int
}

// newReplay builds the subcommand that looks into a capture.
func newReplay(o *options) *cobra.Command {
	r := &replayOptions{options: o}
	cmd := &cobra.Command{
		Use:     "replay FILE [FILTER]",
		Short:   "Print the events of a capture file",
		Long:    replayLong,
		Example: replayExample,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			condition := strings.Join(args[1:], "")
			if err := r.check(cmd, condition); err != nil {
				return err
			}
			return r.run(cmd.Context(), args[0], condition)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&r.format, "print", "p", eventLine, "print events in this `format`")
	f.StringSliceVar(&r.fields, "output-fields", nil, "print these `fields` instead, with commas between them")
	f.Uint64VarP(&r.count, "count", "n", 0, "stop after this `number` of printed events")
	f.BoolVar(&r.json, "json", false, "print JSON objects with the fields of the format")
	f.BoolVar(&r.stats, "stats", false, "count events by type, process, container and descriptor instead")
	f.BoolVar(&r.bench, "bench", false, "take the capture through rules and print how fast that went")
	f.IntVar(&r.workers, "workers", 0, "`number` of goroutines for --bench; 1 and 2 are measured by default")
	f.StringArrayVarP(&o.rules, "rules", "r", nil, "rules `file or directory` for --bench; repeatable")
	f.StringVarP(&o.config, "config", "c", "", "configuration `file`")
	f.StringArrayVarP(&o.overrides, "option", "o", nil, "set a configuration key to a value, as in `key=value`; repeatable")
	return cmd
}

// check refuses flags that would change nothing.
func (r *replayOptions) check(cmd *cobra.Command, condition string) error {
	given := func(names ...string) string {
		for _, name := range names {
			if cmd.Flags().Changed(name) {
				return "--" + name
			}
		}
		return ""
	}
	switch {
	case given("workers") != "" && (r.workers < 1 || r.workers > app.MaxWorkers):
		return fmt.Errorf("--workers: %d is not from 1 to %d", r.workers, app.MaxWorkers)
	case !r.bench && given("workers", "rules") != "":
		return fmt.Errorf("%s belongs to --bench (or to gyr -e FILE)", given("workers", "rules"))
	case r.bench && condition != "":
		return fmt.Errorf("--bench takes all events through the rules: the filter %q has no place", condition)
	case r.bench && given("print", "output-fields", "count", "json", "stats") != "":
		return fmt.Errorf("--bench prints no events: %s has no place", given("print", "output-fields", "count", "json", "stats"))
	case r.stats && given("print", "output-fields", "json") != "":
		return fmt.Errorf("--stats prints no events: %s has no place", given("print", "output-fields", "json"))
	case given("print") != "" && given("output-fields") != "":
		return errors.New("--print and --output-fields both say what is printed")
	}
	return nil
}

// run does what the flags ask for.
func (r *replayOptions) run(ctx context.Context, path, condition string) error {
	cfg, _, err := r.load()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(r.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if r.bench {
		return r.printBench(ctx, cfg, path, log)
	}
	cat := app.Catalogue(cfg)
	match, memo, err := compileFilter(cat, condition)
	if err != nil {
		return err
	}
	print, err := r.printer(cat)
	if err != nil {
		return err
	}
	replay, err := app.OpenReplay(ctx, cfg, path, memo, log)
	if err != nil {
		return err
	}
	defer replay.Close()
	out := bufio.NewWriterSize(r.stdout, 64<<10)
	counts := newCaptureStats()
	var line []byte
	for n := uint64(0); r.count == 0 || n < r.count; {
		show, err := replay.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			out.Flush()
			return err
		}
		if !show || match != nil && !match.Match(replay.C) {
			continue
		}
		n++
		if r.stats {
			counts.add(replay.C)
			continue
		}
		line = append(print(line[:0], replay.C), '\n')
		if _, err := out.Write(line); err != nil {
			return unread(err)
		}
	}
	if r.stats {
		counts.print(out)
	}
	return unread(out.Flush())
}

// unread is the error of an output; that nobody reads it any more is none.
func unread(err error) error {
	if errors.Is(err, unix.EPIPE) {
		return nil
	}
	return err
}

// compileFilter compiles the condition; nil for none.
func compileFilter(cat *field.Catalogue, condition string) (*filter.Filter, int, error) {
	if condition == "" {
		return nil, 0, nil
	}
	f, _, memo, err := app.CompileFilter(cat, condition)
	return f, memo, err
}

// printer returns what renders an event.
func (r *replayOptions) printer(cat *field.Catalogue) (func([]byte, *field.Context) []byte, error) {
	text := strings.TrimPrefix(r.format, "*") // every event is printed, also those that lack a value
	if len(r.fields) > 0 {
		var err error
		if text, err = fieldsFormat(r.fields, cat); err != nil {
			return nil, err
		}
	}
	if !r.json {
		return linePrinter(text, cat)
	}
	t, err := app.ParseFormat(text, cat)
	if err != nil {
		return nil, err
	}
	tokens := t.Tokens()
	return func(dst []byte, c *field.Context) []byte {
		for i := range tokens {
			dst = append(dst, "{,"[min(i, 1)])
			dst = append(alert.AppendString(dst, tokens[i].Key), ':')
			dst = tokens[i].AppendJSON(dst, c)
		}
		if len(tokens) == 0 {
			dst = append(dst, '{')
		}
		return append(dst, '}')
	}, nil
}

// fieldsFormat makes a format of fields.
func fieldsFormat(fields []string, cat *field.Catalogue) (string, error) {
	for i, name := range fields {
		name = "%" + strings.TrimSpace(name)
		t, err := app.ParseFormat(name, cat)
		if err != nil {
			return "", fmt.Errorf("--output-fields: %w", err)
		}
		if tokens := t.Tokens(); len(tokens) == 0 || "%"+tokens[0].Key != name && !strings.HasSuffix(name, ")") {
			return "", fmt.Errorf("--output-fields: %q is not one field", fields[i])
		}
		fields[i] = name
	}
	return strings.Join(fields, " "), nil
}

// linePrinter returns what renders an event as text. Control characters of the format stay, those of values, which
// could forge lines and steer terminals, are escaped.
func linePrinter(text string, cat *field.Catalogue) (func([]byte, *field.Context) []byte, error) {
	type part struct {
		template *format.Template
		control  byte // stands behind it, 0 at the end
	}
	var parts []part
	for text != "" {
		end := strings.IndexFunc(text, func(r rune) bool { return r < ' ' })
		p, rest := text, ""
		var control byte
		if end >= 0 {
			p, control, rest = text[:end], text[end], text[end+1:]
		}
		t, err := app.ParseFormat(p, cat)
		if err != nil {
			return nil, err
		}
		parts, text = append(parts, part{t, control}), rest
	}
	var raw []byte
	return func(dst []byte, c *field.Context) []byte {
		for i := range parts {
			raw = parts[i].template.AppendText(raw[:0], c)
			dst = alert.AppendLine(dst, raw)
			if parts[i].control != 0 {
				dst = append(dst, parts[i].control)
			}
		}
		return dst
	}, nil
}

// benchRounds is how often each number of workers is measured; the fastest round counts.
const benchRounds = 3

// printBench prints how fast a capture goes through rules, with one worker and with two unless a number is
// asked for.
func (r *replayOptions) printBench(ctx context.Context, cfg *config.Config, path string, log *slog.Logger) error {
	trial := app.Trial{Config: cfg, Rules: r.rules, Path: path, Log: log}
	rounds := benchRounds
	if path == "-" {
		rounds = 1 // standard input comes only once
	}
	counts := []int{1, 2}
	if r.workers != 0 {
		counts = []int{r.workers}
	} else if path == "-" {
		counts = counts[:1]
	}
	var best [app.MaxWorkers + 1]*app.Bench
	for range rounds {
		for _, trial.Workers = range counts {
			b, err := trial.Do(ctx)
			if err != nil {
				return err
			}
			if old := best[b.Workers]; old == nil || b.Wall < old.Wall {
				best[b.Workers] = b
			}
		}
	}
	first := true
	for workers, b := range best {
		if b == nil {
			continue
		}
		if first {
			fmt.Fprintf(r.stdout, "events: %d\nrules: %d\nalerts: %d\n", b.Events, b.Rules, b.Alerts)
			first = false
		}
		fmt.Fprintf(r.stdout, "workers: %d\n  CPU seconds: %.3f\n  wall seconds: %.3f\n  events per CPU second: %.0f\n  events per second: %.0f\n  allocations: %d (%.4f an event)\n  bytes allocated: %d\n",
			workers, b.CPU.Seconds(), b.Wall.Seconds(), rate(b.Events, b.CPU), rate(b.Events, b.Wall),
			b.Allocations, float64(b.Allocations)/float64(max(b.Events, 1)), b.Bytes)
	}
	if best[1] != nil && best[2] != nil {
		fmt.Fprintf(r.stdout, "wall time of one worker to that of two: %.2f\n", best[1].Wall.Seconds()/max(best[2].Wall.Seconds(), 1e-9))
	}
	return nil
}

// rate is how many events a second there were.
func rate(events uint64, in time.Duration) float64 { return float64(events) / max(in.Seconds(), 1e-9) }

// captureStats count the events of a capture.
type captureStats struct {
	events      uint64
	first, last uint64
	by          [4]map[string]uint64
	others      [4]uint64 // events with names for which there was no room
	fields      [4]*field.Field
}

// statNames are the headings of the counts and the fields they are made of.
var statNames = [4][2]string{{"type", "evt.type"}, {"process", "proc.name"}, {"container", "container.id"}, {"descriptor", "fd.name"}}

// Bounds of the counts: how many names are kept of each, and how many printed.
const (
	maxStatNames  = 1 << 16
	statsPrinted  = 20
	statNameWidth = 60
)

// newCaptureStats returns counts of nothing.
func newCaptureStats() *captureStats {
	s := &captureStats{}
	cat := field.Default()
	for i, n := range statNames {
		s.by[i], s.fields[i] = map[string]uint64{}, cat.Lookup(n[1])
	}
	return s
}

// add counts an event.
func (s *captureStats) add(c *field.Context) {
	if s.events == 0 {
		s.first = c.Ev.Time()
	}
	s.events++
	s.last = max(s.last, c.Ev.Time())
	for i, f := range s.fields {
		if name, ok := f.Str(c, &field.Arg{Index: -1}); ok && name != "" {
			if _, known := s.by[i][name]; known {
				s.by[i][name]++
			} else if len(s.by[i]) < maxStatNames {
				s.by[i][strings.Clone(name)] = 1
			} else {
				s.others[i]++
			}
		}
	}
}

// print prints the counts, most first.
func (s *captureStats) print(w io.Writer) {
	fmt.Fprintf(w, "events: %d in %.3f s\n", s.events, float64(s.last-s.first)/1e9)
	for i, n := range statNames {
		names := make([]string, 0, len(s.by[i]))
		for name := range s.by[i] {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(s.by[i][b], s.by[i][a]), cmp.Compare(a, b))
		})
		more := ""
		if s.others[i] > 0 {
			more = " names and more"
		}
		fmt.Fprintf(w, "\nby %s (%d%s):\n", n[0], len(names), more)
		for _, name := range names[:min(len(names), statsPrinted)] {
			fmt.Fprintf(w, "  %-*s %d\n", statNameWidth, string(alert.AppendString(nil, name)), s.by[i][name])
		}
		if s.others[i] > 0 {
			fmt.Fprintf(w, "  %-*s %d\n", statNameWidth, "names that came later than those", s.others[i])
		}
	}
}
