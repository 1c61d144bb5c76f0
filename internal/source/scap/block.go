// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"fmt"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// blockType is the number that a block begins with.
type blockType uint32

// The types of blocks, as the format numbers them.
const (
	blockSection blockType = 0x0A0D0D0A
	blockMachine blockType = 0x201
	blockProcs9  blockType = 0x215
	blockFDs2    blockType = 0x218
	blockIfaces2 blockType = 0x219
	blockUsers2  blockType = 0x220
	blockEvent2  blockType = 0x216
	blockFlags2  blockType = 0x217
	blockLarge   blockType = 0x221
	blockLargeF  blockType = 0x222
)

// kind is what a block holds.
type kind uint8

const (
	unknownBlock kind = iota
	sectionBlock
	machineBlock
	procBlock
	fdBlock
	ifaceBlock
	userBlock
	eventBlock
)

// layout is how a block is read.
type layout struct {
	kind    kind
	version uint8 // of lists; 2 of fd, interface and user lists has the entries' lengths
	flags   bool  // events carry flags
	short   bool  // events do not tell how many parameters they have
	name    string
}

// layoutOf returns the layout of a block type; unknown ones have kind unknownBlock.
func layoutOf(t blockType) layout {
	switch t {
	case blockEvent2, blockLarge:
		return layout{kind: eventBlock, name: "event"}
	case blockFlags2, blockLargeF:
		return layout{kind: eventBlock, flags: true, name: "event"}
	case 0x204, 0x8010ABCD:
		return layout{kind: eventBlock, short: true, name: "event"}
	case 0x208:
		return layout{kind: eventBlock, flags: true, short: true, name: "event"}
	case blockSection:
		return layout{kind: sectionBlock, name: "section header"}
	case blockMachine, 0x8002ABCD:
		return layout{kind: machineBlock, name: "machine"}
	case 0x203, 0x8001ABCD:
		return layout{kind: fdBlock, version: 1, name: "descriptor list"}
	case blockFDs2:
		return layout{kind: fdBlock, version: 2, name: "descriptor list"}
	case 0x205, 0x8011ABCD:
		return layout{kind: ifaceBlock, version: 1, name: "interface list"}
	case blockIfaces2:
		return layout{kind: ifaceBlock, version: 2, name: "interface list"}
	case 0x206, 0x8012ABCD:
		return layout{kind: userBlock, version: 1, name: "user list"}
	case blockUsers2:
		return layout{kind: userBlock, version: 2, name: "user list"}
	}
	if v := procVersions[t]; v > 0 {
		return layout{kind: procBlock, version: v, name: "process list"}
	}
	return layout{name: fmt.Sprintf("unknown type 0x%x", uint32(t))}
}

// procVersions are the versions of the process list.
var procVersions = map[blockType]uint8{
	0x202: 1, 0x8000ABCD: 1, 0x207: 2, 0x8013ABCD: 2, 0x209: 3, 0x8014ABCD: 3,
	0x210: 4, 0x211: 5, 0x212: 6, 0x213: 7, 0x214: 8, blockProcs9: 9,
}

// Sizes of the format.
const (
	blockHead    = 8 // type and length
	blockTail    = 4 // length again
	byteOrder    = 0x1A2B3C4D
	otherOrder   = 0x4D3C2B1A
	shortHeader  = 22 // of an event without the number of its parameters
	machineLen   = 180
	maxHostname  = 128
	eventFlagLen = 4
	stateOnly    = 1 // flag of events
)

// Little-endian reads of a record's header.
func typeOf(rec []byte) event.Type { return event.Type(binary.LittleEndian.Uint16(rec[20:])) }
func paramsOf(rec []byte) uint32   { return binary.LittleEndian.Uint32(rec[22:]) }
func tidOf(rec []byte) int64       { return int64(binary.LittleEndian.Uint64(rec[8:])) }

// Error is a capture that cannot be read on.
type Error struct {
	Offset int64  // of the block, in the uncompressed capture
	Block  string // what kind of block
	Err    error
}

// Error names the place.
func (e *Error) Error() string {
	return fmt.Sprintf("capture: %s block at offset %d: %v", e.Block, e.Offset, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
