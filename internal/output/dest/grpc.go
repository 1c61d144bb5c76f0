// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/outputspb"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/versionpb"
)

// Server says where and how the gRPC services of Falco are offered.
type Server struct {
	// Address is unix:// with the path of a socket, which only its owner may use, or host:port with
	// mutual TLS.
	Address string
	// KeyFile, CertFile and RootsFile are PEM files: the server's key and certificates, and those that
	// clients are checked against.
	KeyFile, CertFile, RootsFile string
	// Capacity is how many alerts wait for clients; 0: as many as fit into MaxBytes.
	Capacity int
	// MaxBytes is how much memory they may hold, 64 MiB if 0.
	MaxBytes int
	// Version and Engine are the versions that clients are told, as in 0.43.0, and Build what else
	// there is to say about the first.
	Version, Engine, Build string
	// Log gets what goes wrong; nil for nowhere.
	Log *slog.Logger
}

// GRPC keeps alerts until clients fetch them. Each alert goes to one client, as with Falco: several
// clients share them.
type GRPC struct {
	outputspb.UnimplementedServiceServer
	o      Server
	format Format
	server *grpc.Server
	ended  chan struct{} // closed when the server no longer accepts

	mu      sync.Mutex
	waiting []*alert.Alert
	bytes   int
	changed chan struct{} // closed and replaced when something was added or the end began
	closing bool
	streams atomic.Int64 // clients that take whatever comes
}

// Limits of a server, which keep one client from using up the machine.
const (
	maxStreams = 128
	maxRequest = 64 << 10
)

// NewGRPC starts the server.
func NewGRPC(o Server, f Format) (*GRPC, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	g := &GRPC{o: o, format: f, ended: make(chan struct{}), changed: make(chan struct{})}
	versions, err := newVersions(o)
	if err != nil {
		return nil, err
	}
	options := []grpc.ServerOption{grpc.MaxConcurrentStreams(maxStreams), grpc.MaxRecvMsgSize(maxRequest), grpc.ConnectionTimeout(10 * time.Second)}
	listen := listenUnix
	path, local := strings.CutPrefix(o.Address, "unix://")
	if !local {
		c, err := o.tls()
		if err != nil {
			return nil, err
		}
		path, listen = o.Address, listenTCP
		options = append(options, grpc.Creds(credentials.NewTLS(c)))
	}
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	g.server = grpc.NewServer(options...)
	outputspb.RegisterServiceServer(g.server, g)
	versionpb.RegisterServiceServer(g.server, versions)
	go func() {
		defer close(g.ended)
		if err := g.server.Serve(l); err != nil {
			o.Log.Error("gRPC server ended", "error", err)
		}
	}()
	return g, nil
}

// tls makes clients show a certificate.
func (o *Server) tls() (*tls.Config, error) {
	own := &ownCertificate{certFile: o.CertFile, keyFile: o.KeyFile}
	if _, err := own.get(); err != nil {
		return nil, err
	}
	roots, err := poolOf(o.RootsFile)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.get() },
	}, nil
}

// Name is "grpc".
func (g *GRPC) Name() string { return "grpc" }

// Send keeps the alerts for the clients.
func (g *GRPC) Send(ctx context.Context, alerts []*alert.Alert) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	full := 0
	for _, a := range alerts {
		size := output.Size(a)
		if g.o.Capacity > 0 && len(g.waiting) >= g.o.Capacity || g.bytes+size > g.o.MaxBytes && len(g.waiting) > 0 {
			full++
			continue
		}
		g.waiting = append(g.waiting, a)
		g.bytes += size
	}
	g.wake()
	if full > 0 {
		return &output.Failure{Left: []*alert.Alert{}, Full: full, Err: errors.New("too many alerts wait for gRPC clients")}
	}
	return nil
}

// wake lets all streams look again. g must be locked.
func (g *GRPC) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Held is how many alerts wait for clients.
func (g *GRPC) Held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// pop takes the first waiting alert, nil if there is none; then changed is closed at the next change,
// and closing says that no alert will come any more.
func (g *GRPC) pop() (a *alert.Alert, changed <-chan struct{}, closing bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil, g.changed, g.closing
	}
	a = g.waiting[0]
	g.waiting[0] = nil
	g.waiting = g.waiting[1:]
	g.bytes -= output.Size(a)
	return a, nil, false
}

// putBack makes an alert that could not be sent the first again.
func (g *GRPC) putBack(a *alert.Alert) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append([]*alert.Alert{a}, g.waiting...)
	g.bytes += output.Size(a)
	g.wake()
}

// sender is the sending side of both kinds of streams.
type sender interface {
	Send(*outputspb.Response) error
	Context() context.Context
}

// pass sends up to limit alerts that wait to a client. It returns with nil when none waits any more.
func (g *GRPC) pass(s sender, limit int) (changed <-chan struct{}, closing bool, err error) {
	for range limit {
		a, changed, closing := g.pop()
		if a == nil {
			return changed, closing, nil
		}
		if err := s.Send(g.response(a)); err != nil {
			g.putBack(a)
			return nil, false, err
		}
	}
	return nil, false, nil
}

// Get sends a client the alerts that wait now.
func (g *GRPC) Get(_ *outputspb.Request, s outputspb.Service_GetServer) error {
	_, _, err := g.pass(s, g.Held())
	return err
}

// Sub sends a client alerts from its first request on, until it or the server ends.
func (g *GRPC) Sub(s outputspb.Service_SubServer) error {
	if _, err := s.Recv(); err != nil {
		return ignoreEOF(err)
	}
	g.streams.Add(1)
	defer g.streams.Add(-1)
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Recv(); err != nil {
				done <- ignoreEOF(err)
				return
			}
		}
	}()
	for {
		changed, closing, err := g.pass(s, 1<<30)
		if err != nil || closing {
			return err
		}
		select {
		case err := <-done:
			if err == nil {
				_, _, err = g.pass(s, g.Held())
			}
			return err
		case <-s.Context().Done():
			return status.FromContextError(s.Context().Err()).Err()
		case <-changed:
		}
	}
}

// ignoreEOF makes the regular end of a client's requests no error.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Drain waits until all alerts are fetched, as long as somebody takes them and ctx lasts.
func (g *GRPC) Drain(ctx context.Context) int {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if n := g.Held(); n == 0 || g.streams.Load() == 0 {
			return n
		}
		select {
		case <-ctx.Done():
			return g.Held()
		case <-look.C:
		}
	}
}

// Close ends the streams and the server.
func (g *GRPC) Close() error {
	g.mu.Lock()
	g.closing = true
	g.waiting, g.bytes = nil, 0
	g.wake()
	g.mu.Unlock()
	hard := time.AfterFunc(time.Second, g.server.Stop)
	defer hard.Stop()
	g.server.GracefulStop()
	<-g.ended
	return nil
}

// versions answers the question for the version.
type versions struct {
	versionpb.UnimplementedServiceServer
	answer *versionpb.Response
}

// newVersions takes the versions of o apart.
func newVersions(o Server) (*versions, error) {
	v, err := parts(o.Version)
	if err != nil {
		return nil, err
	}
	e, err := parts(o.Engine)
	if err != nil {
		return nil, err
	}
	return &versions{answer: &versionpb.Response{
		Version: o.Version, Major: v[0], Minor: v[1], Patch: v[2], Build: o.Build,
		EngineVersion: o.Engine, EngineMajor: e[0], EngineMinor: e[1], EnginePatch: e[2],
	}}, nil
}

// parts reads three numbers with dots between.
func parts(version string) (n [3]uint32, err error) {
	words := strings.Split(version, ".")
	if len(words) != 3 {
		return n, fmt.Errorf("version %q does not have three numbers", version)
	}
	for i, w := range words {
		v, err := strconv.ParseUint(w, 10, 32)
		if err != nil {
			return n, fmt.Errorf("version %q does not have three numbers", version)
		}
		n[i] = uint32(v)
	}
	return n, nil
}

// Version answers a client.
func (v *versions) Version(ctx context.Context, _ *versionpb.Request) (*versionpb.Response, error) {
	if ctx.Err() != nil {
		return nil, status.Error(codes.Canceled, "canceled")
	}
	return v.answer, nil
}
