// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/ruletest"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

func init() { rulesCommands = append(rulesCommands, newRulesTest) }

const rulesTestLong = `Test rules without kernel and privileges. Files of tests are named *_test.yaml and stand beside
the rules; they say what happens on a machine and which rules must fire or must not. Every event
goes through the same state and engine as one from the kernel.

The exit code is 1 if a test fails, a file has a mistake, or the coverage is too small.
docs/rules-testing.md describes the files.`

const rulesTestExample = `  gyr rules test rules/                     all tests of a directory
  gyr rules test my_test.yaml --run shadow  those whose name, or rule, has "shadow" in it
  gyr rules test rules/ --coverage          what no test has made both true and false
  gyr rules test rules/ --junit report.xml  for build servers`

// testOptions are the flags of "gyr rules test".
type testOptions struct {
	*options
	run         string
	junit       string
	format      string
	verbose     bool
	coverage    bool
	coverageMin float64
}

// newRulesTest builds the subcommand that tests rules.
func newRulesTest(o *options) *cobra.Command {
	t := &testOptions{options: o}
	cmd := &cobra.Command{
		Use:     "test FILE|DIR...",
		Short:   "Test rules with events that files describe",
		Long:    rulesTestLong,
		Example: rulesTestExample,
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return t.test(args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&t.run, "run", "", "run the tests whose name, or a rule of theirs, a regular `expression` matches")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "name every test and its alerts")
	f.StringVar(&t.format, "format", "text", "`form` of the report: text or json")
	f.StringVar(&t.junit, "junit", "", "write a report as JUnit XML to this `file`, too")
	f.BoolVar(&t.coverage, "coverage", false, "tell which predicates of the rules no test has made both true and false")
	f.Float64Var(&t.coverageMin, "coverage-min", 0, "fail if fewer than this `percent` of the predicates are covered")
	return cmd
}

// test runs the tests.
func (t *testOptions) test(paths []string) error {
	if t.format != "text" && t.format != "json" {
		return fmt.Errorf("--format: %q is neither text nor json", t.format)
	}
	o := ruletest.Options{Coverage: t.coverage || t.coverageMin > 0, Capture: capture}
	var err error
	if t.run != "" {
		if o.Run, err = regexp.Compile(t.run); err != nil {
			return fmt.Errorf("--run: %w", err)
		}
	}
	if o.Embedded, err = embeddedRules(); err != nil {
		return err
	}
	files, err := ruletest.Find(paths)
	if err != nil {
		return err
	}
	report := ruletest.Run(files, o)
	if err := t.write(report); err != nil {
		return err
	}
	if !report.OK() {
		return errSaid
	}
	if c := report.Coverage; c != nil && c.Percent() < t.coverageMin {
		return fmt.Errorf("the coverage is %.1f%%, less than %.1f%%", c.Percent(), t.coverageMin)
	}
	return nil
}

// capture makes a source of a capture file.
func capture(path string, st *state.State) source.Source {
	return scap.New(scap.Options{Path: path, State: st})
}

// write writes the report where it is wanted.
func (t *testOptions) write(report *ruletest.Report) error {
	if t.junit != "" {
		f, err := os.Create(t.junit)
		if err != nil {
			return err
		}
		if err := report.WriteJUnit(f); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if t.format == "json" {
		return report.WriteJSON(t.stdout)
	}
	report.WriteText(t.stdout, t.verbose)
	return nil
}

// goFlags lets "gyr rules test -run X" be written as "go test -run X" is.
func goFlags(args []string) []string {
	if len(args) < 2 || args[0] != "rules" || args[1] != "test" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if a == "-run" || strings.HasPrefix(a, "-run=") {
			args[i] = "-" + a
		}
	}
	return args
}
