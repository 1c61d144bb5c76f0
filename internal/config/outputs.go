// SPDX-License-Identifier: Apache-2.0

package config

// AlertFormat is how an output writes alerts.
type AlertFormat string

// The formats.
const (
	FormatFalco AlertFormat = "falco" // Falco's text or JSON line, as json_output says
	FormatOCSF  AlertFormat = "ocsf"  // OCSF detection finding
	FormatECS   AlertFormat = "ecs"   // Elastic Common Schema
	FormatCEF   AlertFormat = "cef"   // ArcSight Common Event Format
)

// UnmarshalText reads the name of a format.
func (f *AlertFormat) UnmarshalText(b []byte) (err error) {
	*f, err = choose(string(b), FormatFalco, FormatOCSF, FormatECS, FormatCEF)
	return err
}

// Formats says which format an output writes: falco, ocsf, ecs or cef.
type Formats struct {
	// Stdout is the format of stdout_output.
	Stdout AlertFormat `yaml:"stdout"`
	// File is the format of file_output.
	File AlertFormat `yaml:"file"`
	// Syslog is the format of syslog_output.
	Syslog AlertFormat `yaml:"syslog"`
	// HTTP is the format of http_output.
	HTTP AlertFormat `yaml:"http"`
	// Program is the format of program_output.
	Program AlertFormat `yaml:"program"`
}

// Delivery says how hard an output that sends over the network tries.
type Delivery struct {
	// Timeout is how long one request may take.
	Timeout Interval `yaml:"timeout"`
	// Attempts is how often a request is made that fails for a reason that may pass.
	Attempts Positive `yaml:"attempts"`
	// RetryFor is how long after the first attempt the last one may begin.
	RetryFor Interval `yaml:"retry_for"`
	// Concurrency is how many requests may be under way while alerts queue up; with 1 they always arrive in order.
	Concurrency Positive `yaml:"concurrency"`
}

// GyrHTTP adds to http_output what Falco does not have.
type GyrHTTP struct {
	// Delivery says how hard the output tries.
	Delivery Delivery `yaml:"delivery"`
	// Headers are sent with each request; the values may be secret.
	Headers map[string]string `yaml:"headers" secret:"values"`
}

// GyrSyslog adds to syslog_output what Falco does not have.
type GyrSyslog struct {
	// Address is a remote log, as in udp://host:514, tcp://host:601 or tls://host:6514; without it the local socket is used.
	Address string `yaml:"address"`
	// Facility is the facility of messages: user, daemon, auth, authpriv or local0 to local7.
	Facility string `yaml:"facility"`
	// AppName is the name under which gyr writes.
	AppName string `yaml:"app_name"`
	// CACert is a PEM file of certificates that a tls:// log is checked against, instead of the system's.
	CACert string `yaml:"ca_cert"`
	// ClientCert is the PEM file of a certificate to show to it.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is the PEM file of that certificate's private key.
	ClientKey string `yaml:"client_key"`
}

// OTLPEncoding is how OpenTelemetry logs are encoded.
type OTLPEncoding string

// The encodings.
const (
	OTLPProtobuf OTLPEncoding = "protobuf"
	OTLPJSON     OTLPEncoding = "json"
)

// UnmarshalText reads the name of an encoding.
func (e *OTLPEncoding) UnmarshalText(b []byte) (err error) {
	*e, err = choose(string(b), OTLPProtobuf, OTLPJSON)
	return err
}

// OTLP sends alerts as OpenTelemetry logs over HTTP.
type OTLP struct {
	// Enabled switches the output on.
	Enabled bool `yaml:"enabled"`
	// Endpoint is the collector, as in http://collector:4318; without a path /v1/logs is added.
	Endpoint string `yaml:"endpoint" secret:"url"`
	// Encoding is protobuf or json.
	Encoding OTLPEncoding `yaml:"encoding"`
	// Headers are sent with each request; the values may be secret.
	Headers map[string]string `yaml:"headers" secret:"values"`
	// Compress posts with gzip.
	Compress bool `yaml:"compress"`
	// Insecure does not check the collector's certificate.
	Insecure bool `yaml:"insecure"`
	// CACert is a PEM file of certificates that it is checked against, instead of the system's.
	CACert string `yaml:"ca_cert"`
	// ClientCert is the PEM file of a certificate to show to it.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is the PEM file of that certificate's private key.
	ClientKey string `yaml:"client_key"`
	// Delivery says how hard the output tries.
	Delivery Delivery `yaml:"delivery"`
}
