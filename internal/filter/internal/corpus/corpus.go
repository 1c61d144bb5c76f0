// SPDX-License-Identifier: Apache-2.0

// Package corpus reads the conformance tables for the tests of the filter packages.
package corpus

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Dir returns the directory of the tables: GYR_CORPORA, or the one beside the repository. The
// test is skipped if there is none, and fails if GYR_REQUIRE_CORPORA=1 demands one.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		repo := filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
		dir = filepath.Join(repo, "..", "shared", "corpora")
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatalf("no corpora: %v", err)
		}
		t.Skipf("no corpora: %v", err)
	}
	return dir
}

// Rows reads one table, a JSON object a line.
func Rows[T any](t testing.TB, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join(Dir(t), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s: row %d: %v", name, len(rows)+1, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return rows
}

// Score counts the rows of a table that agree and prints those that do not.
type Score struct {
	t         testing.TB
	table     string
	agree, of int
}

// NewScore starts counting.
func NewScore(t testing.TB, table string) *Score { return &Score{t: t, table: table} }

// Row counts one row; complaint is empty if it agrees.
func (s *Score) Row(id, complaint string) {
	s.of++
	if complaint == "" {
		s.agree++
		return
	}
	s.t.Logf("%s: %s: %s", s.table, id, complaint)
}

// Hold prints the result and fails the test if fewer than all but excused rows agree.
func (s *Score) Hold(excused int) {
	s.t.Helper()
	s.t.Logf("%s: %d of %d rows agree", s.table, s.agree, s.of)
	if s.agree < s.of-excused {
		s.t.Errorf("%s: at least %d rows agreed before", s.table, s.of-excused)
	}
}
