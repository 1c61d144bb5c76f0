// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually polls a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestProgram(t *testing.T) {
	for _, keep := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "out")
		p := NewProgram(Command{Line: "echo start >>" + out + "; cat | cat >>" + out, KeepAlive: keep}, text)
		for range 2 {
			if err := p.Send(t.Context(), two); err != nil {
				t.Fatal(err)
			}
		}
		p.Drain(t.Context())
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(out)
		want := "start\n" + line1 + "start\n" + line2 + "start\n" + line1 + "start\n" + line2
		if keep {
			want = "start\n" + line1 + line2 + line1 + line2
		}
		if string(got) != want {
			t.Errorf("keep alive %v: got %q, want %q", keep, got, want)
		}
	}
}

// TestProgramGetsNoEventAsCode sends an alert that would run commands if a shell saw it.
func TestProgramGetsNoEventAsCode(t *testing.T) {
	dir := t.TempDir()
	evil := &alert.Alert{Output: "$(touch " + dir + "/evil) `touch " + dir + "/evil`; touch " + dir + "/evil\ntouch " + dir + "/evil"}
	var out lockedBuffer
	p := NewProgram(Command{Line: "cat", Stdout: &out}, text)
	if err := p.Send(t.Context(), []*alert.Alert{evil}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "/evil"); err == nil {
		t.Error("the alert was run")
	}
	if !strings.Contains(out.String(), "$(touch") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("got %q", out.String())
	}
}

func TestProgramRestarts(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := NewProgram(Command{Line: "read l; echo $$ >>" + out, KeepAlive: true}, text) // ends after one line
	q := output.NewQueue(p, output.Options{Batch: 1, Retry: output.Retry{Attempts: 100, First: time.Millisecond, Longest: 5 * time.Millisecond}})
	for i := range 5 {
		q.Push(&alert.Alert{Output: fmt.Sprint("number ", i)})
		eventually(t, "a program has read the line and is gone", func() bool {
			b, _ := os.ReadFile(out)
			pids := strings.Fields(string(b))
			if len(pids) != i+1 {
				return false
			}
			pid, _ := strconv.Atoi(pids[i])
			return !alive(pid)
		})
	}
	q.Stop(t.Context())
	if s := q.Stats(); s.Sent != 5 {
		t.Errorf("counters %+v", s)
	}
}

func TestProgramFails(t *testing.T) {
	p := NewProgram(Command{Line: "cat >/dev/null; exit 3"}, text)
	err := p.Send(t.Context(), two)
	var f *output.Failure
	if !errors.As(err, &f) || f.Refused != 2 || len(f.Left) != 0 || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if err := NewProgram(Command{Line: "true"}, text).Send(t.Context(), batchOf(1)); err != nil {
		t.Errorf("a program that reads nothing: %v", err)
	}
}

// TestProgramStderr bounds what a program may write to the log.
func TestProgramStderr(t *testing.T) {
	var log lockedBuffer
	p := NewProgram(Command{Line: `head -c 100000 /dev/zero | tr '\0' x >&2; echo >&2; i=0; while [ $i -lt 1000 ]; do echo line $i >&2; i=$((i+1)); done; printf end >&2`,
		Log: slog.New(slog.NewTextHandler(&log, nil))}, text)
	if err := p.Send(t.Context(), two[:1]); err != nil {
		t.Fatal(err)
	}
	if s := log.String(); !strings.Contains(s, "xxxx") || !strings.Contains(s, "line 0") || len(s) > 20000 {
		t.Errorf("%d bytes: %.300s", len(s), s)
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// TestProgramIsKilled stops programs that do not end by themselves, with their children.
func TestProgramIsKilled(t *testing.T) {
	for _, tt := range []struct {
		name string
		keep bool
		line string
	}{
		{"does not read", true, "sleep 1000 & echo $! >%s; wait; sleep 1000"},
		{"reads, does not end", true, "sleep 1000 & echo $! >%s; cat >/dev/null; wait"},
		{"does not end", false, "sleep 1000 & echo $! >%s; wait"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pidfile := filepath.Join(t.TempDir(), "pid")
			p := NewProgram(Command{Line: fmt.Sprintf(tt.line, pidfile), KeepAlive: tt.keep}, text)
			q := output.NewQueue(p, output.Options{})
			for range 1000 { // more than a pipe holds
				q.Push(batchOf(1)[0])
			}
			pid := 0
			eventually(t, "child runs", func() bool {
				b, _ := os.ReadFile(pidfile)
				pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
				return pid > 0
			})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			q.Stop(ctx)
			eventually(t, "child is killed", func() bool { return !alive(pid) })
			if s := q.Stats(); s.Sent+s.Lost() != 1000 {
				t.Errorf("counters %+v", s)
			}
		})
	}
}

// TestProgramUnread ends programs that have not read what was written: it goes to the next one, or is
// counted as lost, but never gone without a word.
func TestProgramUnread(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		sent, lost uint64
		want       string
	}{
		{"never reads", "exit 127", 0, 4, ""},
		{"the second one reads", "if mkdir %[1]s.d 2>/dev/null; then exit 1; fi; cat >>%[1]s", 4, 0, "0\n1\n2\n3\n"},
		{"reads one line", "read l; echo $l >>%[1]s", 4, 0, "0\n1\n2\n3\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			line := tt.line
			if strings.Contains(line, "%") {
				line = fmt.Sprintf(line, out)
			}
			var log lockedBuffer
			p := NewProgram(Command{Line: line, KeepAlive: true, Log: slog.New(slog.NewTextHandler(&log, nil))}, text)
			q := output.NewQueue(p, output.Options{Batch: 1, Retry: output.Retry{Attempts: 2, First: time.Millisecond}})
			for i := range 4 {
				q.Push(&alert.Alert{Output: strconv.Itoa(i)})
				eventually(t, "it is written", func() bool { s := q.Stats(); return s.Sent+s.Lost() >= uint64(i+1) })
			}
			q.Stop(t.Context())
			if s := q.Stats(); s.Sent != tt.sent || s.Lost() != tt.lost {
				t.Errorf("counters %+v, log %s", s, log.String())
			}
			if b, _ := os.ReadFile(out); strings.ReplaceAll(string(b), "1970-01-01T00:00:00.000000000+0000: Emergency ", "") != tt.want {
				t.Errorf("got %q, want %q", b, tt.want)
			}
		})
	}
}
