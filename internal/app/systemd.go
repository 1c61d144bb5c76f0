// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// serviceManager tells systemd how gyr is doing, as sd_notify(3) describes: datagrams of lines to
// the socket that the environment names. Without one its methods do nothing.
type serviceManager struct {
	conn *net.UnixConn
	// every is how often systemd wants a sign of life, 0 if it does not.
	every time.Duration
}

// openServiceManager begins to tell the service manager, if one started gyr, how it is doing.
func (a *App) openServiceManager(context.Context) error {
	m, err := newServiceManager()
	a.manager = m
	if err != nil {
		a.log.Warn("the service manager does not hear of gyr", "error", err)
		return nil
	}
	done := make(chan struct{})
	var guard sync.WaitGroup
	guard.Go(func() { m.guard(done, a.turned()) })
	a.onStop(func() {
		close(done)
		guard.Wait()
		m.close()
	})
	return nil
}

// turned returns a function that says whether events have been looked at since it was last asked.
// Until gyr watches, and while it writes what waits at the end, the service manager has limits of
// its own.
func (a *App) turned() func() bool {
	var last uint64
	return func() bool {
		now := a.turns.Load()
		moved := now != last
		last = now
		return moved || !a.watching.Load() || a.stopped.Load()
	}
}

// newServiceManager reads from the environment how to reach the service manager. The variables are
// removed, so that programs that gyr starts do not speak for it.
func newServiceManager() (*serviceManager, error) {
	path := os.Getenv("NOTIFY_SOCKET")
	micros, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name)
	}
	m := &serviceManager{}
	if path == "" {
		return m, nil
	}
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
		return m, fmt.Errorf("NOTIFY_SOCKET %q is neither a path nor an abstract name", path)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return m, fmt.Errorf("service manager: %w", err)
	}
	m.conn = conn
	if n, err := strconv.ParseInt(micros, 10, 64); err == nil && n > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.every = time.Duration(n) * time.Microsecond
	}
	return m, nil
}

// tell sends lines such as "READY=1". Nobody waits for the service manager: what it does not take
// at once is left out.
func (m *serviceManager) tell(lines ...string) {
	if m == nil || m.conn == nil {
		return
	}
	m.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	m.conn.Write([]byte(strings.Join(lines, "\n")))
}

// ready says that gyr watches, after the start or after a reload.
func (m *serviceManager) ready(status string) { m.tell("READY=1", "STATUS="+status) }

// reloading says that a reload has begun; ready ends it.
func (m *serviceManager) reloading() {
	m.tell("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(monotonicMicros(), 10))
}

// stopping says that gyr is about to end.
func (m *serviceManager) stopping() { m.tell("STOPPING=1") }

// guard gives signs of life, as often as is wanted and with a margin, while alive says so; it
// returns when done is closed.
func (m *serviceManager) guard(done <-chan struct{}, alive func() bool) {
	if m == nil || m.conn == nil || m.every == 0 {
		return
	}
	tick := time.NewTicker(m.every / 3)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if alive() {
				m.tell("WATCHDOG=1")
			}
		}
	}
}

// close ends the connection.
func (m *serviceManager) close() {
	if m != nil && m.conn != nil {
		m.conn.Close()
	}
}

// monotonicMicros is the clock that systemd compares reloads with.
func monotonicMicros() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return ts.Nano() / 1000
}
