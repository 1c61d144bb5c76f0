// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// readFrame reads one message that is framed by octet counting.
func readFrame(r *bufio.Reader) (string, error) {
	word, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(word, " "))
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// wantMessages are the messages of two, without their process number.
func wantMessages() [2]string {
	pid := strconv.Itoa(os.Getpid())
	return [2]string{
		"<132>1 1970-01-01T00:00:00.000000Z my_host falco " + pid + " alert - " + strings.TrimSuffix(line1, "\n"),
		"<131>1 1970-01-01T00:00:00.000000Z my_host falco " + pid + " alert - " + strings.TrimSuffix(line2, "\n"),
	}
}

func openRemote(t testing.TB, o RemoteLog) *SyslogRemote {
	t.Helper()
	o.Facility, o.AppName, o.Hostname = "local0", "falco", "my host"
	s, err := NewSyslogRemote(o, text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSyslogRemoteUDP(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := openRemote(t, RemoteLog{Address: "udp://" + l.LocalAddr().String()})
	huge := &alert.Alert{Output: strings.Repeat("x", 100_000)}
	if err := s.Send(t.Context(), append(two[:2:2], huge)); err != nil {
		t.Fatal(err)
	}
	l.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1<<16)
	for _, want := range wantMessages() {
		n, _, err := l.ReadFrom(b)
		if got := string(b[:n]); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if n, _, err := l.ReadFrom(b); err != nil || n != maxDatagram {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestSyslogRemoteStreams(t *testing.T) {
	ca := newAuthority(t)
	pair, err := tls.LoadX509KeyPair(ca.issue(t, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	client := TLS{CAFile: ca.file}
	client.CertFile, client.KeyFile = ca.issue(t, "client")
	for _, scheme := range []string{"tcp", "tls"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if scheme == "tls" {
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool})
		}
		s := openRemote(t, RemoteLog{Address: scheme + "://" + l.Addr().String(), TLS: client})
		for round := range 2 { // the second time over a connection that the log has closed
			got := make(chan string, 10)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				r := bufio.NewReader(conn)
				for range 2 {
					m, err := readFrame(r)
					if err != nil {
						m = err.Error()
					}
					got <- m
				}
			}()
			if err := s.Send(t.Context(), two); err != nil {
				t.Fatal(err)
			}
			for _, want := range wantMessages() {
				if m := <-got; m != want {
					t.Errorf("%s, round %d: got %q, want %q", scheme, round, m, want)
				}
			}
			<-s.dead
		}
	}
}

// TestSyslogRemoteReconnects stops a log for a while: nothing that was sent after that is lost.
func TestSyslogRemoteReconnects(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	q := output.NewQueue(openRemote(t, RemoteLog{Address: "tcp://" + address}), output.Options{Retry: output.Retry{Attempts: 1000, Longest: 20 * time.Millisecond}})
	for i := range 100 {
		q.Push(&alert.Alert{Output: fmt.Sprintf("number %d.", i)})
	}
	eventually(t, "retries", func() bool { return q.Stats().Retries > 2 })
	if l, err = net.Listen("tcp", address); err != nil {
		t.Skip("somebody else took the port")
	}
	defer l.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := range 100 {
		m, err := readFrame(r)
		if err != nil || !strings.HasSuffix(m, fmt.Sprintf("number %d.", i)) {
			t.Fatalf("got %q, %v", m, err)
		}
	}
	if stopped, s := q.Stop(t.Context()), q.Stats(); !stopped || s.Lost() != 0 {
		t.Errorf("counters %+v", s)
	}
}

// TestSyslogRemoteStuck has a log that accepts and never reads.
func TestSyslogRemoteStuck(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := openRemote(t, RemoteLog{Address: "tcp://" + l.Addr().String(), Timeout: 50 * time.Millisecond})
	huge := &alert.Alert{Output: strings.Repeat("x", 32<<20)}
	err = s.Send(t.Context(), []*alert.Alert{huge})
	var f *output.Failure
	if !errors.As(err, &f) || !f.Temporary || len(f.Left) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestSyslogRemoteRefusesBadSettings(t *testing.T) {
	for address, want := range map[string]string{
		"": "is not udp", "host:514": "is not udp", "http://h": "scheme", "udp://": "is not udp", "tcp://h/path": "is not udp", "tls://u:p@h": "is not udp",
	} {
		if _, err := NewSyslogRemote(RemoteLog{Address: address}, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := NewSyslogRemote(RemoteLog{Address: "udp://h", Facility: "mail"}, text); err == nil {
		t.Error("an unknown facility is no error")
	}
	for address, want := range map[string]string{"udp://h": "514", "tcp://h": "601", "tls://h": "6514", "tls://h:1": "1"} {
		if s, err := NewSyslogRemote(RemoteLog{Address: address}, text); err != nil || s.port != want {
			t.Errorf("%s: %v, %v", address, s, err)
		}
	}
}
