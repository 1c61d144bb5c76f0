// SPDX-License-Identifier: Apache-2.0

package alert

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// TestConformance writes recorded alerts of the reference again, byte by byte.
func TestConformance(t *testing.T) {
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "recorded", "*.jsonl.gz"))
	agree, total := 0, 0
	for _, name := range files {
		if strings.HasSuffix(name, ".fields.jsonl.gz") {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(plain)
		s.Buffer(nil, 1<<26)
		for s.Scan() {
			line := bytes.TrimSpace(s.Bytes())
			if len(line) == 0 || line[0] != '{' {
				continue
			}
			total++
			if got := rewrite(t, line); !bytes.Equal(got, line) {
				t.Errorf("%s:\ngot  %s\nwant %s", name, got, line)
				continue
			}
			agree++
		}
		f.Close()
	}
	if total == 0 {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatal("corpora are required")
		}
		t.Skip("no corpora (set GYR_CORPORA)")
	}
	t.Logf("recorded alerts: %d of %d agree", agree, total)
}

// rewrite reads an alert's JSON and writes it again.
func rewrite(t *testing.T, line []byte) []byte {
	t.Helper()
	var in struct {
		Hostname, Output, Priority, Rule, Source string
		Tags                                     []string
		Time                                     time.Time
		Fields                                   map[string]json.RawMessage `json:"output_fields"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		t.Fatal(err)
	}
	a := &Alert{Time: uint64(in.Time.UnixNano()), Rule: in.Rule, Source: in.Source, Hostname: in.Hostname, Tags: in.Tags}
	var err error
	if a.Priority, err = ParsePriority(in.Priority); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(in.Output, ": ")
	a.Output = strings.TrimPrefix(rest, in.Priority+" ")
	for key, value := range in.Fields {
		a.Fields = append(a.Fields, Field{Key: key, JSON: value})
	}
	sort.Slice(a.Fields, func(i, k int) bool { return a.Fields[i].Key < a.Fields[k].Key })
	o := Defaults()
	o.Zone = time.UTC
	return a.AppendJSON(nil, &o)
}
