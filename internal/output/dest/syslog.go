// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// syslogPaths are where a system's log listens.
var syslogPaths = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// facilityUser is the usual facility of messages.
const facilityUser = 1

// Syslog writes messages to the system's log over its local socket.
type Syslog struct {
	paths    []string
	ident    string
	facility uint8
	format   Format

	mu   sync.Mutex
	conn net.Conn
	buf  []byte
}

// NewSyslog returns the output that writes to the system's log under the name ident. It connects
// with the first message; a log that does not listen yet is no error before.
func NewSyslog(ident string, f Format) *Syslog {
	return &Syslog{paths: syslogPaths, ident: ident, facility: facilityUser, format: f}
}

// SetFacility changes the facility of later messages to one that Facility has returned.
func (s *Syslog) SetFacility(n uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facility = n
}

// Check connects to the log and says why that is not possible.
func (s *Syslog) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return nil
	}
	return s.dial()
}

// Name is "syslog".
func (s *Syslog) Name() string { return "syslog" }

// Send writes the alerts, one message each, with their priority as the level.
func (s *Syslog) Send(ctx context.Context, alerts []*alert.Alert) error {
	for _, a := range alerts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.message(a.Priority, func(b []byte) []byte { return s.format.Append(b, a) }); err != nil {
			return err
		}
	}
	return nil
}

// Message writes a text with a level. Any goroutine may call it.
func (s *Syslog) Message(level alert.Priority, text string) error {
	return s.message(level, func(b []byte) []byte { return append(b, text...) })
}

// message writes one datagram; a lost connection is made anew once.
func (s *Syslog) message(level alert.Priority, body func([]byte) []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := append(s.buf[:0], '<')
	b = strconv.AppendInt(b, int64(s.facility)<<3|int64(level&7), 10)
	b = append(b, '>')
	b = time.Now().AppendFormat(b, time.Stamp)
	b = append(b, ' ')
	b = append(b, s.ident...)
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(b, "]: "...)
	s.buf = body(b)
	if s.conn != nil {
		if _, err := s.conn.Write(s.buf); err == nil {
			return nil
		}
		s.conn.Close()
		s.conn = nil
	}
	if err := s.dial(); err != nil {
		return err
	}
	_, err := s.conn.Write(s.buf)
	return err
}

// dial connects to the first path that listens.
func (s *Syslog) dial() error {
	var all []error
	for _, path := range s.paths {
		conn, err := net.Dial("unixgram", path)
		if err == nil {
			s.conn = conn
			return nil
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// Close ends the connection.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}
