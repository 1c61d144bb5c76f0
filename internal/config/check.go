// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// A pending row is something that Falco has and this version of gyr does not. A row whose lack
// could cost somebody an alert refuses the configuration; one that is harmless warns.
type pending struct {
	key     string // the key that is pointed at
	refuse  bool
	wanted  func(c *Config, v *Value) bool // whether the configuration asks for it; v is key's value
	message string
}

// pendings are the rows; each goes with the change that brings the feature.
var pendings = []pending{
	{"engine.kind", false, func(c *Config, _ *Value) bool {
		return c.Engine.Kind == EngineKMod || c.Engine.Kind == EngineEBPF
	}, "the kernel is watched by modern_ebpf instead of this driver"},
	{"engine.kind", true, func(c *Config, _ *Value) bool { return c.Engine.Kind == EngineGVisor },
		"not supported (Falco removed it in 0.44)"},
	{"metrics.jemalloc_stats_enabled", false, func(c *Config, _ *Value) bool { return c.Metrics.Enabled && c.Metrics.JemallocStatsEnabled },
		"gyr has no jemalloc, the figures of Go's heap are told instead"},
	{"plugins_hostinfo", false, func(c *Config, _ *Value) bool { return !c.PluginsHostInfo },
		"has no effect, no plugin asks for the figures of the host"},
	{"engine.ebpf.probe", false, func(c *Config, _ *Value) bool { return c.Engine.EBPF.Probe != "" },
		"has no effect, the programs are part of gyr"},
	{"grpc.threadiness", false, func(c *Config, _ *Value) bool { return c.GRPC.Enabled && c.GRPC.Threadiness > 0 },
		"has no effect, every connection is served by itself"},
}

// A removal is a key that older versions of Falco had.
type removal struct {
	key   string
	since string // version that does not have it any more
	from  string // the part of it that has moved; "" for all of it
	to    string // key that its value goes to, unless that is given itself; "" for none
	hint  string
}

// removals are the keys that files written for older versions may still have.
var removals = []removal{
	{key: "syscall_buf_size_preset", since: "0.38", to: "engine.modern_ebpf.buf_size_preset"},
	{key: "syscall_drop_failed_exit", since: "0.38", to: "engine.modern_ebpf.drop_failed_exit"},
	{key: "modern_bpf", since: "0.38", from: ".cpus_for_each_syscall_buffer", to: "engine.modern_ebpf.cpus_for_each_buffer"},
	{key: "rule_files", since: "0.44", to: "rules_files"},
	{key: "outputs", since: "0.37", hint: "alerts are not limited by a rate, outputs_queue bounds them"},
	{key: "metadata_download", since: "0.37", hint: "nothing is downloaded from a Kubernetes API server"},
	{key: "container_engines", since: "0.41", hint: "containers are recognised without it"},
	{key: "engine.gvisor", since: "0.44", hint: "gVisor is no source of events"},
	{key: "webserver.k8s_audit_endpoint", since: "0.32", hint: "audit events are no source of events"},
}

// removed returns the row of a key, nil if it has none.
func removed(key string) *removal {
	for i := range removals {
		if removals[i].key == key {
			return &removals[i]
		}
	}
	return nil
}

// text says what became of the key.
func (r *removal) text() string {
	if r.to != "" {
		return fmt.Sprintf("removed in Falco %s, counts for %s", r.since, r.to)
	}
	return fmt.Sprintf("removed in Falco %s, ignored", r.since)
}

// checkRemoved reports a key that Falco has removed.
func (d *Document) checkRemoved(r *removal, k Key) {
	d.report(k.Pos, CodeUnsupported, diag.Warning, r.key+": "+r.text(), r.hint)
}

// migrate gives the values of removed keys to those that took their place.
func (d *Document) migrate() {
	for i := range removals {
		r := &removals[i]
		if r.to == "" {
			continue
		}
		old, _ := d.Root.Get(r.key + r.from)
		if now, _ := d.Root.Get(r.to); old != nil && now == nil {
			moved := *old
			if err := d.Root.Set(r.to, &moved); err != nil {
				d.report(old.Pos, CodeValue, diag.Error, err.Error(), "")
			}
		}
	}
}

// adopt takes the sizes of the driver that is named instead of modern_ebpf.
func (e *Engine) adopt() {
	var old *KMod
	switch e.Kind {
	case EngineKMod:
		old = &e.KMod
	case EngineEBPF:
		old = &e.EBPF
	default:
		return
	}
	e.ModernEBPF.BufSizePreset, e.ModernEBPF.DropFailedExit = old.BufSizePreset, old.DropFailedExit
}

// maxBeforeMB bounds the memory for what happened before a match.
const maxBeforeMB = 1024

// check looks at what single values cannot show.
func (d *Document) check(c *Config) {
	for i := range pendings {
		d.checkPending(c, &pendings[i])
	}
	d.checkPlugins(c)
	d.checkSelections(c)
	c.Engine.adopt()
	for _, a := range c.SyscallEventDrops.Actions {
		if a != DropIgnore && slices.Contains(c.SyscallEventDrops.Actions, DropIgnore) {
			d.report(d.at("syscall_event_drops.actions"), CodeValue, diag.Error,
				fmt.Sprintf("syscall event drop action %q does not make sense with the \"ignore\" action", a), "")
		}
	}
	if c.Engine.Kind == EngineReplay && c.Engine.Replay.CaptureFile == "" {
		d.report(d.at("engine.kind"), CodeValue, diag.Error, "engine.kind is replay, but engine.replay.capture_file names no file", "")
	}
	if c.FileOutput.Enabled && c.FileOutput.Filename == "" {
		d.report(d.at("file_output"), CodeValue, diag.Error, "file_output is enabled without a filename", "")
	}
	if c.GRPCOutput.Enabled && !c.GRPC.Enabled {
		d.report(d.at("grpc_output.enabled"), CodeValue, diag.Warning, "grpc_output is enabled, but grpc is not: nobody can fetch alerts", "set grpc.enabled: true")
	}
	d.checkAddresses(c)
	if c.ProgramOutput.Enabled && strings.TrimSpace(c.ProgramOutput.Program) == "" {
		d.report(d.at("program_output"), CodeValue, diag.Error, "program_output is enabled without a program", "")
	}
	d.checkWebserver(c)
	if m := c.Capture.Mode; m != CaptureRules && m != CaptureAllRules {
		d.report(d.at("capture.mode"), CodeValue, diag.Error, fmt.Sprintf("capture.mode: %q is not one of rules, all_rules", m), "")
	}
	if f := c.Gyr.Capture.Format; f != "widest" && f != "current" {
		d.report(d.at("gyr.capture.format"), CodeValue, diag.Error, fmt.Sprintf("gyr.capture.format: %q is not one of widest, current", f), "")
	}
	if n := c.Gyr.Capture.BeforeMB; n > maxBeforeMB {
		d.report(d.at("gyr.capture.before_mb"), CodeValue, diag.Error, fmt.Sprintf("gyr.capture.before_mb: %d is more than %d", n, maxBeforeMB), "")
	}
	if c.Capture.Enabled && c.Capture.PathPrefix == "" {
		d.report(d.at("capture"), CodeValue, diag.Error, "capture is enabled without a path_prefix", "")
	}
	if d.Root.Lookup("rules_file") != nil {
		if d.Root.Lookup("rules_files") == nil {
			c.RulesFiles = c.RulesFile
		}
		d.report(d.at("rules_file"), CodeDeprecated, diag.Warning, "rules_file is deprecated", "use rules_files")
	}
}

// checkWebserver looks at the port and the paths.
func (d *Document) checkWebserver(c *Config) {
	w := &c.Webserver
	if w.ListenPort < 1 || w.ListenPort > 65535 {
		d.report(d.at("webserver.listen_port"), CodeValue, diag.Error, fmt.Sprintf("webserver.listen_port: %d is not a port (1 to 65535)", w.ListenPort), "")
	}
	endpoint, at := w.K8sHealthzEndpoint, d.at("webserver.k8s_healthz_endpoint")
	switch {
	case !strings.HasPrefix(endpoint, "/") || strings.ContainsAny(endpoint, "{}?# \t\r\n") || endpoint != path.Clean(endpoint):
		d.report(at, CodeValue, diag.Error, fmt.Sprintf("webserver.k8s_healthz_endpoint: %q is not a plain path", endpoint), "it begins with a slash, as in /healthz")
	case endpoint == "/metrics" || endpoint == "/versions":
		d.report(at, CodeValue, diag.Error, fmt.Sprintf("webserver.k8s_healthz_endpoint: %q is served already", endpoint), "use another one, as /healthz")
	}
	if w.SSLEnabled && w.SSLCertificate == "" {
		d.report(d.at("webserver.ssl_enabled"), CodeValue, diag.Error, "webserver.ssl_enabled is set, but webserver.ssl_certificate names no file", "")
	}
	if w.Enabled && w.PrometheusMetricsEnabled && !c.Metrics.Enabled {
		d.report(d.at("webserver.prometheus_metrics_enabled"), CodeValue, diag.Warning, "webserver.prometheus_metrics_enabled needs metrics.enabled, too: /metrics is not served", "set metrics.enabled: true")
	}
	if m := &c.Metrics; m.Enabled && !m.OutputRule && m.OutputFile == "" && !(w.Enabled && w.PrometheusMetricsEnabled) {
		d.report(d.at("metrics.enabled"), CodeValue, diag.Warning, "metrics.enabled is set, but the figures go nowhere", "set metrics.output_rule, metrics.output_file or webserver.prometheus_metrics_enabled")
	}
	if c.SyscallEventTimeouts.MaxConsecutives < 1 {
		d.report(d.at("syscall_event_timeouts.max_consecutives"), CodeValue, diag.Error, "syscall_event_timeouts.max_consecutives: 0 is too small (at least 1)", "")
	}
}

// checkPending reports a row that the configuration asks for.
func (d *Document) checkPending(c *Config, p *pending) {
	v, _ := d.Root.Get(p.key)
	if v == nil || !p.wanted(c, v) {
		return
	}
	severity := diag.Warning
	if p.refuse {
		severity = diag.Error
	}
	text := p.key
	if v.Kind == Scalar {
		text += ": " + v.Text
	}
	d.report(v.Pos, CodeUnsupported, severity, text+": "+p.message, "")
}

// checkSelections wants one verb and something to match in every entry of rules.
func (d *Document) checkSelections(c *Config) {
	for i := range c.Rules {
		s := &c.Rules[i]
		m := s.Enable
		if m == nil {
			m = s.Disable
		}
		if (s.Enable == nil) == (s.Disable == nil) || m.Rule == "" && m.Tag == "" {
			d.report(d.at(fmt.Sprintf("rules[%d]", i)), CodeValue, diag.Error,
				fmt.Sprintf("rules[%d] must have either enable or disable, with a rule or a tag", i), "")
		}
	}
}

// at is the position of a key's value.
func (d *Document) at(path string) Pos {
	if v, _ := d.Root.Get(path); v != nil {
		return v.Pos
	}
	return Pos{}
}
