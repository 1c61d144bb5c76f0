// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "program",
	doc:      "Writes one line an alert to the standard input of a program.",
	enabled:  func(c *config.Config) bool { return c.ProgramOutput.Enabled },
	form:     func(c *config.Config) config.AlertFormat { return c.Gyr.Formats.Program },
	settings: func(c *config.Config) any { return c.ProgramOutput },
	// The command line may hold a secret.
	where: func(*config.Config) string { return "program" },
	open: func(o *outputOptions) (output.Output, error) {
		return dest.NewProgram(dest.Command{
			Line: o.cfg.ProgramOutput.Program, KeepAlive: o.cfg.ProgramOutput.KeepAlive, Stdout: o.stdout, Log: o.log,
		}, o.format), nil
	},
	// A program that ends is started again for as long as it takes, as a daemon would be.
	retry: func(*config.Config) output.Retry { return output.Retry{Attempts: 20} },
})
