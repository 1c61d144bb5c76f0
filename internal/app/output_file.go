// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "file",
	doc:      "Appends one line an alert to a file.",
	enabled:  func(c *config.Config) bool { return c.FileOutput.Enabled },
	form:     func(c *config.Config) config.AlertFormat { return c.Gyr.Formats.File },
	settings: func(c *config.Config) any { return c.FileOutput },
	where:    func(c *config.Config) string { return "file " + c.FileOutput.Filename },
	open: func(o *outputOptions) (output.Output, error) {
		return dest.NewFile(o.cfg.FileOutput.Filename, o.cfg.FileOutput.KeepAlive, o.format)
	},
})
