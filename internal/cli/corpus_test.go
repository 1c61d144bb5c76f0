// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A cliRow is one run of Falco with what it must print.
type cliRow struct {
	ID    string
	Input struct {
		Args   []string
		Rules  []string
		Config string
	}
	Expected struct {
		ExitCode       int      `json:"exit_code"`
		Error          bool     `json:"error"`
		StdoutRegex    []string `json:"stdout_regex"`
		StderrRegex    []string `json:"stderr_regex"`
		StdoutContains []string `json:"stdout_contains"`
		StderrContains []string `json:"stderr_contains"`
	}
}

// cliOther are rows that cannot apply, with the reason; docs/differences.md has them.
var cliOther = map[string]string{
	`testing/TestFalco_Print_Rules/"json-valid-rules"`: "loads the plugin json",
	"testing/TestDummy_PrometheusMetrics":              "loads the plugin dummy",
}

// cliCorpora returns the directory of the material, or skips the test.
func cliCorpora(t *testing.T) string {
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatal(err)
		}
		t.Skip("no conformance material: ", err)
	}
	return dir
}

// Every row of the material that applies agrees.
func TestCLICorpus(t *testing.T) {
	dir := cliCorpora(t)
	f, err := os.Open(filepath.Join(dir, "cli.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	rows, agreed, other := 0, 0, 0
	for lines.Scan() {
		var row cliRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows++
		if why := cliOther[row.ID]; why != "" {
			t.Logf("%s: does not apply, it %s", row.ID, why)
			other++
			continue
		}
		if t.Run(row.ID, func(t *testing.T) { row.run(t, dir) }) {
			agreed++
		}
	}
	t.Logf("%d of %d rows agree, %d do not apply", agreed, rows, other)
	if agreed+other != rows || rows == 0 {
		t.Errorf("%d of %d rows do not agree", rows-agreed-other, rows)
	}
}

// run performs a row under Falco's name.
func (r *cliRow) run(t *testing.T, dir string) {
	args := r.Input.Args
	switch {
	case strings.Contains(r.ID, "TestFalco_Cmd_Help"):
		args = []string{"-h"}
		r.Expected.StdoutContains = []string{"Usage:", "falco [OPTION...]"}
	case strings.Contains(r.ID, "text-valid-rules"):
		r.Expected.StdoutContains = []string{"Open From Cat", "Localhost connect", "open_dev_null", "dev_null"}
	}
	for i, a := range args {
		if a == "5 * time.Second" {
			args[i] = "3"
		}
	}
	for _, rules := range r.Input.Rules {
		args = append(args, "-r", filepath.Join(dir, rules))
	}
	switch r.Input.Config {
	case "":
		args = append(args, "-c", os.DevNull)
	case "hotReloadCfg":
		file := filepath.Join(t.TempDir(), "falco.yaml")
		if err := os.WriteFile(file, []byte("stdout_output: {enabled: true}\nlog_stderr: true\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-c", file)
	default:
		args = append(args, "-c", filepath.Join(dir, r.Input.Config))
	}
	cmd := exec.Command("falco", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.ID, "HotReload") {
		time.AfterFunc(1500*time.Millisecond, func() { cmd.Process.Signal(syscall.SIGHUP) })
	}
	err := cmd.Wait()
	if r.Expected.Error != (err != nil) || cmd.ProcessState.ExitCode() != r.Expected.ExitCode && r.Expected.ExitCode != 0 {
		t.Errorf("%v: %v\n%s", args, err, &stderr)
	}
	for _, want := range r.Expected.StdoutRegex {
		matches(t, want, stdout.String())
	}
	for _, want := range r.Expected.StderrRegex {
		matches(t, want, stderr.String())
	}
	for _, want := range r.Expected.StdoutContains {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%v: no %q in\n%s", args, want, &stdout)
		}
	}
	for _, want := range r.Expected.StderrContains {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: no %q in\n%s", args, want, &stderr)
		}
	}
}

// pieces finds the parts of an expression in Go that joins patterns.
var pieces = regexp.MustCompile("`([^`]*)`|(\\w+Regex)")

// named are the patterns that the material names.
var named = map[string]string{
	"semVerRegex":     `[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?`,
	"commitHashRegex": `[0-9a-f]{7,40}`,
	"tagRegex":        `[0-9]+\.[0-9]+\.[0-9]+`,
}

// matches compares a text with a pattern of the material.
func matches(t *testing.T, pattern, text string) {
	t.Helper()
	joined := pattern
	if strings.Contains(pattern, "`") {
		joined = ""
		for _, m := range pieces.FindAllStringSubmatch(pattern, -1) {
			if m[2] != "" && named[m[2]] == "" {
				t.Fatalf("nobody knows the pattern %s", m[2])
			}
			joined += m[1] + named[m[2]]
		}
	}
	re, err := regexp.Compile(joined)
	if err != nil {
		t.Fatal(err)
	}
	if !re.MatchString(text) {
		t.Errorf("no match for %q in\n%s", joined, text)
	}
}
