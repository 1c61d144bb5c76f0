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
