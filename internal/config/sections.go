// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// Include is a further configuration file or directory, and how its keys are merged in.
type Include struct {
	// Path is a file, or a directory of which all files are read in the order of their names.
	Path string `yaml:"path"`
	// Strategy is append (a list is added to, any other key replaced), override (the key is replaced) or add-only (only keys that are not there yet).
	Strategy string `yaml:"strategy"`
}

// Selection enables or disables the rules of a name (with * as wildcard) or tag.
type Selection struct {
	// Enable switches the rules that fit on.
	Enable *RuleMatch `yaml:"enable"`
	// Disable switches the rules that fit off.
	Disable *RuleMatch `yaml:"disable"`
}

// RuleMatch names rules; each part that is given picks rules by itself.
type RuleMatch struct {
	// Rule is the name of a rule; * stands for any text.
	Rule string `yaml:"rule"`
	// Tag is one of the tags of a rule.
	Tag string `yaml:"tag"`
}

// Engine says where events come from.
type Engine struct {
	// Kind is modern_ebpf (the kernel of this machine), replay (a capture file) or nodriver (nothing); kmod and ebpf mean modern_ebpf.
	Kind EngineKind `yaml:"kind"`
	// KMod configured Falco's kernel module, which gyr does not need.
	KMod KMod `yaml:"kmod"`
	// EBPF configured Falco's older eBPF driver, up to 0.43.
	EBPF KMod `yaml:"ebpf"`
	// ModernEBPF configures the eBPF programs.
	ModernEBPF ModernEBPF `yaml:"modern_ebpf"`
	// Replay names the capture file.
	Replay Replay `yaml:"replay"`
}

// KMod configures a driver of Falco; with engine.kind kmod or ebpf the sizes go for modern_ebpf.
type KMod struct {
	// BufSizePreset is the size of a ring buffer: 1 is 1 MiB, every further step doubles it.
	BufSizePreset Preset `yaml:"buf_size_preset"`
	// DropFailedExit leaves out system calls that failed.
	DropFailedExit bool `yaml:"drop_failed_exit"`
	// Probe was the path of the driver's object; gyr brings its programs along.
	Probe string `yaml:"probe"`
}

// ModernEBPF configures the eBPF source.
type ModernEBPF struct {
	// CPUsForEachBuffer is how many processors share a ring buffer; 0: all share one.
	CPUsForEachBuffer NonNegative `yaml:"cpus_for_each_buffer"`
	// BufSizePreset is the size of a ring buffer: 1 is 1 MiB, every further step doubles it.
	BufSizePreset Preset `yaml:"buf_size_preset"`
	// DropFailedExit leaves out system calls that failed.
	DropFailedExit bool `yaml:"drop_failed_exit"`
	// DisableIterators reads /proc at start even where the kernel can list its tasks.
	DisableIterators bool `yaml:"disable_iterators"`
}

// BufBytes is the size of one ring buffer in bytes.
func (m *ModernEBPF) BufBytes() int { return 1 << (19 + int(m.BufSizePreset)) }

// Replay configures the reading of a capture file.
type Replay struct {
	// CaptureFile is a capture of Falco, sysdig or gyr, plain or compressed; - is standard input.
	CaptureFile string `yaml:"capture_file"`
}

// Capture configures the writing of capture files by rules.
type Capture struct {
	// Enabled lets rules write capture files.
	Enabled bool `yaml:"enabled"`
	// PathPrefix begins the name of every capture file.
	PathPrefix string `yaml:"path_prefix"`
	// Mode is rules (those with capture: true) or all_rules.
	Mode string `yaml:"mode"`
	// DefaultDuration is how many milliseconds a capture goes on after the last match.
	DefaultDuration NonNegative `yaml:"default_duration"`
	// MaxFileSizeMB ends a capture file at about this size in megabytes; 0: it is not limited.
	MaxFileSizeMB NonNegative `yaml:"max_file_size_mb"`
}

// The values of capture.mode.
const (
	CaptureRules    = "rules"
	CaptureAllRules = "all_rules"
)

// GyrCapture adds to the writing of capture files by rules.
type GyrCapture struct {
	// BeforeMB is how many megabytes of events are kept in memory while no file is written, so that a file also holds what happened before the match; 0: it begins with the match.
	BeforeMB NonNegative `yaml:"before_mb"`
	// Format is widest (files that every reader since 2022 understands) or current (smaller ones, for Falco 0.42, sysdig 0.40 and later).
	Format string `yaml:"format"`
}

// Plugin describes a plugin.
type Plugin struct {
	// Name is the plugin's name; container and k8smeta are built in.
	Name string `yaml:"name"`
	// LibraryPath is where Falco finds the shared object; gyr loads none.
	LibraryPath string `yaml:"library_path"`
	// InitConfig is the plugin's own configuration, a text or a map.
	InitConfig any `yaml:"init_config"`
	// OpenParams are what a plugin that makes events is opened with.
	OpenParams string `yaml:"open_params"`
}

// OutputsQueue bounds the alerts that wait for an output.
type OutputsQueue struct {
	// Capacity is a number of alerts; 0 leaves only the bound in bytes.
	Capacity NonNegative `yaml:"capacity"`
}

// Append adds to the outputs of the rules that match.
type Append struct {
	// Match restricts the rules; without it all are meant.
	Match AppendMatch `yaml:"match"`
	// ExtraOutput is a template that goes behind the output's text.
	ExtraOutput string `yaml:"extra_output"`
	// ExtraFields are names of fields, or maps of a name to a template, that go into output_fields.
	ExtraFields []ExtraField `yaml:"extra_fields"`
	// SuggestedOutput adds the fields that suggest themselves: container, image, pod, static fields.
	SuggestedOutput bool `yaml:"suggested_output"`
}

// AppendMatch restricts an Append; empty parts fit every rule.
type AppendMatch struct {
	// Source is the rules' source of events.
	Source string `yaml:"source"`
	// Rule is a rule's name.
	Rule string `yaml:"rule"`
	// Tags must all be among the rule's tags.
	Tags []string `yaml:"tags"`
}

// ExtraField is an added output field: a plain field, or a key with a template.
type ExtraField struct {
	Field  string // name of a plain field; "" if Key is given
	Key    string
	Format string
}

// Switch is an output without settings.
type Switch struct {
	// Enabled switches the output on.
	Enabled bool `yaml:"enabled"`
}

// FileOutput appends alerts to a file.
type FileOutput struct {
	// Enabled switches the output on.
	Enabled bool `yaml:"enabled"`
	// KeepAlive keeps the file open between alerts; SIGUSR1 opens it again.
	KeepAlive bool `yaml:"keep_alive"`
	// Filename is the file's path.
	Filename string `yaml:"filename"`
}

// HTTPOutput posts alerts.
type HTTPOutput struct {
	// Enabled switches the output on.
	Enabled bool `yaml:"enabled"`
	// URL is where alerts are posted to.
	URL string `yaml:"url"`
	// UserAgent is what gyr calls itself.
	UserAgent string `yaml:"user_agent"`
	// Insecure does not check the server's certificate.
	Insecure bool `yaml:"insecure"`
	// CACert is a PEM file with the certificate that the server's is checked against.
	CACert string `yaml:"ca_cert"`
	// CABundle is a PEM file with several of them.
	CABundle string `yaml:"ca_bundle"`
	// CAPath is a directory of such files.
	CAPath string `yaml:"ca_path"`
	// MTLS shows the server a certificate of ours.
	MTLS bool `yaml:"mtls"`
	// ClientCert is the PEM file of that certificate.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is the PEM file of its private key.
	ClientKey string `yaml:"client_key"`
	// Echo logs what the server answers.
	Echo bool `yaml:"echo"`
	// CompressUploads posts with gzip; a server that does not take that gets plain requests.
	CompressUploads bool `yaml:"compress_uploads"`
	// KeepAlive probes connections that wait for the next alert; they are kept open in any case.
	KeepAlive bool `yaml:"keep_alive"`
	// MaxConsecutiveTimeouts is how many time-outs one alert may meet before it is given up.
	MaxConsecutiveTimeouts NonNegative `yaml:"max_consecutive_timeouts"`
}

// ProgramOutput pipes alerts into a command.
type ProgramOutput struct {
	// Enabled switches the output on.
	Enabled bool `yaml:"enabled"`
	// KeepAlive starts the command once instead of for each alert.
	KeepAlive bool `yaml:"keep_alive"`
	// Program is a command line for the shell.
	Program string `yaml:"program"`
}

// GRPC serves alerts and versions to clients of Falco's gRPC services, which Falco had up to 0.43.
type GRPC struct {
	// Enabled switches the server on.
	Enabled bool `yaml:"enabled"`
	// BindAddress is unix:// with the path of a socket, or an address and port for mutual TLS.
	BindAddress string `yaml:"bind_address"`
	// Threadiness is accepted for old files; every connection has its own goroutine.
	Threadiness NonNegative `yaml:"threadiness"`
	// PrivateKey is the PEM file of the server's private key, for addresses other than unix://.
	PrivateKey string `yaml:"private_key"`
	// CertChain is the PEM file of the server's certificates.
	CertChain string `yaml:"cert_chain"`
	// RootCerts is the PEM file of the certificates that clients are checked against.
	RootCerts string `yaml:"root_certs"`
}

// Webserver serves health, versions and metrics.
type Webserver struct {
	// Enabled switches the server on.
	Enabled bool `yaml:"enabled"`
	// Threadiness is how many requests are served at the same time, others wait; 0: one for each processor.
	Threadiness NonNegative `yaml:"threadiness"`
	// ListenPort is the TCP port.
	ListenPort NonNegative `yaml:"listen_port"`
	// ListenAddress is the IP address.
	ListenAddress Address `yaml:"listen_address"`
	// K8sHealthzEndpoint is the path of the health check.
	K8sHealthzEndpoint string `yaml:"k8s_healthz_endpoint"`
	// PrometheusMetricsEnabled serves /metrics, if metrics.enabled is set too.
	PrometheusMetricsEnabled bool `yaml:"prometheus_metrics_enabled"`
	// SSLEnabled serves HTTPS.
	SSLEnabled bool `yaml:"ssl_enabled"`
	// SSLCertificate is a PEM file with certificate and private key; a changed file is read again.
	SSLCertificate string `yaml:"ssl_certificate"`
}

// LibsLogger sets the level of the messages of the capture side.
type LibsLogger struct {
	// Enabled lets them be logged at all.
	Enabled bool `yaml:"enabled"`
	// Severity is the least serious level of them; log_level holds for them too.
	Severity Level `yaml:"severity"`
}

// SyscallEventTimeouts reports long times without an event.
type SyscallEventTimeouts struct {
	// MaxConsecutives is how many looks for an event may find none before that is reported.
	MaxConsecutives NonNegative `yaml:"max_consecutives"`
}

// SyscallEventDrops says what to do when events are lost.
type SyscallEventDrops struct {
	// Threshold is the share of lost events, 0 to 1, above which the actions are taken.
	Threshold Ratio `yaml:"threshold"`
	// Actions are log, alert and exit, or ignore alone.
	Actions []DropAction `yaml:"actions"`
	// Rate is how many actions a second are allowed in the long run.
	Rate float64 `yaml:"rate"`
	// MaxBurst is how many actions may follow each other at once.
	MaxBurst float64 `yaml:"max_burst"`
	// SimulateDrops pretends a loss every second, for tests.
	SimulateDrops bool `yaml:"simulate_drops"`
}

// Metrics configures the regular figures.
type Metrics struct {
	// Enabled switches the figures on.
	Enabled bool `yaml:"enabled"`
	// Interval is the time between two samples, as in 1h30m or 500ms; at least 100ms.
	Interval Interval `yaml:"interval"`
	// OutputRule sends every sample to the outputs, as the alert "Falco internal: metrics snapshot".
	OutputRule bool `yaml:"output_rule"`
	// OutputFile gets every sample as a line of JSON.
	OutputFile string `yaml:"output_file"`
	// RulesCountersEnabled adds how often each rule matched.
	RulesCountersEnabled bool `yaml:"rules_counters_enabled"`
	// ResourceUtilizationEnabled adds processor and memory use.
	ResourceUtilizationEnabled bool `yaml:"resource_utilization_enabled"`
	// StateCountersEnabled adds the sizes of the state's tables and what was looked up in them.
	StateCountersEnabled bool `yaml:"state_counters_enabled"`
	// KernelEventCountersEnabled adds events and losses of the kernel side.
	KernelEventCountersEnabled bool `yaml:"kernel_event_counters_enabled"`
	// KernelEventCountersPerCPUEnabled adds the same for every processor.
	KernelEventCountersPerCPUEnabled bool `yaml:"kernel_event_counters_per_cpu_enabled"`
	// KernelIterEventCountersEnabled adds what the task iterators delivered.
	KernelIterEventCountersEnabled bool `yaml:"kernel_iter_event_counters_enabled"`
	// LibbpfStatsEnabled adds runs and time of the eBPF programs, where the kernel counts them.
	LibbpfStatsEnabled bool `yaml:"libbpf_stats_enabled"`
	// PluginsMetricsEnabled adds the figures of plugins.
	PluginsMetricsEnabled bool `yaml:"plugins_metrics_enabled"`
	// JemallocStatsEnabled adds figures of Go's heap; gyr does not have the allocator jemalloc.
	JemallocStatsEnabled bool `yaml:"jemalloc_stats_enabled"`
	// ConvertMemoryToMB tells memory in megabytes instead of kilobytes.
	ConvertMemoryToMB bool `yaml:"convert_memory_to_mb"`
	// IncludeEmptyValues also tells counters that are 0.
	IncludeEmptyValues bool `yaml:"include_empty_values"`
}

// BaseSyscalls says which system calls are watched beyond those that rules name.
type BaseSyscalls struct {
	// CustomSet names them; a name after "!" is never watched.
	CustomSet []string `yaml:"custom_set"`
	// Repair adds those that the state needs for what is watched.
	Repair bool `yaml:"repair"`
	// All allows the system calls of plain input and output too.
	All bool `yaml:"all"`
}

// FalcoLibs bounds the state.
type FalcoLibs struct {
	// ThreadTableSize is the most threads that are remembered; 0: the default.
	ThreadTableSize NonNegative `yaml:"thread_table_size"`
	// ThreadTableAutoPurgingIntervalS is the time in seconds between two looks for threads that are gone.
	ThreadTableAutoPurgingIntervalS NonNegative `yaml:"thread_table_auto_purging_interval_s"`
	// ThreadTableAutoPurgingThreadTimeoutS is how many seconds a thread may be silent before it is looked for.
	ThreadTableAutoPurgingThreadTimeoutS NonNegative `yaml:"thread_table_auto_purging_thread_timeout_s"`
	// Snaplen is how many bytes of a data buffer an event carries.
	Snaplen NonNegative `yaml:"snaplen"`
}

// Socket is the path of the socket that BindAddress names; ok is false for other addresses.
func (g *GRPC) Socket() (path string, ok bool) { return strings.CutPrefix(g.BindAddress, "unix://") }

// Init is the plugin's configuration as text, which a map becomes as JSON.
func (p *Plugin) Init() string {
	v, ok := p.InitConfig.(*Value)
	switch {
	case !ok || v.Kind == Null:
		return ""
	case v.Kind == Scalar:
		return v.Text
	}
	return string(v.AppendJSON(nil))
}
