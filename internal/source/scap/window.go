// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Sizes of the window. It starts small enough for a processor's cache and grows only for entries and
// events that need more.
const (
	windowStart = 256 << 10
	windowMax   = 16<<20 + 4096
)

var (
	// errIdle says that the bytes are not there yet.
	errIdle = errors.New("nothing to read now")
	// errShort says that the input has ended before the bytes.
	errShort = errors.New("the capture ends here")
)

// window is a part of the input that moves forward. What peek returns lies in the window's own memory
// and may be written to.
type window struct {
	in         io.Reader
	buf        []byte
	start, end int
	offset     int64 // of buf[start] in the input
	err        error // what ended the input
}

// peek returns the next n bytes without consuming them. They are void with the next peek of more
// than what is there.
func (w *window) peek(n int) ([]byte, error) {
	if w.end-w.start < n {
		if err := w.fill(n); err != nil {
			return nil, err
		}
	}
	return w.buf[w.start : w.start+n], nil
}

// upTo returns at most n bytes: all of them unless the input ends before.
func (w *window) upTo(n int) ([]byte, error) {
	b, err := w.peek(n)
	if errors.Is(err, errShort) {
		return w.buf[w.start:w.end], nil
	}
	return b, err
}

// advance consumes n bytes that were peeked.
func (w *window) advance(n int) {
	w.start += n
	w.offset += int64(n)
}

// behind takes what was read but not consumed out of the window.
func (w *window) behind() []byte {
	b := bytes.Clone(w.buf[w.start:w.end])
	w.end = w.start
	return b
}

// skip consumes up to n bytes that need not be in the window and returns how many.
func (w *window) skip(n int64) (int64, error) {
	var done int64
	for done < n {
		if w.start == w.end {
			if err := w.fill(1); err != nil {
				return done, err
			}
		}
		k := min(n-done, int64(w.end-w.start))
		w.advance(int(k))
		done += k
	}
	return done, nil
}

// fill reads until n bytes are in the window.
func (w *window) fill(n int) error {
	if n > windowMax {
		return fmt.Errorf("%d bytes are more than the %d that are read in one piece", n, windowMax)
	}
	if w.buf == nil {
		w.buf = make([]byte, windowStart)
	}
	if w.start+n > len(w.buf) {
		w.end = copy(w.buf, w.buf[w.start:w.end])
		w.start = 0
	}
	for w.end-w.start < n {
		switch {
		case w.err == nil:
		case errors.Is(w.err, io.EOF):
			return errShort
		default:
			return w.err
		}
		if w.end == len(w.buf) {
			// A length that lies is not believed: memory grows with what is really there.
			w.buf = append(w.buf, make([]byte, len(w.buf))...)
		}
		k, err := w.in.Read(w.buf[w.end:])
		w.end += k
		if errors.Is(err, errIdle) {
			if w.end-w.start >= n {
				return nil
			}
			return errIdle
		}
		w.err = err
	}
	return nil
}
