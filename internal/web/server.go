// SPDX-License-Identifier: Apache-2.0

// Package web is the one HTTP server of the program. Others register what they serve; the server adds
// limits, time-outs and TLS.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"time"
)

// Options say where and how to listen.
type Options struct {
	// Address is an IP address with a port; port 0 takes any that is free.
	Address string
	// Certificate is a PEM file with certificate, its chain and the private key; "" serves HTTP without
	// TLS. A changed file is read again.
	Certificate string
	// Concurrent is how many requests are served at the same time, others wait; 0: one for each
	// processor.
	Concurrent int
	// Log gets what goes wrong; nil for nowhere.
	Log *slog.Logger
}

// Limits of every connection, so that one that does nothing, or sends without end, holds little.
const (
	maxConnections = 256
	maxHeader      = 16 << 10
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = time.Minute
)

// Server serves HTTP.
type Server struct {
	o        Options
	mux      *http.ServeMux
	server   *http.Server
	listener net.Listener
	slots    chan struct{}
	done     chan struct{}
}

// New returns a server that does not listen yet.
func New(o Options) *Server {
	if o.Concurrent <= 0 {
		o.Concurrent = runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, mux: http.NewServeMux(), slots: make(chan struct{}, o.Concurrent)}
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.serve), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Handle registers a handler, before Serve, for a pattern of http.ServeMux, best with a method: "GET
// /metrics". Other methods are then refused. Two handlers for the same requests are a mistake in the
// program, and it panics.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// serve lets a request wait for its turn and passes it on.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	defer func() { <-s.slots }()
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// Listen takes the port and reads the certificate, so that what is wrong with them is known. Requests
// that come before Serve wait.
func (s *Server) Listen(ctx context.Context) error {
	var secure *tls.Config
	if s.o.Certificate != "" {
		c := &certificate{file: s.o.Certificate, log: s.o.Log}
		if err := c.load(); err != nil {
			return fmt.Errorf("web server: %w", err)
		}
		secure = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("web server: %w%s", err, listenHint(err))
	}
	l = &limited{Listener: l, slots: make(chan struct{}, maxConnections), closed: make(chan struct{})}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	s.listener = l
	return nil
}

// Addr is where the server listens, nil before Listen.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Serve begins to serve, in a goroutine of its own.
func (s *Server) Serve() {
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("the web server ended", "error", err)
		}
	}()
}

// Close ends serving: requests under way may end until ctx does.
func (s *Server) Close(ctx context.Context) {
	if s.done != nil {
		if s.server.Shutdown(ctx) != nil {
			_ = s.server.Close()
		}
		<-s.done
	}
	if s.listener != nil {
		_ = s.listener.Close()
	}
}

// listenHint is what to do when the server cannot listen.
func listenHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return " (is another program, or another gyr or falco, at webserver.listen_port?)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return " (webserver.listen_address is no address of this machine)"
	case errors.Is(err, syscall.EACCES):
		return " (ports below 1024 need CAP_NET_BIND_SERVICE)"
	}
	return ""
}
