// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "grpc",
	doc:      "Keeps alerts until clients of Falco's gRPC service fetch them.",
	enabled:  func(c *config.Config) bool { return c.GRPC.Enabled },
	silent:   func(c *config.Config) bool { return !c.GRPCOutput.Enabled },
	settings: func(c *config.Config) any { return []any{c.GRPC, c.GRPCOutput} },
	where:    func(c *config.Config) string { return "grpc " + strings.TrimPrefix(c.GRPC.BindAddress, "unix://") },
	open: func(o *outputOptions) (output.Output, error) {
		c := &o.cfg.GRPC
		return dest.NewGRPC(dest.Server{
			Address: c.BindAddress, KeyFile: c.PrivateKey, CertFile: c.CertChain, RootsFile: c.RootCerts,
			Capacity: int(o.cfg.OutputsQueue.Capacity),
			Version:  FalcoVersion, Engine: EngineVersion, Build: programName + "-" + Version, Log: o.log,
		}, o.format)
	},
})
