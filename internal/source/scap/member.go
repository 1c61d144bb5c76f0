// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Files that were written one behind the other are read by the bytes that each of them takes, so that what follows is
// found whatever it is: gzip's and LZ4's decoders stop behind the last of theirs, the other two need help.

// plainMember reads an uncompressed capture up to a compressed one behind it, which can only begin where a block does.
type plainMember struct {
	raw  *bufio.Reader
	left int  // bytes of the block under way
	lost bool // these are no blocks: everything belongs to this member
}

// Read reads what is there, and waits only if that is nothing.
func (m *plainMember) Read(p []byte) (int, error) {
	if m.lost = m.lost || len(p) < blockHead; m.lost {
		return m.raw.Read(p)
	}
	if m.left == 0 {
		// The head of a block is waited for.
		if head, err := m.raw.Peek(blockHead); compressedBehind(head) {
			return 0, io.EOF
		} else if err != nil {
			m.lost = true
			return m.raw.Read(p)
		}
	} else if _, err := m.raw.Peek(1); err != nil {
		return 0, err
	}
	b, _ := m.raw.Peek(min(m.raw.Buffered(), len(p)))
	n := copy(p, b[:m.blocks(b)])
	_, _ = m.raw.Discard(n)
	return n, nil
}

// blocks returns how many bytes belong to whole blocks and to the one that is cut off at the end.
func (m *plainMember) blocks(b []byte) int {
	n := m.left
	for n+blockHead <= len(b) {
		head := b[n : n+blockHead]
		if compressedBehind(head) {
			m.left = 0
			return n
		}
		size := binary.LittleEndian.Uint32(head[4:])
		if size < blockHead+blockTail {
			m.lost = true
			return len(b)
		}
		n += int(size)
	}
	if n > len(b) {
		m.left = n - len(b)
		return len(b)
	}
	m.left = 0
	return n
}

// compressedBehind reports whether a compressed file begins where a block of a capture should. No block's type is one
// of these numbers.
func compressedBehind(head []byte) bool {
	const gzipDeflate, zstandard, lz4 = 0x088b1f, 0xfd2fb528, 0x184d2204
	if len(head) < 4 {
		return false
	}
	typ := binary.LittleEndian.Uint32(head)
	return typ&0xffffff == gzipDeflate || typ == zstandard || typ == lz4 || isSkippable(head)
}

// frame reads the bytes of one frame of zstd or LZ4, and says that they end where the frame does.
type frame struct {
	raw  *bufio.Reader
	left int // bytes of the part under way
	// part finds out how long the next part is; io.EOF behind the last one.
	part func(*bufio.Reader) (int, error)
}

// Read reads a part of the frame.
func (f *frame) Read(p []byte) (int, error) {
	for f.left == 0 {
		var err error
		if f.left, err = f.part(f.raw); err != nil {
			return 0, err
		}
	}
	n, err := f.raw.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, unexpected(err)
}

// What a frame ends with.
const checksumLen = 4

// zstdParts goes through a frame of zstd (RFC 8878, 3.1.1): header, blocks, checksum.
func zstdParts() func(*bufio.Reader) (int, error) {
	const blockHeadLen, rle = 3, 1
	begun, last, checksum := false, false, false
	return func(raw *bufio.Reader) (int, error) {
		switch {
		case !begun:
			head, err := raw.Peek(len(magicZstd) + 1)
			if err != nil {
				return 0, unexpected(err)
			}
			what := head[len(magicZstd)]
			begun, checksum = true, what&4 != 0
			return len(head) + zstdHeadLen(what), nil
		case last && checksum:
			checksum = false
			return checksumLen, nil
		case last:
			return 0, io.EOF
		}
		b, err := raw.Peek(blockHeadLen)
		if err != nil {
			return 0, unexpected(err)
		}
		head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		if last = head&1 != 0; head>>1&3 == rle {
			return blockHeadLen + 1, nil
		}
		return blockHeadLen + head>>3, nil
	}
}

// lz4Parts goes through a frame of LZ4 (LZ4 frame format, 1.6.x): header, blocks, end mark and checksum.
func lz4Parts() func(*bufio.Reader) (int, error) {
	const blockSizeLen, plain = 4, 1 << 31
	begun, last := false, false
	var flags byte
	return func(raw *bufio.Reader) (int, error) {
		if !begun {
			head, err := raw.Peek(len(magicLZ4) + 1)
			if err != nil {
				return 0, unexpected(err)
			}
			flags, begun = head[len(magicLZ4)], true
			// The descriptor of blocks and the header's own checksum, size of the content, dictionary.
			return len(head) + 2 + int(flags>>3&1)*8 + int(flags&1)*4, nil
		}
		if last {
			return 0, io.EOF
		}
		b, err := raw.Peek(blockSizeLen)
		if err != nil {
			return 0, unexpected(err)
		}
		size := binary.LittleEndian.Uint32(b)
		if last = size == 0; last {
			return blockSizeLen + int(flags>>2&1)*checksumLen, nil
		}
		return blockSizeLen + int(size&^plain) + int(flags>>4&1)*checksumLen, nil
	}
}

// zstdHeadLen is how long a frame's header is behind its descriptor: window, dictionary, size of the content.
func zstdHeadLen(descriptor byte) (n int) {
	single := descriptor&0x20 != 0
	if !single {
		n++
	}
	n += [...]int{0, 1, 2, 4}[descriptor&3]
	if size := descriptor >> 6; size > 0 {
		n += 1 << size
	} else if single {
		n++
	}
	return n
}

// unexpected makes the end of the input one within something.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skippable returns how many bytes a frame takes that decoders of zstd and LZ4 pass over; ok is false if it is none.
func skippable(raw *bufio.Reader) (size int64, ok bool) {
	const headLen = 8
	head, err := raw.Peek(headLen)
	if err != nil || !isSkippable(head) {
		return 0, false
	}
	return headLen + int64(binary.LittleEndian.Uint32(head[4:])), true
}

// isSkippable reports whether such a frame begins like that.
func isSkippable(head []byte) bool {
	const first, kinds = 0x184D2A50, 16
	return len(head) >= 4 && binary.LittleEndian.Uint32(head)-first < kinds
}
