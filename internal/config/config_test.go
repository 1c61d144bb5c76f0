// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// load loads a text with overrides and returns the problems as lines.
func load(t *testing.T, content string, overrides ...string) (*Config, string) {
	t.Helper()
	c, problems := Load(Options{Path: "falco.yaml", Content: []byte(content), Overrides: overrides, Env: func(string) string { return "" }})
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String()+hint(p))
	}
	return c, strings.Join(lines, "\n")
}

func hint(p diag.Problem) string {
	if p.Hint == "" {
		return ""
	}
	return " (" + p.Hint + ")"
}

func TestProblems(t *testing.T) {
	tests := []struct {
		name, content string
		overrides     []string
		want          string
	}{
		{name: "empty", want: "falco.yaml: warning: the configuration is empty [CONFIG_EMPTY]"},
		{name: "no key of its own", content: "\"-\": 1", want: `falco.yaml:1:1: warning: unknown key "-", ignored [CONFIG_UNKNOWN_KEY]`},
		{name: "null values keep defaults", content: "engine:\nfile_output:\n  filename:\n"},
		{
			name:    "unknown key",
			content: "json_output: true\nfalco_libss:\n  x: 1\n",
			want:    `falco.yaml:2:1: warning: unknown key "falco_libss", ignored [CONFIG_UNKNOWN_KEY] (did you mean falco_libs?)`,
		},
		{
			name:    "unknown nested key",
			content: "file_output:\n  enabled: true\n  file_name: x\n",
			want:    `falco.yaml:3:3: warning: unknown key "file_output.file_name", ignored [CONFIG_UNKNOWN_KEY] (did you mean filename?)`,
		},
		{
			name:    "wrong kind",
			content: "falco_libs: 512\n",
			want:    "falco.yaml:1:13: error: falco_libs must be a map, not a value [CONFIG_VALUE]",
		},
		{
			name:    "all at once",
			content: "json_output: maybe\npriority: loud\nrule_matching: some\n",
			want: `falco.yaml:1:14: error: json_output: "maybe" is not true or false [CONFIG_VALUE]
falco.yaml:2:11: error: priority: unknown priority "loud" (one of emergency, alert, critical, error, warning, notice, informational, debug) [CONFIG_VALUE]
falco.yaml:3:16: error: rule_matching: Unknown rule matching strategy: "some" is not one of first, all [CONFIG_VALUE]`,
		},
		{
			name:    "not yaml",
			content: "a:\n  - b\n /  c",
			want:    "falco.yaml:2: error: not valid YAML: did not find expected key [CONFIG_YAML]",
		},
		{
			name:    "not a map",
			content: "- a\n",
			want:    "falco.yaml:1:1: error: a configuration is a map of keys, this is a list [CONFIG_YAML]",
		},
		{
			name:    "key given twice",
			content: "priority: error\npriority: debug\n",
			want:    `falco.yaml:2:1: warning: key "priority" is given twice, the first one counts [CONFIG_YAML]`,
		},
		{
			name:    "what is missing and costs alerts is refused",
			content: "engine:\n  kind: gvisor\n",
			want:    "falco.yaml:2:9: error: engine.kind: gvisor: not supported (Falco removed it in 0.44) [CONFIG_UNSUPPORTED]",
		},
		{
			name:    "an output without its address",
			content: "http_output: {enabled: true}\nprogram_output: {enabled: true, program: ' '}\n",
			want: `falco.yaml:1:14: error: http_output is enabled without a url [CONFIG_VALUE]
falco.yaml:2:17: error: program_output is enabled without a program [CONFIG_VALUE]`,
		},
		{
			name:    "addresses that cannot be",
			content: "http_output: {enabled: true, url: \"ftp://hidden\"}\nsyslog_output: {enabled: true}\ngyr:\n  syslog: {address: \"host:514\"}\n  otlp: {enabled: true, endpoint: \"http:///v1\"}\n",
			want: `falco.yaml:1:35: error: http_output.url: the URL has scheme "ftp" (http or https are possible) [CONFIG_VALUE]
falco.yaml:4:21: error: gyr.syslog.address: "host:514" is not udp://, tcp:// or tls:// with a host and a port [CONFIG_VALUE]
falco.yaml:5:35: error: gyr.otlp.endpoint: the URL has no host [CONFIG_VALUE]`,
		},
		{
			name:      "a list on the command line",
			content:   "json_output: true",
			overrides: []string{"load_plugins=[container]"},
			want:      "-o load_plugins=[container]: error: load_plugins: lists cannot be given as a whole [CONFIG_VALUE] (give each item, as in -o load_plugins[0]=… -o load_plugins[1]=…, or load_plugins[]=… to add one)",
		},
		{name: "no scheme is http", content: "http_output: {enabled: true, url: \"sidekick:2801\"}\n"},
		{
			name:    "a second document",
			content: "json_output: true\n---\npriority: loud\n",
			want:    `falco.yaml:2:1: warning: a second document begins here, only the first one counts [CONFIG_YAML] (take the line "---" or "..." out)`,
		},
		{name: "marks of one document", content: "---\njson_output: true\n...\n"},
		{
			name:    "a tab",
			content: "\tjson_output: true\n",
			want:    "falco.yaml:1:1: error: not valid YAML: found character that cannot start any token [CONFIG_YAML] (YAML is indented with blanks, here is a tab)",
		},
		{
			name:    "merge keys",
			content: "stdout_output: &on {enabled: true}\nsyslog_output: {<<: *on}\n",
			want:    `falco.yaml:2:17: warning: unknown key "syslog_output.<<", ignored [CONFIG_UNKNOWN_KEY] (merge keys are not part of YAML 1.2, and Falco does not know them: write the keys out)`,
		},
		{
			name:    "ours are not ignored",
			content: "gyr:\n  log: {fromat: json}\ngyrr: {}\n",
			want: `falco.yaml:2:9: error: unknown key "gyr.log.fromat" [CONFIG_UNKNOWN_KEY] (did you mean format?)
falco.yaml:3:1: warning: unknown key "gyrr", ignored [CONFIG_UNKNOWN_KEY] (did you mean gyr?)`,
		},
		{
			name:    "variables that are not set",
			content: "json_output: ${UNSET}\nfalco_libs: {snaplen: '${UNSET}'}\nsyscall_event_drops:\n  rate: ${UNSET}\nhttp_output:\n  url: ${UNSET}\npriority: ${UNSET}\n",
			want: `falco.yaml:7:11: error: priority: unknown priority "" (one of emergency, alert, critical, error, warning, notice, informational, debug) [CONFIG_VALUE]
falco.yaml:1:14: warning: json_output: the environment has no UNSET, the default holds [CONFIG_VALUE]
falco.yaml:2:23: warning: falco_libs.snaplen: the environment has no UNSET, the default holds [CONFIG_VALUE]
falco.yaml:4:9: warning: syscall_event_drops.rate: the environment has no UNSET, the default holds [CONFIG_VALUE]`,
		},
		{name: "nothing near", content: "a: 1\n", want: `falco.yaml:1:1: warning: unknown key "a", ignored [CONFIG_UNKNOWN_KEY]`},
		{
			name:    "an included file without an end",
			content: "config_files: [/dev/zero]\n",
			want:    `falco.yaml:1:16: error: cannot read "/dev/zero": it is no regular file [CONFIG_READ]`,
		},
		{
			name:    "what is harmless warns",
			content: "webserver:\n  enabled: true\n  prometheus_metrics_enabled: true\n",
			want:    "falco.yaml:3:31: warning: webserver.prometheus_metrics_enabled needs metrics.enabled, too: /metrics is not served [CONFIG_VALUE] (set metrics.enabled: true)",
		},
		{
			name:    "figures that go nowhere",
			content: "metrics: {enabled: true, output_rule: false, jemalloc_stats_enabled: true}\n",
			want: `falco.yaml:1:20: warning: metrics.enabled is set, but the figures go nowhere [CONFIG_VALUE] (set metrics.output_rule, metrics.output_file or webserver.prometheus_metrics_enabled)
falco.yaml:1:70: warning: metrics.jemalloc_stats_enabled: true: gyr has no jemalloc, the figures of Go's heap are told instead [CONFIG_UNSUPPORTED]`,
		},
		{
			name:    "web server",
			content: "webserver:\n  listen_port: 70000\n  k8s_healthz_endpoint: health/{x}\n  ssl_enabled: true\n  ssl_certificate: ''\n",
			want: `falco.yaml:2:16: error: webserver.listen_port: 70000 is not a port (1 to 65535) [CONFIG_VALUE]
falco.yaml:3:25: error: webserver.k8s_healthz_endpoint: "health/{x}" is not a plain path [CONFIG_VALUE] (it begins with a slash, as in /healthz)
falco.yaml:4:16: error: webserver.ssl_enabled is set, but webserver.ssl_certificate names no file [CONFIG_VALUE]`,
		},
		{
			name:    "health check in the way",
			content: "webserver: {k8s_healthz_endpoint: /metrics}\nsyscall_event_timeouts: {max_consecutives: 0}\n",
			want: `falco.yaml:1:35: error: webserver.k8s_healthz_endpoint: "/metrics" is served already [CONFIG_VALUE] (use another one, as /healthz)
falco.yaml:2:44: error: syscall_event_timeouts.max_consecutives: 0 is too small (at least 1) [CONFIG_VALUE]`,
		},
		{
			name:    "removed keys",
			content: "grpc_output: {enabled: true}\nsyscall_buf_size_preset: 4\n",
			want: `falco.yaml:1:24: warning: grpc_output is enabled, but grpc is not: nobody can fetch alerts [CONFIG_VALUE] (set grpc.enabled: true)
falco.yaml:2:1: warning: syscall_buf_size_preset: removed in Falco 0.38, counts for engine.modern_ebpf.buf_size_preset [CONFIG_UNSUPPORTED]`,
		},
		{
			name:    "drivers",
			content: "engine: {kind: kmod}\n",
			want:    "falco.yaml:1:16: warning: engine.kind: kmod: the kernel is watched by modern_ebpf instead of this driver [CONFIG_UNSUPPORTED]",
		},
		{name: "the container plugin is built in", content: "load_plugins: [container]\nplugins: [{name: container}, {name: json}]\n"},
		{
			name:    "other plugins are refused",
			content: "load_plugins: [container, k8saudit]\n",
			want:    `falco.yaml:1:27: error: plugin "k8saudit": shared objects cannot be loaded, its rules would never match [CONFIG_UNSUPPORTED]`,
		},
		{
			name:    "plugins that are configured",
			content: "plugins: [{name: json, library_path: libjson.so}]\n",
			want:    `falco.yaml:1:18: error: plugin "json": shared objects cannot be loaded, its rules would never match [CONFIG_UNSUPPORTED] (container and k8smeta are built in; remove it, or set load_plugins without it)`,
		},
		{
			name: "override without value", overrides: []string{"json_output"},
			want: `-o json_output: error: "json_output" is not a setting [CONFIG_OPTION] (write key=value)`,
		},
		{
			name: "override of an unknown key", overrides: []string{"jsn_output=true"},
			want: `-o jsn_output=true: warning: unknown key "jsn_output", ignored [CONFIG_UNKNOWN_KEY] (did you mean json_output?)`,
		},
		{
			name:    "selections",
			content: "rules:\n  - enable: {rule: a}\n    disable: {tag: b}\n  - {}\n  - enable: {rule: '*'}\n",
			want: `falco.yaml:2:5: error: rules[0] must have either enable or disable, with a rule or a tag [CONFIG_VALUE]
falco.yaml:4:5: error: rules[1] must have either enable or disable, with a rule or a tag [CONFIG_VALUE]`,
		},
		{
			name:    "ranges",
			content: "engine: {modern_ebpf: {buf_size_preset: 11}}\noutput_timeout: 0\nsyscall_event_drops: {threshold: -1}\n",
			want: `falco.yaml:1:41: error: engine.modern_ebpf.buf_size_preset: 11 is too large (at most 10) [CONFIG_VALUE]
falco.yaml:2:17: error: output_timeout: 0 is too small (at least 1) [CONFIG_VALUE]
falco.yaml:3:34: error: syscall_event_drops.threshold: syscall event drops threshold must be a double in the range [0, 1], not "-1" [CONFIG_VALUE]`,
		},
		{
			name:    "ignore stands alone",
			content: "syscall_event_drops: {actions: [ignore, log]}\n",
			want:    "falco.yaml:1:32: error: syscall event drop action \"log\" does not make sense with the \"ignore\" action [CONFIG_VALUE]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := load(t, tt.content, tt.overrides...); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestValues(t *testing.T) {
	c, problems := load(t, `
priority: WARNING
rule_matching: all
rules_files: /etc/rules.yaml
json_output: "yes"
time_format_iso_8601: On
static_fields: {site: berlin, rack: 12}
append_output:
  - match: {source: syscall, tags: [t], rule: r}
    extra_output: "a=%proc.name"
    extra_fields: [proc.pid, {k: "%proc.name"}]
engine: {modern_ebpf: {buf_size_preset: 0x1}}
`, "falco_libs.snaplen=128", "append_output[]={suggested_output: true}")
	if problems != "" {
		t.Fatal(problems)
	}
	switch {
	case c.Priority.String() != "Warning", c.RuleMatching != MatchAll, c.RulesFiles[0] != "/etc/rules.yaml",
		!c.JSONOutput, !c.TimeFormatISO8601, c.StaticFields["rack"] != "12", c.Engine.ModernEBPF.BufBytes() != 1<<20,
		c.FalcoLibs.Snaplen != 128, len(c.AppendOutput) != 2, !c.AppendOutput[1].SuggestedOutput,
		c.AppendOutput[0].ExtraFields[0].Field != "proc.pid", c.AppendOutput[0].ExtraFields[1].Format != "%proc.name":
		t.Errorf("got %+v", c)
	}
}

func TestInterval(t *testing.T) {
	for text, want := range map[string]int64{
		"1ms": 1, "1s": 1000, "1d": 86400000, "1h3m2s1ms": 3782001, "2h 5m": 7500000, "1y1w1d1h1m1s1ms": 32230861001,
		"1ms1y": 0, "1t": 0, "200": 0, "": 0, "1s1s": 0,
	} {
		if got, ok := parseInterval(text); got != want && ok {
			t.Errorf("%q: got %d, %v", text, got, ok)
		}
	}
}

func TestIncludeErrors(t *testing.T) {
	dir := t.TempDir()
	main, other := filepath.Join(dir, "main.yaml"), filepath.Join(dir, "other.yaml")
	os.WriteFile(other, []byte("config_files: x\n"), 0o600)
	os.WriteFile(main, []byte("config_files: ["+main+", "+other+", /absent]\n"), 0o600)
	d := Read(Options{Path: main})
	if len(d.Problems) != 2 || d.Problems[0].Code != CodeInclude || d.Problems[1].File != other || d.Problems[1].Line != 1 {
		t.Errorf("got %v", d.Problems)
	}
	if d := Read(Options{Path: filepath.Join(dir, "no.yaml")}); len(d.Problems) != 1 || d.Problems[0].Code != CodeRead {
		t.Errorf("got %v", d.Problems)
	}
}

// A file of nothing but mistakes is read in reasonable time, and an error behind many warnings counts.
func TestManyProblems(t *testing.T) {
	var text strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&text, "k%d: 1\n", i)
	}
	began := time.Now()
	_, problems := Load(Options{Path: "f.yaml", Content: []byte(text.String())})
	if took := time.Since(began); len(problems) != maxProblems || took > 10*time.Second {
		t.Errorf("%d problems after %s", len(problems), took)
	}
	text.Reset()
	text.WriteString("priority: loud\nstatic_fields:\n")
	for range 300 {
		text.WriteString("  a: 1\n")
	}
	_, problems = Load(Options{Path: "f.yaml", Content: []byte(text.String())})
	if usable(problems) || len(problems) != maxProblems+1 {
		t.Errorf("%d problems, no error among them", len(problems))
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("a: &x [*x]\nengine: {kind: kmod}", "a.b[0].c[]={x: [1]}")
	f.Add("rules: [{enable: {rule: '*'}}]\nstatic_fields: {a: $${A}${B}}", "rules[].disable.tag=x")
	f.Add("json_output: \"\"\nconfig_files: [1, {path: /dev}]", `a\.b=1`)
	f.Add("- &a [*a, *a]", "x")
	f.Fuzz(func(t *testing.T, content, override string) {
		if strings.Contains(content+override, "config_files") {
			return // would read the machine's files
		}
		env := func(n string) string { return "${" + n + "}" }
		d, _, _ := Resolve(Options{Path: "f.yaml", Content: []byte(content), Overrides: []string{override}, Env: env})
		shown := d.Merged().AppendYAML(nil, false)
		again := Read(Options{Path: "f.yaml", Content: shown, Env: env})
		for _, p := range again.Problems {
			if p.Code == CodeYAML && p.Severity == diag.Error && !strings.Contains(p.Message, "too large") {
				t.Errorf("%s\nis shown as\n%s\n%s", content, shown, p.Text())
			}
		}
	})
}

func TestFileWithoutEnd(t *testing.T) {
	_, problems := Load(Options{Path: "/dev/zero"})
	if len(problems) != 1 || problems[0].Message != "cannot read the configuration: larger than 16 MiB" {
		t.Errorf("problems are %v", problems)
	}
}

func TestCompleteURL(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "sidekick:2801": "http://sidekick:2801", "https://a/b": "https://a/b", `"http://a"`: "http://a", "'a'": "http://a", "ftp://a": "ftp://a",
	} {
		if got := completeURL(text); got != want {
			t.Errorf("completeURL(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestNotice hides what is of the level info, as its order says.
func TestNotice(t *testing.T) {
	if n := Level("notice").Slog(); n <= slog.LevelInfo || n >= slog.LevelWarn {
		t.Errorf("notice is %v", n)
	}
}

// The line that is shown of an unknown key ends behind the key, and has no other values before it.
func TestUnknownKeyLine(t *testing.T) {
	tests := []struct{ content, want string }{
		{"x: T000", "x: …"},
		{"\"x:y\": T000", "\"x: …"},
		{"x:\n  y: T000", "x:"},
		{"http_output: {x: T000}", "http_output: {x: …"},
		{"plugins:\n- x: T000", "- x: …"},
		{"http_output: {url: T000, x: T000}", ""},
		{"{\"http_output\":{\"url\":\"T000\",\"x\":1}}", ""},
		{"? x\n: T000", ""},
	}
	for _, tt := range tests {
		_, problems := Load(Options{Path: "f.yaml", Content: []byte(tt.content)})
		i := slices.IndexFunc(problems, func(p diag.Problem) bool { return p.Code == CodeKey })
		if i < 0 || problems[i].Snippet != tt.want {
			t.Errorf("%q: got %+v, want the line %q", tt.content, problems, tt.want)
		}
	}
}
