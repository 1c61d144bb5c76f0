// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// listen serves a socket until the test ends.
func listen(t *testing.T, path string) *Server {
	t.Helper()
	s, err := Listen(path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "gyr.sock")
	s := listen(t, path)
	s.Handle("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { Reply(w, http.StatusOK, Status{PID: 7}) })
	s.Handle("POST /v1/echo", func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			Fail(w, http.StatusBadRequest, err)
			return
		}
		Reply(w, http.StatusOK, in)
	})
	c := NewClient(path)
	var st Status
	if err := c.Get(t.Context(), PathStatus, &st); err != nil || st.PID != 7 {
		t.Errorf("%v %+v", err, st)
	}
	var out map[string]string
	if err := c.Post(t.Context(), "/v1/echo", map[string]string{"a": "b"}, &out); err != nil || out["a"] != "b" {
		t.Errorf("%v %v", err, out)
	}
	if err := c.Get(t.Context(), "/v1/other", nil); err == nil || !strings.Contains(err.Error(), `no GET "/v1/other"`) {
		t.Errorf("got %v", err)
	}
	if err := c.Post(t.Context(), "/v1/echo", strings.Repeat("x", maxBody), nil); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if info, err = os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestOnlyRootAndTheSameUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gyr.sock")
	s := listen(t, path)
	asked := false
	s.Handle("GET /v1/status", func(http.ResponseWriter, *http.Request) { asked = true })
	s.allow = func(uid uint32) bool { return int(uid) != os.Getuid() }
	err := NewClient(path).Get(t.Context(), PathStatus, nil)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("user %d may not control gyr", os.Getuid())) || asked {
		t.Errorf("got %v", err)
	}
	if !allowed(0) || !allowed(uint32(os.Geteuid())) || allowed(uint32(os.Geteuid())+1) {
		t.Error("others may, or root may not")
	}
}

func TestAnotherUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("no perl")
	}
	dir, err := os.MkdirTemp("", "gyr-control")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "gyr.sock")
	s := listen(t, path)
	s.Handle("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { Reply(w, http.StatusOK, Status{}) })
	// Even where an administrator opened the way to the socket, the kernel tells who asks.
	for p, mode := range map[string]os.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	script := `use Socket; $> = 65534; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die $!;
		syswrite S, "GET /v1/status HTTP/1.0\r\n\r\n"; print while <S>;`
	out, err := exec.Command(perl, "-e", script, path).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("403")) || !bytes.Contains(out, []byte("user 65534 may not")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTwoServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gyr.sock")
	first := listen(t, path)
	var held *HeldError
	if _, err := Listen(path, quiet); !errors.As(err, &held) || held.PID != os.Getpid() || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	listen(t, path)
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gyr.sock")
	// What a process leaves that was killed: a socket that nobody serves.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.WriteFile(path+".lock", []byte("999999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewClient(path).Get(t.Context(), PathStatus, nil); err == nil || !strings.Contains(err.Error(), "no gyr answers") {
		t.Errorf("got %v", err)
	}
	s := listen(t, path)
	s.Handle("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { Reply(w, http.StatusOK, nil) })
	if err := NewClient(path).Get(t.Context(), PathStatus, nil); err != nil {
		t.Error(err)
	}
}

func TestBadPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("keep me"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                           "no socket",
		"/" + strings.Repeat("x", 108): "too long",
		"/proc/gyr/gyr.sock":           "control socket: mkdir",
	} {
		if _, err := Listen(path, quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if b, _ := os.ReadFile(file); string(b) != "keep me" {
		t.Error("a file that is no socket was removed")
	}
	if err := NewClient(filepath.Join(dir, "absent")).Get(t.Context(), "/", nil); err == nil || !strings.Contains(err.Error(), "no gyr answers") {
		t.Errorf("got %v", err)
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gyr.sock")
	s := listen(t, path)
	s.Handle("GET /v1/alerts", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	before := openFiles(t)
	body, err := NewClient(path).Stream(t.Context(), "/v1/alerts")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(body)
	if line, err := lines.ReadString('\n'); err != nil || line != "one\n" {
		t.Fatalf("%q %v", line, err)
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := lines.ReadString('\n'); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(began); d > closingTime {
		t.Errorf("the end took %s", d)
	}
	body.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); openFiles(t) > before-2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files are open, before %d", openFiles(t), before)
		}
	}
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
