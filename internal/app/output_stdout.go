// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "stdout",
	doc:      "Writes one line an alert to standard output.",
	enabled:  func(c *config.Config) bool { return c.StdoutOutput.Enabled },
	form:     func(c *config.Config) config.AlertFormat { return c.Gyr.Formats.Stdout },
	settings: func(c *config.Config) any { return c.StdoutOutput },
	where:    func(*config.Config) string { return "stdout" },
	open: func(o *outputOptions) (output.Output, error) {
		return dest.NewStdout(o.stdout, o.format), nil
	},
})
