// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// optionsFor are options for a configuration, which change may alter.
func optionsFor(stdout io.Writer, change func(*config.Config)) outputOptions {
	c := config.Default()
	change(c)
	a := &App{o: Options{Stdout: stdout}, cfg: c, log: slog.New(slog.DiscardHandler)}
	return a.outputOptions(c)
}

func TestBuildOutputsKeepsWhatDidNotChange(t *testing.T) {
	dir := t.TempDir()
	var out syncBuffer
	with := func(file string, json bool) outputOptions {
		return optionsFor(&out, func(c *config.Config) {
			c.FileOutput = config.FileOutput{Enabled: true, Filename: filepath.Join(dir, file)}
			c.JSONOutput = json
		})
	}
	var o outputs
	now, stale, err := buildOutputs(with("a", false), nil)
	if err != nil || len(now) != 2 || len(stale) != 0 {
		t.Fatal(now, stale, err)
	}
	o.swap(now)
	o.send(&alert.Alert{Output: "one"})

	if _, _, err := buildOutputs(with("no/such/directory", false), now); err == nil || !strings.Contains(err.Error(), "file output: ") {
		t.Errorf("got %v", err)
	}
	next, stale, err := buildOutputs(with("b", false), now)
	if err != nil || len(next) != 2 || len(stale) != 1 || stale[0] != now[0] || next[1] != now[1] {
		t.Fatal(next, stale, err)
	}
	o.swap(next)
	o.send(&alert.Alert{Output: "two"})
	if !o.stop(t.Context(), stale, slog.New(slog.DiscardHandler)) {
		t.Error("the replaced output did not drain")
	}
	last, stale, err := buildOutputs(with("b", true), next)
	if err != nil || len(last) != 2 || len(stale) != 2 {
		t.Fatal(last, stale, err)
	}
	o.swap(last)
	o.send(&alert.Alert{Output: "three"})
	o.stop(t.Context(), stale, slog.New(slog.DiscardHandler))
	o.stop(t.Context(), o.list(), slog.New(slog.DiscardHandler))

	for name, want := range map[string]string{"a": "one", "b": "two three"} {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		for _, word := range strings.Fields(want) {
			if strings.Count(string(b), word) != 1 {
				t.Errorf("%s has %q, want %s", name, b, want)
			}
		}
	}
	for _, s := range o.stats() {
		if s.Sent != 3 || s.Lost() != 0 || s.Attempts == 0 || s.Attempts > 3 || s.Delivery.Count != s.Attempts {
			t.Errorf("counters %+v", s)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines on stdout", n)
	}
}

func TestDestinationRows(t *testing.T) {
	o := optionsFor(io.Discard, func(*config.Config) {})
	for _, d := range destinations {
		if d.doc == "" || !strings.HasSuffix(d.doc, ".") || d.where(o.cfg) == "" {
			t.Errorf("%s is not described", d.name)
		}
		first := d.key(&o)
		if again := d.key(&o); first != again {
			t.Errorf("%s: the key changes by itself", d.name)
		}
	}
}

func TestLossText(t *testing.T) {
	losses := []output.Loss{{Reason: "queue full", Alerts: 0}, {Reason: "output failed", Alerts: 2}, {Reason: "not written before the stop", Alerts: 1}}
	if got := lossText(losses); got != "2 output failed, 1 not written before the stop" {
		t.Error(got)
	}
}
