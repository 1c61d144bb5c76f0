// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/outputspb"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/schemapb"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/versionpb"
)

// openGRPC starts a server on a socket of its own.
func openGRPC(t testing.TB, o Server) *GRPC {
	t.Helper()
	if o.Address == "" {
		o.Address = "unix://" + filepath.Join(t.TempDir(), "run", "s.sock")
	}
	o.Version, o.Engine, o.Build = "0.44.1", "0.62.0", "gyr"
	g, err := NewGRPC(o, text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// dialGRPC is a client of the server.
func dialGRPC(t testing.TB, target string, c credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// receiveAll reads a stream to its end and returns the rules.
func receiveAll(t testing.TB, s interface {
	Recv() (*outputspb.Response, error)
}) (rules []string) {
	t.Helper()
	for {
		r, err := s.Recv()
		if err == io.EOF {
			return rules
		}
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r.Rule)
	}
}

func rulesFrom(from, to int) (alerts []*alert.Alert) {
	for i := from; i < to; i++ {
		alerts = append(alerts, &alert.Alert{Rule: fmt.Sprint(i), Source: "syscall"})
	}
	return alerts
}

func TestGRPCGet(t *testing.T) {
	g := openGRPC(t, Server{})
	client := outputspb.NewServiceClient(dialGRPC(t, g.o.Address, insecure.NewCredentials()))
	for _, want := range []int{0, 3, 0, 500} {
		if err := g.Send(t.Context(), rulesFrom(0, want)); err != nil {
			t.Fatal(err)
		}
		s, err := client.Get(t.Context(), &outputspb.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if got := receiveAll(t, s); len(got) != want || want > 0 && got[want-1] != fmt.Sprint(want-1) {
			t.Errorf("got %v, want %d", got, want)
		}
	}
}

func TestGRPCSub(t *testing.T) {
	g := openGRPC(t, Server{})
	client := outputspb.NewServiceClient(dialGRPC(t, g.o.Address, insecure.NewCredentials()))
	s, err := client.Sub(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&outputspb.Request{}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := g.Send(t.Context(), rulesFrom(i, i+1)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			s.Send(&outputspb.Request{}) // as clients do that poll
		}
		if r, err := s.Recv(); err != nil || r.Rule != fmt.Sprint(i) {
			t.Fatalf("got %v, %v", r, err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if got := receiveAll(t, s); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// TestGRPCShared has two clients share the alerts: each goes to one of them.
func TestGRPCShared(t *testing.T) {
	g := openGRPC(t, Server{})
	got := make(chan string, 1000)
	for range 2 {
		client := outputspb.NewServiceClient(dialGRPC(t, g.o.Address, insecure.NewCredentials()))
		s, err := client.Sub(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Send(&outputspb.Request{})
		go func() {
			for {
				r, err := s.Recv()
				if err != nil {
					return
				}
				got <- r.Rule
			}
		}()
	}
	eventually(t, "two streams", func() bool { return g.streams.Load() == 2 })
	g.Send(t.Context(), rulesFrom(0, 500))
	seen := map[string]int{}
	for range 500 {
		select {
		case r := <-got:
			seen[r]++
		case <-time.After(10 * time.Second):
			t.Fatalf("only %d alerts", len(seen))
		}
	}
	if len(seen) != 500 {
		t.Errorf("%d different alerts", len(seen))
	}
}

func TestGRPCDrains(t *testing.T) {
	g := openGRPC(t, Server{Capacity: 100})
	q := output.NewQueue(g, output.Options{})
	for _, a := range rulesFrom(0, 150) {
		q.Push(a)
	}
	eventually(t, "all are taken", func() bool { s := q.Stats(); return s.Sent+s.Lost() == 150 })
	if s := q.Stats(); s.Waiting != 100 || s.Losses[0].Alerts != 50 {
		t.Errorf("counters %+v", s)
	}
	client := outputspb.NewServiceClient(dialGRPC(t, g.o.Address, insecure.NewCredentials()))
	s, err := client.Sub(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Send(&outputspb.Request{})
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	rest := make(chan int)
	go func() { rest <- len(receiveAll(t, s)) }()
	if !q.Stop(t.Context()) {
		t.Errorf("counters %+v", q.Stats())
	}
	if n := <-rest; n != 99 {
		t.Errorf("%d after the first", n)
	}
}

func TestGRPCStopsWithoutClients(t *testing.T) {
	g := openGRPC(t, Server{})
	q := output.NewQueue(g, output.Options{})
	q.Push(rulesFrom(0, 1)[0])
	if q.Stop(t.Context()) {
		t.Error("an alert that nobody fetched was written")
	}
	if s := q.Stats(); s.Lost() != 1 || s.Sent != 0 {
		t.Errorf("counters %+v", s)
	}
}

func TestGRPCVersion(t *testing.T) {
	g := openGRPC(t, Server{})
	v, err := versionpb.NewServiceClient(dialGRPC(t, g.o.Address, insecure.NewCredentials())).Version(t.Context(), &versionpb.Request{})
	if err != nil || v.Version != "0.44.1" || v.Minor != 44 || v.Patch != 1 || v.EngineMinor != 62 || v.Build != "gyr" {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestGRPCMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	o := Server{Address: "127.0.0.1:0", RootsFile: ca.file}
	// The port must be known to clients.
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		t.Fatal(err)
	}
	o.Address = l.Addr().String()
	l.Close()
	o.CertFile, o.KeyFile = ca.issue(t, "127.0.0.1")
	openGRPC(t, o)
	openGRPC(t, o) // while a reload replaces the first
	for _, tt := range []struct {
		name string
		ca   *authority
		ok   bool
	}{{"ours", ca, true}, {"another authority's", other, false}, {"none", nil, false}} {
		c := &tls.Config{RootCAs: ca.pool}
		if tt.ca != nil {
			cert, err := tls.LoadX509KeyPair(tt.ca.issue(t, "client"))
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates = []tls.Certificate{cert}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := versionpb.NewServiceClient(dialGRPC(t, o.Address, credentials.NewTLS(c))).Version(ctx, &versionpb.Request{})
		cancel()
		if (err == nil) != tt.ok || err != nil && status.Code(err) != codes.Unavailable {
			t.Errorf("certificate %s: %v", tt.name, err)
		}
	}
}

func TestGRPCSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	first := openGRPC(t, Server{Address: "unix://" + path})
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st, err)
	}
	second := openGRPC(t, Server{Address: "unix://" + path})
	first.Close()
	if _, err := versionpb.NewServiceClient(dialGRPC(t, "unix://"+path, insecure.NewCredentials())).Version(t.Context(), &versionpb.Request{}); err != nil {
		t.Error(err)
	}
	second.Close()
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	os.WriteFile(path, nil, 0o600)
	for address, want := range map[string]string{"unix://" + path: "no socket", "unix://": "no path", "127.0.0.1:1": "certificate"} {
		if _, err := NewGRPC(Server{Address: address, Version: "1.2.3", Engine: "1.2.3"}, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestGRPCWire holds the numbers of the published definitions, which are all that clients know.
func TestGRPCWire(t *testing.T) {
	check := func(d protoreflect.MessageDescriptor, want string) {
		t.Helper()
		var got []string
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			kind := f.Kind().String()
			switch {
			case f.IsMap():
				kind = "map"
			case f.Message() != nil:
				kind = string(f.Message().FullName())
			case f.Enum() != nil:
				kind = string(f.Enum().FullName())
			}
			if f.IsList() {
				kind = "list of " + kind
			}
			got = append(got, fmt.Sprintf("%d %s %s", f.Number(), f.Name(), kind))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s has %s", d.FullName(), s)
		}
	}
	check((&outputspb.Response{}).ProtoReflect().Descriptor(), "1 time google.protobuf.Timestamp, 2 priority falco.schema.priority, 3 source_deprecated falco.schema.source, "+
		"4 rule string, 5 output string, 6 output_fields map, 7 hostname string, 8 tags list of string, 9 source string")
	check((&versionpb.Response{}).ProtoReflect().Descriptor(), "1 version string, 2 major uint32, 3 minor uint32, 4 patch uint32, 5 prerelease string, 6 build string, "+
		"7 engine_minor uint32, 8 engine_fields_checksum string, 9 engine_major uint32, 10 engine_patch uint32, 11 engine_version string")
	for _, name := range []string{outputspb.Service_Get_FullMethodName, outputspb.Service_Sub_FullMethodName, versionpb.Service_Version_FullMethodName} {
		if !strings.Contains("/falco.outputs.service/get /falco.outputs.service/sub /falco.version.service/version", name) {
			t.Errorf("method %s", name)
		}
	}
	for p := alert.Emergency; p <= alert.Debug; p++ {
		if n, ok := schemapb.Priority_value[p.String()]; !ok || n != int32(p) {
			t.Errorf("priority %s is %d", p, n)
		}
	}
	if sourceNumber("syscall") != 0 || sourceNumber("k8s_audit") != 1 || sourceNumber("internal") != 2 || sourceNumber("okta") != 3 {
		t.Error("sources")
	}
}

func TestGRPCResponse(t *testing.T) {
	g := &GRPC{format: text}
	r := g.response(&alert.Alert{
		Time: 1_700_000_000_123_456_789, Rule: "r\xff", Priority: alert.Warning, Source: "syscall", Hostname: "h", Output: "o", Tags: []string{"a", "b"},
		Fields: []alert.Field{{Key: "n", JSON: []byte("7")}, {Key: "s", JSON: []byte(`"a\n\"b"`)}, {Key: "u", JSON: []byte("null")}, {Key: "v"}, {Key: "w", JSON: []byte(`"` + strings.Repeat("é", 1<<20) + `"`)}},
	})
	if r.Rule != "r\uFFFD" || r.Time.AsTime().UnixNano() != 1_700_000_000_123_456_789 || r.Output != "2023-11-14T22:13:20.123456789+0000: Warning o" || strings.Join(r.Tags, ",") != "a,b" {
		t.Errorf("got %v", r)
	}
	for key, want := range map[string]string{"n": "7", "s": "a\n\"b", "u": "<NA>", "v": "<NA>"} {
		if r.OutputFields[key] != want {
			t.Errorf("%s is %q", key, r.OutputFields[key])
		}
	}
	if n := len(r.OutputFields["w"]); n != maxFieldText {
		t.Errorf("%d bytes", n)
	}
}
