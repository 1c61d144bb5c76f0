// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"os"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "syslog",
	doc:      "Writes one message an alert to the system's log or to a remote one.",
	enabled:  func(c *config.Config) bool { return c.SyslogOutput.Enabled },
	form:     func(c *config.Config) config.AlertFormat { return c.Gyr.Formats.Syslog },
	settings: func(c *config.Config) any { return []any{c.SyslogOutput, c.Gyr.Syslog} },
	where: func(c *config.Config) string {
		if c.Gyr.Syslog.Address != "" {
			return "syslog " + c.Gyr.Syslog.Address
		}
		return "syslog"
	},
	open: func(o *outputOptions) (output.Output, error) {
		c := &o.cfg.Gyr.Syslog
		if c.Address != "" {
			host, _ := os.Hostname() // only for alerts without one
			return dest.NewSyslogRemote(dest.RemoteLog{
				Address: c.Address, Facility: c.Facility, AppName: cmp.Or(c.AppName, programName), Hostname: host,
				TLS: dest.TLS{CAFile: c.CACert, CertFile: c.ClientCert, KeyFile: c.ClientKey},
			}, o.format)
		}
		return openLocalLog(o)
	},
	retry: func(c *config.Config) output.Retry {
		if c.Gyr.Syslog.Address == "" {
			return output.Retry{}
		}
		return output.Retry{Attempts: 20}
	},
})

// openLocalLog opens the system's own log.
func openLocalLog(o *outputOptions) (output.Output, error) {
	c := &o.cfg.Gyr.Syslog
	facility, err := dest.Facility(c.Facility)
	if err != nil {
		return nil, err
	}
	out := dest.NewSyslog(cmp.Or(c.AppName, programName), o.format)
	out.SetFacility(facility)
	if err := out.Check(); err != nil {
		o.log.Warn("nobody listens to syslog now, alerts to it are lost until somebody does", "error", err)
	}
	return out, nil
}
