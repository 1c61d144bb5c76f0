// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// facilities are the numbers of syslog's facilities that make sense for alerts.
var facilities = map[string]uint8{
	"user": 1, "daemon": 3, "auth": 4, "syslog": 5, "authpriv": 10, "audit": 13,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// Facility returns the number of a facility; "" stands for user.
func Facility(name string) (uint8, error) {
	if name == "" {
		name = "user"
	}
	n, ok := facilities[name]
	if !ok {
		return 0, fmt.Errorf("%q is no facility of syslog (user, daemon, auth, authpriv, syslog, audit or local0 to local7)", name)
	}
	return n, nil
}

// RemoteLog says which remote log is written to, and how.
type RemoteLog struct {
	// Address is udp://, tcp:// or tls:// with host and port; without a port the usual one is taken
	// (514, 601, 6514).
	Address string
	// Facility and AppName go with every message; "" stands for user and gyr.
	Facility, AppName string
	// Hostname is the machine's name, for alerts that have none.
	Hostname string
	TLS      TLS
	// Timeout is how long connecting and one write may take, 10 s if 0.
	Timeout time.Duration
}

// SyslogRemote writes messages in the form of RFC 5424 to a remote log: one a datagram, or framed by
// octet counting (RFC 5425, RFC 6587) in a stream.
type SyslogRemote struct {
	o                   RemoteLog
	network, host, port string
	tls                 *tls.Config
	facility            uint8
	format              Format
	procid              string
	buf, msg            []byte
	conn                net.Conn
	dead                chan struct{} // closed when the other side has closed a stream
}

// maxDatagram is the longest message that a datagram holds; longer ones are cut off.
const maxDatagram = 65000

// NewSyslogRemote returns the output; it connects with the first alert.
func NewSyslogRemote(o RemoteLog, f Format) (*SyslogRemote, error) {
	u, err := url.Parse(o.Address)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, fmt.Errorf("address %q is not udp://, tcp:// or tls:// with a host and a port", o.Address)
	}
	s := &SyslogRemote{o: o, network: u.Scheme, host: u.Hostname(), port: u.Port(), format: f, procid: strconv.Itoa(os.Getpid())}
	usual := map[string]string{"udp": "514", "tcp": "601", "tls": "6514"}[u.Scheme]
	if usual == "" {
		return nil, fmt.Errorf("address %q has scheme %q (udp, tcp or tls are possible)", o.Address, u.Scheme)
	}
	if s.port == "" {
		s.port = usual
	}
	if s.o.Timeout <= 0 {
		s.o.Timeout = 10 * time.Second
	}
	if s.o.AppName == "" {
		s.o.AppName = "gyr"
	}
	if s.facility, err = Facility(o.Facility); err != nil {
		return nil, err
	}
	if s.network == "tls" {
		if s.tls, err = o.TLS.Config(); err != nil {
			return nil, err
		}
		s.tls.ServerName = s.host
	}
	return s, nil
}

// Name is "syslog".
func (s *SyslogRemote) Name() string { return "syslog" }

// Send writes the alerts, one message each. After a failure the connection is made anew with the next
// attempt; a part of a stream that was under way then may arrive twice.
func (s *SyslogRemote) Send(ctx context.Context, alerts []*alert.Alert) error {
	if err := s.connect(ctx); err != nil {
		return &output.Failure{Temporary: ctx.Err() == nil, Err: err}
	}
	stop := context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s.buf = s.buf[:0]
	from := 0
	for i, a := range alerts {
		s.append(a)
		if s.network != "udp" && i < len(alerts)-1 && len(s.buf) < maxWrite {
			continue
		}
		if err := s.write(ctx); err != nil {
			s.Close()
			return &output.Failure{Left: alerts[from:], Temporary: ctx.Err() == nil, Err: fmt.Errorf("%s://%s: %w", s.network, net.JoinHostPort(s.host, s.port), err)}
		}
		s.buf, from = s.buf[:0], i+1
	}
	return nil
}

// write writes what is gathered.
func (s *SyslogRemote) write(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.conn.SetWriteDeadline(time.Now().Add(s.o.Timeout))
	_, err := s.conn.Write(s.buf)
	return err
}

// connect makes a connection unless there is a living one.
func (s *SyslogRemote) connect(ctx context.Context) error {
	if s.conn != nil {
		select {
		case <-s.dead:
			s.Close()
		default:
			return nil
		}
	}
	d := &net.Dialer{Timeout: s.o.Timeout}
	address := net.JoinHostPort(s.host, s.port)
	var err error
	switch s.network {
	case "tls":
		ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
		defer cancel()
		s.conn, err = (&tls.Dialer{NetDialer: d, Config: s.tls}).DialContext(ctx, "tcp", address)
	default:
		s.conn, err = d.DialContext(ctx, s.network, address)
	}
	if err != nil {
		s.conn = nil
		return err
	}
	s.dead = make(chan struct{})
	if s.network != "udp" {
		// A log sends nothing, so the first that can be read is the end of the stream.
		go func(conn net.Conn, dead chan struct{}) {
			io.Copy(io.Discard, conn)
			close(dead)
		}(s.conn, s.dead)
	}
	return nil
}

// append appends one message to what is gathered.
func (s *SyslogRemote) append(a *alert.Alert) {
	b := append(s.msg[:0], '<')
	b = strconv.AppendUint(b, uint64(s.facility)<<3|uint64(a.Priority&7), 10)
	b = append(b, ">1 "...)
	b = time.Unix(0, int64(a.Time)).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	host := a.Hostname
	if host == "" {
		host = s.o.Hostname
	}
	b = appendName(append(b, ' '), host, 255)
	b = appendName(append(b, ' '), s.o.AppName, 48)
	b = append(b, ' ')
	b = append(b, s.procid...)
	b = append(b, " alert - "...)
	s.msg = s.format.Append(b, a)
	if s.network == "udp" {
		s.buf = append(s.buf, s.msg[:min(len(s.msg), maxDatagram)]...)
		return
	}
	s.buf = strconv.AppendInt(s.buf, int64(len(s.msg)), 10)
	s.buf = append(s.buf, ' ')
	s.buf = append(s.buf, s.msg...)
}

// appendName appends a part of the header, of which the standard wants printable ASCII and no blanks.
func appendName(dst []byte, name string, limit int) []byte {
	if name == "" {
		return append(dst, '-')
	}
	for i := 0; i < len(name) && i < limit; i++ {
		c := name[i]
		if c <= ' ' || c >= 0x7f {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

// Close ends the connection; a later Send would make another.
func (s *SyslogRemote) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	err := conn.Close()
	if s.network != "udp" {
		<-s.dead
	}
	return err
}
