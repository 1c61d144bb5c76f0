// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// openTable opens a table of the published expectations, and skips the test without it.
func openTable(t *testing.T, name string) io.ReadCloser {
	t.Helper()
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatalf("corpora are required: %v", err)
		}
		t.Skipf("no corpora (set GYR_CORPORA): %v", err)
	}
	return f
}

// each calls visit with every row of a table.
func each[T any](t *testing.T, r io.Reader, visit func(T)) {
	t.Helper()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<26)
	for s.Scan() {
		var row T
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		visit(row)
	}
}

// formatRow is a row of formatter.
type formatRow struct {
	ID    string
	Input struct {
		Format string
		JSON   bool
	}
	Expected struct {
		Error  string
		OK     bool
		Output string
		Values map[string]string
	}
}

// stateCase is a state test: the threads at the start and the events.
type stateCase struct {
	ID      string
	Threads []struct {
		TID, PID, PTID, SID, VPGID, PGID, VTID, VPID int64
		Comm, Exe, ExePath, Cwd, Root                string
		Args, Env                                    []string
		UID, GID                                     uint32
	}
	Steps []struct{ Op, Hex string }
}

func TestConformance(t *testing.T) {
	cases := map[string]*stateCase{}
	packed := openTable(t, "sinsp-cases.jsonl.gz")
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	each(t, plain, func(c stateCase) {
		if _, name, ok := strings.Cut(c.ID, "sinsp_formatter_test."); ok {
			cases[name] = &c
		}
	})
	table := openTable(t, "formatter.jsonl")
	defer table.Close()
	agree, total := 0, 0
	each(t, table, func(r formatRow) {
		total++
		_, name, _ := strings.Cut(r.ID, "sinsp_formatter_test.")
		name, _, _ = strings.Cut(name, "#")
		c := cases[name]
		if c == nil {
			c = cases["field"]
		}
		if d := r.difference(c.context(t)); d != "" {
			t.Errorf("%s %q: %s", r.ID, r.Input.Format, d)
			return
		}
		agree++
	})
	t.Logf("formatter: %d of %d rows agree", agree, total)
}

// difference renders a row's template, "" if the result agrees.
func (r *formatRow) difference(c *field.Context) string {
	text, gaps := strings.CutPrefix(r.Input.Format, "*")
	tm, err := Parse(text, field.Default())
	if err != nil || r.Expected.Error != "" {
		if err == nil || err.Error() != r.Expected.Error {
			return fmt.Sprintf("error %v, want %q", err, r.Expected.Error)
		}
		return ""
	}
	var got string
	ok := true
	switch {
	case r.Input.JSON:
		got = renderJSON(tm, c)
	case gaps:
		got = string(tm.AppendText(nil, c))
	default:
		var b []byte
		b, ok = tm.AppendComplete(nil, c)
		got = string(b)
	}
	if got != r.Expected.Output || ok != r.Expected.OK {
		return fmt.Sprintf("%v %q, want %v %q", ok, got, r.Expected.OK, r.Expected.Output)
	}
	for _, token := range tm.Tokens() {
		want, known := r.Expected.Values[token.Key]
		b, has := token.AppendText(nil, c)
		if !has {
			b = []byte(Missing)
		}
		if known && string(b) != want {
			return fmt.Sprintf("%s is %q, want %q", token.Key, b, want)
		}
	}
	return ""
}

// renderJSON is the object of a template's fields, null if there are none.
func renderJSON(tm *Template, c *field.Context) string {
	if len(tm.Tokens()) == 0 {
		return "null"
	}
	out := []byte{'{'}
	for i, token := range tm.Tokens() {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), token.Key...), `":`...)
		out = token.AppendJSON(out, c)
	}
	return string(append(out, '}'))
}

// context replays a case and stops at its last event.
func (sc *stateCase) context(t *testing.T) *field.Context {
	t.Helper()
	st := state.New(state.Options{HostRoot: t.TempDir()})
	var ev event.Event
	apply := func(record []byte) {
		if err := ev.Decode(record); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sc.Threads {
		apply(sc.snapshot(i))
		st.Apply(&ev)
		st.After(&ev)
	}
	c := field.NewContext(&field.Machine{})
	first := true
	for _, step := range sc.Steps {
		if step.Op != "event" {
			continue
		}
		if !first {
			st.After(&ev)
		}
		first = false
		record, err := hex.DecodeString(step.Hex)
		if err != nil {
			t.Fatal(err)
		}
		apply(record)
		th, fd, num := st.Apply(&ev)
		c.Reset(&ev, st, th, fd, num, "syscall")
	}
	return c
}

// snapshot is the record of a thread that is there at the start.
func (sc *stateCase) snapshot(i int) []byte {
	x := &sc.Threads[i]
	i32 := func(n int64) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
	zero := make([]byte, 8)
	str := func(s string) []byte { return append([]byte(s), 0) }
	strs := func(all []string) []byte {
		if len(all) == 0 {
			return nil
		}
		return str(strings.Join(all, "\x00"))
	}
	return event.AppendRecord(nil, 1, x.TID, event.IterTask,
		i32(x.PTID), i32(x.PGID), i32(x.VPGID), i32(x.SID), str(x.Comm), strs(append([]string{x.Exe}, x.Args...)),
		str(x.ExePath), i32(0), strs(x.Env), str(x.Cwd), zero, i32(int64(x.UID)), i32(int64(x.GID)),
		zero, zero, zero, zero, zero, zero, i32(0), i32(0), i32(0), zero, zero,
		i32(x.VPID), i32(x.VTID), zero, nil, str(x.Root), zero, i32(0), i32(-1), i32(x.PID), i32(0), i32(0), zero, zero)
}
