// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net"
	"sync"
)

// limited accepts a connection only while there are fewer than its slots.
type limited struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a slot and then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &counted{Conn: c, free: func() { <-l.slots }}, nil
}

// Close closes the listener; an Accept that waits for a slot ends, too.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// counted is a connection that holds a slot until it is closed.
type counted struct {
	net.Conn
	once sync.Once
	free func()
}

// Close closes the connection and frees its slot.
func (c *counted) Close() error {
	defer c.once.Do(c.free)
	return c.Conn.Close()
}
