// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"

	"golang.org/x/sys/unix"
)

// Client talks to a running gyr.
type Client struct {
	path string
	http http.Client
}

// maxAnswer bounds an answer that is read as a whole.
const maxAnswer = 64 << 20

// NewClient returns a client for the socket at path; nothing is connected yet.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	return c
}

// Close closes connections that are not in use; the client can be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get asks for a path and reads the JSON answer into out, which may be nil.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Post sends in as JSON to a path and reads the JSON answer into out; both may be nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPost, path, in, out)
}

// Stream asks for a path whose answer does not end by itself. The caller closes it, or ends ctx.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// do makes a request and reads the answer as a whole.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ask gyr: %w", err)
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("the answer of gyr to %s cannot be read: %w", path, err)
	}
	return nil
}

// send makes a request; an answer that is no success becomes an error.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://gyr"+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask gyr: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var f failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&f); err != nil || f.Error == "" {
		f.Error = "gyr answers " + resp.Status
	}
	return nil, errors.New(f.Error)
}

// explain says what an error of connecting means.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("no gyr answers at %q (is it running? --socket names another)", c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to use %q (be root, or the user that gyr runs as)", c.path)
	}
	return fmt.Errorf("ask gyr at %q: %w", c.path, err)
}
