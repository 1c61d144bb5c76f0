// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The header of a ring buffer's record (kernel/bpf/ringbuf.c): length with two flag bits, and a
// page offset that the reader does not need.
const (
	ringHeader  = 8
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
)

// ring reads one BPF ring buffer in place: the kernel maps its data pages twice, one behind the
// other, so that no record is ever broken in two. cilium/ebpf's reader copies each record; reading
// in place costs a third (docs/performance.md).
type ring struct {
	consumer *atomic.Uint64 // in shared memory, ours to write
	producer *atomic.Uint64 // in shared memory, the kernel's
	data     []byte
	mask     uint64

	rw, ro []byte

	read  uint64 // where the next record begins
	freed uint64 // up to where the kernel may write again
	end   uint64 // up to where the producer was at the last look
	head  []byte // the record at read, nil if none was found yet
	ts    uint64 // its time

	peak atomic.Uint64 // the most bytes that were in use at a look
}

// openRing maps the ring buffer m.
func openRing(m *ebpf.Map) (*ring, error) {
	page, size := os.Getpagesize(), int(m.MaxEntries())
	rw, err := unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring buffer: %w", err)
	}
	ro, err := unix.Mmap(m.FD(), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(rw)
		return nil, fmt.Errorf("map ring buffer's data: %w", err)
	}
	r := &ring{
		consumer: (*atomic.Uint64)(unsafe.Pointer(&rw[0])),
		producer: (*atomic.Uint64)(unsafe.Pointer(&ro[0])),
		data:     ro[page:],
		mask:     uint64(size - 1),
		rw:       rw,
		ro:       ro,
	}
	r.read = r.consumer.Load()
	r.freed = r.read
	return r, nil
}

func (r *ring) close() {
	_ = unix.Munmap(r.rw)
	_ = unix.Munmap(r.ro)
}

// look notes how far the producer is. Only what was there at the last look is delivered.
func (r *ring) look() {
	r.end = r.producer.Load()
	if used := r.end - r.freed; used > r.peak.Load() {
		r.peak.Store(used)
	}
}

// next finds the record at the read position; it reports false if there is none before the last
// look's end, or if its writer has not finished.
func (r *ring) next() bool {
	for r.read < r.end {
		at := r.read & r.mask
		hdr := (*atomic.Uint32)(unsafe.Pointer(&r.data[at])).Load()
		if hdr&ringBusy != 0 {
			return false
		}
		size := uint64(hdr &^ (ringBusy | ringDiscard))
		if hdr&ringDiscard != 0 || size < 24 {
			r.skip(size)
			continue
		}
		r.head = r.data[at+ringHeader : at+ringHeader+size]
		r.ts = binary.LittleEndian.Uint64(r.head)
		return true
	}
	return false
}

// skip moves behind a record of that size.
func (r *ring) skip(size uint64) { r.read += (size + ringHeader + 7) &^ 7 }

// advance moves behind the head. Writers get room back in portions, long before all is read: in a
// flood that is what keeps a record from being lost.
func (r *ring) advance() {
	r.skip(uint64(len(r.head)))
	r.head = nil
	if r.read-r.freed > r.mask>>5 {
		r.release()
	}
}

// release gives what was read back to the kernel.
func (r *ring) release() {
	if r.freed != r.read {
		r.freed = r.read
		r.consumer.Store(r.read)
	}
}

// fill is how many bytes wait in the ring.
func (r *ring) fill() uint64 { return r.producer.Load() - r.read }
