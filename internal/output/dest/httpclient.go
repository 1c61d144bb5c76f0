// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http/httpproxy"

	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// Post says how bodies are posted to a receiver. It is common to all destinations that speak HTTP.
type Post struct {
	// URL is where to. It may hold a secret: only its host is ever shown.
	URL string
	// UserAgent and Headers go with each request; the headers' values may be secret.
	UserAgent string
	Headers   map[string]string
	TLS       TLS
	// Timeout is how long one request may take, 10 s if 0.
	Timeout time.Duration
	// MaxTimeouts is how many time-outs in a row are followed by another attempt.
	MaxTimeouts int
	// Concurrency is how many requests may be under way, 1 if 0.
	Concurrency int
	// Gzip compresses bodies. A receiver that does not understand that gets them as they are.
	Gzip bool
	// KeepAlive probes idle TCP connections, so that a firewall does not forget them.
	KeepAlive bool
	// Echo logs what the receiver answers.
	Echo bool
	// Log gets what Echo asks for and what is worth to know; nil for nowhere.
	Log *slog.Logger
}

// Limits of what is read of an answer: shown in messages, and read so that its connection can be used again.
const (
	maxEcho   = 4 << 10
	maxAnswer = 256 << 10
)

// poster is an open Post. Its post may be called by several goroutines.
type poster struct {
	Post
	client   *http.Client
	header   http.Header
	host     string // all of the URL that may be shown
	gzip     atomic.Bool
	timeouts atomic.Int64
}

// newPoster checks and reads what a Post names; it does not connect.
func newPoster(p Post) (*poster, error) {
	p.URL = unquote(p.URL)
	u, err := url.Parse(p.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL is malformed (it is not shown because it may hold a secret)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL has scheme %q (http or https are possible)", u.Scheme)
	case u.Host == "":
		return nil, errors.New("the URL has no host")
	}
	if p.Timeout <= 0 {
		p.Timeout = 10 * time.Second
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	p.Concurrency = max(p.Concurrency, 1)
	config, err := p.TLS.Config()
	if err != nil {
		return nil, err
	}
	o := &poster{Post: p, host: u.Scheme + "://" + u.Host, header: http.Header{}}
	o.gzip.Store(p.Gzip)
	o.client = o.newClient(config)
	return o, o.setHeader("User-Agent", p.UserAgent, p.Headers)
}

// unquote removes quotes around a URL, which old configurations have.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// setHeader keeps one header and those of a map.
func (o *poster) setHeader(name, value string, more map[string]string) error {
	if value != "" && !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("header %s has a value that HTTP does not allow", name)
	}
	o.header.Set(name, value)
	for name, value := range more {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%q is not the name of a header", name)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("header %s has a value that HTTP does not allow", name)
		}
		o.header.Set(name, value)
	}
	return nil
}

// newClient makes a client that keeps its connections, follows no redirection and no more proxies
// than the environment names.
func (o *poster) newClient(c *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout, KeepAlive: -1}
	if o.KeepAlive {
		dialer.KeepAlive = 60 * time.Second
	}
	proxy := proxyFromEnvironment(os.Getenv)
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
			DialContext:         dialer.DialContext,
			TLSClientConfig:     c,
			MaxIdleConnsPerHost: o.Concurrency,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
			WriteBufferSize:     16 << 10,
		},
	}
}

// proxyFromEnvironment reads the variables that curl reads: http_proxy (lower case only, so that a
// header of a CGI request cannot set it), https_proxy, all_proxy, no_proxy.
func proxyFromEnvironment(env func(string) string) func(*url.URL) (*url.URL, error) {
	first := func(names ...string) string {
		for _, n := range names {
			if v := env(n); v != "" {
				return v
			}
		}
		return ""
	}
	c := httpproxy.Config{
		HTTPProxy:  first("http_proxy", "all_proxy", "ALL_PROXY"),
		HTTPSProxy: first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
		NoProxy:    first("no_proxy", "NO_PROXY"),
	}
	return c.ProxyFunc()
}

// gzips are compressors to use again.
var gzips = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return w
}}

// post sends a body. The error is nil or a *output.Failure that says whether to try again; it names
// the host and nothing else of the URL.
func (o *poster) post(ctx context.Context, body []byte, contentType string) error {
	zipped := o.gzip.Load()
	err := o.try(ctx, body, contentType, zipped)
	var s *statusError
	if !zipped || !errors.As(err, &s) || s.code != http.StatusUnsupportedMediaType && s.code != http.StatusBadRequest {
		return err
	}
	if plain := o.try(ctx, body, contentType, false); plain == nil {
		if o.gzip.Swap(false) {
			o.Log.Warn("the receiver does not take compressed requests, they are sent as they are", "receiver", o.host)
		}
		return nil
	}
	return err
}

// try sends a body once.
func (o *poster) try(ctx context.Context, body []byte, contentType string, zipped bool) error {
	if zipped {
		body = compress(body)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL, bytes.NewReader(body))
	if err != nil {
		return &output.Failure{Err: errors.New("no request can be made of the URL")}
	}
	r.Header["Content-Type"] = []string{contentType}
	for name, values := range o.header {
		r.Header[name] = values
	}
	if host := o.header.Get("Host"); host != "" {
		r.Host = host
	}
	if zipped {
		r.Header["Content-Encoding"] = []string{"gzip"}
	}
	answer, err := o.client.Do(r)
	if err != nil {
		return o.transportError(ctx, err)
	}
	defer answer.Body.Close()
	o.timeouts.Store(0)
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxEcho))
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if o.Echo {
		o.Log.Info("answer to an alert", "receiver", o.host, "status", answer.StatusCode, "body", string(text), "complete", err == nil && len(text) < maxEcho)
	}
	return o.judge(answer)
}

// compress returns body in gzip form.
func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	w.Reset(&b)
	w.Write(body)
	w.Close()
	return b.Bytes()
}

// statusError is an answer that is no success.
type statusError struct {
	host string
	code int
}

// Error names the receiver and its answer.
func (s *statusError) Error() string {
	text := http.StatusText(s.code)
	if s.code >= 300 && s.code < 400 {
		text += ", redirections are not followed"
	}
	return fmt.Sprintf("%s answers %d %s", s.host, s.code, text)
}

// judge tells what an answer means.
func (o *poster) judge(a *http.Response) error {
	if a.StatusCode >= 200 && a.StatusCode < 300 {
		return nil
	}
	f := &output.Failure{Temporary: temporaryStatus(a.StatusCode), Err: &statusError{o.host, a.StatusCode}}
	if f.Temporary {
		f.After = retryAfter(a.Header.Get("Retry-After"), time.Now())
	}
	return f
}

// temporaryStatus reports whether another attempt may have another answer.
func temporaryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusNetworkAuthenticationRequired:
		return false
	}
	return code >= 500
}

// retryAfter reads the header of that name: seconds or a date; 0 if there is none.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// transportError tells what it means that there was no answer. What the client says about it may hold
// the URL, so only its cause is kept.
func (o *poster) transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &output.Failure{Err: ctx.Err()}
	}
	f := &output.Failure{Temporary: true}
	var u *url.Error
	var invalid *tls.CertificateVerificationError
	switch {
	case errors.As(err, &u) && u.Timeout():
		// Those that were under way at the same time count as one.
		n := (int(o.timeouts.Add(1)) + o.Concurrency - 1) / o.Concurrency
		f.Temporary = n <= o.MaxTimeouts
		f.Err = fmt.Errorf("%s did not answer within %v (%d times in a row)", o.host, o.Timeout, n)
		return f
	case errors.As(err, &invalid):
		err = invalid // a receiver whose certificate has run out may have another one soon
	case errors.As(err, &u):
		err = u.Err
	}
	f.Err = fmt.Errorf("%s: %w", o.host, err)
	return f
}

// close ends the connections.
func (o *poster) close() { o.client.CloseIdleConnections() }
