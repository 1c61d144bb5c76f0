// SPDX-License-Identifier: Apache-2.0

package config

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
