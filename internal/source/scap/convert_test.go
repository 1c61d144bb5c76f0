// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// convertRow is one recorded conversion.
type convertRow struct {
	ID    string `json:"id"`
	Steps []struct {
		Op       string `json:"op"`
		Result   string `json:"result"`
		In       string `json:"in_hex"`
		Expected string `json:"expected_hex"`
	} `json:"steps"`
}

// TestConversions compares with what the reference makes of single events.
func TestConversions(t *testing.T) {
	f, err := os.Open(statetest.Corpus(t, "event-convert.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, checks := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); rows++ {
		var row convertRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		t.Run(row.ID, func(t *testing.T) {
			var c converter
			for i, st := range row.Steps {
				in, err := hex.DecodeString(st.In)
				if err != nil {
					t.Fatal(err)
				}
				want, err := hex.DecodeString(st.Expected)
				if err != nil {
					t.Fatal(err)
				}
				checks++
				if st.Op == "stored" {
					if got := c.kept[tidOf(in)]; !bytes.Equal(got, in) {
						t.Errorf("step %d: kept %x, want %x", i, got, in)
					}
					continue
				}
				out, deliver, more, err := c.step(in)
				if st.Op == "full" && more {
					out, deliver, err = c.convert(in)
				}
				if err != nil {
					t.Fatal(err)
				}
				switch st.Result {
				case "DROP":
					if deliver {
						t.Errorf("step %d: delivered", i)
					}
					continue
				case "PASS":
					want = in
					fallthrough
				case "COMPLETED", "COMPLETED_OR_PASS":
					if st.Op == "single" && more {
						t.Errorf("step %d: wants more", i)
					}
				case "CONTINUE":
					if !more {
						t.Errorf("step %d: does not want more", i)
					}
				}
				if !deliver || !bytes.Equal(out, want) {
					t.Errorf("step %d: %s\n got %x\nwant %x", i, st.Op, out, want)
				}
			}
		})
	}
	t.Logf("%d rows, %d checks", rows, checks)
}

// TestConversionTable looks whether the rows fit the event table.
func TestConversionTable(t *testing.T) {
	for _, c := range conversions {
		s := steps[c.typ][uint32(c.params)]
		from := event.Lookup(c.typ)
		if c.do != extend && c.do != change {
			if c.values != "" || c.to != 0 {
				t.Errorf("%d/%d: values without use", c.typ, c.params)
			}
			continue
		}
		to := event.Lookup(s.to)
		if len(s.values) > to.Published {
			t.Errorf("%s %d/%d: %d values for %d parameters", from.Name, c.typ, c.params, len(s.values), to.Published)
		}
		if c.do == extend && len(s.values) <= int(c.params) {
			t.Errorf("%s %d/%d: adds nothing", from.Name, c.typ, c.params)
		}
		for _, v := range s.values {
			if v.from == fromEvent && v.at >= c.params {
				t.Errorf("%s %d/%d: takes parameter %d", from.Name, c.typ, c.params, v.at)
			}
		}
	}
}
