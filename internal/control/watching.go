// SPDX-License-Identifier: Apache-2.0

package control

import "time"

// The paths whose answers are streams: lines of JSON that go on until the client leaves or gyr stops.
const (
	PathTop    = "/v1/top"    // GET: a Top about once a second
	PathAlerts = "/v1/alerts" // GET: alerts, see Alert; ?last=N&priority=NAME&rule=GLOB
)

// MaxLast is the most alerts of before that a client can get.
const MaxLast = 1000

// Alert is one line of PathAlerts: the alert in the published form, with what gyr adds.
type Alert struct {
	Time     time.Time      `json:"time"`
	Rule     string         `json:"rule"`
	Priority string         `json:"priority"`
	Source   string         `json:"source"`
	Hostname string         `json:"hostname"`
	Output   string         `json:"output"`
	Message  string         `json:"message"`
	Tags     []string       `json:"tags"`
	Fields   map[string]any `json:"output_fields"`
	Extra    *Extra         `json:"gyr"`
}

// Extra is what a line of PathAlerts has beyond the alert. A line with Dropped or End set holds
// no alert.
type Extra struct {
	// Lineage is the process and those who made it, living or not, at the time of the alert. It is
	// missing from alerts that were raised while nobody was connected.
	Lineage   []Process  `json:"lineage,omitempty"`
	Container *Container `json:"container,omitempty"`
	// Dropped is how many alerts this client did not get, because it read too slowly.
	Dropped uint64 `json:"dropped,omitempty"`
	// End says why no more lines come.
	End string `json:"end,omitempty"`
}

// Process is one process of a lineage.
type Process struct {
	PID  int64  `json:"pid"`
	Name string `json:"name"`
	Exe  string `json:"exe,omitempty"`
}

// Container names a container as far as it is known.
type Container struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	Image     string `json:"image,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// Top is what went on during a second or so.
type Top struct {
	Version  string    `json:"version"`
	Hostname string    `json:"hostname"`
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`

	Time time.Time `json:"time"`
	// Seconds is the length of the time that all rates are about.
	Seconds float64 `json:"seconds"`

	Events   uint64     `json:"events"` // since the start
	Alerts   uint64     `json:"alerts"` // since the start
	EventsPS float64    `json:"events_per_second"`
	AlertsPS float64    `json:"alerts_per_second"`
	Losses   []LossRate `json:"losses"`

	// CPU is gyr's use of processors in percent of one, EventNS that time divided by the events, in
	// nanoseconds; RulesNS is the measured time of testing the rules on an event.
	CPU      float64 `json:"cpu_percent"`
	EventNS  float64 `json:"cpu_ns_per_event"`
	RulesNS  float64 `json:"rules_ns_per_event"`
	RSSBytes uint64  `json:"rss_bytes"`

	RulesInUse int `json:"rules_in_use"`
	Running    int `json:"processes_running"`

	Syscalls   []SyscallRate   `json:"system_calls"`
	Processes  []ProcessRate   `json:"processes"`
	Containers []ContainerRate `json:"containers"`
	Rules      []RuleRate      `json:"rules"`
}

// LossRate is a reason for losses of events.
type LossRate struct {
	Loss
	PerSecond float64 `json:"per_second"`
}

// SyscallRate is what one system call, or another event, took part in.
type SyscallRate struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
	Events    uint64  `json:"events"` // since the start; of calls without an event of their own, during Seconds
	// RulesNS is the mean time of testing the rules on such an event, 0 if it was never measured.
	RulesNS float64 `json:"rules_ns"`
}

// ProcessRate is what one process did. Only the busiest are counted one by one.
type ProcessRate struct {
	Process
	Container *Container `json:"container,omitempty"`
	PerSecond float64    `json:"per_second"`
	// Over is by how much PerSecond may be too large.
	Over float64 `json:"over,omitempty"`
}

// ContainerRate is what the processes of one container did; that without an ID is the host.
type ContainerRate struct {
	Container
	PerSecond float64 `json:"per_second"`
	Over      float64 `json:"over,omitempty"`
}

// RuleRate is what one rule did.
type RuleRate struct {
	Name     string `json:"name"`
	Priority string `json:"priority"`
	// Tested and Matched are per second, Matches since the start.
	Tested  float64 `json:"tested_per_second"`
	Matched float64 `json:"matched_per_second"`
	Matches uint64  `json:"matches"`
	// NS is the mean time of one test, 0 if it was never measured; CPU is what the tests take of one
	// processor, in percent. Rules share parts, so all together take less than the sum.
	NS  float64 `json:"ns"`
	CPU float64 `json:"cpu_percent"`
}
