// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// secret stands wherever a configuration may hold one.
const secret = "hidden-token"

// contracts configure every destination with a receiver of its own that fails half of the time.
var contracts = map[string]func(t *testing.T, c *config.Config){
	"stdout": func(_ *testing.T, c *config.Config) { c.StdoutOutput.Enabled = true },
	"file": func(t *testing.T, c *config.Config) {
		c.FileOutput = config.FileOutput{Enabled: true, Filename: filepath.Join(t.TempDir(), "alerts")}
	},
	"syslog": func(t *testing.T, c *config.Config) {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		c.SyslogOutput.Enabled, c.Gyr.Syslog.Address = true, "udp://"+l.LocalAddr().String()
	},
	"program": func(_ *testing.T, c *config.Config) {
		c.ProgramOutput = config.ProgramOutput{Enabled: true, KeepAlive: true, Program: "cat >/dev/null; : " + secret}
	},
	"http": func(t *testing.T, c *config.Config) {
		c.HTTPOutput.Enabled, c.HTTPOutput.URL = true, failingServer(t)+"/"+secret
		c.Gyr.HTTP.Headers = map[string]string{"Authorization": secret}
		c.Gyr.HTTP.Delivery.Attempts = 2
	},
	"otlp": func(t *testing.T, c *config.Config) {
		c.Gyr.OTLP.Enabled, c.Gyr.OTLP.Endpoint = true, failingServer(t)+"/x?key="+secret
		c.Gyr.OTLP.Delivery.Attempts = 2
	},
	"grpc": func(t *testing.T, c *config.Config) {
		c.GRPC.Enabled, c.GRPCOutput.Enabled, c.GRPC.BindAddress = true, true, "unix://"+filepath.Join(t.TempDir(), "s")
	},
}

// failingServer answers every second request with an error.
func failingServer(t *testing.T) string {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if n.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// hostile are alerts that nobody should be able to break an output with.
var hostile = []*alert.Alert{
	{},
	{Time: 1 << 63, Rule: "\x00\r\n|", Priority: 250, Source: "\xff", Hostname: "a b\n", Output: "\x1b[2J\u202e\xc3\n" + strings.Repeat("\xf0\x9f", 1000), Tags: []string{"", "\n"}},
	{Output: strings.Repeat("x", 4<<20), Fields: []alert.Field{{Key: "huge", JSON: []byte(`"` + strings.Repeat("y", 4<<20) + `"`)}, {Key: "none"}}},
}

// descriptors is how many files the process has open.
func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// TestDestinationContract holds what every output promises: it copes with hostile alerts, ends with its
// context, tells no secret, counts everything, leaves nothing open, and is described.
func TestDestinationContract(t *testing.T) {
	manual, err := os.ReadFile("../../docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range destinations {
		t.Run(d.name, func(t *testing.T) {
			set := contracts[d.name]
			if set == nil {
				t.Fatal("has no row in contracts")
			}
			if !bytes.Contains(manual, []byte("\n## "+d.name+"\n")) {
				t.Error("has no section in docs/outputs.md")
			}
			log := &syncBuffer{}
			o := optionsFor(io.Discard, func(c *config.Config) {
				c.StdoutOutput.Enabled = false
				set(t, c)
			})
			o.log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			if strings.Contains(d.where(o.cfg), secret) {
				t.Errorf("shows a secret: %s", d.where(o.cfg))
			}
			goroutines, files := runtime.NumGoroutine(), descriptors(t)
			testContract(t, d, o)
			for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines || descriptors(t) > files; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d goroutines and %d files, before %d and %d", runtime.NumGoroutine(), descriptors(t), goroutines, files)
				}
				http.DefaultTransport.(*http.Transport).CloseIdleConnections()
			}
			if strings.Contains(log.String(), secret) {
				t.Errorf("logs a secret: %s", log)
			}
		})
	}
}

// testContract sends to one output.
func testContract(t *testing.T, d *destination, o outputOptions) {
	now, _, err := buildOutputs(o, nil)
	if err != nil || len(now) != 1 {
		t.Fatalf("%d outputs, %v", len(now), err)
	}
	var outs outputs
	outs.swap(now)
	for range 20 {
		for _, a := range hostile {
			outs.send(a)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	outs.stop(ctx, outs.list(), o.log)
	s := outs.stats()[0]
	if s.Name != d.name || s.Sent+s.Lost() != uint64(20*len(hostile)) {
		t.Errorf("counters %+v", s)
	}

	out, err := d.open(&o)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := out.Send(ended, hostile[:1]); err == nil {
		t.Error("writes after its context has ended")
	} else if strings.Contains(err.Error(), secret) {
		t.Errorf("tells a secret: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}

// TestDeadReceiversDelayNobody has one receiver that accepts and never answers, one that refuses, and
// one that is slow, while standard output gets everything at once.
func TestDeadReceiversDelayNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(20 * time.Millisecond)
	}))
	defer slow.Close()
	stdout := &syncBuffer{}
	o := optionsFor(stdout, func(c *config.Config) {
		c.HTTPOutput.Enabled, c.HTTPOutput.URL = true, "http://"+silent.Addr().String()
		c.Gyr.OTLP.Enabled, c.Gyr.OTLP.Endpoint = true, "http://"+refusing.Addr().String()
		c.SyslogOutput.Enabled, c.Gyr.Syslog.Address = true, "tcp://"+refusing.Addr().String()
		c.ProgramOutput = config.ProgramOutput{Enabled: true, Program: "cat >/dev/null; sleep 0.05"}
		c.OutputTimeout = 100
	})
	log := &syncBuffer{}
	o.log = slog.New(slog.NewTextHandler(log, nil))
	now, _, err := buildOutputs(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	var outs outputs
	outs.swap(now)
	const n = 5000
	began := time.Now()
	for i := range n {
		outs.send(&alert.Alert{Output: fmt.Sprintf("number %d.", i)})
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("raising %d alerts took %v", n, took)
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("never: %s\n%s", what, log)
			}
		}
	}
	await("stdout has all", func() bool { return strings.Count(stdout.String(), "\n") == n })
	await("the silent one is reported", func() bool { return strings.Contains(log.String(), "output is stuck") })
	await("the refusing ones are reported", func() bool { return strings.Count(log.String(), "trying again") >= 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began = time.Now()
	if outs.stop(ctx, outs.list(), o.log) {
		t.Error("all was written")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, s := range outs.stats() {
		if s.Sent+s.Lost() != n {
			t.Errorf("%s does not account for all: %+v", s.Name, s)
		}
	}
}
