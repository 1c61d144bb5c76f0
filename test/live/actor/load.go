// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pingSize is the size of one message, that of a short request of a key-value store.
const pingSize = 64

// actPingPong sends ROUNDS messages to another process over TCP and waits for each to come back.
func actPingPong(args []string) error {
	rounds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	fds, err := tcpPair()
	if err != nil {
		return err
	}
	pong := exec.Command("/proc/self/exe", "pong")
	pong.Stdin = fds[1]
	if err := pong.Start(); err != nil {
		return err
	}
	fds[1].Close()
	fd := int(fds[0].Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	buf := make([]byte, pingSize)
	for range rounds {
		if _, err := unix.Write(fd, buf); err != nil {
			return err
		}
		if n, err := unix.Read(fd, buf); err != nil || n != pingSize {
			return fmt.Errorf("%d bytes came back: %w", n, err)
		}
	}
	fds[0].Close()
	return pong.Wait()
}

// actPong sends back what comes on standard input, a socket, until it ends.
func actPong([]string) error {
	if err := unix.SetNonblock(0, false); err != nil {
		return err
	}
	buf := make([]byte, pingSize)
	for {
		n, err := unix.Read(0, buf)
		if n <= 0 {
			return err
		}
		if _, err := unix.Write(0, buf[:n]); err != nil {
			return err
		}
	}
}

// actSpawnRate runs PROGRAM so many times a second until it is killed.
func actSpawnRate(args []string) error {
	rate, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range time.Tick(time.Second / time.Duration(rate)) {
		if err := exec.Command(args[1]).Run(); err != nil {
			return err
		}
	}
	return nil
}
