// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// selfRule would match the calls of the regular self-test, if rules saw them.
const selfRule = `
- rule: root opened by gyr
  desc: The self-test opens the root directory, which nothing else of gyr does.
  condition: evt.type = openat and evt.arg.name = "/" and proc.name = gyr
  output: gyr opened %evt.arg.name
  priority: WARNING
- rule: something opened
  desc: Anything that is opened by somebody else.
  condition: evt.type = openat and proc.name != gyr
  output: "%proc.name opened %evt.arg.name"
  priority: DEBUG
  enabled: true
`

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// The running program serves its figures, health and versions, and goes on proving that it sees, without
// a trace among the alerts.
func TestMetrics(t *testing.T) {
	needLive(t)
	needBuild(t)
	dir := t.TempDir()
	rules, stats := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "stats.jsonl")
	if err := os.WriteFile(rules, []byte(selfRule), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	w, err := start("-r", rules, "-o", "webserver.enabled=true", "-o", "webserver.listen_address=127.0.0.1", "-o", fmt.Sprint("webserver.listen_port=", port),
		"-o", "webserver.prometheus_metrics_enabled=true", "-o", "metrics.enabled=true", "-o", "metrics.interval=200ms", "-o", "metrics.output_file="+stats,
		"-o", "metrics.kernel_event_counters_per_cpu_enabled=true", "-o", "gyr.self_test_interval=100", "-o", "gyr.control.socket=",
		// Failed calls are not captured: the self-test must come through nevertheless.
		"-o", "engine.modern_ebpf.drop_failed_exit=true")
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		client := http.Client{Timeout: 10 * time.Second}
		resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
		if err != nil {
			t.Fatalf("%v\n%s", err, w.log())
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	// figure is the value of a figure with its labels, as it stands in the text.
	figure := func(text, name string) float64 {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
		}
		return -1
	}
	var text string
	for until := time.Now().Add(30 * time.Second); figure(text, `gyrfalcon_self_tests_total{result="passed"}`) < 3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the self-test does not come through:\n%s\n%s", text, w.log())
		}
		_, text = get("/metrics")
	}
	if code, body := get("/healthz"); code != 200 || body != `{"status": "ok"}` {
		t.Errorf("health: %d %s", code, body)
	}
	if code, body := get("/versions"); code != 200 || !strings.Contains(body, `"engine_version_semver":`) {
		t.Errorf("versions: %d %s", code, body)
	}
	for _, name := range []string{
		"falcosecurity_scap_n_evts_total", "falcosecurity_falco_n_evts_total", `falcosecurity_scap_n_evts_cpu_total{cpu="0"}`, "falcosecurity_falco_memory_rss_bytes",
		`gyrfalcon_hook_attached{hook="on_sys_exit"}`, `gyrfalcon_ring_peak_bytes{ring="bulk 0"}`, `gyrfalcon_events_total{type="openat"}`, "gyrfalcon_healthy",
		"falcosecurity_scap_n_threads_total", `gyrfalcon_rule_evaluations_total{rule="something opened",source="syscall"}`, "gyrfalcon_self_test_delay_seconds",
	} {
		if figure(text, name) <= 0 {
			t.Errorf("%s is %v", name, figure(text, name))
		}
	}
	if n := w.wait(2, 10*time.Second, func(a *alert) bool { return a.Rule == "Falco internal: metrics snapshot" }); len(n) < 2 {
		t.Errorf("%d alerts with figures\n%s", len(n), w.log())
	}
	content, err := os.ReadFile(stats)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if _, err := w.stop(); err != nil {
		t.Errorf("%v\n%s", err, w.log())
	}
	if own := w.find(func(a *alert) bool { return a.Rule == "root opened by gyr" }); len(own) > 0 {
		t.Errorf("the self-test raised %d alerts: %s", len(own), own[0].line)
	}
	if others := w.find(func(a *alert) bool { return a.Rule == "something opened" }); len(others) == 0 {
		t.Error("nothing else was seen")
	}
}
