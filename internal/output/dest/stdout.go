// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// Stdout writes a line an alert to standard output.
type Stdout struct {
	w      io.Writer
	format Format
	buf    []byte
}

// NewStdout returns the output that writes to w, the program's standard output.
func NewStdout(w io.Writer, f Format) *Stdout { return &Stdout{w: w, format: f} }

// Name is "stdout".
func (s *Stdout) Name() string { return "stdout" }

// Send writes the alerts. A reader that has closed its end is gone for good.
func (s *Stdout) Send(ctx context.Context, alerts []*alert.Alert) (err error) {
	s.buf, _, err = s.format.lines(ctx, s.w, s.buf, alerts)
	if errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("%w: %w", output.ErrGone, err) // the failure stays within, with what is left
	}
	return err
}

// Close does nothing: standard output belongs to the program.
func (s *Stdout) Close() error { return nil }
