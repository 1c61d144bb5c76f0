// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/url"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

var _ = registerDestination(destination{
	name:     "http",
	doc:      "Posts each alert to a URL.",
	enabled:  func(c *config.Config) bool { return c.HTTPOutput.Enabled },
	form:     func(c *config.Config) config.AlertFormat { return c.Gyr.Formats.HTTP },
	settings: func(c *config.Config) any { return []any{c.HTTPOutput, c.Gyr.HTTP} },
	where:    func(c *config.Config) string { return "http " + hostOf(c.HTTPOutput.URL) },
	open: func(o *outputOptions) (output.Output, error) {
		c := &o.cfg.HTTPOutput
		p := dest.Post{
			URL: c.URL, UserAgent: c.UserAgent, Headers: o.cfg.Gyr.HTTP.Headers,
			TLS:         dest.TLS{Insecure: c.Insecure, CAFile: c.CACert, CAPath: c.CAPath},
			MaxTimeouts: int(c.MaxConsecutiveTimeouts), Gzip: c.CompressUploads, KeepAlive: c.KeepAlive,
			Echo: c.Echo, Log: o.log,
		}
		if p.TLS.CAFile == "" {
			p.TLS.CAFile = c.CABundle
		}
		if c.MTLS {
			p.TLS.CertFile, p.TLS.KeyFile = c.ClientCert, c.ClientKey
		}
		applyDelivery(&p, &o.cfg.Gyr.HTTP.Delivery)
		return dest.NewHTTP(p, dest.Lines(o.format))
	},
	retry: func(c *config.Config) output.Retry { return retryOf(&c.Gyr.HTTP.Delivery) },
})

// applyDelivery sets what one request and several of them at a time need.
func applyDelivery(p *dest.Post, d *config.Delivery) {
	p.Timeout, p.Concurrency = d.Timeout.Duration(), int(d.Concurrency)
}

// retryOf is the policy for failures that may pass.
func retryOf(d *config.Delivery) output.Retry {
	return output.Retry{Attempts: int(d.Attempts), Within: d.RetryFor.Duration()}
}

// hostOf is all of a URL that may be shown.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(malformed URL)"
	}
	return u.Host
}
