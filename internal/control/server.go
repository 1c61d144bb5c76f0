// SPDX-License-Identifier: Apache-2.0

// Package control is the way to talk to a running gyr: HTTP with JSON over a unix socket that only
// root and the user of gyr may use. Others register what they serve with Server.Handle; Client is
// the other end.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a unix socket (sun_path less its final NUL).
const maxPath = 107

// Limits of requests and of the server's end.
const (
	maxBody     = 64 << 10
	maxHeader   = 8 << 10
	headerTime  = 5 * time.Second
	closingTime = time.Second
)

// HeldError says that another process serves the socket.
type HeldError struct {
	Path string
	PID  int // 0 if unknown
}

// Error names the process.
func (e *HeldError) Error() string {
	by := "another process"
	if e.PID > 0 {
		by = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("the control socket %q is held by %s (set gyr.control.socket to another path to control this one too)", e.Path, by)
}

// Server serves the socket.
type Server struct {
	path string
	lock *os.File
	mux  *http.ServeMux
	http *http.Server
	log  *slog.Logger
	done chan struct{}
	// allow decides over the user of the other end.
	allow func(uid uint32) bool
	// end ends the contexts of requests under way.
	end context.CancelFunc
}

// Listen makes the socket and serves it. A socket that a dead process left is replaced. If a living
// one serves it the error is a *HeldError. Close ends the serving.
func Listen(path string, log *slog.Logger) (*Server, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("control socket %q: the path is too long (at most %d bytes)", path, maxPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	s := &Server{path: path, lock: lock, mux: http.NewServeMux(), log: log, done: make(chan struct{}), allow: allowed, end: end}
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: headerTime, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: withPeer, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the control socket is no longer served", "error", err)
		}
	}()
	return s, nil
}

// takeLock takes the lock file beside the socket, which says, other than the socket itself, whether
// who made it still lives.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("control socket: lock %q: %w", f.Name(), err)
		}
		text := make([]byte, 16)
		n, _ := f.ReadAt(text, 0)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:n])))
		return nil, &HeldError{Path: path, PID: pid}
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	return f, nil
}

// bind makes the socket, in the place of an old one.
func bind(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("%q is there and no socket", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Handle registers what answers to a pattern of http.ServeMux, such as "GET /v1/alerts". A handler
// that streams ends when the request's context does: also when the server closes. Any goroutine
// may call it, once for a pattern.
func (s *Server) Handle(pattern string, h http.HandlerFunc) { s.mux.HandleFunc(pattern, h) }

// Path is where the socket is.
func (s *Server) Path() string { return s.path }

// peerKey is under which a connection's context holds the user of the other end.
type peerKey struct{}

// withPeer notes who is at the other end of a connection; the kernel tells.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	if err := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || cred == nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, *cred)
}

// allowed lets root in, and the user that gyr runs as.
func allowed(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// serve answers a request if it comes from somebody who may ask.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	cred, ok := r.Context().Value(peerKey{}).(unix.Ucred)
	if !ok || !s.allow(cred.Uid) {
		s.log.Warn("somebody who may not wanted to use the control socket", "uid", cred.Uid, "pid", cred.Pid, "path", r.URL.Path)
		Fail(w, http.StatusForbidden, fmt.Errorf("user %d may not control gyr (root and user %d may)", cred.Uid, os.Geteuid()))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if _, pattern := s.mux.Handler(r); pattern == "" {
		Fail(w, http.StatusNotFound, fmt.Errorf("this gyr has no %s %q (it is another version?)", r.Method, r.URL.Path))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// failure is the body of an answer that says what went wrong.
type failure struct {
	Error string `json:"error"`
}

// Reply answers with a value as JSON.
func Reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // who asked may be gone
}

// Fail answers with an error.
func Fail(w http.ResponseWriter, status int, err error) { Reply(w, status, failure{err.Error()}) }

// Close ends the serving, also of streams, and removes the socket.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closingTime)
	defer cancel()
	s.end()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return errors.Join(err, s.lock.Close())
}
