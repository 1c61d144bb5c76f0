// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// chain is a line of processes, each the child of the one before, and what the last one does. Like
// a stage it travels in the environment, since the names and command lines are what rules look at.
type chain struct {
	Links   []link
	Memfd   bool   // the last process is executed from memory
	Sleep   string // how long the last process waits before its steps
	Network string // tcp4 or tcp6: be server and client at Address first
	Address string
	Steps   []chainStep
	// Linger keeps those before the last one alive for a while, as a container's first process is.
	Linger time.Duration
}

// link is one process of a chain. One that is not root keeps the capabilities to do its work.
type link struct {
	Path string
	Argv []string
	UID  uint32
	Copy bool // the program has to be put at Path first
}

// chainStep is one system call. Numbers are given as numbers, and "SOCKET" for the client's
// descriptor.
type chainStep struct {
	Call string
	Args map[string]any
}

const chainVar = "GYR_CHAIN"

// inChain does this process' part in a chain, if it is in one.
func inChain() (yes bool, err error) {
	text := os.Getenv(chainVar)
	if text == "" {
		return false, nil
	}
	var c chain
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return true, err
	}
	if len(c.Links) > 0 {
		return true, c.next()
	}
	return true, c.finish()
}

// actChain starts the chain that waits in the environment.
func actChain([]string) error {
	var c chain
	if err := json.Unmarshal([]byte(os.Getenv(chainVar+"_BEGIN")), &c); err != nil {
		return err
	}
	os.Unsetenv(chainVar + "_BEGIN")
	return c.next()
}

// next starts the following process as a child and waits for it.
func (c *chain) next() error {
	l := c.Links[0]
	c.Links = c.Links[1:]
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if l.Copy {
		if err := copyFile("/proc/self/exe", l.Path); err != nil {
			return err
		}
	}
	cmd := &exec.Cmd{Path: l.Path, Args: l.Argv, Dir: "/", Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.Env = append(os.Environ(), chainVar+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: l.UID, Gid: l.UID}}
	if l.UID != 0 {
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_SYS_ADMIN}
	}
	if c.Memfd && len(c.Links) == 0 {
		data, err := os.ReadFile(l.Path)
		if err != nil {
			return err
		}
		fd, err := unix.MemfdCreate(l.Argv[0], unix.MFD_CLOEXEC)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), l.Argv[0])
		if _, err := f.Write(data); err != nil {
			return err
		}
		cmd.Path = fmt.Sprintf("/proc/self/fd/%d", fd)
		cmd.SysProcAttr = nil
		return unix.Exec(cmd.Path, cmd.Args, cmd.Env)
	}
	defer time.Sleep(c.Linger)
	return cmd.Run()
}

// finish does what the last process is there for.
func (c *chain) finish() error {
	if d, err := time.ParseDuration(c.Sleep); err == nil {
		time.Sleep(d)
	}
	socket := -1
	if c.Network != "" {
		fd, stop, err := clientServer(c.Network, c.Address)
		if err != nil {
			return err
		}
		defer stop()
		socket = fd
	}
	for _, s := range c.Steps {
		if err := s.run(socket); err != nil {
			return fmt.Errorf("%s %v: %w", s.Call, s.Args, err)
		}
	}
	return nil
}

// clientServer listens at an address, connects to it and returns the client's descriptor.
func clientServer(network, address string) (fd int, stop func(), err error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return 0, nil, err
	}
	c, err := net.Dial(network, address)
	if err != nil {
		l.Close()
		return 0, nil, err
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(d uintptr) { fd = int(d) })
	}
	return fd, func() { c.Close(); l.Close() }, err
}

// run performs the call.
func (s *chainStep) run(socket int) error {
	text := func(key string) string { v, _ := s.Args[key].(string); return v }
	number := func(key string) int {
		if text(key) == "SOCKET" {
			return socket
		}
		v, _ := s.Args[key].(float64)
		return int(v)
	}
	path := text("pathname")
	if path == "" {
		path = text("oldPath")
	}
	var fd int
	var err error
	switch s.Call {
	case "open":
		fd, err = openCall(path, number("flags"), uint32(number("mode")))
	case "openat":
		fd, err = unix.Openat(unix.AT_FDCWD, path, number("flags"), uint32(number("mode")))
	case "openat2":
		fd, err = unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: uint64(number("flags")), Mode: uint64(number("mode"))})
	case "link":
		return linkCall(path, text("newPath"))
	case "linkat":
		return unix.Linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, text("newPath"), 0)
	case "symlink":
		return symlinkCall(text("target"), text("linkPath"))
	case "symlinkat":
		return unix.Symlinkat(text("target"), unix.AT_FDCWD, text("linkPath"))
	case "socket":
		fd, err = unix.Socket(number("domain"), number("type"), number("protocol"))
	case "dup2":
		return dup2Call(number("oldFd"), number("newFd"))
	case "dup3":
		return unix.Dup3(number("oldFd"), number("newFd"), number("flags"))
	default:
		return fmt.Errorf("no such step")
	}
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
