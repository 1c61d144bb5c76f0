// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// cursor reads little-endian values; it yields zeros behind its end.
type cursor struct{ b []byte }

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b = nil
		return make([]byte, n)
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u8() uint8    { return c.take(1)[0] }
func (c *cursor) u16() uint16  { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32  { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64  { return binary.LittleEndian.Uint64(c.take(8)) }
func (c *cursor) i64() int64   { return int64(c.u64()) }
func (c *cursor) str() []byte  { return c.take(int(c.u16())) }
func (c *cursor) text() string { return string(c.str()) }
func (c *cursor) end(ip []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a, c.u16())
}

// process enters one entry of a process list of version 9.
func process(s *state.State, c cursor) {
	e := &state.Entry{TID: c.i64(), PID: c.i64(), PPID: c.i64(), SID: c.i64(), VPGID: c.i64()}
	e.Comm, e.Exe, e.ExePath, e.Args, e.Cwd = c.text(), c.text(), c.text(), c.str(), c.text()
	e.FDLimit, e.Flags, e.UID, e.GID = c.i64(), c.u32(), c.u32(), c.u32()
	e.VM = state.VM{Size: c.u32(), RSS: c.u32(), Swap: c.u32()}
	e.PFMajor, e.PFMinor, e.Env, e.VTID, e.VPID = c.u64(), c.u64(), c.str(), c.i64(), c.i64()
	e.Cgroups, e.Root, e.PIDNSStartTS, e.TTY, e.LoginUID = c.str(), c.text(), c.u64(), c.u32(), c.u32()
	e.Exec.Writable = c.u8() != 0
	e.Caps = state.Caps{Inheritable: c.u64(), Permitted: c.u64(), Effective: c.u64()}
	e.Exec.UpperLayer = c.u8() != 0
	e.Exec.Ino, e.Exec.CTime, e.Exec.MTime = c.u64(), c.u64(), c.u64()
	e.Exec.FromMemFD, e.Exec.LowerLayer, e.PGID = c.u8() != 0, c.u8() != 0, c.i64()
	s.Enter(e)
}

// descriptors enters a list of descriptors of version 2.
func descriptors(s *state.State, c cursor) {
	t := s.Thread(c.i64())
	for len(c.b) >= 4 && t != nil {
		size := int(binary.LittleEndian.Uint32(c.b))
		if size < 4 || size > len(c.b) {
			return
		}
		d := cursor{c.b[4:size]}
		c.b = c.b[size:]
		f := &state.FD{Num: d.i64(), Ino: d.u64(), Type: state.FDType(d.u8())}
		switch f.Type {
		case state.FDIPv4Sock, state.FDIPv6Sock:
			n := 4
			if f.Type == state.FDIPv6Sock {
				n = 16
			}
			src, dst := d.take(n), d.take(n)
			f.Source, f.Dest = d.end(src), d.end(dst)
			f.L4 = state.L4Proto(d.u8())
			f.SetName(strings.NewReplacer("[", "", "]", "").Replace(f.Source.String() + "->" + f.Dest.String()))
		case state.FDIPv4ServSock:
			f.Dest = d.end(d.take(4))
			f.SetName(f.Dest.String())
		case state.FDIPv6ServSock:
			f.Dest = d.end(d.take(16))
			f.SetName(strings.NewReplacer("[", "", "]", "").Replace(f.Dest.String()))
		case state.FDUnixSock:
			f.UnixSource, f.UnixDest = d.u64(), d.u64()
			f.SetName(d.text())
		case state.FDFileV2:
			f.Open = d.u32()
			f.SetName(d.text())
			f.Dev = d.u32()
		default:
			f.SetName(d.text())
		}
		s.EnterFD(t.Proc, f)
	}
}

// users sets the users and groups of a capture.
func users(s *state.State, c cursor) {
	var us []state.User
	var gs []state.Group
	for len(c.b) >= 4 {
		size := int(binary.LittleEndian.Uint32(c.b))
		if size < 5 || size > len(c.b) {
			break
		}
		d := cursor{c.b[4:size]}
		c.b = c.b[size:]
		if d.u8() == 0 {
			us = append(us, state.User{UID: d.u32(), GID: d.u32(), Name: d.text(), Home: d.text(), Shell: d.text()})
		} else {
			gs = append(gs, state.Group{GID: d.u32(), Name: d.text()})
		}
	}
	s.SetUsers(us, gs)
}

// replay applies a capture of today's format. got is called for each event, with its number.
func replay(t *testing.T, file string, got func(s *state.State, r *statetest.Result)) {
	f, err := os.Open(statetest.Corpus(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := state.New(state.Options{})
	head := make([]byte, 8)
	num := uint64(0)
	for in := bufio.NewReader(z); ; {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(head[4:])-8)
		if _, err := io.ReadFull(in, body); err != nil {
			t.Fatal(err)
		}
		c := cursor{body[:len(body)-4]}
		switch binary.LittleEndian.Uint32(head) {
		case 0x215:
			for len(c.b) >= 4 {
				size := int(binary.LittleEndian.Uint32(c.b))
				if size < 4 || size > len(c.b) {
					break
				}
				process(s, cursor{c.b[4:size]})
				c.b = c.b[size:]
			}
		case 0x218:
			descriptors(s, c)
		case 0x220:
			users(s, c)
		case 0x216, 0x217, 0x221, 0x222:
			c.u16()
			if head[0] == 0x17 || head[0] == 0x22 {
				c.u32()
			}
			num++
			ev := &event.Event{}
			if err := ev.Decode(c.b); err != nil {
				continue
			}
			ev.Num = num
			r := &statetest.Result{Event: ev}
			r.Thread, r.FD, r.FDNum = s.Apply(ev)
			got(s, r)
			s.After(ev)
		}
	}
}

// values reads the recorded values of a capture by event number.
func values(t *testing.T, file string) map[uint64]map[string]any {
	f, err := os.Open(statetest.Corpus(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64]map[string]any{}
	d := json.NewDecoder(z)
	d.UseNumber()
	for {
		var row struct {
			Num    uint64 `json:"evt.num"`
			Fields map[string]any
		}
		if err := d.Decode(&row); err != nil {
			return all
		}
		all[row.Num] = row.Fields
	}
}

// TestRecordedCaptures replays captures of whole activities and compares what the state tells.
func TestRecordedCaptures(t *testing.T) {
	names := make([]string, 0, len(facts))
	for n := range facts {
		names = append(names, n)
	}
	sort.Strings(names)
	total := 0
	for _, name := range []string{"01-shell-pipelines", "03-attack-files", "04-attack-proc-net-ctr", "05-build", "07-syscall-zoo"} {
		t.Run(name, func(t *testing.T) {
			want := values(t, "recorded/"+name+".fields.jsonl.gz")
			seen, good := 0, 0
			replay(t, "recorded/"+name+".scap", func(s *state.State, r *statetest.Result) {
				fields := want[r.Event.Num]
				if fields == nil || r.Thread == nil {
					return
				}
				seen++
				if at := fmt.Sprint(fields["evt.rawtime"]); at != fmt.Sprint(r.Event.Time()) {
					t.Fatalf("event %d is another one: time %d, want %s", r.Event.Num, r.Event.Time(), at)
				}
				for _, n := range names {
					v, ok := fields[n]
					if !ok || r.FD == nil && strings.HasPrefix(n, "fd.") && n != "fd.num" {
						continue
					}
					if got, _ := facts[n](s, r); got != fmt.Sprint(v) {
						t.Errorf("event %d %s tid %d: %s is %q, want %q", r.Event.Num, r.Event.Info().Name, r.Event.TID(), n, got, v)
						continue
					}
					good++
				}
				if v, ok := fields["fd.name"]; ok && r.FD != nil && r.FD.Name() != v {
					t.Errorf("event %d %s: fd.name is %q, want %q", r.Event.Num, r.Event.Info().Name, r.FD.Name(), v)
				}
				if id := fields["container.id"]; id != "host" && r.Thread.Proc.Container.ID != id {
					t.Errorf("event %d: container %q, want %q", r.Event.Num, r.Thread.Proc.Container.ID, id)
				}
			})
			if seen < len(want)/2 {
				t.Errorf("%d of %d events", seen, len(want))
			}
			total += good
			t.Logf("%d events, %d values agree", seen, good)
		})
	}
}
