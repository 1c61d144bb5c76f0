// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

// record writes a capture again, whole or filtered, and returns the file.
func record(t testing.TB, input, filter string, format scap.Format) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.scap")
	_, err := app.Record(t.Context(), app.RecordOptions{
		Config: config.Default(), File: out, Input: input, Filter: filter, Format: format, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// everyField are all fields that need no argument, and some with one.
func everyField(t *testing.T) []askedField {
	names := map[string]bool{
		"proc.aname[1]": true, "proc.aname[2]": true, "proc.apid[1]": true, "proc.aexepath[1]": true, "proc.acmdline[1]": true,
		"evt.arg[0]": true, "evt.arg[1]": true, "evt.rawarg.res": true, "proc.env[PATH]": true, "thread.cgroup[cpu]": true,
	}
	for _, f := range field.Default().All() {
		if f.Arg != field.ArgRequired && !strings.HasPrefix(f.Name, "evt.reltime") && f.Name != "evt.hostname" {
			names[f.Name] = true
		}
	}
	return resolve(t, names)
}

// sampleEvery is how many events are passed over between two whose fields are compared.
const sampleEvery = 37

// digests are the hashed values of all fields of the sampled events.
func digests(t *testing.T, file string, asked []askedField, seed maphash.Seed) (list [][]uint64) {
	var b []byte
	n := 0
	replay(t, file, nil, func(c *field.Context) {
		if n++; n%sampleEvery != 0 {
			return
		}
		row := make([]uint64, len(asked))
		for i := range asked {
			b = b[:0]
			if v, ok := asked[i].f.Value(c, &asked[i].arg); ok {
				b = v.AppendJSON(b)
			}
			row[i] = maphash.Bytes(seed, b)
		}
		list = append(list, row)
	})
	return list
}

// TestRewritten writes every capture again: every field must have the value that it has in the
// original, in both formats.
func TestRewritten(t *testing.T) {
	asked := everyField(t)
	seed := maphash.MakeSeed()
	values := 0
	for _, c := range captures(t) {
		want := digests(t, c.file, asked, seed)
		for _, format := range []scap.Format{scap.Widest, scap.Current} {
			got := digests(t, record(t, c.file, "", format), asked, seed)
			if len(got) != len(want) {
				t.Errorf("%s: %d sampled events, want %d", c.name, len(got), len(want))
				continue
			}
			for i := range want {
				for k := range asked {
					values++
					if got[i][k] != want[i][k] {
						t.Errorf("%s as %s, event %d: %s differs", c.name, format, (i+1)*sampleEvery, asked[k].name)
					}
				}
			}
		}
	}
	t.Logf("%d values of %d fields compared", values, len(asked))
}

// needSysdig skips the test where sysdig is not installed.
func needSysdig(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("sysdig"); err != nil {
		if os.Getenv("GYR_REQUIRE_LIVE") == "1" {
			t.Fatal("sysdig is not installed")
		}
		t.Skip("sysdig is not installed")
	}
}

// sysdig runs sysdig and returns the lines that it prints. It must neither fail nor complain.
func sysdig(t *testing.T, args ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("sysdig", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if slices.Contains(args, "-w") {
		errs.Reset() // it says how far it has come
	}
	if err != nil || errs.Len() > 0 {
		t.Fatalf("sysdig %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// sysdigEvents is the number of types that sysdig 0.29 knows: it passes over events of later ones.
const sysdigEvents = 336

// asSysdig renders the events of a capture that sysdig 0.29 shows as it prints sysdigFormat.
func asSysdig(t *testing.T, file string) (list []string) {
	cat := field.Default()
	name, fdName := cat.Lookup("proc.name"), cat.Lookup("fd.name")
	none := &field.Arg{Index: -1}
	prompts := promptsOf(t, file)
	n := 0
	replay(t, file, nil, func(c *field.Context) {
		n++
		typ := c.Ev.Type()
		if typ >= event.FirstOwn {
			typ = event.Generic // as which it is written
		}
		if prompts[n] || typ >= sysdigEvents || typ.IsEnter() || c.Ev.Info().Category&event.CatInternal != 0 {
			return
		}
		proc, _ := name.Str(c, none)
		fd, ok := fdName.Str(c, none)
		fd = strings.TrimRight(fd, "\n")
		if !ok || fd == "" {
			fd = "<NA>"
		}
		list = append(list, fmt.Sprintf("%d %s %s", c.Ev.Time(), proc, fd))
	})
	return list
}

// sysdigFormat is what is compared of every event.
const sysdigFormat = "*%evt.rawtime %proc.name %fd.name"

// compareSysdig compares what sysdig prints of a capture with what we see in it. Events and names of
// processes must be the same. It counts the events to whose descriptors sysdig has a name, and those
// to which we have another.
func compareSysdig(t *testing.T, name, file string) (named, differ int) {
	t.Helper()
	got, want := sysdig(t, "-r", file, "-p", sysdigFormat, "evt.dir=<"), asSysdig(t, file)
	if len(got) == 1 && got[0] == "" {
		got = nil
	}
	if len(got) != len(want) {
		t.Errorf("%s: sysdig shows %d events, want %d", name, len(got), len(want))
		return 0, 0
	}
	for i := range want {
		g, w := strings.SplitN(got[i], " ", 3), strings.SplitN(want[i], " ", 3)
		if g[0] != w[0] || g[1] != w[1] {
			t.Errorf("%s, line %d: sysdig says %q, want %q", name, i, got[i], want[i])
		}
		if g[2] == "" || g[2] == "<NA>" {
			continue
		}
		named++
		if g[2] != w[2] {
			if differ++; differ <= 3 {
				t.Logf("%s, line %d: sysdig says %q, we %q", name, i, got[i], want[i])
			}
		}
	}
	return named, differ
}

// maxSysdigFDs is how many names of descriptors in a thousand may be other ones in sysdig 0.29, which
// does not know today's events of dup, dup2, dup3, accept4, pipe2 and the like.
const maxSysdigFDs = 150

// TestSysdigReads holds that sysdig reads what was recorded.
func TestSysdigReads(t *testing.T) {
	needSysdig(t)
	named, differ := 0, 0
	for _, c := range captures(t) {
		n, d := compareSysdig(t, c.name, record(t, c.file, "", scap.Widest))
		named, differ = named+n, differ+d
	}
	t.Logf("%d of %d names of descriptors differ", differ, named)
	if named < 50_000 || differ*1000 > named*maxSysdigFDs {
		t.Errorf("%d of %d names of descriptors differ", differ, named)
	}
}

// TestSysdigWrites holds that we read what sysdig writes, filtered, and see the same in it.
func TestSysdigWrites(t *testing.T) {
	needSysdig(t)
	named, differ := 0, 0
	filters := []string{"proc.name != nothing", "evt.type in (open, openat, close, execve, connect)"}
	for i, c := range captures(t) {
		out := filepath.Join(t.TempDir(), "sysdig.scap")
		sysdig(t, "-r", record(t, c.file, "", scap.Widest), "-w", out, filters[i%len(filters)])
		n, d := compareSysdig(t, c.name, out)
		named, differ = named+n, differ+d
	}
	t.Logf("%d of %d names of descriptors differ", differ, named)
	if named < 50_000 || differ*1000 > named*maxSysdigFDs {
		t.Errorf("%d of %d names of descriptors differ", differ, named)
	}
}

// promptsOf tells which events of a capture, counted from 1, are only for the state.
func promptsOf(t *testing.T, file string) map[int]bool {
	marks := map[int]bool{}
	s := scap.New(scap.Options{Path: file})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ev event.Event
	for n := 1; s.Next(&ev) == nil; n++ {
		marks[n] = s.Prompt()
	}
	return marks
}
