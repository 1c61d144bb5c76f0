// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// receiver is an HTTP server that keeps what it gets and answers as told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	heads  []http.Header
	bodies []string
	answer func(n int, w http.ResponseWriter, r *http.Request) // nil: 200
}

func newReceiver(t testing.TB, answer func(int, http.ResponseWriter, *http.Request)) *receiver {
	v := &receiver{answer: answer}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	v.mu.Lock()
	v.heads = append(v.heads, r.Header.Clone())
	v.bodies = append(v.bodies, string(body))
	n := len(v.bodies)
	v.mu.Unlock()
	if v.answer != nil {
		v.answer(n, w, r)
	}
}

func openHTTP(t testing.TB, p Post, f Format) *HTTP {
	t.Helper()
	h, err := NewHTTP(p, Lines(f))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestHTTPPosts(t *testing.T) {
	v := newReceiver(t, nil)
	h := openHTTP(t, Post{URL: `"` + v.URL + `/x?key=1"`, UserAgent: "me", Headers: map[string]string{"X-Token": "t"}}, text)
	if err := h.Send(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(v.bodies, "\n")+"\n", line1+line2; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, want := range []string{"User-Agent: me", "X-Token: t", "Content-Type: text/plain"} {
		name, value, _ := strings.Cut(want, ": ")
		if got := v.heads[0].Get(name); got != value {
			t.Errorf("%s is %q", name, got)
		}
	}
	j := openHTTP(t, Post{URL: v.URL}, Format{JSON: true, Options: alert.Defaults()})
	if err := j.Send(t.Context(), two[:1]); err != nil || v.heads[2].Get("Content-Type") != "application/json" || !strings.HasPrefix(v.bodies[2], `{"hostname"`) {
		t.Errorf("got %v %q, %v", v.heads[2], v.bodies[2], err)
	}
}

func TestHTTPEveryStatus(t *testing.T) {
	code := 0
	v := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	h := openHTTP(t, Post{URL: v.URL + "/secret"}, text)
	for code = 200; code < 600; code++ {
		err := h.Send(t.Context(), two[:1])
		if code < 300 {
			if err != nil {
				t.Errorf("%d: %v", code, err)
			}
			continue
		}
		var f *output.Failure
		if !errors.As(err, &f) {
			t.Fatalf("%d is no failure: %v", code, err)
		}
		if f.Temporary == (f.Refused > 0) || f.Temporary != (len(f.Left) == 1) {
			t.Errorf("%d: temporary %v, %d left, %d refused", code, f.Temporary, len(f.Left), f.Refused)
		}
		if code < 400 && f.Temporary || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestHTTPPartOfABatch(t *testing.T) {
	var alerts []*alert.Alert
	for i := range 50 {
		alerts = append(alerts, &alert.Alert{Output: fmt.Sprintf("number %d.", i)})
	}
	v := newReceiver(t, nil)
	var down atomic.Bool
	v.answer = func(_ int, w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if strings.Contains(v.bodies[len(v.bodies)-1], "number 3.") {
			w.WriteHeader(http.StatusBadRequest)
		}
		if len(v.bodies) > 20 && down.Load() {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	down.Store(true)
	h := openHTTP(t, Post{URL: v.URL}, text)
	err := h.Send(t.Context(), alerts)
	var f *output.Failure
	if !errors.As(err, &f) || !f.Temporary || f.Refused != 1 || len(f.Left) != 30 || f.Left[0] != alerts[20] || f.After != 7*time.Second {
		t.Fatalf("got %+v", err)
	}
	down.Store(false)
	if err := h.Send(t.Context(), f.Left); err != nil {
		t.Fatal(err)
	}
}

// TestHTTPConcurrent posts a batch with several requests under way: each alert arrives once.
func TestHTTPConcurrent(t *testing.T) {
	var arrived atomic.Int64
	four := make(chan struct{})
	v := newReceiver(t, func(int, http.ResponseWriter, *http.Request) {
		if arrived.Add(1) == 4 {
			close(four)
		}
		<-four // until four are here at the same time
	})
	h := openHTTP(t, Post{URL: v.URL, Concurrency: 4}, text)
	var alerts []*alert.Alert
	for i := range 40 {
		alerts = append(alerts, &alert.Alert{Output: fmt.Sprint(i)})
	}
	if err := h.Send(t.Context(), alerts); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, b := range v.bodies {
		seen[b] = true
	}
	if len(v.bodies) != 40 || len(seen) != 40 {
		t.Errorf("%d requests, %d different", len(v.bodies), len(seen))
	}
}

func TestHTTPGzip(t *testing.T) {
	v := newReceiver(t, nil)
	h := openHTTP(t, Post{URL: v.URL, Gzip: true}, text)
	if err := h.Send(t.Context(), two); err != nil || v.heads[0].Get("Content-Encoding") != "gzip" || v.bodies[0]+"\n" != line1 {
		t.Errorf("got %v %q, %v", v.heads[0], v.bodies, err)
	}
	for _, code := range []int{http.StatusBadRequest, http.StatusUnsupportedMediaType} {
		v := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Content-Encoding") != "" {
				w.WriteHeader(code)
			}
		})
		h := openHTTP(t, Post{URL: v.URL, Gzip: true}, text)
		for range 2 {
			if err := h.Send(t.Context(), two); err != nil {
				t.Fatal(err)
			}
		}
		if len(v.bodies) != 5 { // compressed once, never again
			t.Errorf("%d requests", len(v.bodies))
		}
	}
}

func TestHTTPTimeouts(t *testing.T) {
	v := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h := openHTTP(t, Post{URL: v.URL + "/secret", Timeout: 20 * time.Millisecond, MaxTimeouts: 2}, text)
	for i, temporary := range []bool{true, true, false} {
		err := h.Send(t.Context(), two)
		var f *output.Failure
		if !errors.As(err, &f) || f.Temporary != temporary || len(f.Left) != 2 || strings.Contains(err.Error(), "secret") {
			t.Errorf("attempt %d: %v", i, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := openHTTP(t, Post{URL: v.URL, Timeout: time.Hour}, text)
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := slow.Send(ctx, two); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHTTPNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	h := openHTTP(t, Post{URL: "http://user:hidden@" + at + "/hidden?hidden"}, text)
	err = h.Send(t.Context(), two)
	var f *output.Failure
	if !errors.As(err, &f) || !f.Temporary || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), at) {
		t.Errorf("got %v", err)
	}
}

func TestHTTPEcho(t *testing.T) {
	var log bytes.Buffer
	v := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("thanks\n"), 10000)) })
	h := openHTTP(t, Post{URL: v.URL + "/secret", Echo: true, Log: slog.New(slog.NewTextHandler(&log, nil))}, text)
	if err := h.Send(t.Context(), two[:1]); err != nil || !strings.Contains(log.String(), `thanks\nthanks`) || log.Len() > 2*maxEcho || strings.Contains(log.String(), "secret") {
		t.Errorf("%d bytes logged, %v", log.Len(), err)
	}
}

func TestHTTPRefusesBadSettings(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	os.WriteFile(empty, nil, 0o600)
	for _, tt := range []struct {
		p    Post
		want string
	}{
		{Post{URL: ""}, "scheme"},
		{Post{URL: "ftp://hidden"}, "scheme"},
		{Post{URL: "http:///hidden"}, "no host"},
		{Post{URL: "http://h/%zzhidden"}, "malformed"},
		{Post{URL: "http://h", UserAgent: "a\nb"}, "User-Agent"},
		{Post{URL: "http://h", Headers: map[string]string{"a b": "hidden"}}, "a b"},
		{Post{URL: "http://h", Headers: map[string]string{"a": "hidden\n"}}, "header a"},
		{Post{URL: "https://h", TLS: TLS{CAFile: "/nowhere"}}, "nowhere"},
		{Post{URL: "https://h", TLS: TLS{CAFile: empty}}, "no certificate"},
		{Post{URL: "https://h", TLS: TLS{CAPath: filepath.Dir(empty)}}, "no certificate"},
		{Post{URL: "https://h", TLS: TLS{CAPath: "/nowhere"}}, "nowhere"},
		{Post{URL: "https://h", TLS: TLS{CertFile: empty, KeyFile: empty}}, "certificate to show"},
	} {
		_, err := NewHTTP(tt.p, Lines(text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") && tt.want != "scheme" {
			t.Errorf("%+v: %v", tt.p, err)
		}
	}
}

func TestHTTPTLS(t *testing.T) {
	ca := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	cert, key := ca.issue(t, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, ClientCAs: ca.pool}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	defer server.Close()
	clientCert, clientKey := ca.issue(t, "client")
	other := newAuthority(t)
	for _, tt := range []struct {
		name string
		tls  TLS
		want string
	}{
		{"authority and own certificate", TLS{CAFile: ca.file, CertFile: clientCert, KeyFile: clientKey}, ""},
		{"directory", TLS{CAPath: filepath.Dir(ca.file), CertFile: clientCert, KeyFile: clientKey}, ""},
		{"unchecked", TLS{Insecure: true, CertFile: clientCert, KeyFile: clientKey}, ""},
		{"without own certificate", TLS{CAFile: ca.file}, "403"},
		{"another authority", TLS{CAFile: other.file}, "certificate"},
		{"the system's", TLS{}, "certificate"},
	} {
		h := openHTTP(t, Post{URL: server.URL, TLS: tt.tls}, text)
		err := h.Send(t.Context(), two[:1])
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
		var f *output.Failure
		if errors.As(err, &f) && f.Temporary != (tt.want == "certificate") {
			t.Errorf("%s: temporary is %v of %v", tt.name, f.Temporary, err)
		}
	}
}

// TestOwnCertificateIsRenewed changes the files of a certificate while it is in use.
func TestOwnCertificateIsRenewed(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "first")
	own := &ownCertificate{certFile: cert, keyFile: key}
	first, err := own.get()
	if err != nil {
		t.Fatal(err)
	}
	cert2, key2 := ca.issue(t, "second")
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(cert2, cert) // the key does not fit yet
	if now, err := own.get(); err != nil || now != first {
		t.Errorf("while half renewed: %v", err)
	}
	rename(key2, key)
	if now, err := own.get(); err != nil || now == first {
		t.Errorf("after the renewal: %v", err)
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	for _, tt := range []struct {
		env       map[string]string
		url, want string
	}{
		{nil, "http://a.example/", ""},
		{map[string]string{"http_proxy": "http://p:1"}, "http://a.example/", "http://p:1"},
		{map[string]string{"HTTP_PROXY": "http://p:1"}, "http://a.example/", ""},
		{map[string]string{"http_proxy": "http://p:1"}, "https://a.example/", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1"}, "https://a.example/", "http://p:1"},
		{map[string]string{"ALL_PROXY": "http://p:1"}, "https://a.example/", "http://p:1"},
		{map[string]string{"https_proxy": "http://p:1", "no_proxy": ".example"}, "https://a.example/", ""},
		{map[string]string{"https_proxy": "http://p:1", "NO_PROXY": "*"}, "https://a.example/", ""},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := proxyFromEnvironment(func(n string) string { return tt.env[n] })(u)
		if s := fmt.Sprint(got); err != nil || got == nil && tt.want != "" || got != nil && s != tt.want {
			t.Errorf("%v %s: %v, %v", tt.env, tt.url, got, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, " 120 ": 2 * time.Minute, "-1": 0, "soon": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// BenchmarkHTTP posts to a local server that reads each body, as fast as both can.
func BenchmarkHTTP(b *testing.B) {
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprintf("concurrency=%d", n), func(b *testing.B) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
			defer s.Close()
			h := openHTTP(b, Post{URL: s.URL, Concurrency: n}, Format{JSON: true, Options: alert.Defaults()})
			batch := batchOf(256)
			b.ReportAllocs()
			for b.Loop() {
				if err := h.Send(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}

// pemFile writes a PEM block into a new file and returns its path.
func pemFile(t testing.TB, dir, pattern, kind string, der []byte) string {
	t.Helper()
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: der}); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
