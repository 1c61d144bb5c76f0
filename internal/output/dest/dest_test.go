// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

var two = []*alert.Alert{
	{Time: 1, Rule: "r", Priority: alert.Warning, Source: "syscall", Output: "first"},
	{Time: 2, Rule: "r", Priority: alert.Error, Source: "syscall", Output: "second\nline"},
}

var text = Format{Options: alert.Options{ISO8601: true}}

const (
	line1 = "1970-01-01T00:00:00.000000001+0000: Warning first\n"
	line2 = "1970-01-01T00:00:00.000000002+0000: Error second\\nline\n"
)

// writes records every write by itself.
type writes []string

func (w *writes) Write(b []byte) (int, error) { *w = append(*w, string(b)); return len(b), nil }

func TestStdout(t *testing.T) {
	tests := []struct {
		name       string
		unbuffered bool
		want       []string
	}{
		{"a batch at once", false, []string{line1 + line2}},
		{"line by line", true, []string{line1, line2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w writes
			f := text
			f.Unbuffered = tt.unbuffered
			s := NewStdout(&w, f)
			if err := s.Send(t.Context(), two); err != nil || strings.Join(w, "|") != strings.Join(tt.want, "|") {
				t.Errorf("got %q, %v", w, err)
			}
		})
	}
}

func TestStdoutJSON(t *testing.T) {
	var w writes
	s := NewStdout(&w, Format{JSON: true, Options: alert.Defaults()})
	if err := s.Send(t.Context(), two[:1]); err != nil || !strings.HasPrefix(w[0], `{"hostname":`) || !strings.HasSuffix(w[0], "}\n") {
		t.Errorf("got %q, %v", w, err)
	}
}

func TestStdoutGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	if err := NewStdout(w, text).Send(t.Context(), two); !errors.Is(err, output.ErrGone) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewStdout(io.Discard, text).Send(ctx, two); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFile(t *testing.T) {
	for _, keep := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "alerts")
		f, err := NewFile(path, keep, text)
		if err != nil {
			t.Fatal(err)
		}
		send := func(a *alert.Alert) {
			if err := f.Send(t.Context(), []*alert.Alert{a}); err != nil {
				t.Fatal(err)
			}
		}
		send(two[0])
		os.Rename(path, path+".old")
		send(two[1]) // without keep into a new file
		f.Reopen()
		send(two[0])
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		old, _ := os.ReadFile(path + ".old")
		now, _ := os.ReadFile(path)
		if got, want := string(old), line1+map[bool]string{true: line2}[keep]; got != want {
			t.Errorf("keep %v: moved file has %q", keep, got)
		}
		if got, want := string(now), map[bool]string{false: line2}[keep]+line1; got != want {
			t.Errorf("keep %v: new file has %q", keep, got)
		}
	}
	if _, err := NewFile(filepath.Join(t.TempDir(), "no", "file"), false, text); err == nil {
		t.Error("a file that cannot be made is no error")
	}
}

func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := NewSyslog("gyr", text)
	s.paths = []string{path}
	if err := s.Send(t.Context(), two); err == nil {
		t.Error("a log that does not listen is no error")
	}
	if s.Check() == nil {
		t.Error("the check finds a log")
	}
	for range 2 { // the second time over a connection that the log has dropped
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), two[:1]); err != nil || s.Check() != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		l.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, _ := l.Read(b)
		if got := string(b[:n]); !strings.HasPrefix(got, "<12>") || !strings.Contains(got, " gyr[") || !strings.HasSuffix(got, "]: "+strings.TrimSuffix(line1, "\n")) {
			t.Errorf("got %q", got)
		}
		l.Close()
		os.Remove(path)
	}
	s.Close()
}

func BenchmarkFileJSON(b *testing.B) {
	f, err := NewFile(filepath.Join(b.TempDir(), "alerts"), true, Format{JSON: true, Options: alert.Defaults()})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	batch := batchOf(256)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Send(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "alerts/s")
}

// BenchmarkQueueToFile is the whole way from raising an alert to the file; -cpu 1 keeps it on one core.
func BenchmarkQueueToFile(b *testing.B) {
	f, err := NewFile(filepath.Join(b.TempDir(), "alerts"), true, Format{JSON: true, Options: alert.Defaults()})
	if err != nil {
		b.Fatal(err)
	}
	benchmarkQueue(b, f)
}

// BenchmarkQueueToStdout is the same into a pipe that somebody reads.
func BenchmarkQueueToStdout(b *testing.B) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	go io.Copy(io.Discard, r)
	defer w.Close()
	benchmarkQueue(b, NewStdout(w, Format{JSON: true, Options: alert.Defaults()}))
}

func benchmarkQueue(b *testing.B, out output.Output) {
	q := output.NewQueue(out, output.Options{Wait: true})
	a := batchOf(1)[0]
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		q.Push(a)
	}
	q.Stop(b.Context())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}
