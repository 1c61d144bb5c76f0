// SPDX-License-Identifier: Apache-2.0

package control

import "time"

// The paths that every gyr serves.
const (
	PathReload = "/v1/reload" // POST: reads configuration and rules again; answers with a Reload
	PathStatus = "/v1/status" // GET: answers with a Status
)

// Reload is what became of one reading of configuration and rules.
type Reload struct {
	OK bool `json:"ok"`
	// Generation is the number of the generation in force after it.
	Generation uint64 `json:"generation"`
	// Reason is who or what asked for it.
	Reason string    `json:"reason"`
	Time   time.Time `json:"time"`
	// BuildMS is how long the making of the new generation took, SwapMS how long until events went
	// through it, in milliseconds.
	BuildMS float64 `json:"build_ms"`
	SwapMS  float64 `json:"swap_ms"`

	// Error says in one line why it was refused, Diagnostics everything that is wrong, each as text
	// for people.
	Error       string   `json:"error,omitempty"`
	Diagnostics []string `json:"diagnostics,omitempty"`

	// InUse is how many rules are in use.
	InUse    int    `json:"rules_in_use"`
	Rules    Change `json:"rules"`
	Syscalls Change `json:"syscalls"`
	Outputs  Change `json:"outputs"`
	// Restart names keys whose new value needs a restart; the old one stays in force.
	Restart []string `json:"restart,omitempty"`
}

// Change names what differs between two generations.
type Change struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Changed []string `json:"changed,omitempty"`
}

// Empty reports whether nothing differs.
func (c *Change) Empty() bool { return len(c.Added)+len(c.Removed)+len(c.Changed) == 0 }

// Status is a page about a running gyr.
type Status struct {
	Version  string    `json:"version"`
	Falco    string    `json:"falco_version"`
	PID      int       `json:"pid"`
	Hostname string    `json:"hostname"`
	Started  time.Time `json:"started"`
	Watching bool      `json:"watching"`

	Source      string   `json:"source"`
	Misses      []string `json:"misses"` // what cannot be seen here, and why
	Syscalls    int      `json:"syscalls"`
	ConfigFiles []string `json:"config_files"`
	RulesFrom   []string `json:"rules_from"`
	RulesInUse  int      `json:"rules_in_use"`
	RulesLoaded int      `json:"rules_loaded"`

	Generation uint64    `json:"generation"`
	Since      time.Time `json:"generation_since"`
	Reloads    uint64    `json:"reloads"`
	Refused    uint64    `json:"reloads_refused"`
	LastReload *Reload   `json:"last_reload,omitempty"`

	Events  uint64   `json:"events"`
	Losses  []Loss   `json:"losses"`
	Alerts  uint64   `json:"alerts"`
	Outputs []Output `json:"outputs"`

	Threads     int    `json:"threads"`
	Processes   int    `json:"processes"`
	Descriptors int    `json:"descriptors"`
	RSSBytes    uint64 `json:"rss_bytes"`
}

// Loss counts what was lost for one reason.
type Loss struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// Output are the counters of one output.
type Output struct {
	Name    string `json:"name"`
	Where   string `json:"where"`
	Sent    uint64 `json:"sent"`
	Waiting int    `json:"waiting"`
	Losses  []Loss `json:"losses"`
}
