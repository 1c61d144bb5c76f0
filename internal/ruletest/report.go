// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes the report for people. verbose names every case and alert.
func (r *Report) WriteText(w io.Writer, verbose bool) {
	for _, f := range r.Files {
		f.writeText(w, verbose)
	}
	passed, failed := r.Count()
	fmt.Fprintf(w, "%d passed, %d failed", passed, failed)
	broken := 0
	for _, f := range r.Files {
		if len(f.Problems) > 0 {
			broken++
		}
	}
	if broken > 0 {
		fmt.Fprintf(w, ", %d files with mistakes", broken)
	}
	if passed+failed == 0 && broken == 0 {
		fmt.Fprint(w, " (no test has that name)")
	}
	fmt.Fprintln(w)
	if r.Coverage != nil {
		r.Coverage.writeText(w, verbose)
	}
}

// writeText writes what came of one file.
func (f *FileResult) writeText(w io.Writer, verbose bool) {
	for _, p := range f.Problems {
		fmt.Fprintln(w, p.Text())
	}
	failed := 0
	for _, c := range f.Cases {
		if len(c.Failures) > 0 {
			failed++
		}
	}
	state := "ok  "
	if failed > 0 || len(f.Problems) > 0 {
		state = "FAIL"
	}
	fmt.Fprintf(w, "%s  %s  %d cases", state, f.Name, len(f.Cases))
	if failed > 0 {
		fmt.Fprintf(w, ", %d failed", failed)
	}
	fmt.Fprintln(w)
	for _, c := range f.Cases {
		c.writeText(w, f.Name, verbose)
	}
}

// writeText writes what came of one case.
func (c *CaseResult) writeText(w io.Writer, file string, verbose bool) {
	switch {
	case len(c.Failures) > 0:
		fmt.Fprintf(w, "  FAIL  %s:%d: %s\n", file, c.Line, c.Name)
	case verbose:
		fmt.Fprintf(w, "  ok    %s\n", c.Name)
	}
	for _, x := range c.Failures {
		fmt.Fprintf(w, "        %s\n", x.Message)
		for _, line := range x.Detail {
			fmt.Fprintf(w, "          %s\n", printable(line))
		}
	}
	if verbose {
		for _, a := range c.Alerts {
			fmt.Fprintf(w, "        %s\n", printable(a))
		}
	}
}

// printable makes a line harmless to a terminal.
func printable(line string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, line)
}

// writeText writes which predicates have not come out both ways.
func (c *Coverage) writeText(w io.Writer, verbose bool) {
	fmt.Fprintln(w)
	for _, rc := range c.Rules {
		both, all := rc.Count()
		if both == all && rc.Fired && !verbose {
			continue
		}
		fmt.Fprintf(w, "%5.1f%%  %s  (%d of %d predicates)\n", percent(both, all), rc.Rule, both, all)
		if !rc.Fired {
			fmt.Fprintln(w, "        no test makes the rule true")
		}
		for _, p := range rc.Missing() {
			state := "never true: "
			switch {
			case !p.True && !p.False:
				state = "never tested:"
			case p.True:
				state = "never false:"
			}
			fmt.Fprintf(w, "        %-13s %s\n", state, shorten(p.Text))
		}
	}
	both, all := c.Total()
	fmt.Fprintf(w, "coverage: %.1f%% (%d of %d predicates of %d rules came out both ways; %d rules fired)\n",
		c.Percent(), both, all, len(c.Rules), c.Fired())
}

// percent is the share of a in b.
func percent(a, b int) float64 {
	if b == 0 {
		return 100
	}
	return 100 * float64(a) / float64(b)
}

// reportJSON is the report as JSON.
type reportJSON struct {
	Passed   int           `json:"passed"`
	Failed   int           `json:"failed"`
	OK       bool          `json:"ok"`
	Files    []fileJSON    `json:"files"`
	Coverage *coverageJSON `json:"coverage,omitempty"`
}

// fileJSON is one file.
type fileJSON struct {
	Name     string        `json:"name"`
	Problems []problemJSON `json:"problems,omitempty"`
	Cases    []caseJSON    `json:"cases"`
}

// problemJSON is a mistake in a file.
type problemJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// caseJSON is one case.
type caseJSON struct {
	Name     string        `json:"name"`
	Line     int           `json:"line"`
	OK       bool          `json:"ok"`
	Failures []failureJSON `json:"failures,omitempty"`
	Alerts   []string      `json:"alerts,omitempty"`
}

// failureJSON is one thing that came out otherwise.
type failureJSON struct {
	Message string   `json:"message"`
	Detail  []string `json:"detail,omitempty"`
}

// coverageJSON is the coverage.
type coverageJSON struct {
	Percent    float64         `json:"percent"`
	Both       int             `json:"both"`
	Predicates int             `json:"predicates"`
	Rules      []*RuleCoverage `json:"rules"`
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	out := reportJSON{OK: r.OK(), Files: []fileJSON{}}
	out.Passed, out.Failed = r.Count()
	for _, f := range r.Files {
		x := fileJSON{Name: f.Name, Cases: []caseJSON{}}
		for _, p := range f.Problems {
			x.Problems = append(x.Problems, problemJSON{p.File, p.Line, p.Col, p.Message, p.Hint})
		}
		for _, c := range f.Cases {
			y := caseJSON{Name: c.Name, Line: c.Line, OK: len(c.Failures) == 0, Alerts: c.Alerts}
			for _, e := range c.Failures {
				y.Failures = append(y.Failures, failureJSON(e))
			}
			x.Cases = append(x.Cases, y)
		}
		out.Files = append(out.Files, x)
	}
	if r.Coverage != nil {
		both, all := r.Coverage.Total()
		out.Coverage = &coverageJSON{r.Coverage.Percent(), both, all, r.Coverage.Rules}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// The elements of a JUnit report.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		File    string     `xml:"file,attr"`
		Line    int        `xml:"line,attr,omitempty"`
		Time    string     `xml:"time,attr"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML, which build servers show.
func (r *Report) WriteJUnit(w io.Writer) error {
	var out junitSuites
	for _, f := range r.Files {
		s := f.junit()
		out.Tests, out.Failures, out.Errors = out.Tests+s.Tests, out.Failures+s.Failures, out.Errors+s.Errors
		out.Suites = append(out.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junit is the element of one file.
func (f *FileResult) junit() junitSuite {
	s := junitSuite{Name: f.Name, Time: seconds(f.Time)}
	for _, p := range f.Problems {
		s.Errors++
		s.Cases = append(s.Cases, junitCase{
			Name: p.String(), Class: f.Name, File: p.File, Line: p.Line, Time: "0.000", Error: &junitText{p.Message, p.Text()},
		})
	}
	for _, c := range f.Cases {
		x := junitCase{Name: c.Name, Class: f.Name, File: f.Name, Line: c.Line, Time: seconds(c.Time)}
		if len(c.Failures) > 0 {
			s.Failures++
			x.Failure = &junitText{Message: c.Failures[0].Message}
			var b strings.Builder
			for _, e := range c.Failures {
				b.WriteString(e.Message + "\n")
				for _, line := range e.Detail {
					b.WriteString("  " + line + "\n")
				}
			}
			x.Failure.Text = b.String()
		}
		s.Cases = append(s.Cases, x)
	}
	s.Tests = len(s.Cases)
	return s
}

// seconds is a time as JUnit has it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
