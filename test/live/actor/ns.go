// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stage says in what surroundings a program is to run. It travels in the environment, so that
// the command lines of those who build the stage do not bear the marks of the test.
type stage struct {
	Container string   // 64 hex digits: run in a cgroup of this container
	PIDs      bool     // own process numbers and /proc
	Net       bool     // own network with lo up
	Addrs     []string // further IPv4 addresses of lo
	Tmpfs     []string // directories to be covered by empty file systems
	Files     []string // files to be made, with their directories
	Overlay   string   // a directory to be covered by an overlay of itself
	Upper     string   // an empty directory that can hold the overlay's upper layer
	Argv      []string
}

const stageVar = "GYR_STAGE"

func readStage() (s stage, err error) {
	err = json.Unmarshal([]byte(os.Getenv(stageVar)), &s)
	return s, err
}

// actNS enters the container's cgroups and starts the rest in new name spaces.
func actNS([]string) error {
	s, err := readStage()
	if err != nil {
		return err
	}
	flags := uintptr(unix.CLONE_NEWNS)
	if s.PIDs {
		flags |= unix.CLONE_NEWPID
	}
	if s.Net {
		flags |= unix.CLONE_NEWNET
	}
	if s.Container != "" {
		leave, err := enterCgroups(filepath.Join("docker", s.Container))
		defer leave()
		if err != nil {
			return err
		}
	}
	cmd := exec.Command(os.Args[0], "ns-init")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	return cmd.Run()
}

// enterCgroups moves this process into a cgroup of the given name in every hierarchy that has
// room for it; leave undoes that. At least one hierarchy must take it.
func enterCgroups(name string) (leave func(), err error) {
	var undo []func()
	leave = func() {
		for _, f := range undo {
			f()
		}
	}
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	roots = append(roots, "/sys/fs/cgroup/cgroup.procs")
	for _, procs := range roots {
		root := filepath.Dir(procs)
		dir := filepath.Join(root, name)
		if os.MkdirAll(dir, 0o755) != nil {
			continue
		}
		for _, set := range []string{"cpuset.cpus", "cpuset.mems"} {
			if data, err := os.ReadFile(filepath.Join(root, set)); err == nil {
				os.WriteFile(filepath.Join(filepath.Dir(dir), set), data, 0o644)
				os.WriteFile(filepath.Join(dir, set), data, 0o644)
			}
		}
		home := filepath.Join(root, ownCgroup(root), "cgroup.procs")
		self := []byte("0")
		if os.WriteFile(filepath.Join(dir, "cgroup.procs"), self, 0o644) != nil {
			os.Remove(dir)
			continue
		}
		undo = append(undo, func() {
			os.WriteFile(home, self, 0o644)
			os.Remove(dir)
		})
	}
	if len(undo) == 0 {
		return leave, fmt.Errorf("no cgroup hierarchy takes %q", name)
	}
	return leave, nil
}

// ownCgroup is this process' path in the hierarchy mounted at root.
func ownCgroup(root string) string {
	data, _ := os.ReadFile("/proc/self/cgroup")
	controller := filepath.Base(root)
	path := "/"
	for line := range strings.Lines(string(data)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		if part[1] == controller || part[1] == "name="+controller || part[1] == "" {
			path = part[2]
			if part[1] != "" {
				return path
			}
		}
	}
	return path
}

// actNSInit builds the stage from inside the new name spaces and executes the program.
func actNSInit([]string) error {
	s, err := readStage()
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, dir := range s.Tmpfs {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("cover %s: %w", dir, err)
		}
	}
	if s.Overlay != "" {
		if err := overlay(s.Overlay, s.Upper); err != nil {
			return fmt.Errorf("overlay over %s: %w", s.Overlay, err)
		}
	}
	for _, file := range s.Files {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte("made by a test\n"), 0o644); err != nil {
			return err
		}
	}
	if s.PIDs {
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("mount proc: %w", err)
		}
	}
	if s.Net {
		if err := raiseLoopback(s.Addrs); err != nil {
			return err
		}
	}
	// A session's leader is its own group's leader already.
	_ = unix.Setpgid(0, 0)
	os.Unsetenv(stageVar)
	return unix.Exec(s.Argv[0], s.Argv, os.Environ())
}

// overlay covers a directory with an overlay whose lower layer is the directory as it was.
func overlay(dir, base string) error {
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, ""); err != nil {
		return err
	}
	upper, work := filepath.Join(base, "upper"), filepath.Join(base, "work")
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	return unix.Mount("overlay", dir, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work))
}

// raiseLoopback sets lo up and gives it further addresses.
func raiseLoopback(addrs []string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("raise lo: %w", err)
	}
	for i, addr := range addrs {
		req, err := unix.NewIfreq(fmt.Sprintf("lo:%d", i+1))
		if err != nil {
			return err
		}
		if err := req.SetInet4Addr(net.ParseIP(addr).To4()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, req); err != nil {
			return fmt.Errorf("add %s: %w", addr, err)
		}
	}
	return nil
}
