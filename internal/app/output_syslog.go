// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "syslog",
	doc:      "Writes one message an alert to the system's log.",
	enabled:  func(c *config.Config) bool { return c.SyslogOutput.Enabled },
	settings: func(c *config.Config) any { return c.SyslogOutput },
	where:    func(*config.Config) string { return "syslog" },
	open: func(o *outputOptions) (output.Output, error) {
		out := dest.NewSyslog(programName, o.format)
		if err := out.Check(); err != nil {
			o.log.Warn("nobody listens to syslog now, alerts to it are lost until somebody does", "error", err)
		}
		return out, nil
	},
})
