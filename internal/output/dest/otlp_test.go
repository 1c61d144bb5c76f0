// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"strings"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

func TestOTLP(t *testing.T) {
	alerts := []*alert.Alert{
		{Time: 7, Rule: "r", Priority: alert.Critical, Source: "syscall", Hostname: "h", Output: "o\xff", Tags: []string{"a"}, Fields: []alert.Field{
			{Key: "b", JSON: []byte("true")}, {Key: "f", JSON: []byte("1.5")}, {Key: "n", JSON: []byte("-3")}, {Key: "s", JSON: []byte(`"x"`)}, {Key: "u", JSON: []byte("null")},
		}},
		{Time: 8, Rule: "r2", Hostname: "h"},
		{Time: 9, Rule: "r3", Hostname: "other"},
	}
	for _, inJSON := range []bool{false, true} {
		v := newReceiver(t, nil)
		h, err := NewHTTP(Post{URL: OTLPEndpoint(v.URL), Gzip: true}, OTLPLogs("1.2.3", inJSON))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Send(t.Context(), alerts); err != nil || len(v.bodies) != 1 {
			t.Fatalf("%d requests, %v", len(v.bodies), err)
		}
		r := &logs.LogsData{}
		if inJSON {
			err = protojson.Unmarshal([]byte(v.bodies[0]), r)
			if !strings.Contains(v.bodies[0], `"severityNumber":19`) && !strings.Contains(v.bodies[0], `"severityNumber": 19`) || !strings.Contains(v.bodies[0], `"timeUnixNano":"7"`) && !strings.Contains(v.bodies[0], `"timeUnixNano": "7"`) {
				t.Errorf("got %s", v.bodies[0])
			}
		} else {
			err = proto.Unmarshal([]byte(v.bodies[0]), r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(r.ResourceLogs) != 2 || len(r.ResourceLogs[0].ScopeLogs[0].LogRecords) != 2 {
			t.Fatalf("got %v", r)
		}
		if got := v.heads[0].Get("Content-Type"); got != map[bool]string{true: "application/json", false: "application/x-protobuf"}[inJSON] {
			t.Errorf("content type %s", got)
		}
		rec := r.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
		if rec.TimeUnixNano != 7 || rec.SeverityText != "Critical" || rec.Body.GetStringValue() != "o\uFFFD" {
			t.Errorf("got %v", rec)
		}
		got := map[string]string{}
		for _, kv := range rec.Attributes {
			got[kv.Key] = strings.ReplaceAll(kv.Value.String(), " ", "")
		}
		for key, want := range map[string]string{"rule": `string_value:"r"`, "b": "bool_value:true", "f": "double_value:1.5", "n": "int_value:-3", "s": `string_value:"x"`, "u": "", "tags": `array_value:{values:{string_value:"a"}}`} {
			if got[key] != want {
				t.Errorf("%s is %q, want %q", key, got[key], want)
			}
		}
	}
}

func TestOTLPEndpoint(t *testing.T) {
	for in, want := range map[string]string{"http://c:4318": "http://c:4318/v1/logs", "http://c:4318/": "http://c:4318/v1/logs", "https://c/x/y?k=1": "https://c/x/y?k=1", "::": "::"} {
		if got := OTLPEndpoint(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func BenchmarkOTLP(b *testing.B) {
	body, batch := OTLPLogs("1", false), batchOf(otlpBatch)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = body.Append(buf[:0], batch)
	}
	b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "alerts/s")
}
