// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

// alertLines are lines of a stream: of a container, of the host, without lineage, hostile, and what
// gyr itself says.
func alertLines(t testing.TB) (lines [][]byte) {
	web := &control.Container{ID: "3ad7b26ded6d", Name: "web", Image: "nginx:1.25", Pod: "web-7c9f", Namespace: "shop"}
	for _, v := range []any{
		control.Alert{
			Time: moment, Rule: "Read sensitive file untrusted", Priority: "Warning", Message: "Sensitive file opened for reading by non-trusted program | file=/etc/shadow process=cat",
			Fields: map[string]any{"proc.name": "cat"},
			Extra: &control.Extra{Container: web, Lineage: []control.Process{
				{PID: 5531, Name: "cat", Exe: "/usr/bin/cat"}, {PID: 4120, Name: "bash", Exe: "/usr/bin/bash"}, {PID: 1, Name: "nginx", Exe: "/usr/sbin/nginx"},
			}},
		},
		control.Alert{Time: moment, Rule: "Shell", Priority: "Critical", Message: "on the host", Extra: &control.Extra{Lineage: []control.Process{{PID: 7, Name: "sh", Exe: "<NA>"}}}},
		control.Alert{
			Time: moment, Rule: "old", Priority: "Informational", Message: "raised before anybody was connected",
			Fields: map[string]any{"proc.name": "cat", "proc.pid": 12.0, "proc.pname": "sh", "proc.aname[2]": "sshd", "container.id": "host"},
		},
		control.Alert{Time: moment, Rule: "\x1b[31m", Priority: "\x07", Message: "a\nb\x1b]0;title\x07 日本語 \u202e", Extra: &control.Extra{Lineage: []control.Process{{PID: 9, Name: "\x1b[2J", Exe: "/\r"}}}},
		control.Alert{Time: moment, Rule: "Falco internal: metrics snapshot", Priority: "Informational", Source: "internal", Message: "Falco metrics snapshot"},
		map[string]any{"gyr": control.Extra{Dropped: 3}},
		map[string]any{"gyr": control.Extra{End: "gyr stops"}},
	} {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAlertForms(t *testing.T) {
	time.Local = time.UTC
	for _, c := range []struct {
		file string
		p    AlertPrinter
	}{
		{"compact.txt", AlertPrinter{Form: Compact}}, {"compact-80.txt", AlertPrinter{Form: Compact, Width: 80}}, {"compact-140.txt", AlertPrinter{Form: Compact, Width: 140}},
		{"tree.txt", AlertPrinter{Form: Tree}}, {"tree-40.txt", AlertPrinter{Form: Tree, Width: 40}}, {"json.txt", AlertPrinter{Form: JSON}},
	} {
		var out []byte
		var last string
		for _, line := range alertLines(t) {
			var err error
			if out, last, err = c.p.Append(out, line); err != nil {
				t.Fatal(err)
			}
		}
		if last != "gyr stops" {
			t.Errorf("%s: the end is %q", c.file, last)
		}
		if c.p.Form != JSON && strings.ContainsAny(string(out), "\x1b\x07\r\u202e") {
			t.Errorf("%s: not safe: %q", c.file, out)
		}
		for line := range strings.SplitSeq(string(out), "\n") {
			if c.p.Width > 0 && Width(line) > c.p.Width {
				t.Errorf("%s: %q is too wide", c.file, line)
			}
		}
		golden(t, c.file, string(out))
	}
}

func TestColouredAlert(t *testing.T) {
	for _, form := range []Form{Compact, Tree} {
		p := AlertPrinter{Form: form, Paint: true, Width: 100}
		out, _, err := p.Append(nil, alertLines(t)[0])
		if err != nil || !strings.Contains(string(out), "\x1b[33mWARNING") || strings.Count(string(out), "\x1b[")%2 != 0 {
			t.Errorf("%v %q", err, out)
		}
	}
}

func TestForms(t *testing.T) {
	for _, name := range []string{"compact", "tree", "json"} {
		if f, err := ParseForm(name); err != nil || string(f) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseForm("yaml"); err == nil {
		t.Error("yaml is accepted")
	}
	p := AlertPrinter{Form: Compact}
	if _, _, err := p.Append(nil, []byte("{")); err == nil {
		t.Error("half a line is accepted")
	}
}

func FuzzAlertPrinter(f *testing.F) {
	for _, line := range alertLines(f) {
		f.Add(line, 80)
	}
	f.Fuzz(func(t *testing.T, line []byte, width int) {
		for _, form := range []Form{Compact, Tree} {
			p := AlertPrinter{Form: form, Width: width & 0xff}
			out, _, err := p.Append(nil, line)
			if err == nil && strings.ContainsAny(string(out), "\x1b\x07\r\b\u202e") {
				t.Fatalf("%q shows as %q", line, out)
			}
		}
	})
}
