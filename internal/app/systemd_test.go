// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// listenManager is a service manager's socket; next returns the next message.
func listenManager(t *testing.T) (path string, next func() string) {
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, func() string {
		buf := make([]byte, 4096)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestServiceManager(t *testing.T) {
	path, next := listenManager(t)
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", "")
	m, err := newServiceManager()
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if os.Getenv("NOTIFY_SOCKET") != "" {
		t.Error("programs that are started later would speak for gyr")
	}
	m.ready("watching")
	if got := next(); got != "READY=1\nSTATUS=watching" {
		t.Errorf("ready says %q", got)
	}
	m.reloading()
	if got := next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || strings.HasSuffix(got, "=0") {
		t.Errorf("reloading says %q", got)
	}
	var asked atomic.Int32
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		m.guard(done, func() bool { return asked.Add(1) > 3 })
		close(ended)
	}()
	if got := next(); got != "WATCHDOG=1" || asked.Load() <= 3 {
		t.Errorf("a sign of life is %q, after %d questions", got, asked.Load())
	}
	close(done)
	<-ended
}

func TestServiceManagerAbsent(t *testing.T) {
	for _, path := range []string{"", "nonsense", filepath.Join(t.TempDir(), "nobody")} {
		t.Setenv("NOTIFY_SOCKET", path)
		m, err := newServiceManager()
		if (err != nil) != (path != "") {
			t.Errorf("%q: %v", path, err)
		}
		m.ready("watching")
		m.guard(nil, nil)
		m.close()
	}
}

// TestRunTellsServiceManager holds that systemd hears when gyr watches, and not before.
func TestRunTellsServiceManager(t *testing.T) {
	path, next := listenManager(t)
	t.Setenv("NOTIFY_SOCKET", path)
	src := &memory{records: [][]byte{openat(3, "/etc/shadow")}}
	if _, log, err := run(t, src, nil); err != nil {
		t.Fatal(err, log)
	}
	if got := next(); got != "READY=1\nSTATUS=watching" {
		t.Errorf("the service manager hears %q", got)
	}
}
