// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// File appends a line an alert to a file.
type File struct {
	path   string
	keep   bool
	format Format
	f      *os.File
	buf    []byte
	reopen atomic.Bool
	torn   bool // the last line has no end, since the disk was full
}

// NewFile opens path for appending and makes it if need be. With keep it stays open until Reopen;
// without, every batch opens it anew, so that it may be moved away at any time.
func NewFile(path string, keep bool, f Format) (*File, error) {
	d := &File{path: path, keep: keep, format: f}
	if err := d.open(); err != nil {
		return nil, err
	}
	if !keep {
		return d, d.Close()
	}
	return d, nil
}

// open opens the file; what it holds is readable for others, as log shippers expect.
func (d *File) open() (err error) {
	d.f, err = os.OpenFile(d.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

// Name is "file".
func (d *File) Name() string { return "file" }

// Reopen makes the next Send open the file again.
func (d *File) Reopen() { d.reopen.Store(true) }

// Send appends the alerts.
func (d *File) Send(ctx context.Context, alerts []*alert.Alert) error {
	if d.reopen.Swap(false) {
		if err := d.Close(); err != nil {
			return err
		}
	}
	if d.f == nil {
		if err := d.open(); err != nil {
			return err
		}
	}
	err := d.mend()
	if err == nil {
		d.buf, d.torn, err = d.format.lines(ctx, d.f, d.buf, alerts)
	}
	if !d.keep || err != nil {
		if e := d.Close(); err == nil {
			err = e
		}
	}
	return err
}

// mend cuts off the part of a line that the last Send could not write to its end, if the file still ends
// in one. Others may have emptied the file since, or put another in its place.
func (d *File) mend() error {
	if !d.torn {
		return nil
	}
	info, err := d.f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		d.torn = false
		return nil
	}
	r, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer r.Close()
	const most = 1 << 20 // longer than any line
	buf := make([]byte, min(info.Size(), most))
	if _, err := r.ReadAt(buf, info.Size()-int64(len(buf))); err != nil {
		return err
	}
	end := bytes.LastIndexByte(buf, '\n') + 1
	if end < len(buf) {
		err = d.f.Truncate(info.Size() - int64(len(buf)-end))
	}
	d.torn = err != nil
	return err
}

// Close closes the file; a later Send would open it again.
func (d *File) Close() error {
	if d.f == nil {
		return nil
	}
	f := d.f
	d.f = nil
	return f.Close()
}
