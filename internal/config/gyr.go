// SPDX-License-Identifier: Apache-2.0

package config

// DefaultSocket is where the control socket is unless the configuration says otherwise.
const DefaultSocket = "/run/gyr/gyr.sock"

// Control configures the control socket.
type Control struct {
	// Socket is the path of the socket; empty for none.
	Socket string `yaml:"socket"`
}

// Log configures the messages of gyr itself.
type Log struct {
	// Format is how they are written to standard error: text as Falco's, or one JSON object a line.
	Format LogFormat `yaml:"format"`
}

// LogFormat is a form of log lines.
type LogFormat string

// The forms.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText reads the name of a form.
func (f *LogFormat) UnmarshalText(b []byte) (err error) {
	*f, err = choose(string(b), LogText, LogJSON)
	return err
}
