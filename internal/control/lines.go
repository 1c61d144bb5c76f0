// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"
)

// maxLine bounds a line of a stream.
const maxLine = 16 << 20

// Lines asks for a stream and yields its lines, without their ends. It ends without an error when the
// stream does, or ctx. A line is valid until the next one.
func (c *Client) Lines(ctx context.Context, path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		body, err := c.Stream(ctx, path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer body.Close()
		s := bufio.NewScanner(body)
		s.Buffer(nil, maxLine)
		for s.Scan() {
			if !yield(s.Bytes(), nil) {
				return
			}
		}
		if err := s.Err(); err != nil && ctx.Err() == nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			yield(nil, fmt.Errorf("the connection to gyr broke: %w", err))
		}
	}
}

// writeTime is how long a client may take to receive a line before it is given up.
const writeTime = 30 * time.Second

// LineWriter writes the lines of a stream, each at once.
type LineWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// NewLineWriter begins an answer that is a stream of JSON lines.
func NewLineWriter(w http.ResponseWriter) *LineWriter {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	l := &LineWriter{w, http.NewResponseController(w)}
	_ = l.c.Flush() // who asked may be gone, which the next line shows
	return l
}

// Write writes a line, whose end is part of it; an error means that the client is gone.
func (l *LineWriter) Write(line []byte) error {
	if err := l.c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := l.w.Write(line); err != nil {
		return err
	}
	return l.c.Flush()
}

// WriteJSON writes a value as a line.
func (l *LineWriter) WriteJSON(value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return l.Write(append(line, '\n'))
}
