// SPDX-License-Identifier: Apache-2.0

// Package statetest loads recorded state tests: threads at the start, raw events, and what is
// known after each.
package statetest

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Case is one test.
type Case struct {
	ID      string   `json:"id"`
	Threads []Thread `json:"threads"`
	Steps   []Step   `json:"steps"`
}

// Thread is a thread at the start.
type Thread struct {
	TID       int64    `json:"tid"`
	PID       int64    `json:"pid"`
	PTID      int64    `json:"ptid"`
	SID       int64    `json:"sid"`
	VPGID     int64    `json:"vpgid"`
	PGID      int64    `json:"pgid"`
	VTID      int64    `json:"vtid"`
	VPID      int64    `json:"vpid"`
	Comm      string   `json:"comm"`
	Exe       string   `json:"exe"`
	ExePath   string   `json:"exepath"`
	Args      []string `json:"args"`
	Env       []string `json:"env"`
	Cgroups   []any    `json:"cgroups"`
	Cwd       string   `json:"cwd"`
	Root      string   `json:"root"`
	FDLimit   int64    `json:"fdlimit"`
	Flags     uint32   `json:"flags"`
	UID       uint32   `json:"uid"`
	GID       uint32   `json:"gid"`
	Permitted uint64   `json:"cap_permitted"`
	Effective uint64   `json:"cap_effective"`
	Inherit   uint64   `json:"cap_inheritable"`
	Upper     bool     `json:"exe_upper_layer"`
	Lower     bool     `json:"exe_lower_layer"`
	Writable  bool     `json:"exe_writable"`
	FromMemFD bool     `json:"exe_from_memfd"`
	VMSize    uint32   `json:"vmsize_kb"`
	VMRSS     uint32   `json:"vmrss_kb"`
	VMSwap    uint32   `json:"vmswap_kb"`
	PFMajor   uint64   `json:"pfmajor"`
	PFMinor   uint64   `json:"pfminor"`
	CloneTS   uint64   `json:"clone_ts"`
	TTY       uint32   `json:"tty"`
	LoginUID  uint32   `json:"loginuid"`
	FDs       []FD     `json:"fds"`
}

// FD is a descriptor at the start.
type FD struct {
	FD      int64  `json:"fd"`
	Ino     uint64 `json:"ino"`
	Type    uint8  `json:"type"`
	Open    uint32 `json:"open_flags"`
	MountID uint32 `json:"mount_id"`
	Dev     uint32 `json:"dev"`
	Name    string `json:"name"`
}

// Step is one thing that a test does: an event (Record), what fields read after it (Fields), or a
// single check of a field or filter at that point.
type Step struct {
	Op     string            `json:"op"` // open, event, returned, field, filter, has_value, compiles
	Type   string            `json:"type"`
	Name   string            `json:"name"`
	TS     uint64            `json:"ts"`
	TID    uint64            `json:"tid"` // two's complement: metaevents have -1
	Num    uint64            `json:"num"`
	Hex    string            `json:"hex"`
	Fields map[string]string `json:"fields"`
	Field  string            `json:"field"`
	Filter string            `json:"filter"`
	Custom any               `json:"custom_fields"`
	Value  any               `json:"value"`
	Error  string            `json:"error"`
}

// Record returns the raw event of a step.
func (s *Step) Record() ([]byte, error) { return hex.DecodeString(s.Hex) }

// Corpus returns the path of a file of the corpora. The test is skipped if there are none.
func Corpus(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = root() + "/../shared/corpora"
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatalf("corpus: %v", err)
		}
		t.Skipf("no corpus %q", file)
	}
	return file
}

// root is the directory of the module, above that in which the test runs.
func root() string {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return "."
}

// Load reads the tests from a gzipped file with one a line.
func Load(t testing.TB) []*Case {
	t.Helper()
	f, err := os.Open(Corpus(t, "sinsp-cases.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var cases []*Case
	for d := json.NewDecoder(z); ; {
		c := &Case{}
		if err := d.Decode(c); errors.Is(err, io.EOF) {
			return cases
		} else if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
}

// State returns the state at the start of the test.
func (c *Case) State() *state.State {
	s := state.New(state.Options{})
	s.SetUsers(nil, nil)
	for i := range c.Threads {
		c.Threads[i].enter(s)
	}
	return s
}

// enter makes the thread and its descriptors part of the state.
func (h *Thread) enter(s *state.State) {
	t := s.Enter(&state.Entry{
		TID: h.TID, PID: h.PID, PPID: h.PTID, VTID: h.VTID, VPID: h.VPID,
		SID: h.SID, PGID: h.PGID, VPGID: h.VPGID,
		Comm: h.Comm, Exe: h.Exe, ExePath: h.ExePath, Args: block(h.Args), Env: block(h.Env), Cgroups: h.cgroups(),
		Cwd: h.Cwd, Root: h.Root, FDLimit: h.FDLimit, Flags: h.Flags, TTY: h.TTY,
		UID: h.UID, GID: h.GID, LoginUID: h.LoginUID,
		Caps: state.Caps{Inheritable: h.Inherit, Permitted: h.Permitted, Effective: h.Effective},
		VM:   state.VM{Size: h.VMSize, RSS: h.VMRSS, Swap: h.VMSwap}, PFMajor: h.PFMajor, PFMinor: h.PFMinor,
		Exec:    state.ExeInfo{Writable: h.Writable, UpperLayer: h.Upper, LowerLayer: h.Lower, FromMemFD: h.FromMemFD},
		CloneTS: h.CloneTS,
	})
	for _, d := range h.FDs {
		f := &state.FD{Num: d.FD, Type: state.FDType(d.Type), Open: d.Open, Dev: d.Dev, MountID: d.MountID, Ino: d.Ino}
		f.SetName(d.Name)
		s.EnterFD(t.Proc, f)
	}
}

// cgroups accepts lists of pairs and of texts controller=path.
func (h *Thread) cgroups() (b []byte) {
	for _, c := range h.Cgroups {
		switch v := c.(type) {
		case string:
			b = append(append(b, v...), 0)
		case []any:
			if len(v) == 2 {
				b = append(fmt.Appendf(b, "%v=%v", v[0], v[1]), 0)
			}
		}
	}
	return b
}

// block joins texts, each with a final NUL.
func block(texts []string) (b []byte) {
	for _, t := range texts {
		b = append(append(b, t...), 0)
	}
	return b
}

// Run plays the test. After each event that rules see, got is called with what Apply returned and
// with the step that holds the values of its fields; checks is called for every later check at that
// point. Events that are enter events in today's sense are applied and not shown, as are events
// that this build cannot decode, whose number Run returns.
func (c *Case) Run(t testing.TB, got func(s *state.State, r *Result)) (undecoded int) {
	t.Helper()
	s := c.State()
	var r *Result
	var pending *event.Event
	for i := range c.Steps {
		st := &c.Steps[i]
		switch st.Op {
		case "event":
			if pending != nil {
				s.After(pending)
				pending = nil
			}
			rec, err := st.Record()
			if err != nil {
				t.Fatal(err)
			}
			ev := &event.Event{}
			if err := ev.Decode(rec); err != nil {
				undecoded++
				r = nil
				continue
			}
			r = &Result{Event: ev}
			r.Thread, r.FD, r.FDNum = s.Apply(ev)
			pending = ev
		case "open", "compiles":
		default:
			if r == nil {
				continue
			}
			r.Event.Num = st.Num
			r.Step = st
			got(s, r)
		}
	}
	return undecoded
}

// Result is what Apply returned for an event, and a step that tells of that point.
type Result struct {
	Event  *event.Event
	Thread *state.Thread
	FD     *state.FD
	FDNum  int64
	Step   *Step
}
