// SPDX-License-Identifier: Apache-2.0

// Package config is the configuration: a falco.yaml with its included files, environment variables
// and command line overrides, checked to the last key. The keys are Falco's; what is ours alone
// lives under "gyr". A struct's fields are the keys, the literal in Default their defaults, the
// comments on the fields their manual.
package config

import (
	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// Config is a whole configuration.
type Config struct {
	// Files are the files that the configuration came from, the main one first.
	Files []string `yaml:"-"`

	// ConfigFiles are further files to merge in; they are already merged when a Config exists.
	ConfigFiles []Include `yaml:"config_files"`
	// WatchConfigFiles restarts when a file of the configuration or of the rules changes.
	WatchConfigFiles bool `yaml:"watch_config_files"`

	// RulesFiles are files and directories of rules; without any the embedded rules are used.
	RulesFiles []string `yaml:"rules_files"`
	// RulesFile is the old name of RulesFiles.
	RulesFile []string `yaml:"rules_file"`
	// Rules enable and disable loaded rules, in order.
	Rules []Selection `yaml:"rules"`
	// Priority is the least serious priority whose rules are loaded.
	Priority alert.Priority `yaml:"priority"`
	// RuleMatching says whether an event raises the first matching rule or all of them.
	RuleMatching Matching `yaml:"rule_matching"`

	Engine  Engine  `yaml:"engine"`
	Capture Capture `yaml:"capture"`

	// Plugins describes plugins; LoadPlugins says which of them to load, all if the key is absent.
	Plugins         []Plugin `yaml:"plugins"`
	LoadPlugins     []string `yaml:"load_plugins"`
	PluginsHostInfo bool     `yaml:"plugins_hostinfo"`

	// TimeFormatISO8601 prints date and time in UTC instead of the local time of day.
	TimeFormatISO8601 bool `yaml:"time_format_iso_8601"`
	// BufferFormatBase64 prints data buffers in Base64.
	BufferFormatBase64 bool `yaml:"buffer_format_base64"`

	// JSONOutput writes alerts as JSON objects; the others say which properties they have.
	JSONOutput                      bool `yaml:"json_output"`
	JSONIncludeOutputProperty       bool `yaml:"json_include_output_property"`
	JSONIncludeMessageProperty      bool `yaml:"json_include_message_property"`
	JSONIncludeOutputFieldsProperty bool `yaml:"json_include_output_fields_property"`
	JSONIncludeTagsProperty         bool `yaml:"json_include_tags_property"`

	// BufferedOutputs lets outputs gather lines before they write them.
	BufferedOutputs bool         `yaml:"buffered_outputs"`
	OutputsQueue    OutputsQueue `yaml:"outputs_queue"`
	// OutputTimeout is the time in milliseconds after which a stuck output is reported.
	OutputTimeout Positive `yaml:"output_timeout"`
	// AppendOutput adds texts and fields to the outputs of rules.
	AppendOutput []Append `yaml:"append_output"`
	// StaticFields become fields static.NAME with a constant text.
	StaticFields map[string]string `yaml:"static_fields"`

	StdoutOutput  Switch        `yaml:"stdout_output"`
	SyslogOutput  Switch        `yaml:"syslog_output"`
	FileOutput    FileOutput    `yaml:"file_output"`
	HTTPOutput    HTTPOutput    `yaml:"http_output"`
	ProgramOutput ProgramOutput `yaml:"program_output"`
	GRPC          GRPC          `yaml:"grpc"`
	GRPCOutput    Switch        `yaml:"grpc_output"`
	Webserver     Webserver     `yaml:"webserver"`

	LogStderr  bool       `yaml:"log_stderr"`
	LogSyslog  bool       `yaml:"log_syslog"`
	LogLevel   Level      `yaml:"log_level"`
	LibsLogger LibsLogger `yaml:"libs_logger"`

	SyscallEventTimeouts SyscallEventTimeouts `yaml:"syscall_event_timeouts"`
	SyscallEventDrops    SyscallEventDrops    `yaml:"syscall_event_drops"`
	Metrics              Metrics              `yaml:"metrics"`
	BaseSyscalls         BaseSyscalls         `yaml:"base_syscalls"`
	FalcoLibs            FalcoLibs            `yaml:"falco_libs"`

	// Gyr holds the keys that Falco does not have.
	Gyr Gyr `yaml:"gyr"`
}

// Gyr are our own keys.
type Gyr struct {
	// SelfTest proves at start that events come through before it is said that gyr watches.
	SelfTest bool `yaml:"self_test"`
	// DrainTimeout is how many milliseconds outputs get to write what is queued when gyr stops.
	DrainTimeout Positive `yaml:"drain_timeout"`
	// HostRoot is where the host's file system is seen; the environment's HOST_ROOT by default.
	HostRoot string `yaml:"host_root"`
}

// Include is a further configuration file or directory, and how its keys are merged in.
type Include struct {
	Path     string `yaml:"path"`
	Strategy string `yaml:"strategy"`
}

// Selection enables or disables the rules of a name (with * as wildcard) or tag.
type Selection struct {
	Enable  *RuleMatch `yaml:"enable"`
	Disable *RuleMatch `yaml:"disable"`
}

// RuleMatch names rules; both parts must fit where both are given.
type RuleMatch struct {
	Rule string `yaml:"rule"`
	Tag  string `yaml:"tag"`
}

// Engine says where events come from.
type Engine struct {
	Kind       EngineKind `yaml:"kind"`
	KMod       KMod       `yaml:"kmod"`
	EBPF       KMod       `yaml:"ebpf"`
	ModernEBPF ModernEBPF `yaml:"modern_ebpf"`
	Replay     Replay     `yaml:"replay"`
	GVisor     any        `yaml:"gvisor"`
}

// KMod configures the kernel module.
type KMod struct {
	BufSizePreset  Preset `yaml:"buf_size_preset"`
	DropFailedExit bool   `yaml:"drop_failed_exit"`
	Probe          string `yaml:"probe"`
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
	CaptureFile string `yaml:"capture_file"`
}

// Capture configures the writing of capture files by rules.
type Capture struct {
	Enabled         bool        `yaml:"enabled"`
	PathPrefix      string      `yaml:"path_prefix"`
	Mode            string      `yaml:"mode"`
	DefaultDuration NonNegative `yaml:"default_duration"`
	MaxFileSizeMB   NonNegative `yaml:"max_file_size_mb"`
}

// Plugin describes a plugin.
type Plugin struct {
	Name        string `yaml:"name"`
	LibraryPath string `yaml:"library_path"`
	InitConfig  any    `yaml:"init_config"`
	OpenParams  string `yaml:"open_params"`
}

// OutputsQueue bounds the alerts that wait for an output.
type OutputsQueue struct {
	// Capacity is a number of alerts; 0 leaves only the bound in bytes.
	Capacity NonNegative `yaml:"capacity"`
}

// Append adds to the outputs of the rules that match.
type Append struct {
	Match           AppendMatch  `yaml:"match"`
	ExtraOutput     string       `yaml:"extra_output"`
	ExtraFields     []ExtraField `yaml:"extra_fields"`
	SuggestedOutput bool         `yaml:"suggested_output"`
}

// AppendMatch restricts an Append; empty parts fit every rule.
type AppendMatch struct {
	Source string   `yaml:"source"`
	Rule   string   `yaml:"rule"`
	Tags   []string `yaml:"tags"`
}

// ExtraField is an added output field: a plain field, or a key with a template.
type ExtraField struct {
	Field  string // name of a plain field; "" if Key is given
	Key    string
	Format string
}

// Switch is an output without settings.
type Switch struct {
	Enabled bool `yaml:"enabled"`
}

// FileOutput appends alerts to a file.
type FileOutput struct {
	Enabled bool `yaml:"enabled"`
	// KeepAlive keeps the file open between alerts; SIGUSR1 opens it again.
	KeepAlive bool   `yaml:"keep_alive"`
	Filename  string `yaml:"filename"`
}

// HTTPOutput posts alerts.
type HTTPOutput struct {
	Enabled                bool        `yaml:"enabled"`
	URL                    string      `yaml:"url"`
	UserAgent              string      `yaml:"user_agent"`
	Insecure               bool        `yaml:"insecure"`
	CACert                 string      `yaml:"ca_cert"`
	CABundle               string      `yaml:"ca_bundle"`
	CAPath                 string      `yaml:"ca_path"`
	MTLS                   bool        `yaml:"mtls"`
	ClientCert             string      `yaml:"client_cert"`
	ClientKey              string      `yaml:"client_key"`
	Echo                   bool        `yaml:"echo"`
	CompressUploads        bool        `yaml:"compress_uploads"`
	KeepAlive              bool        `yaml:"keep_alive"`
	MaxConsecutiveTimeouts NonNegative `yaml:"max_consecutive_timeouts"`
}

// ProgramOutput pipes alerts into a command.
type ProgramOutput struct {
	Enabled   bool   `yaml:"enabled"`
	KeepAlive bool   `yaml:"keep_alive"`
	Program   string `yaml:"program"`
}

// GRPC serves alerts and versions to clients of Falco's gRPC services, which Falco had up to 0.43.
type GRPC struct {
	Enabled bool `yaml:"enabled"`
	// BindAddress is unix:// with the path of a socket, or an address and port for mutual TLS.
	BindAddress string `yaml:"bind_address"`
	// Threadiness is accepted for old files; every connection has its own goroutine.
	Threadiness NonNegative `yaml:"threadiness"`
	// PrivateKey, CertChain and RootCerts are PEM files, for addresses other than unix://.
	PrivateKey string `yaml:"private_key"`
	CertChain  string `yaml:"cert_chain"`
	RootCerts  string `yaml:"root_certs"`
}

// Webserver serves health, versions and metrics.
type Webserver struct {
	Enabled                  bool        `yaml:"enabled"`
	Threadiness              NonNegative `yaml:"threadiness"`
	ListenPort               NonNegative `yaml:"listen_port"`
	ListenAddress            Address     `yaml:"listen_address"`
	K8sHealthzEndpoint       string      `yaml:"k8s_healthz_endpoint"`
	PrometheusMetricsEnabled bool        `yaml:"prometheus_metrics_enabled"`
	SSLEnabled               bool        `yaml:"ssl_enabled"`
	SSLCertificate           string      `yaml:"ssl_certificate"`
}

// LibsLogger sets the level of the messages of the capture side.
type LibsLogger struct {
	Enabled  bool  `yaml:"enabled"`
	Severity Level `yaml:"severity"`
}

// SyscallEventTimeouts reports long times without an event.
type SyscallEventTimeouts struct {
	MaxConsecutives NonNegative `yaml:"max_consecutives"`
}

// SyscallEventDrops says what to do when events are lost.
type SyscallEventDrops struct {
	// Threshold is the share of lost events, 0 to 1, above which the actions are taken.
	Threshold Ratio `yaml:"threshold"`
	// Actions are log, alert and exit, or ignore alone.
	Actions []DropAction `yaml:"actions"`
	// Rate and MaxBurst limit how often, in actions a second.
	Rate     float64 `yaml:"rate"`
	MaxBurst float64 `yaml:"max_burst"`
	// SimulateDrops pretends a loss every second, for tests.
	SimulateDrops bool `yaml:"simulate_drops"`
}

// Metrics configures the regular figures.
type Metrics struct {
	Enabled                          bool     `yaml:"enabled"`
	Interval                         Interval `yaml:"interval"`
	OutputRule                       bool     `yaml:"output_rule"`
	OutputFile                       string   `yaml:"output_file"`
	RulesCountersEnabled             bool     `yaml:"rules_counters_enabled"`
	ResourceUtilizationEnabled       bool     `yaml:"resource_utilization_enabled"`
	StateCountersEnabled             bool     `yaml:"state_counters_enabled"`
	KernelEventCountersEnabled       bool     `yaml:"kernel_event_counters_enabled"`
	KernelEventCountersPerCPUEnabled bool     `yaml:"kernel_event_counters_per_cpu_enabled"`
	KernelIterEventCountersEnabled   bool     `yaml:"kernel_iter_event_counters_enabled"`
	LibbpfStatsEnabled               bool     `yaml:"libbpf_stats_enabled"`
	PluginsMetricsEnabled            bool     `yaml:"plugins_metrics_enabled"`
	JemallocStatsEnabled             bool     `yaml:"jemalloc_stats_enabled"`
	ConvertMemoryToMB                bool     `yaml:"convert_memory_to_mb"`
	IncludeEmptyValues               bool     `yaml:"include_empty_values"`
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
	ThreadTableSize                      NonNegative `yaml:"thread_table_size"`
	ThreadTableAutoPurgingIntervalS      NonNegative `yaml:"thread_table_auto_purging_interval_s"`
	ThreadTableAutoPurgingThreadTimeoutS NonNegative `yaml:"thread_table_auto_purging_thread_timeout_s"`
	// Snaplen is how many bytes of a data buffer an event carries.
	Snaplen NonNegative `yaml:"snaplen"`
}

// Default returns the configuration without any file: the values of the falco.yaml that Falco
// ships, but alerts go to standard output alone and nothing is written to the system's log.
func Default() *Config {
	return &Config{
		WatchConfigFiles:                true,
		Priority:                        alert.Debug,
		RuleMatching:                    MatchFirst,
		PluginsHostInfo:                 true,
		JSONIncludeOutputProperty:       true,
		JSONIncludeOutputFieldsProperty: true,
		JSONIncludeTagsProperty:         true,
		OutputTimeout:                   2000,
		AppendOutput:                    []Append{{SuggestedOutput: true}},
		StaticFields:                    map[string]string{},
		StdoutOutput:                    Switch{Enabled: true},
		FileOutput:                      FileOutput{Filename: "./events.txt"},
		LogStderr:                       true,
		LogLevel:                        LevelInfo,
		Engine: Engine{
			Kind:       EngineModernEBPF,
			KMod:       KMod{BufSizePreset: 4},
			EBPF:       KMod{BufSizePreset: 4},
			ModernEBPF: ModernEBPF{CPUsForEachBuffer: 2, BufSizePreset: 4},
		},
		Capture: Capture{PathPrefix: "/tmp/falco", Mode: "rules", DefaultDuration: 5000},
		HTTPOutput: HTTPOutput{
			UserAgent: "falcosecurity/falco", CAPath: "/etc/ssl/certs",
			ClientCert: "/etc/ssl/certs/client.crt", ClientKey: "/etc/ssl/certs/client.key",
			MaxConsecutiveTimeouts: 5,
		},
		GRPC: GRPC{
			BindAddress: "unix:///run/falco/falco.sock", PrivateKey: "/etc/falco/certs/server.key",
			CertChain: "/etc/falco/certs/server.crt", RootCerts: "/etc/falco/certs/ca.crt",
		},
		Webserver: Webserver{
			ListenPort: 8765, ListenAddress: "0.0.0.0", K8sHealthzEndpoint: "/healthz",
			SSLCertificate: "/etc/falco/falco.pem",
		},
		LibsLogger:           LibsLogger{Enabled: true, Severity: LevelInfo},
		SyscallEventTimeouts: SyscallEventTimeouts{MaxConsecutives: 1000},
		SyscallEventDrops: SyscallEventDrops{
			Threshold: .1, Actions: []DropAction{DropLog, DropAlert}, Rate: .03333, MaxBurst: 1,
		},
		Metrics: Metrics{
			Interval: 3600_000, OutputRule: true, RulesCountersEnabled: true,
			ResourceUtilizationEnabled: true, StateCountersEnabled: true,
			KernelEventCountersEnabled: true, KernelIterEventCountersEnabled: true,
			LibbpfStatsEnabled: true, PluginsMetricsEnabled: true, ConvertMemoryToMB: true,
		},
		FalcoLibs: FalcoLibs{
			ThreadTableSize: 262144, ThreadTableAutoPurgingIntervalS: 300,
			ThreadTableAutoPurgingThreadTimeoutS: 300, Snaplen: 80,
		},
		Gyr: Gyr{SelfTest: true, DrainTimeout: 5000},
	}
}
