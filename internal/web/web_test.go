// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// start serves on a free port until the test ends.
func start(t *testing.T, o Options, register func(*Server)) (s *Server, url string) {
	t.Helper()
	o.Address = "127.0.0.1:0"
	s = New(o)
	if register != nil {
		register(s)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { s.Close(context.Background()) })
	return s, "http://" + s.Addr().String()
}

// get asks and returns status and body.
func get(t *testing.T, c *http.Client, method, url string) (code int, body string, h http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestHealth(t *testing.T) {
	var now Health
	_, url := start(t, Options{}, func(s *Server) { s.Handle("GET /healthz", HealthHandler(func() Health { return now })) })
	tests := []struct {
		health Health
		query  string
		code   int
		body   string
	}{
		{Health{}, "", 200, `{"status": "ok"}`},
		{Health{Details: 5}, "", 200, `{"status": "ok"}`},
		{Health{Details: 5}, "?verbose", 200, `{"status":"ok","details":5}`},
		{Health{Degraded: []string{"slow"}}, "", 200, `{"status":"degraded","reasons":["slow"]}`},
		{Health{Failing: []string{"blind"}, Degraded: []string{"slow"}}, "", 503, `{"status":"failing","reasons":["blind","slow"]}`},
	}
	for _, tt := range tests {
		now = tt.health
		code, body, h := get(t, http.DefaultClient, "GET", url+"/healthz"+tt.query)
		if code != tt.code || body != tt.body || h.Get("Content-Type") != "application/json" {
			t.Errorf("%+v: %d %s %v", tt.health, code, body, h)
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	_, url := start(t, Options{}, func(s *Server) {
		s.Handle("GET /versions", JSONHandler(map[string]string{"a": "<b>"}))
		s.Handle("GET /metrics", TextHandler("text/plain; version=0.0.4", func(*http.Request) []byte { return []byte("x 1\n") }))
	})
	for _, tt := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/versions", 200, `{"a":"<b>"}`}, {"GET", "/metrics", 200, "x 1\n"}, {"HEAD", "/metrics", 200, ""},
		{"POST", "/metrics", 405, "Method Not Allowed\n"}, {"DELETE", "/versions", 405, "Method Not Allowed\n"},
		{"GET", "/", 404, "404 page not found\n"}, {"GET", "/metrics/..%2f", 404, "404 page not found\n"},
	} {
		if code, body, _ := get(t, http.DefaultClient, tt.method, url+tt.path); code != tt.code || body != tt.body {
			t.Errorf("%s %s: %d %q", tt.method, tt.path, code, body)
		}
	}
	// The server may close the connection before all of it was written.
	resp, err := http.Get(url + "/versions?" + strings.Repeat("a", 2*maxHeader))
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header that is too large: %d", resp.StatusCode)
		}
	}
}

func TestConcurrencyIsLimited(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	release := make(chan struct{})
	entered := make(chan struct{}, 10)
	_, url := start(t, Options{Concurrent: 2}, func(s *Server) {
		s.Handle("GET /", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			entered <- struct{}{}
			<-release
			mu.Lock()
			now--
			mu.Unlock()
		}))
	})
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if resp, err := http.Get(url); err == nil {
				resp.Body.Close()
			}
		})
	}
	<-entered
	<-entered
	close(release)
	all.Wait()
	if most != 2 || len(entered) != 3 {
		t.Errorf("%d at the same time, %d later", most, len(entered))
	}
}

func TestAddressOfAnother(t *testing.T) {
	if err := New(Options{Address: "192.0.2.77:0"}).Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "no address of this machine") {
		t.Errorf("got %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	s, _ := start(t, Options{}, nil)
	other := New(Options{Address: s.Addr().String()})
	if err := other.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use (is another program") {
		t.Errorf("got %v", err)
	}
	other.Close(t.Context())
}

// Requests that come between Listen and Serve are answered.
func TestRequestsWaitForServe(t *testing.T) {
	s := New(Options{Address: "127.0.0.1:0"})
	s.Handle("GET /", JSONHandler(1))
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	s.Serve()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "200 OK") {
		t.Errorf("%q, %v", line, err)
	}
}

// Close ends although connections are open and all slots taken.
func TestCloseWithOpenConnections(t *testing.T) {
	s := New(Options{Address: "127.0.0.1:0"})
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.listener.(*limited).slots = make(chan struct{}, 2)
	s.Serve()
	for range 4 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET / HTTP/1.1\r\n") // never complete
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.Close(ctx)
}

// writeCertificate makes a PEM file with a new certificate and its key.
func writeCertificate(t *testing.T, file, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	content := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "falco.pem")
	writeCertificate(t, file, "first")
	var log syncBuffer
	s, _ := start(t, Options{Certificate: file, Log: slog.New(slog.NewTextHandler(&log, nil))}, func(s *Server) { s.Handle("GET /", JSONHandler(1)) })
	url := "https://" + s.Addr().String()
	// ask makes a new connection and returns the name in its certificate.
	ask := func() string {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.TLS.PeerCertificates[0].Subject.CommonName
	}
	if name := ask(); name != "first" {
		t.Errorf("got %s", name)
	}
	writeCertificate(t, file, "second")
	await(t, func() bool { return ask() == "second" })
	if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		if name := ask(); name != "second" {
			t.Errorf("the old certificate is gone: %s", name)
		}
		return strings.Contains(log.String(), "cannot be used, the old one stays")
	})
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// syncBuffer is a text that several goroutines may write and read.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// await polls until a condition holds.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it never came")
		}
	}
}

func TestBadCertificates(t *testing.T) {
	dir := t.TempDir()
	half := filepath.Join(dir, "half.pem")
	writeCertificate(t, half, "x")
	b, err := os.ReadFile(half)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, b[:strings.Index(string(b), "-----BEGIN PRIVATE")], 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{filepath.Join(dir, "absent"): "no such file", half: "must hold certificate and private key"} {
		s := New(Options{Address: "127.0.0.1:0", Certificate: file})
		if err := s.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), want) || s.Addr() != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
