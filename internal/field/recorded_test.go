// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// recordedFloor is how many values of the recorded captures agreed when this was last measured.
const recordedFloor = 308500

// notCompared are fields that depend on the host of the reference run, or on metadata of containers
// that state does not hold yet.
func notCompared(name string) bool {
	for _, prefix := range []string{"container.", "k8s.", "k8smeta.", "evt.reltime", "evt.hostname", "proc.ppid.duration",
		"proc.exe_ino.ctime_duration_", // the reference printed memory that nothing had set
	} {
		if strings.HasPrefix(name, prefix) {
			return name != "container.id"
		}
	}
	return false
}

// TestRecordedCaptures compares the sampled events of the recorded captures.
func TestRecordedCaptures(t *testing.T) {
	noServices(t)
	files, err := filepath.Glob(filepath.Join(shared(t, "recorded"), "*.scap"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures (%v)", err)
	}
	result := newAgreement()
	for _, file := range files {
		rows := readFieldRows(t, strings.TrimSuffix(file, ".scap")+".fields.jsonl.gz")
		replayCapture(t, file, func(c *Context) {
			if row := rows[c.Ev.Num]; row != nil {
				compareRow(t, result, c, filepath.Base(file), row)
			}
		})
	}
	if agreed, total := result.report(t); agreed < recordedFloor {
		t.Errorf("%d of %d values agree, at least %d did", agreed, total, recordedFloor)
	}
}

var defaultCatalogue = Default()

// compareRow compares all values of one event. What the reference leaves out has no value.
func compareRow(t *testing.T, result *agreement, c *Context, file string, row map[string]json.RawMessage) {
	for name, want := range row {
		if notCompared(name) {
			continue
		}
		base, arg, hasArg := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		f, a, err := defaultCatalogue.Resolve(base, arg, hasArg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, ok := f.Value(c, &a)
		got := []byte("null")
		if ok {
			got = v.AppendJSON(nil)
		}
		result.add(name, sameJSON(got, want), "%s #%d %s: got %s, want %s", file, c.Ev.Num, c.Ev.Info().Name, cut(string(got)), cut(string(want)))
	}
}

// sameJSON compares values; the elements of lists come in any order.
func sameJSON(got, want []byte) bool {
	if bytes.Equal(got, want) {
		return true
	}
	var x, y any
	if json.Unmarshal(got, &x) != nil || json.Unmarshal(want, &y) != nil {
		return false
	}
	if _, list := x.([]any); list {
		return sortList(strings.Trim(string(got), "[]")) == sortList(strings.ReplaceAll(strings.Trim(string(want), "[]"), ", ", ","))
	}
	return x == y
}

// readFieldRows reads the fields of the sampled events by their number.
func readFieldRows(t *testing.T, path string) map[uint64]map[string]json.RawMessage {
	t.Helper()
	rows := map[uint64]map[string]json.RawMessage{}
	lines := bufio.NewScanner(bytes.NewReader(readPlain(t, path)))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var row struct {
			Num    uint64                     `json:"evt.num"`
			Fields map[string]json.RawMessage `json:"fields"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows[row.Num] = row.Fields
	}
	return rows
}

// readPlain reads a compressed file.
func readPlain(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The blocks of a capture of the current format.
const (
	blockProcs  = 0x215
	blockFDs    = 0x218
	blockIfaces = 0x219
	blockUsers  = 0x220
	blockEvent  = 0x216
	blockFlag   = 0x217
)

// replayCapture runs a capture and calls check with every event.
func replayCapture(t *testing.T, path string, check func(c *Context)) {
	t.Helper()
	data := readPlain(t, path)
	st := state.New(state.Options{HostRoot: t.TempDir()})
	machine := &Machine{Addrs: map[netip.Addr]struct{}{}}
	c := NewContext(machine)
	var ev event.Event
	var num uint64
	for len(data) >= 12 {
		typ, size := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:])
		r := &reader{b: data[8 : size-4]}
		data = data[size:]
		switch typ {
		case blockProcs:
			enterProcs(st, r)
		case blockFDs:
			enterFDs(st, r)
		case blockIfaces:
			enterIfaces(machine, r)
		case blockUsers:
			enterUsers(st, r)
		case blockEvent, blockFlag:
			ev.CPU = int16(r.u16())
			if typ == blockFlag {
				r.u32()
			}
			if err := ev.Decode(r.b); err != nil {
				t.Fatal(err)
			}
			num++
			ev.Num = num
			th, fd, fdnum := st.Apply(&ev)
			c.Reset(&ev, st, th, fd, fdnum, syscalls)
			check(c)
			st.After(&ev)
		}
	}
}

// reader reads numbers and texts from a block.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	n = min(n, len(r.b))
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) number(n int) (v uint64) {
	for i, x := range r.take(n) {
		v |= uint64(x) << (8 * i)
	}
	return v
}

func (r *reader) u8() uint8    { return uint8(r.number(1)) }
func (r *reader) u16() uint16  { return uint16(r.number(2)) }
func (r *reader) u32() uint32  { return uint32(r.number(4)) }
func (r *reader) u64() uint64  { return r.number(8) }
func (r *reader) i64() int64   { return int64(r.u64()) }
func (r *reader) text() string { return string(r.take(int(r.u16()))) }

// entry is the next entry of a list whose entries tell their length.
func (r *reader) entry() *reader {
	n := int(r.u32())
	return &reader{r.take(n - 4)}
}

func enterProcs(st *state.State, r *reader) {
	for len(r.b) >= 8 {
		p := r.entry()
		e := &state.Entry{TID: p.i64(), PID: p.i64(), PPID: p.i64(), SID: p.i64(), VPGID: p.i64(), Comm: p.text(), Exe: p.text(),
			ExePath: p.text(), Args: []byte(p.text()), Cwd: p.text(), FDLimit: p.i64(), Flags: p.u32(), UID: p.u32(), GID: p.u32(),
			VM: state.VM{Size: p.u32(), RSS: p.u32(), Swap: p.u32()}, PFMajor: p.u64(), PFMinor: p.u64(), Env: []byte(p.text()),
			VTID: p.i64(), VPID: p.i64(), Cgroups: []byte(p.text()), Root: p.text(), PIDNSStartTS: p.u64(), TTY: p.u32(), LoginUID: p.u32()}
		e.Exec.Writable = p.u8() != 0
		e.Caps = state.Caps{Inheritable: p.u64(), Permitted: p.u64(), Effective: p.u64()}
		e.Exec.UpperLayer = p.u8() != 0
		e.Exec.Ino, e.Exec.CTime, e.Exec.MTime = p.u64(), p.u64(), p.u64()
		e.Exec.FromMemFD, e.Exec.LowerLayer = p.u8() != 0, p.u8() != 0
		e.PGID = p.i64()
		st.Enter(e)
	}
}

func enterFDs(st *state.State, r *reader) {
	p := st.Process(r.i64())
	for p != nil && len(r.b) >= 8 {
		e := r.entry()
		f := &state.FD{Num: e.i64(), Ino: e.u64(), Type: state.FDType(e.u8())}
		switch f.Type {
		case state.FDIPv4Sock, state.FDIPv6Sock:
			width := 4
			if f.Type == state.FDIPv6Sock {
				width = 16
			}
			source, _ := addrOf(e.take(width))
			dest, _ := addrOf(e.take(width))
			f.Source, f.Dest = netip.AddrPortFrom(source, e.u16()), netip.AddrPortFrom(dest, e.u16())
			f.L4 = state.L4Proto(e.u8())
			f.SetName(f.Source.String() + "->" + f.Dest.String())
		case state.FDIPv4ServSock, state.FDIPv6ServSock:
			width := 4
			if f.Type == state.FDIPv6ServSock {
				width = 16
			}
			ip, _ := addrOf(e.take(width))
			f.Dest = netip.AddrPortFrom(ip, e.u16())
			f.L4 = state.L4Proto(e.u8())
			f.SetName(f.Dest.String())
		case state.FDUnixSock:
			f.UnixSource, f.UnixDest = e.u64(), e.u64()
			f.SetName(e.text())
		case state.FDFileV2:
			f.Open = e.u32()
			f.SetName(e.text())
			f.Dev = e.u32()
		default:
			f.SetName(e.text())
		}
		st.EnterFD(p, f)
	}
}

func enterIfaces(m *Machine, r *reader) {
	for len(r.b) >= 8 {
		n := int(r.u32())
		e := &reader{r.take(n)}
		width := 4
		if typ := e.u16(); typ == 2 || typ == 4 {
			width = 16
		}
		e.u16()
		if ip, ok := addrOf(e.take(width)); ok {
			m.Addrs[ip.Unmap()] = struct{}{}
		}
	}
}

func enterUsers(st *state.State, r *reader) {
	var users []state.User
	var groups []state.Group
	for len(r.b) >= 8 {
		e := r.entry()
		if e.u8() == 0 {
			users = append(users, state.User{UID: e.u32(), GID: e.u32(), Name: e.text(), Home: e.text(), Shell: e.text()})
		} else {
			groups = append(groups, state.Group{GID: e.u32(), Name: e.text()})
		}
	}
	st.SetUsers(users, groups)
}
