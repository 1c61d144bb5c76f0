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

	// ConfigFiles are further files and directories to merge in, each with a strategy.
	ConfigFiles []Include `yaml:"config_files"`
	// WatchConfigFiles reloads when a file of the configuration or of the rules changes.
	WatchConfigFiles bool `yaml:"watch_config_files"`

	// RulesFiles are files and directories of rules; without any the embedded rules are used.
	RulesFiles []string `yaml:"rules_files"`
	// RulesFile is the old name of rules_files.
	RulesFile []string `yaml:"rules_file"`
	// Rules enable and disable loaded rules, in order.
	Rules []Selection `yaml:"rules"`
	// Priority is the least serious priority whose rules are loaded.
	Priority alert.Priority `yaml:"priority"`
	// RuleMatching says whether an event raises the first matching rule or all of them.
	RuleMatching Matching `yaml:"rule_matching"`

	// Engine says where events come from.
	Engine Engine `yaml:"engine"`
	// Capture lets rules write capture files.
	Capture Capture `yaml:"capture"`

	// Plugins describes plugins of Falco; what container and k8smeta do is built in, others cannot be loaded.
	Plugins []Plugin `yaml:"plugins"`
	// LoadPlugins names those of them that are loaded; all are if the key is absent.
	LoadPlugins []string `yaml:"load_plugins"`
	// PluginsHostInfo tells plugins of the host; what is built in always knows it.
	PluginsHostInfo bool `yaml:"plugins_hostinfo"`

	// TimeFormatISO8601 prints date and time in UTC instead of the local time of day.
	TimeFormatISO8601 bool `yaml:"time_format_iso_8601"`
	// BufferFormatBase64 prints data buffers in Base64.
	BufferFormatBase64 bool `yaml:"buffer_format_base64"`

	// JSONOutput writes alerts, lists and versions as JSON.
	JSONOutput bool `yaml:"json_output"`
	// JSONIncludeOutputProperty gives JSON alerts the property output: the text with time and priority.
	JSONIncludeOutputProperty bool `yaml:"json_include_output_property"`
	// JSONIncludeMessageProperty gives them message: the text without time and priority.
	JSONIncludeMessageProperty bool `yaml:"json_include_message_property"`
	// JSONIncludeOutputFieldsProperty gives them output_fields: the fields that the output names.
	JSONIncludeOutputFieldsProperty bool `yaml:"json_include_output_fields_property"`
	// JSONIncludeTagsProperty gives them tags: those of the rule.
	JSONIncludeTagsProperty bool `yaml:"json_include_tags_property"`

	// BufferedOutputs lets outputs gather lines before they write them.
	BufferedOutputs bool `yaml:"buffered_outputs"`
	// OutputsQueue bounds the alerts that wait for an output.
	OutputsQueue OutputsQueue `yaml:"outputs_queue"`
	// OutputTimeout is the time in milliseconds after which a stuck output is reported.
	OutputTimeout Positive `yaml:"output_timeout"`
	// AppendOutput adds texts and fields to the outputs of rules.
	AppendOutput []Append `yaml:"append_output"`
	// StaticFields become fields static.NAME with a constant text.
	StaticFields map[string]string `yaml:"static_fields"`

	// StdoutOutput writes alerts to standard output.
	StdoutOutput Switch `yaml:"stdout_output"`
	// SyslogOutput sends them to the system's log.
	SyslogOutput Switch `yaml:"syslog_output"`
	// FileOutput appends them to a file.
	FileOutput FileOutput `yaml:"file_output"`
	// HTTPOutput posts them to a server, such as Falcosidekick.
	HTTPOutput HTTPOutput `yaml:"http_output"`
	// ProgramOutput pipes them into a command.
	ProgramOutput ProgramOutput `yaml:"program_output"`
	// GRPC is the server of Falco's gRPC services (Falco up to 0.43).
	GRPC GRPC `yaml:"grpc"`
	// GRPCOutput offers alerts to the clients of that server.
	GRPCOutput Switch `yaml:"grpc_output"`
	// Webserver serves health, versions and metrics.
	Webserver Webserver `yaml:"webserver"`

	// LogStderr writes messages of gyr itself to standard error.
	LogStderr bool `yaml:"log_stderr"`
	// LogSyslog sends them to the system's log.
	LogSyslog bool `yaml:"log_syslog"`
	// LogLevel is the least serious level of messages: emergency, alert, critical, error, warning, notice, info or debug.
	LogLevel Level `yaml:"log_level"`
	// LibsLogger is the same for what reads events.
	LibsLogger LibsLogger `yaml:"libs_logger"`

	// SyscallEventTimeouts reports long times without an event.
	SyscallEventTimeouts SyscallEventTimeouts `yaml:"syscall_event_timeouts"`
	// SyscallEventDrops says what to do when events are lost.
	SyscallEventDrops SyscallEventDrops `yaml:"syscall_event_drops"`
	// Metrics configures the regular figures.
	Metrics Metrics `yaml:"metrics"`
	// BaseSyscalls says which system calls are watched beyond those that rules name.
	BaseSyscalls BaseSyscalls `yaml:"base_syscalls"`
	// FalcoLibs bounds what is remembered of threads and data.
	FalcoLibs FalcoLibs `yaml:"falco_libs"`

	// Gyr holds the keys that Falco does not have.
	Gyr Gyr `yaml:"gyr"`
}

// Gyr are our own keys.
type Gyr struct {
	// SelfTest proves at start that events come through before it is said that gyr watches.
	SelfTest bool `yaml:"self_test"`
	// SelfTestInterval is after how many milliseconds the same is proved again, while gyr watches, for
	// the health check; 0: never.
	SelfTestInterval NonNegative `yaml:"self_test_interval"`
	// DrainTimeout is how many milliseconds outputs get to write what is queued when gyr stops.
	DrainTimeout Positive `yaml:"drain_timeout"`
	// HostRoot is where the host's file system is seen; the environment's HOST_ROOT by default.
	HostRoot string `yaml:"host_root"`
	// Control is the socket for gyr reload, gyr status and others that look into the running program.
	Control Control `yaml:"control"`
	// Log is the form of gyr's own messages.
	Log Log `yaml:"log"`
	// Formats says which outputs write another format than Falco's.
	Formats Formats `yaml:"formats"`
	// HTTP adds to http_output.
	HTTP GyrHTTP `yaml:"http"`
	// Syslog adds to syslog_output.
	Syslog GyrSyslog `yaml:"syslog"`
	// OTLP sends alerts as OpenTelemetry logs.
	OTLP OTLP `yaml:"otlp"`
	// Capture adds to capture.
	Capture GyrCapture `yaml:"capture"`
}

// defaultDelivery tries for about two minutes, or five where the receiver asks for long pauses.
var defaultDelivery = Delivery{Timeout: 10_000, Attempts: 12, RetryFor: 300_000, Concurrency: 8}

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
		Gyr: Gyr{
			SelfTest: true, SelfTestInterval: 15_000, DrainTimeout: 5000, Control: Control{Socket: DefaultSocket}, Log: Log{Format: LogText},
			Formats: Formats{Stdout: FormatFalco, File: FormatFalco, Syslog: FormatFalco, HTTP: FormatFalco, Program: FormatFalco},
			HTTP:    GyrHTTP{Delivery: defaultDelivery, Headers: map[string]string{}},
			Syslog:  GyrSyslog{Facility: "user", AppName: "gyr"},
			OTLP:    OTLP{Encoding: OTLPProtobuf, Headers: map[string]string{}, Compress: true, Delivery: defaultDelivery},
			Capture: GyrCapture{BeforeMB: 8, Format: "widest"},
		},
	}
}
