// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/web"
)

// openWeb takes the web server's port, so that what is wrong with it stops the start early. Requests
// wait until serveWeb.
func (a *App) openWeb(ctx context.Context) error {
	w := &a.cfg.Webserver
	if !w.Enabled || a.replays() || a.o.DryRun {
		return nil
	}
	o := web.Options{
		Address:    net.JoinHostPort(string(w.ListenAddress), strconv.Itoa(int(w.ListenPort))),
		Concurrent: int(w.Threadiness), Log: a.log,
	}
	if w.SSLEnabled {
		o.Certificate = w.SSLCertificate
	}
	s := web.New(o)
	if err := s.Listen(ctx); err != nil {
		return err
	}
	a.web = s
	a.onStop(func() { s.Close(context.Background()) })
	s.Handle("GET "+w.K8sHealthzEndpoint, web.HealthHandler(a.health))
	s.Handle("GET /versions", web.JSONHandler(CurrentVersions()))
	if a.cfg.Metrics.Enabled && w.PrometheusMetricsEnabled {
		s.Handle("GET /metrics", web.TextHandler(metric.ContentType, func(*http.Request) []byte {
			o := metricOptions(a.config())
			return metric.AppendPrometheus(nil, a.snapshot(nil), &o)
		}))
	}
	return nil
}

// webCloseWait is how long requests under way may take when gyr stops.
const webCloseWait = time.Second

// serveWeb answers requests from now on, until the source is closed.
func (a *App) serveWeb(context.Context) error {
	if a.web == nil {
		return nil
	}
	a.web.Serve()
	a.onStop(func() {
		ctx, cancel := context.WithTimeout(context.Background(), webCloseWait)
		defer cancel()
		a.web.Close(ctx)
	})
	scheme := "http"
	if a.cfg.Webserver.SSLEnabled {
		scheme = "https"
	}
	a.say("serves", "web server listens at "+scheme+"://"+a.web.Addr().String())
	return nil
}
