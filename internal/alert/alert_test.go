// SPDX-License-Identifier: Apache-2.0

package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sample is an alert with every property.
func sample() *Alert {
	return &Alert{
		Time:     1470327477881785348,
		Rule:     "Read sensitive file",
		Priority: Warning,
		Source:   "syscall",
		Hostname: "host",
		Output:   `An open was seen (command=cat "/etc/shadow")`,
		Tags:     []string{"filesystem", "mitre"},
		Fields: []Field{
			{Key: "evt.time", JSON: []byte("1470327477881785348")},
			{Key: "proc.cmdline", JSON: []byte(`"cat \"/etc/shadow\""`)},
			{Key: "user.name"},
		},
	}
}

func TestAppendText(t *testing.T) {
	cases := []struct {
		name string
		edit func(a *Alert, o *Options)
		want string
	}{
		{"local", func(*Alert, *Options) {}, `18:17:57.881785348: Warning An open was seen (command=cat "/etc/shadow")`},
		{"iso", func(_ *Alert, o *Options) { o.ISO8601 = true }, `2016-08-04T16:17:57.881785348+0000: Warning An open was seen (command=cat "/etc/shadow")`},
		{"controls", func(a *Alert, _ *Options) { a.Output = "a\nb\x1b[31m\x7f\t\\n" }, `18:17:57.881785348: Warning a\nb\u001b[31m\u007f\t\n`},
		{"hidden", func(a *Alert, _ *Options) { a.Output = "a\u0085b\u2028c\u202ed\u2066é" }, `18:17:57.881785348: Warning a\u0085b\u2028c\u202ed\u2066é`},
		{"invalid", func(a *Alert, _ *Options) { a.Output = "a\xffb\xe2\x82c\xf0\x90" }, "18:17:57.881785348: Warning a\uFFFDb\uFFFDc\uFFFD"},
		{"internal", func(a *Alert, _ *Options) { a.Source, a.Output, a.Fields = SourceInternal, "drop", a.Fields[:2] }, `18:17:57.881785348: Warning drop (evt.time=1470327477881785348 proc.cmdline="cat \"/etc/shadow\"")`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, o := sample(), Defaults()
			o.Zone = time.FixedZone("test", 2*3600)
			c.edit(a, &o)
			if got := string(a.AppendText(nil, &o)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAppendJSON(t *testing.T) {
	const (
		head   = `{"hostname":"host"`
		output = `,"output":"16:17:57.881785348: Warning An open was seen (command=cat \"/etc/shadow\")"`
		fields = `,"output_fields":{"evt.time":1470327477881785348,"proc.cmdline":"cat \"/etc/shadow\"","user.name":null}`
		middle = `,"priority":"Warning","rule":"Read sensitive file","source":"syscall"`
		tags   = `,"tags":["filesystem","mitre"]`
		tail   = `,"time":"2016-08-04T16:17:57.881785348Z"}`
	)
	cases := []struct {
		name string
		edit func(a *Alert, o *Options)
		want string
	}{
		{"defaults", func(*Alert, *Options) {}, head + output + fields + middle + tags + tail},
		{"none", func(_ *Alert, o *Options) { *o = Options{} }, head + middle + tail},
		{"message", func(_ *Alert, o *Options) { *o = Options{IncludeMessage: true} }, head + `,"message":"An open was seen (command=cat \"/etc/shadow\")"` + middle + tail},
		{"no tags", func(a *Alert, o *Options) { a.Tags, *o = nil, Options{IncludeTags: true} }, head + middle + `,"tags":[]` + tail},
		{"internal", func(a *Alert, o *Options) {
			a.Source, a.Output, a.Fields = SourceInternal, "drop", nil
		}, head + `,"output":"drop","output_fields":{},"priority":"Warning","rule":"Read sensitive file","source":"internal"` + tail},
		{"escapes", func(a *Alert, o *Options) {
			*o = Options{IncludeMessage: true}
			a.Output = "\"\\/<>&\b\f\n\r\t\x01\x7f\u2028\xc3\x28é"
		}, head + `,"message":"\"\\/<>&\b\f\n\r\t\u0001\u007f\u2028` + "\uFFFD(é" + `"` + middle + tail},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, o := sample(), Defaults()
			o.Zone = time.UTC
			c.edit(a, &o)
			if got := string(a.AppendJSON(nil, &o)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestParsePriority(t *testing.T) {
	for text, want := range map[string]Priority{
		"EMERGENCY": Emergency, "Alert": Alerting, "critical": Critical, "Error": Error, "WARNING": Warning,
		"notice": Notice, "info": Informational, "INFO": Informational, "Informational": Informational, "debug": Debug,
	} {
		if got, err := ParsePriority(text); err != nil || got != want {
			t.Errorf("ParsePriority(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "warn", "urgent"} {
		if _, err := ParsePriority(text); err == nil {
			t.Errorf("ParsePriority(%q) succeeded", text)
		}
	}
	if Informational.Short() != "INFO" || Warning.Label() != "warning" || Priority(9).String() != "Priority(9)" {
		t.Error("names of priorities differ")
	}
}

func TestNoAllocation(t *testing.T) {
	a, o := sample(), Defaults()
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { a.AppendText(buf, &o) }); n != 0 {
		t.Errorf("AppendText allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { a.AppendJSON(buf, &o) }); n != 0 {
		t.Errorf("AppendJSON allocates %v times", n)
	}
}

func FuzzAlert(f *testing.F) {
	f.Add("rule", "output", "tag", "key", uint64(1470327477881785348))
	f.Add("\xff", "a\nb\r\u2028\u0085\x00", "\xe2\x82", "\xed\xa0\x80\xf4\x90\x80\x80", uint64(1)<<63)
	f.Fuzz(func(t *testing.T, rule, output, tag, key string, when uint64) {
		a := &Alert{
			Time: when, Rule: rule, Output: output, Source: tag, Hostname: key, Tags: []string{tag},
			Fields: []Field{{Key: key, JSON: AppendString(nil, output)}},
		}
		o := Options{IncludeOutput: true, IncludeMessage: true, IncludeFields: true, IncludeTags: true}
		line := a.AppendJSON(nil, &o)
		if !json.Valid(line) || !utf8.Valid(line) || strings.ContainsAny(string(line), "\n\r") {
			t.Fatalf("not a line of JSON: %q", line)
		}
		var back struct{ Message string }
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(output) && back.Message != output {
			t.Fatalf("message reads back as %q, want %q", back.Message, output)
		}
		text := a.AppendText(nil, &o)
		if !utf8.Valid(text) || strings.ContainsAny(string(text), "\n\r\x00\x1b\x7f\u0085\u2028\u2029\u202e") {
			t.Fatalf("not a safe line: %q", text)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	a, o := sample(), Defaults()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = a.AppendJSON(buf[:0], &o)
	}
}

func BenchmarkAppendText(b *testing.B) {
	a, o := sample(), Defaults()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = a.AppendText(buf[:0], &o)
	}
}
