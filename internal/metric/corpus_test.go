// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The names of rules become those that Falco makes of them.
func TestCorpusSanitize(t *testing.T) {
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, "config.jsonl"))
	if err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatal(err)
		}
		t.Skip("no conformance material: ", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	checked := 0
	for lines.Scan() {
		var row struct {
			ID, Function string
			Args         []string
			Expected     any
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Function != "sanitize_rule_name" {
			continue
		}
		checked++
		if got := Sanitize(row.Args[0]); got != row.Expected {
			t.Errorf("%s: %q became %q, want %q", row.ID, row.Args[0], got, row.Expected)
		}
	}
	t.Logf("%d rows agree", checked)
	if checked == 0 {
		t.Error("no rows")
	}
}
