// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fields makes sorted output fields of keys and JSON values.
func fields(m map[string]string) (all []alert.Field) {
	for k, v := range m {
		all = append(all, alert.Field{Key: k, JSON: []byte(v)})
	}
	slices.SortFunc(all, func(a, b alert.Field) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// examples are alerts of every kind that the forms tell apart.
var examples = map[string]*alert.Alert{
	"container": {
		Time: 1_780_000_000_123_456_789, Rule: "Terminal shell in container", Priority: alert.Notice, Source: "syscall", Hostname: "node1",
		Output: `A shell was spawned | user=root a=b C:\x`, Tags: []string{"T1059", "T1059.004", "container", "mitre_execution"},
		Fields: fields(map[string]string{
			"container.id": `"3ad7b26ded6d"`, "container.name": `"k8s_web"`, "container.image.repository": `"docker.io/library/nginx"`, "container.image.tag": `"1.27"`,
			"container.type": `"containerd"`, "evt.time": "1780000000123456789", "evt.type": `"execve"`, "k8s.ns.name": `"prod"`, "k8s.pod.name": `"web-1"`, "k8s.pod.uid": `"u-1"`,
			"proc.cmdline": `"bash -c \"id\""`, "proc.exepath": `"/usr/bin/bash"`, "proc.name": `"bash"`, "proc.pid": "4242", "proc.ppid": "4000", "proc.pname": `"runc"`,
			"proc.tty": "34816", "user.name": `"root"`, "user.uid": "0", "proc.cwd": `"/"`, "thread.tid": "4242",
		}),
	},
	"network": {
		Time: 1_780_000_001_000_000_000, Rule: "Outbound", Priority: alert.Critical, Source: "syscall", Hostname: "node1", Output: "connection",
		Fields: fields(map[string]string{
			"container.id": `"host"`, "evt.type": `"connect"`, "fd.cip": `"10.0.0.1"`, "fd.cport": "40000", "fd.l4proto": `"tcp"`, "fd.name": `"10.0.0.1:40000->[::1]:443"`,
			"fd.sip": `"2001:db8::1"`, "fd.sport": "443", "fd.type": `"ipv6"`, "proc.name": `"curl"`, "user.name": `"<NA>"`, "user.uid": "null",
		}),
	},
	"file": {
		Time: 1_780_000_002_000_000_000, Rule: "Read sensitive file", Priority: alert.Warning, Source: "syscall", Hostname: "node1", Output: "opened",
		Fields: fields(map[string]string{"evt.type": `"openat"`, "fd.name": `"/etc/shadow"`, "fd.type": `"file"`, "proc.pid": "1", "group.name": `"shadow"`}),
	},
	"internal": {
		Time: 1, Rule: "Falco internal: syscall event drop", Priority: alert.Debug, Source: alert.SourceInternal, Hostname: "h", Output: "drop",
		Fields: fields(map[string]string{"n_drops": `"1"`, "n_evts": `"2"`}),
	},
	"hostile": {
		Time: 1 << 62, Rule: "r\x00|=\\\n\u202e", Priority: 200, Source: "s\xff", Hostname: "h\n\r\t", Output: "o\x1b[31m\u2028\xc3|=\\\r\n" + strings.Repeat("é", 3000), Tags: []string{"T1\n", "T9999.", "\xff"},
		Fields: fields(map[string]string{"proc.name": `"a=b|c\\d\n\u001b"`, "proc.pid": "-1", "fd.name": `"/a/"`, "fd.cip": `"not an address"`, "fd.cport": `"99999999999999999999"`, "evt.type": "{}", "proc.cmdline": `"\ud800"`}),
	},
}

// forms are all forms.
var forms = map[string]func([]byte, *alert.Alert, string) []byte{"ocsf": AppendOCSF, "ecs": AppendECS, "cef": AppendCEF}

func TestGolden(t *testing.T) {
	for form, write := range forms {
		for name, a := range examples {
			got := append(write(nil, a, "1.2.3"), '\n')
			if form != "cef" {
				var b bytes.Buffer
				if err := json.Indent(&b, got, "", "  "); err != nil {
					t.Errorf("%s of %s is no JSON: %v\n%s", form, name, err, got)
					continue
				}
				got = b.Bytes()
			}
			golden := filepath.Join("testdata", name+"."+form)
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s of %s (go test -update writes it): %v\n%s", form, name, err, got)
			}
		}
	}
}

// check reports what makes a line unfit for its form.
func check(form string, line []byte) error {
	if !utf8.Valid(line) {
		return fmt.Errorf("not UTF-8")
	}
	if i := bytes.IndexFunc(line, func(r rune) bool { return r < ' ' }); i >= 0 {
		return fmt.Errorf("control character at %d", i)
	}
	if form == "cef" {
		_, _, err := parseCEF(string(line))
		return err
	}
	var v map[string]any
	return json.Unmarshal(line, &v)
}

// member is where a member of a CEF extension begins.
var member = regexp.MustCompile(`(?:^| )([A-Za-z0-9]+)=`)

// parseCEF reads a line as receivers do: bars and equal signs that are not escaped part it.
func parseCEF(line string) (header []string, extension map[string]string, err error) {
	part := ""
	for i := 0; i < len(line); i++ {
		switch {
		case len(header) == 7:
			part += line[i:]
			i = len(line)
		case line[i] == '\\' && i+1 < len(line):
			i++
			part += line[i : i+1]
		case line[i] == '|':
			header, part = append(header, part), ""
		default:
			part += line[i : i+1]
		}
	}
	if len(header) != 7 || header[0] != "CEF:0" {
		return nil, nil, fmt.Errorf("header %q", header)
	}
	// What is escaped is no separator.
	hidden := strings.NewReplacer(`\\`, "\x01", `\=`, "\x02").Replace(part)
	shown := strings.NewReplacer("\x01", `\`, "\x02", "=", `\n`, "\n", `\r`, "\r")
	extension = map[string]string{}
	at := member.FindAllStringSubmatchIndex(hidden, -1)
	for i, m := range at {
		end := len(hidden)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		key := hidden[m[2]:m[3]]
		if _, twice := extension[key]; twice {
			return nil, nil, fmt.Errorf("%s twice", key)
		}
		extension[key] = shown.Replace(hidden[m[1]:end])
	}
	if extension["externalId"] == "" {
		return nil, nil, fmt.Errorf("extension %q", part)
	}
	return header, extension, nil
}

func TestCEFReadsBack(t *testing.T) {
	h, x, err := parseCEF(string(AppendCEF(nil, examples["container"], "1|2")))
	if err != nil || h[3] != "1|2" || h[5] != "Terminal shell in container" || h[6] != "4" {
		t.Errorf("header %q, %v", h, err)
	}
	for key, want := range map[string]string{"msg": examples["container"].Output, "cs1": `bash -c "id"`, "spid": "4242", "cs2": "3ad7b26ded6d", "rt": "1780000000123"} {
		if x[key] != want {
			t.Errorf("%s is %q, want %q", key, x[key], want)
		}
	}
	if _, x, _ = parseCEF(string(AppendCEF(nil, examples["network"], ""))); x["src"] != "10.0.0.1" || x["c6a3"] != "2001:db8::1" || x["dst"] != "" || x["suser"] != "" {
		t.Errorf("got %v", x)
	}
}

func TestID(t *testing.T) {
	seen := map[string]bool{}
	for name, a := range examples {
		id := ID(a)
		if len(id) != 32 || seen[id] || id != ID(a) {
			t.Errorf("%s: %s", name, id)
		}
		seen[id] = true
	}
}

func FuzzForms(f *testing.F) {
	for _, a := range examples {
		f.Add(a.Time, a.Rule, a.Output, a.Hostname, "proc.cmdline", a.Output, uint8(a.Priority))
	}
	f.Add(uint64(0), "", "", "", "fd.cip", "::1%eth0", uint8(0))
	f.Add(uint64(2), "r", "o", "h", "", "a field without a name", uint8(29))
	f.Fuzz(func(t *testing.T, ns uint64, rule, output, host, key, value string, priority uint8) {
		a := &alert.Alert{Time: ns, Rule: rule, Output: output, Hostname: host, Priority: alert.Priority(priority), Source: value, Tags: []string{key, value}}
		a.Fields = fields(map[string]string{key: string(alert.AppendString(nil, value)), "proc.pid": "7", "proc.name": string(alert.AppendString(nil, output))})
		for form, write := range forms {
			if line := write(nil, a, key); check(form, line) != nil {
				t.Errorf("%s: %v\n%q", form, check(form, line), line)
			}
		}
	})
}

func BenchmarkForms(b *testing.B) {
	for form, write := range forms {
		b.Run(form, func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = write(buf[:0], examples["container"], "1.2.3")
			}
		})
	}
}
