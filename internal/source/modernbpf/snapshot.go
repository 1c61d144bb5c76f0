// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf/link"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// snapshot holds the records of the iterators until they are delivered.
type snapshot struct {
	data []byte
	off  int
}

// next returns the next record, nil when all are delivered.
func (s *snapshot) next() []byte {
	if s.off >= len(s.data) {
		s.data = nil
		return nil
	}
	rec := s.data[s.off:]
	size := int(binary.LittleEndian.Uint32(rec[16:]))
	s.off += size
	return rec[:size]
}

// Snapshot reports whether the source delivers a snapshot of what runs.
func (s *Source) Snapshot() bool { return s.snapshot.data != nil }

var errNoIterators = errors.New("the kernel has none (requires kernel ≥ 6.2), or they are switched off")

// takeSnapshot runs the iterators: all tasks first, then their files.
func (s *Source) takeSnapshot() error {
	var all []byte
	for _, name := range iterPrograms {
		p := s.coll.Programs[name]
		if p == nil {
			return errNoIterators
		}
		l, err := link.AttachIter(link.IterOptions{Program: p})
		if err != nil {
			return fmt.Errorf("attach iterator %s: %w", name, err)
		}
		all, err = readIter(l, all)
		_ = l.Close()
		if err != nil {
			return fmt.Errorf("read iterator %s: %w", name, err)
		}
	}
	if err := fixRecords(all); err != nil {
		return err
	}
	s.snapshot, s.listed = snapshot{data: all}, countTypes(all)
	return nil
}

func readIter(l *link.Iter, dst []byte) ([]byte, error) {
	r, err := l.Open()
	if err != nil {
		return dst, err
	}
	defer r.Close()
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		dst = append(dst, buf[:n]...)
		if errors.Is(err, io.EOF) || (n == 0 && err == nil) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// fixRecords checks that the iterators' output is whole records, and gives anonymous inodes the type
// that only their name tells.
func fixRecords(data []byte) error {
	var ev event.Event
	for off := 0; off < len(data); {
		if len(data)-off < event.HeaderLen {
			return fmt.Errorf("snapshot ends in a record at offset %d", off)
		}
		size := int(binary.LittleEndian.Uint32(data[off+16:]))
		if size < event.HeaderLen || off+size > len(data) {
			return fmt.Errorf("snapshot has a record of %d bytes at offset %d", size, off)
		}
		if err := ev.Decode(data[off : off+size]); err != nil {
			return fmt.Errorf("snapshot's record at offset %d: %w", off, err)
		}
		if ev.Type() == event.IterAnonInode {
			if t := ev.Param(1); len(t) == 1 && t[0] == 0 {
				name, _ := ev.Text(2)
				t[0] = anonType(name)
			}
		}
		off += size
	}
	return nil
}

// anonNames are the names that the kernel gives anonymous inodes, with the published types.
var anonNames = []struct {
	name, flag string
}{
	{"[eventfd]", "ANON_INODE_FD_TYPE_EVENTFD"},
	{"[eventpoll]", "ANON_INODE_FD_TYPE_EVENTPOLL"},
	{"inotify", "ANON_INODE_FD_TYPE_INOTIFY"},
	{"[signalfd]", "ANON_INODE_FD_TYPE_SIGNALFD"},
	{"[timerfd]", "ANON_INODE_FD_TYPE_TIMERFD"},
	{"[io_uring]", "ANON_INODE_FD_TYPE_IO_URING"},
	{"[userfaultfd]", "ANON_INODE_FD_TYPE_USERFAULTFD"},
	{"[pidfd]", "ANON_INODE_FD_TYPE_PIDFD"},
	{"bpf-map", "ANON_INODE_FD_TYPE_BPF_MAP"},
	{"bpf-prog", "ANON_INODE_FD_TYPE_BPF_PROG"},
	{"bpf_link", "ANON_INODE_FD_TYPE_BPF_LINK"},
	{"bpf_iter", "ANON_INODE_FD_TYPE_BPF_ITER"},
	{"[perf_event]", "ANON_INODE_FD_TYPE_PERF_EVENT"},
}

// anonType is the published type of an anonymous inode by its name; 0 if the name is unknown.
func anonType(name string) byte {
	name = strings.TrimPrefix(name, "/")
	name = strings.TrimPrefix(name, "anon_inode:")
	for _, a := range anonNames {
		if name == a.name {
			v, _ := event.AnonInodeFdTypes.Value(a.flag)
			return byte(v)
		}
	}
	return 0
}
