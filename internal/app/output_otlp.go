// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "otlp",
	doc:      "Sends alerts as OpenTelemetry logs over HTTP, many in one request.",
	enabled:  func(c *config.Config) bool { return c.Gyr.OTLP.Enabled },
	settings: func(c *config.Config) any { return c.Gyr.OTLP },
	where:    func(c *config.Config) string { return "otlp " + hostOf(c.Gyr.OTLP.Endpoint) },
	open: func(o *outputOptions) (output.Output, error) {
		c := &o.cfg.Gyr.OTLP
		p := dest.Post{
			URL: dest.OTLPEndpoint(c.Endpoint), UserAgent: programName + "/" + Version, Headers: c.Headers,
			TLS:         dest.TLS{Insecure: c.Insecure, CAFile: c.CACert, CertFile: c.ClientCert, KeyFile: c.ClientKey},
			MaxTimeouts: int(c.Delivery.Attempts), Gzip: c.Compress, KeepAlive: true, Log: o.log,
		}
		applyDelivery(&p, &c.Delivery)
		return dest.NewHTTP(p, dest.OTLPLogs(Version, c.Encoding == config.OTLPJSON))
	},
	retry: func(c *config.Config) output.Retry { return retryOf(&c.Gyr.OTLP.Delivery) },
})
