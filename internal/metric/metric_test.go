// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

var update = flag.Bool("update", false, "write the golden files anew")

// full is a snapshot in which everything has a value.
func full() *Snapshot {
	s := &Snapshot{
		Time: time.Unix(2000, 5),
		Identity: Identity{
			Version: "0.1", FalcoVersion: "0.44.1", GoVersion: "go1.26", KernelRelease: "6.18.0", Hostname: `a"b\c`, EngineName: "modern_bpf",
			CPUs: 2, Start: time.Unix(1000, 0), Boot: time.Unix(500, 0),
			RulesFiles:  []File{{"/etc/falco/falco_rules.yaml", "aa"}, {"/etc/falco/rules.d/my-rules.yaml", "bb"}},
			ConfigFiles: []File{{"/etc/falco/falco.yaml", "cc"}},
			Interfaces:  []Interface{{Name: "eth0", V4: []string{"10.0.0.1", "10.0.0.2"}, V6: []string{"fe80::1"}}},
		},
		Source: source.Stats{Events: 90, Losses: []source.Loss{
			{Reason: "bulk ring full", Events: 7, Class: source.LossBuffer}, {Reason: "too long", Events: 2, Class: source.LossScratch}, {Reason: "other", Events: 1},
		}},
		Details: &source.Details{
			CPUs:     []source.CPUCount{{Events: 60, Lost: 5}, {Events: 30, Lost: 5}},
			Lost:     []source.TypeCount{{Type: event.OpenAt, Events: 4}, {Type: event.Clone, Events: 3}},
			Snapshot: []source.TypeCount{{Type: 430, Events: 11}, {Type: 436, Events: 12}},
			Rings:    []source.Ring{{Name: "critical", Size: 1 << 20, Used: 100, Peak: 4000}},
			Hooks:    []source.Hook{{Name: "on_sys_exit", Attached: true, Runs: 10, Time: 2000, Missed: 1}, {Name: "on_exec"}, {Name: "on_fork"}, {Name: "on_exit"}},
			Timed:    true,
		},
		Outputs: []output.Stats{{Name: "stdout", Sent: 5, Waiting: 1, Attempts: 3, Losses: []output.Loss{{Reason: queueFull, Alerts: 2}}}},
		Usage: Usage{CPU: 12.5, HostCPU: 50, RSS: 100 << 20, VSZ: 2 << 30, PSS: 99 << 20, Cgroup: 98<<20 + 1, HostMemory: 3 << 30, Running: 2, OpenFiles: 99,
			Heap: HeapUsage{Alloc: 1 << 20, Sys: 2 << 20, Goal: 3 << 20, Collections: 4, Goroutines: 5}},
		Reloads:  Reloads{OK: 2, Refused: 1, Last: time.Unix(1500, 0)},
		SelfTest: SelfTest{On: true, Tried: 3, Passed: 2, Seen: time.Unix(1990, 0), Took: 4 * time.Millisecond},
		Drops:    DropActions{Detected: 2, Taken: 1},
		Healthy:  true,
		Prev:     &Previous{Time: time.Unix(1990, 5), Events: 40, Kernel: 50, Lost: 5},
	}
	s.Outputs[0].Delivery.Buckets[1], s.Outputs[0].Delivery.Sum = 3, 9*time.Millisecond
	s.Loop.Events, s.Loop.Containers, s.Loop.Unknown = 90, 4, 1
	s.Loop.Types[event.OpenAt], s.Loop.Types[event.Close] = 50, 40
	s.Loop.State = state.Stats{Threads: 3, Processes: 2, FDs: 9, FDsAdded: 20, FDsRemoved: 11, ThreadsAdded: 5, ThreadsRemoved: 2, ThreadsDropped: 1, Lookups: 3, LookupsMissed: 1}
	s.Loop.Costs[event.OpenAt] = engine.Sample{N: 2, NS: 500}
	s.Loop.Delay.Observe(3 * time.Millisecond)
	s.Loop.Rules = []Rule{
		{Rule: &rule.Rule{Name: "Read sensitive file (one)", Priority: alert.Warning, Source: "syscall", Tags: []string{"T1555", "container", "a-b", "a.b"}}, Matches: 3, Evaluations: 50, Cost: engine.Sample{N: 1, NS: 100}},
		{Rule: &rule.Rule{Name: "Never", Priority: alert.Notice, Source: "syscall"}},
	}
	return s
}

// everything switches all groups on.
func everything() *Options {
	o := &Options{MemoryMB: true, Empty: true}
	for i := range o.On {
		o.On[i] = true
	}
	return o
}

// parse reads an exposition as Prometheus does.
func parse(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s (-update writes it): %v\n%s", name, err, got)
	}
}

func TestPrometheus(t *testing.T) {
	text := AppendPrometheus(nil, full(), everything())
	golden(t, "full.prom", text)
	families := parse(t, text)
	for _, r := range Table() {
		if r.Name == "" {
			continue
		}
		f := families[r.Name]
		if f == nil {
			t.Errorf("%s has no sample", r.Name)
			continue
		}
		if f.GetHelp() == "" || strings.ToLower(f.GetType().String()) != r.Kind.String() {
			t.Errorf("%s is %s: %q", r.Name, f.GetType(), f.GetHelp())
		}
	}
	if got := families["falcosecurity_evt_hostname_info"].Metric[0].Label[0].GetValue(); got != `a"b\c` {
		t.Errorf("the host name became %q", got)
	}
}

// Our own names keep the rules of Prometheus; Falco's are what they are.
func TestNamesAreGood(t *testing.T) {
	var ours []byte
	for line := range bytes.Lines(AppendPrometheus(nil, full(), everything())) {
		if bytes.Contains(line, []byte(Prefix)) {
			ours = append(ours, line...)
		}
	}
	problems, err := promlint.New(bytes.NewReader(ours)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// dashboard are the figures that the queries of Falco's published Grafana dashboard need, with the
// labels that they choose or group by; * is any value. Labels that the scrape adds are left out.
var dashboard = []struct {
	name   string
	labels map[string]string
}{
	{"falcosecurity_falco_cpu_usage_ratio", nil},
	{"falcosecurity_falco_memory_rss_bytes", nil},
	{"falcosecurity_falco_memory_vsz_bytes", nil},
	{"falcosecurity_falco_version_info", map[string]string{"version": "*"}},
	{"falcosecurity_scap_engine_name_info", map[string]string{"engine_name": "*"}},
	{"falcosecurity_falco_outputs_queue_num_drops_total", nil},
	{"falcosecurity_falco_n_evts_total", nil},
	{"falcosecurity_scap_n_evts_total", nil},
	{"falcosecurity_scap_n_drops_total", nil},
	{"falcosecurity_scap_n_drops_cpu_total", nil},
	{"falcosecurity_scap_n_drops_full_threadtable_total", nil},
	{"falcosecurity_scap_n_drops_scratch_map_total", nil},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "enter", "drop": "clone_fork"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "enter", "drop": "connect"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "enter", "drop": "dir_file"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "enter", "drop": "execve"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "enter", "drop": "open"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "enter", "drop": "other_interest"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "exit", "drop": "clone_fork"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "exit", "drop": "connect"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "exit", "drop": "dir_file"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "exit", "drop": "execve"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "exit", "drop": "open"}},
	{"falcosecurity_scap_n_drops_buffer_total", map[string]string{"dir": "exit", "drop": "other_interest"}},
	{"falcosecurity_falco_rules_matches_total", map[string]string{"rule_name": "*", "priority": "*", "source": "*"}},
}

func TestDashboard(t *testing.T) {
	families := parse(t, AppendPrometheus(nil, full(), everything()))
	for _, q := range dashboard {
		found := false
		for _, m := range families[q.name].GetMetric() {
			fits := 0
			for _, l := range m.Label {
				if want, ok := q.labels[l.GetName()]; ok && (want == "*" || want == l.GetValue()) {
					fits++
				}
			}
			found = found || fits == len(q.labels)
		}
		if !found {
			t.Errorf("the dashboard asks for %s%v in vain", q.name, q.labels)
		}
	}
}

func TestSwitches(t *testing.T) {
	s := full()
	for g := Always; g < numGroups; g++ {
		o := &Options{Empty: true}
		o.On[g] = true
		names, keys := parse(t, AppendPrometheus(nil, s, o)), asMap(t, Fields(s, o))
		for _, r := range Table() {
			if want := r.Group == Always || r.Group == g; r.Name != "" && (names[r.Name] != nil) != want {
				t.Errorf("switch %q: %s is there: %v", g, r.Name, !want)
			}
			if want := r.Group == Always || r.Group == g; r.Key != "" && hasKey(keys, r) != want {
				t.Errorf("switch %q: %s is there: %v", g, r.Key, !want)
			}
		}
	}
}

// hasKey reports whether the row's key is there, with what may be added to it.
func hasKey(keys map[string]any, r *Row) bool {
	for k := range keys {
		if rest, ok := strings.CutPrefix(k, r.Key); ok && (rest == "" || strings.HasSuffix(r.Key, "_") || strings.HasSuffix(r.Key, ".")) {
			return true
		}
	}
	return false
}

// asMap reads the line of a sample.
func asMap(t *testing.T, fields []alert.Field) map[string]any {
	t.Helper()
	var line struct {
		Fields map[string]any `json:"output_fields"`
		Sample int
	}
	if err := json.Unmarshal(AppendLine(nil, 1, fields), &line); err != nil {
		t.Fatal(err)
	}
	return line.Fields
}

func TestFields(t *testing.T) {
	o := everything()
	fields := Fields(full(), o)
	golden(t, "full.json", bytes.ReplaceAll(AppendLine(nil, 7, fields), []byte(`,"`), []byte(",\n\"")))
	m := asMap(t, fields)
	for key, want := range map[string]any{
		"falco.memory_rss_mb": 100.0, "falco.container_memory_used_mb": 98.0, "falco.evts_rate_sec": 5.0, "scap.n_drops_perc": 10.0,
		"falco.rules.Read_sensitive_file_one": 3.0, "falco.rules.Never": 0.0, "falco.rules.matches_total": 3.0,
		"falco.sha256_rules_file.my_rules.yaml": nil, "falco.sha256_rules_file.my_rules_yaml": "bb",
		"scap.n_drops_buffer_open_exit": 4.0, "scap.n_drops_buffer_total": 7.0, "scap.sys_exit.avg_time_ns": 200.0, "scap.n_evts_cpu_1": 35.0,
		"falco.host_netinfo.interfaces.eth0.protocols.ipv4.addresses": "10.0.0.1,10.0.0.2", "falco.start_ts": 1e12,
	} {
		if m[key] != want {
			t.Errorf("%s = %v, not %v", key, m[key], want)
		}
	}
	o.MemoryMB, o.Empty = false, false
	m = asMap(t, Fields(full(), o))
	for key, want := range map[string]any{
		"falco.memory_rss_kb": 102400.0, "falco.container_memory_used_bytes": 98<<20 + 1.0, "falco.rules.Never": nil, "scap.n_drops_buffer_close_exit": nil,
		"falco.n_stored_evts": nil, "scap.n_drops": 10.0,
	} {
		if m[key] != want {
			t.Errorf("%s = %v, not %v", key, m[key], want)
		}
	}
}

// A snapshot of a source that tells nothing, before any event, has no trap.
func TestEmptySnapshot(t *testing.T) {
	s := &Snapshot{Time: time.Unix(1, 0)}
	parse(t, AppendPrometheus(nil, s, everything()))
	if m := asMap(t, Fields(s, &Options{On: everything().On})); m["scap.n_drops_perc"] != 0.0 || m["falco.evts_rate_sec"] != nil {
		t.Errorf("got %v", m)
	}
	s.Prev = s.Previous()
	if m := asMap(t, Fields(s, everything())); m["falco.evts_rate_sec"] != 0.0 {
		t.Errorf("a rate over no time: %v", m["falco.evts_rate_sec"])
	}
}

func TestHostileNames(t *testing.T) {
	s := full()
	s.Loop.Rules[0].Rule = &rule.Rule{Name: "a\"b\n\x01\xff\\", Source: "x}y{", Tags: []string{"\n\"", "", "ü", "0"}}
	parse(t, AppendPrometheus(nil, s, everything()))
	asMap(t, Fields(s, everything()))
}

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{
		"Testing rule   2 (CVE-2244)": "Testing_rule_2_CVE_2244", "a__:2)": "a_:2", "RULEwith:special#characters": "RULEwith:special_characters", "": "", "()": "",
	} {
		if got := Sanitize(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	names, keys := map[string]bool{}, map[string]bool{}
	for _, r := range Table() {
		if r.Name != "" && names[r.Name] || r.Key != "" && keys[r.Key] {
			t.Errorf("%s %s stands twice", r.Name, r.Key)
		}
		names[r.Name], keys[r.Key] = true, true
		if !strings.HasSuffix(r.Help, ".") || r.Read == nil {
			t.Errorf("%s %s: help %q", r.Name, r.Key, r.Help)
		}
		if r.Name != "" && !r.Ours() && !strings.HasPrefix(r.Name, "falcosecurity_") {
			t.Errorf("%s is nobody's", r.Name)
		}
	}
}

func TestReferenceIsCurrent(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "reference", "metrics.md")
	if *update || os.Getenv("GYR_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != Reference() {
		t.Errorf("docs/reference/metrics.md is out of date: run go generate ./internal/metric (%v)", err)
	}
}

func BenchmarkPrometheus(b *testing.B) {
	s, o := full(), everything()
	for range 300 {
		s.Loop.Rules = append(s.Loop.Rules, s.Loop.Rules[0])
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendPrometheus(dst[:0], s, o)
	}
	b.SetBytes(int64(len(dst)))
}
