// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// fake is a source that can be told to hang and whose details can be set.
type fake struct {
	memory
	hang    atomic.Bool
	details atomic.Pointer[source.Details]
	told    atomic.Uint64 // events delivered, for other goroutines
}

func (f *fake) Next(ev *event.Event) error {
	for f.hang.Load() {
		time.Sleep(time.Millisecond)
	}
	defer func() { f.told.Store(uint64(f.at)) }()
	return f.memory.Next(ev)
}

func (f *fake) Stats() source.Stats {
	s := f.stats
	s.Events = f.told.Load()
	return s
}

func (f *fake) Details() source.Details {
	if d := f.details.Load(); d != nil {
		return *d
	}
	return source.Details{Hooks: []source.Hook{{Name: "on_exec", Attached: true}}, CPUs: []source.CPUCount{{Events: 9}}}
}

// service is a running application with its web server.
type service struct {
	url    string
	log    *syncBuffer
	out    *syncBuffer
	stop   func() error
	client *http.Client
}

// serve runs the application in the background until it answers; it is stopped at the end of the test.
func serve(t *testing.T, newSource func(SourceOptions) (source.Source, error), change func(*config.Config)) *service {
	t.Helper()
	return serveWith(t, Options{NewSource: newSource}, change)
}

// serveSelfTested serves a source whose self-test path is told, with a short interval of tests.
func serveSelfTested(t *testing.T, src source.Source, path func(string)) *service {
	t.Helper()
	o := Options{NewSource: func(SourceOptions) (source.Source, error) { return src, nil }, testPath: path}
	return serveWith(t, o, func(c *config.Config) { c.Gyr.SelfTestInterval = 50 })
}

// serveWith is serve with further options.
func serveWith(t *testing.T, o Options, change func(*config.Config)) *service {
	t.Helper()
	cfg := config.Default()
	cfg.TimeFormatISO8601 = true
	cfg.AppendOutput = nil
	cfg.Webserver = config.Webserver{Enabled: true, ListenAddress: "127.0.0.1", K8sHealthzEndpoint: "/healthz", PrometheusMetricsEnabled: true}
	cfg.Metrics.Enabled, cfg.Metrics.Interval = true, 200
	if change != nil {
		change(cfg)
	}
	s := &service{log: new(syncBuffer), out: new(syncBuffer), client: &http.Client{Timeout: 10 * time.Second, Transport: new(http.Transport)}}
	rules := writeRules(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		o.Config, o.RulesPaths, o.Stdout, o.Stderr = cfg, []string{rules}, s.out, s.log
		done <- Run(ctx, o)
	}()
	stopped := false
	s.stop = func() (err error) {
		if !stopped {
			stopped = true
			s.client.CloseIdleConnections()
			cancel()
			err = <-done
		}
		return err
	}
	t.Cleanup(func() { s.stop() })
	address := regexp.MustCompile(`web server listens at (\S+)`)
	poll(t, "the web server", func() bool {
		if m := address.FindStringSubmatch(s.log.String()); m != nil {
			s.url = m[1]
		}
		select {
		case err := <-done:
			t.Fatalf("it ended: %v\n%s", err, s.log)
		default:
		}
		return s.url != ""
	})
	return s
}

// poll waits until a condition holds.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// get asks for a path.
func (s *service) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	resp, err := s.client.Get(s.url + path)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// metrics asks for the figures as Prometheus does.
func (s *service) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	_, body := s.get(t, "/metrics")
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return families
}

// value is the sum over the samples of a figure that have these labels; missing says there is none.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) (sum float64, missing bool) {
	missing = true
	for _, m := range families[name].GetMetric() {
		fits := 0
		for _, l := range m.Label {
			for i := 0; i < len(labels); i += 2 {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					fits++
				}
			}
		}
		if fits*2 == len(labels) {
			missing = false
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum, missing
}

func TestMetricsService(t *testing.T) {
	src := &fake{memory: memory{endless: true, stats: source.Stats{Losses: []source.Loss{{Reason: "bulk ring full", Events: 2, Class: source.LossBuffer}}}}}
	for range 3 * sampleEvery {
		src.records = append(src.records, openat(3, "/etc/hosts"))
	}
	src.records = append(src.records, openat(3, "/etc/shadow"))
	file := filepath.Join(t.TempDir(), "stats.jsonl")
	s := serve(t, func(SourceOptions) (source.Source, error) { return src, nil }, func(c *config.Config) {
		c.Metrics.OutputFile = file
		c.JSONOutput = true
	})
	poll(t, "health", func() bool { code, body := s.get(t, "/healthz"); return code == 200 && body == `{"status": "ok"}` })
	code, body := s.get(t, "/versions")
	var versions map[string]any
	if err := json.Unmarshal([]byte(body), &versions); err != nil || code != 200 {
		t.Fatalf("%d %v %s", code, err, body)
	}
	for _, key := range []string{"falco_version", "libs_version", "plugin_api_version", "driver_api_version", "driver_schema_version", "default_driver_version", "engine_version", "engine_version_semver"} {
		if text, _ := versions[key].(string); text == "" {
			t.Errorf("%s is missing in %s", key, body)
		}
	}
	var families map[string]*dto.MetricFamily
	poll(t, "the last event", func() bool {
		families = s.metrics(t)
		n, _ := value(families, "falcosecurity_falco_n_evts_total")
		return n == 3*sampleEvery+1
	})
	for name, want := range map[string]float64{
		"gyrfalcon_events_total type openat": 3*sampleEvery + 1, "falcosecurity_falco_rules_matches_total rule_name shadow": 1,
		"gyrfalcon_rule_evaluations_total rule passwd": 3*sampleEvery + 1, "gyrfalcon_event_cost_samples_total type openat": 1,
		"falcosecurity_scap_n_drops_total": 2, "gyrfalcon_healthy": 1, "gyrfalcon_hook_attached hook on_exec": 1, "gyrfalcon_last_reload_successful": 1,
	} {
		labels := strings.Fields(name)
		if got, missing := value(families, labels[0], labels[1:]...); got != want || missing {
			t.Errorf("%s is %v, not %v (missing: %v)", name, got, want, missing)
		}
	}
	if n, _ := value(families, "gyrfalcon_rule_cost_samples_total"); n != 2 {
		t.Errorf("%v rules were measured", n)
	}
	poll(t, "the second line of the file", func() bool {
		b, _ := os.ReadFile(file)
		return bytes.Count(b, []byte("\n")) >= 2
	})
	b, _ := os.ReadFile(file)
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n"))[:2] {
		var sample struct {
			Sample int
			Fields map[string]any `json:"output_fields"`
		}
		if err := json.Unmarshal(line, &sample); err != nil || sample.Sample != i+1 || sample.Fields["evt.source"] != "syscall" || sample.Fields["falco.start_ts"] == nil {
			t.Errorf("line %d: %v %s", i, err, line)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	var told struct {
		Rule, Priority, Source, Output string
		Fields                         map[string]any `json:"output_fields"`
	}
	for line := range strings.Lines(s.out.String()) {
		if strings.Contains(line, "metrics snapshot") {
			if err := json.Unmarshal([]byte(line), &told); err != nil {
				t.Fatal(err)
			}
		}
	}
	if told.Rule != "Falco internal: metrics snapshot" || told.Priority != "Informational" || told.Source != "internal" || told.Output != "Falco metrics snapshot" || told.Fields["falco.rules.shadow"] != 1.0 || told.Fields["falco.sha256_rules_file.rules.yaml"] != nil || told.Fields["falco.sha256_rules_file.rules_yaml"] == nil {
		t.Errorf("the alert is %+v", told)
	}
}

func TestHealthTellsTheTruth(t *testing.T) {
	src := &fake{memory: memory{endless: true}}
	s := serve(t, func(SourceOptions) (source.Source, error) { return src, nil }, nil)
	poll(t, "health", func() bool { code, _ := s.get(t, "/healthz"); return code == 200 })
	if code, body := s.get(t, "/healthz?verbose"); code != 200 || !strings.Contains(body, `"hooks":{"on_exec":true}`) {
		t.Errorf("%d %s", code, body)
	}
	src.details.Store(&source.Details{Hooks: []source.Hook{{Name: "on_exec"}}})
	if code, body := s.get(t, "/healthz"); code != 503 || body != `{"status":"failing","reasons":["the program on_exec is not at its hook"]}` {
		t.Errorf("%d %s", code, body)
	}
	src.details.Store(nil)
	src.hang.Store(true)
	poll(t, "the report of a loop that hangs", func() bool {
		code, body := s.get(t, "/healthz")
		return code == 503 && strings.Contains(body, "events have not been read for ")
	})
	// The figures of before are still told.
	if families := s.metrics(t); families["falcosecurity_scap_n_evts_total"] == nil {
		t.Error("no metrics while the loop hangs")
	} else if v, _ := value(families, "gyrfalcon_healthy"); v != 0 {
		t.Error("healthy although nothing is read")
	}
	src.hang.Store(false)
	poll(t, "health", func() bool { code, _ := s.get(t, "/healthz"); return code == 200 })
}

// Metrics are served only where both switches are on.
func TestMetricsSwitches(t *testing.T) {
	for _, tt := range []struct {
		metrics, prometheus bool
		code                int
	}{{true, false, 404}, {false, true, 404}, {true, true, 200}} {
		s := serve(t, func(SourceOptions) (source.Source, error) { return &fake{memory: memory{endless: true}}, nil }, func(c *config.Config) {
			c.Metrics.Enabled, c.Webserver.PrometheusMetricsEnabled = tt.metrics, tt.prometheus
		})
		if code, _ := s.get(t, "/metrics"); code != tt.code {
			t.Errorf("%+v: %d", tt, code)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

// A port that is taken stops the start before the kernel is touched.
func TestWebPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	opened := false
	cfg := config.Default()
	cfg.Webserver.Enabled, cfg.Webserver.ListenAddress = true, "127.0.0.1"
	cfg.Webserver.ListenPort = config.NonNegative(l.Addr().(*net.TCPAddr).Port)
	err = Run(t.Context(), Options{Config: cfg, RulesPaths: []string{writeRules(t)}, Stdout: io.Discard, Stderr: io.Discard,
		NewSource: func(SourceOptions) (source.Source, error) { opened = true; return &memory{}, nil }})
	if err == nil || !strings.Contains(err.Error(), "web server: listen tcp 127.0.0.1:") || opened {
		t.Errorf("%v, opened %v", err, opened)
	}
}

func TestMetricsFileThatCannotBeWritten(t *testing.T) {
	src := &fake{memory: memory{endless: true}}
	s := serve(t, func(SourceOptions) (source.Source, error) { return src, nil }, func(c *config.Config) {
		c.Metrics.OutputFile, c.Metrics.OutputRule, c.Metrics.Interval = "/absent/dir/file", false, 100
	})
	poll(t, "the message", func() bool { return strings.Contains(s.log.String(), "metrics.output_file cannot be written") })
	if n := strings.Count(s.log.String(), "cannot be written"); n != 1 {
		t.Errorf("told %d times", n)
	}
	if strings.Contains(s.out.String(), "snapshot") {
		t.Error("the alert came although it is switched off")
	}
}

func TestTimeoutsNotification(t *testing.T) {
	src := &fake{memory: memory{endless: true, records: [][]byte{openat(3, "/etc/hosts")}}}
	out, log, err := run(t, src, func(c *config.Config, o *Options) {
		c.SyscallEventTimeouts.MaxConsecutives = 3
		o.Duration = 500 * time.Millisecond
	})
	if err != nil {
		t.Fatal(err, log)
	}
	alerts := regexp.MustCompile(`: Debug Falco internal: timeouts notification\. 3 consecutive timeouts without event\. \(last_event_time="\d\d:\d\d:\d\d\.000000001"\)`).FindAllString(out, -1)
	if len(alerts) < 2 || len(alerts) > 5 {
		t.Errorf("%d alerts in %s", len(alerts), out)
	}
	none, _, _ := run(t, &fake{memory: memory{endless: true}}, func(c *config.Config, o *Options) {
		c.SyscallEventTimeouts.MaxConsecutives, o.Duration = 3, 200*time.Millisecond
	})
	if !strings.Contains(none, `(last_event_time="none")`) {
		t.Errorf("got %s", none)
	}
	quiet, _, _ := run(t, &fake{memory: memory{endless: true}}, func(_ *config.Config, o *Options) { o.Duration = 200 * time.Millisecond })
	if strings.Contains(quiet, "timeouts") {
		t.Errorf("got %s", quiet)
	}
}

// BenchmarkEvaluate is what the loop's own book costs beside the rules: "plain" tests the rules alone,
// "metered" also counts and measures.
func BenchmarkEvaluate(b *testing.B) {
	for _, metered := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "metered"}[metered], func(b *testing.B) {
			d := newDefaults(b, nil)
			d.process(b, cloned())
			rec := openat(3, "/usr/share/doc/some/file")
			l := &loop{App: &App{state: d.state}, engine: d.engine, c: d.ctx}
			l.meter.use(d.engine, nil)
			b.ReportAllocs()
			for b.Loop() {
				_ = l.ev.Decode(rec)
				th, fd, num := d.state.Apply(&l.ev)
				d.ctx.Reset(&l.ev, d.state, th, fd, num, "syscall")
				if metered {
					l.meter.count(&l.ev)
					l.evaluate()
				} else {
					l.engine.Process(d.ctx)
				}
				d.state.After(&l.ev)
			}
		})
	}
}

func ExampleVersions() {
	fmt.Println(CurrentVersions().Engine)
	// Output: 62
}
