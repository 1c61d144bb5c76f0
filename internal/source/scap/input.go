// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The first bytes of compressed files.
var (
	magicGzip = []byte{0x1f, 0x8b}
	magicZstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicLZ4  = []byte{0x04, 0x22, 0x4d, 0x18}
)

// openInput returns what is in a file, uncompressed. Plain files are read by who asks; compressed
// ones, and pipes, in which nothing may come for a while, by a goroutine of their own.
func openInput(f io.Reader, regular bool) (in io.Reader, stop func()) {
	raw := bufio.NewReaderSize(f, pumpChunk)
	if regular {
		if head, _ := raw.Peek(len(magicZstd)); !compressed(head) {
			if s, ok := f.(io.Seeker); ok {
				if _, err := s.Seek(0, io.SeekStart); err == nil {
					return f, func() {}
				}
			}
		}
	}
	p := startPump(&members{raw: raw})
	return p, p.stop
}

// compressed reports whether a file that begins like that is.
func compressed(head []byte) bool {
	return bytes.HasPrefix(head, magicGzip) || bytes.HasPrefix(head, magicZstd) || bytes.HasPrefix(head, magicLZ4) || isSkippable(head)
}

// members reads files that were written one behind the other, compressed or not.
type members struct {
	raw *bufio.Reader
	cur io.Reader
	gz  *gzip.Reader
	zs  *zstd.Decoder
}

// Read reads from one member after the other. A member that is cut off ends the input.
func (m *members) Read(p []byte) (int, error) {
	for {
		if m.cur == nil {
			if err := m.open(); err != nil {
				return 0, damaged(err)
			}
		}
		n, err := m.cur.Read(p)
		if errors.Is(err, io.EOF) {
			m.cur, err = nil, nil
		} else if _, plain := m.cur.(*plainMember); !plain {
			err = damaged(err)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// damaged says of an error of decompression what it means. That of reading the file, and its end, stay.
func damaged(err error) error {
	var file *os.PathError
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &file) {
		return err
	}
	return fmt.Errorf("the compressed file is damaged: %w", err)
}

// open looks how the next member is compressed.
func (m *members) open() (err error) {
	for {
		size, ok := skippable(m.raw)
		if !ok {
			break
		}
		if _, err := io.CopyN(io.Discard, m.raw, size); err != nil {
			return unexpected(err)
		}
	}
	head, err := m.raw.Peek(len(magicZstd))
	if len(head) == 0 {
		return err
	}
	switch {
	case bytes.HasPrefix(head, magicGzip):
		return m.openGzip()
	case bytes.HasPrefix(head, magicZstd):
		return m.openZstd()
	case bytes.HasPrefix(head, magicLZ4):
		m.cur = lz4.NewReader(&frame{raw: m.raw, part: lz4Parts()})
	default:
		m.cur = &plainMember{raw: m.raw}
	}
	return nil
}

// openGzip begins a member of gzip.
func (m *members) openGzip() (err error) {
	if m.gz == nil {
		m.gz, err = gzip.NewReader(m.raw)
	} else {
		err = m.gz.Reset(m.raw)
	}
	if err != nil {
		return err
	}
	m.gz.Multistream(false)
	m.cur = m.gz
	return nil
}

// openZstd begins a frame of zstd.
func (m *members) openZstd() (err error) {
	frame := &frame{raw: m.raw, part: zstdParts()}
	if m.zs == nil {
		m.zs, err = zstd.NewReader(frame, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderLowmem(true))
	} else {
		err = m.zs.Reset(frame)
	}
	m.cur = m.zs
	return err
}

// Sizes of the pump: how much it reads at once, how many pieces wait, and how long one waits for it.
const (
	pumpChunk  = 128 << 10
	pumpChunks = 4
	pumpWait   = 50 * time.Millisecond
)

// chunk is a piece of input with what came behind it.
type chunk struct {
	b   []byte
	err error
}

// pump reads ahead in a goroutine of its own.
type pump struct {
	full  chan chunk
	empty chan []byte
	done  chan struct{}
	cur   chunk
	at    int
	timer *time.Timer
}

// startPump begins to read.
func startPump(in io.Reader) *pump {
	p := &pump{
		full: make(chan chunk, pumpChunks), empty: make(chan []byte, pumpChunks), done: make(chan struct{}),
		timer: time.NewTimer(pumpWait),
	}
	for range pumpChunks {
		p.empty <- make([]byte, pumpChunk)
	}
	go p.run(in)
	return p
}

// run reads until the input ends or nobody wants more.
func (p *pump) run(in io.Reader) {
	for {
		select {
		case <-p.done:
			return
		case b := <-p.empty:
			n, err := in.Read(b[:cap(b)])
			select {
			case <-p.done:
				return
			case p.full <- chunk{b[:n], err}:
			}
			if err != nil {
				return
			}
		}
	}
}

// stop ends the reading; a goroutine that waits for input ends with it.
func (p *pump) stop() { close(p.done) }

// Read returns what was read, or errIdle if nothing comes for a while.
func (p *pump) Read(b []byte) (int, error) {
	for p.at == len(p.cur.b) {
		if p.cur.err != nil {
			return 0, p.cur.err
		}
		if p.cur.b != nil {
			p.empty <- p.cur.b
			p.cur.b, p.at = nil, 0
		}
		select {
		case p.cur = <-p.full:
			continue
		default:
		}
		p.timer.Reset(pumpWait)
		select {
		case p.cur = <-p.full:
		case <-p.timer.C:
			return 0, errIdle
		}
	}
	n := copy(b, p.cur.b[p.at:])
	p.at += n
	return n, nil
}

// openFile opens a capture; "-" is standard input.
func openFile(path string) (f *os.File, regular bool, err error) {
	if path == "-" {
		return os.Stdin, false, nil
	}
	if f, err = os.Open(path); err != nil {
		return nil, false, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, false, err
	}
	if info.IsDir() {
		f.Close()
		return nil, false, &os.PathError{Op: "open", Path: path, Err: errors.New("is a directory")}
	}
	return f, info.Mode().IsRegular(), nil
}
