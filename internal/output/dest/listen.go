// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenTCP listens on host:port. The port may be in use by another server of ours: while a reload
// replaces one, both accept.
func listenTCP(address string) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		e := conn.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(e, err)
	}}
	return c.Listen(context.Background(), "tcp", address)
}

// socketFile is a listener whose file is removed at its end, unless it is another's by then.
type socketFile struct {
	*net.UnixListener
	path string
	made os.FileInfo
}

// listenUnix listens on a socket that only its owner may use. It takes the place of a socket that
// exists, in one step, so that clients find one or the other.
func listenUnix(path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New("the socket has no path")
	}
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("%q exists and is no socket", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	temporary := fmt.Sprintf("%s.%x", path, time.Now().UnixNano())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s := &socketFile{UnixListener: l, path: path}
	err = os.Chmod(temporary, 0o600)
	if err == nil {
		s.made, err = os.Lstat(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		l.Close()
		os.Remove(temporary)
		return nil, err
	}
	return s, nil
}

// Close stops listening.
func (s *socketFile) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
		os.Remove(s.path)
	}
	return s.UnixListener.Close()
}
