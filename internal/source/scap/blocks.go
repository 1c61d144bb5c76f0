// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// nextEventBlock reads all blocks before the next one that holds an event and returns that one, whole
// and not consumed. It may be called again after errIdle.
func (s *Source) nextEventBlock() ([]byte, layout, error) {
	for {
		if s.left > 0 {
			if err := s.readList(); err != nil {
				return nil, layout{}, err
			}
			continue
		}
		s.blockAt = s.w.offset
		head, err := s.w.peek(blockHead)
		if err != nil {
			return nil, layout{}, s.inputEnd("next", err)
		}
		typ := blockType(binary.LittleEndian.Uint32(head))
		size := binary.LittleEndian.Uint32(head[4:])
		l := layoutOf(typ)
		if l.kind == unknownBlock && s.plain && compressedBehind(head) {
			s.unpack()
			continue
		}
		if !s.began && l.kind != sectionBlock {
			return nil, l, s.notCapture(typ)
		}
		if size < blockHead+blockTail {
			return nil, l, s.fail(l.name, fmt.Errorf("length %d is less than that of an empty block", size))
		}
		if l.kind == eventBlock {
			block, err := s.eventBlock(l, size)
			return block, l, err
		}
		if err := s.beginBlock(l, typ, size); err != nil {
			return nil, l, err
		}
	}
}

// unpack goes on with a compressed file that stands behind a plain one.
func (s *Source) unpack() {
	behind := s.w.behind()
	in := startPump(&members{raw: bufio.NewReaderSize(io.MultiReader(bytes.NewReader(behind), s.w.in), pumpChunk)})
	s.w.in, s.stop, s.plain, s.w.err = in, in.stop, false, nil
}

// eventBlock returns a whole block with an event.
func (s *Source) eventBlock(l layout, size uint32) ([]byte, error) {
	least := uint32(blockHead + 2 + shortHeader + blockTail)
	if !l.short {
		least += 4
	}
	if l.flags {
		least += eventFlagLen
	}
	if size < least {
		return nil, s.fail(l.name, fmt.Errorf("length %d is less than that of an event", size))
	}
	if size > windowMax {
		return nil, s.fail(l.name, fmt.Errorf("length %d is more than %d", size, windowMax))
	}
	block, err := s.w.peek(int(size))
	if err != nil {
		return nil, s.inputEnd(l.name, err)
	}
	if again := binary.LittleEndian.Uint32(block[size-blockTail:]); again != size {
		return nil, s.fail(l.name, fmt.Errorf("length is %d at the start and %d at the end", size, again))
	}
	if !s.events {
		s.events = true
		if s.o.State != nil {
			s.o.State.Entered()
		}
	}
	return block, nil
}

// beginBlock looks at the head of a block without an event.
func (s *Source) beginBlock(l layout, typ blockType, size uint32) error {
	switch {
	case l.kind == sectionBlock:
		return s.beginSection(size)
	case l.kind == unknownBlock:
		s.o.Log.Debug("block skipped", "type", fmt.Sprintf("0x%x", uint32(typ)), "bytes", size)
	case s.events:
		return s.fail(l.name, errors.New("it stands behind events"))
	}
	s.w.advance(blockHead)
	s.list, s.size, s.left = l, size, int64(size)-blockHead
	s.lists.begin()
	return nil
}

// beginSection reads a section header, with which a capture begins.
func (s *Source) beginSection(size uint32) error {
	const least = blockHead + 16 + blockTail
	if size < least {
		return s.fail("section header", fmt.Errorf("length %d is less than %d", size, least))
	}
	head, err := s.w.peek(least - blockTail)
	if err != nil {
		return s.inputEnd("section header", err)
	}
	switch magic := binary.LittleEndian.Uint32(head[8:]); magic {
	case byteOrder:
	case otherOrder:
		return s.fail("section header", errors.New("captures of machines with the other byte order cannot be read"))
	default:
		return s.fail("section header", fmt.Errorf("byte-order mark 0x%x", magic))
	}
	if major := binary.LittleEndian.Uint16(head[12:]); major != 1 {
		return s.fail("section header", fmt.Errorf("version %d.%d (only 1 can be read)", major, binary.LittleEndian.Uint16(head[14:])))
	}
	s.beginCapture()
	s.w.advance(least - blockTail)
	s.list, s.size, s.left = layout{name: "section header"}, size, int64(size)-(least-blockTail)
	return nil
}

// beginCapture forgets what another capture before this one told.
func (s *Source) beginCapture() {
	s.captures++
	s.began, s.events, s.happens, s.machine, s.ifaces = true, false, false, Machine{}, nil
	s.conv.reset()
	clear(s.o.Addrs)
	if s.o.State != nil {
		if s.captures > 1 {
			s.o.State.Reset()
		}
		s.o.State.SetUsers(nil, nil)
	}
}

// inputEnd translates what peek said. A capture that ends within a block is read up to there.
func (s *Source) inputEnd(block string, err error) error {
	switch {
	case errors.Is(err, errIdle):
		return err
	case errors.Is(err, errShort) && s.w.start == s.w.end && s.w.offset == s.blockAt:
		if !s.began {
			return fmt.Errorf("capture %q: the file is empty", s.o.Path)
		}
	case errors.Is(err, errShort), errors.Is(err, io.ErrUnexpectedEOF):
		if !s.began {
			return fmt.Errorf("capture %q: the file ends before its first block does (it was cut off, or is no capture)", s.o.Path)
		}
		if !s.truncated {
			s.truncated = true
			s.o.Log.Warn("the capture is cut off, it was read to its last whole block", "offset", s.blockAt, "block", block)
		}
	default:
		return s.fail(block, err)
	}
	return io.EOF
}

// notCapture is the error about files that do not begin as captures do.
func (s *Source) notCapture(typ blockType) error {
	return fmt.Errorf("capture %q: this is not a capture file (it begins with 0x%08x)", s.o.Path, uint32(typ))
}

// readList reads the entries of the block that is being read, and its end.
func (s *Source) readList() error {
	for s.left > blockTail {
		read := s.entryReader()
		if read == nil {
			n, err := s.w.skip(s.left - blockTail)
			s.left -= n
			if err != nil {
				return s.inputEnd(s.list.name, err)
			}
			continue
		}
		b, err := s.w.upTo(int(min(s.left-blockTail, maxEntry)))
		if err != nil {
			return s.inputEnd(s.list.name, err)
		}
		if int64(len(b)) < min(s.left-blockTail, 4) {
			return s.inputEnd(s.list.name, errShort)
		}
		n, err := read(b)
		switch {
		case err != nil && int64(len(b)) < min(s.left-blockTail, maxEntry):
			return s.inputEnd(s.list.name, errShort)
		case err != nil:
			return s.fail(s.list.name, err)
		}
		s.w.advance(n)
		s.left -= int64(n)
	}
	tail, err := s.w.peek(blockTail)
	if err != nil {
		return s.inputEnd(s.list.name, err)
	}
	if again := binary.LittleEndian.Uint32(tail); again != s.size {
		return s.fail(s.list.name, fmt.Errorf("length is %d at the start and %d at the end", s.size, again))
	}
	s.w.advance(blockTail)
	s.left = 0
	s.endList()
	return nil
}
