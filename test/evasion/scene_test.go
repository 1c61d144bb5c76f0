// SPDX-License-Identifier: Apache-2.0

package evasion

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// scene is one row's performance: a directory and a mark of its own, by which its alerts are known.
type scene struct {
	programs
	w    *watcher
	mark string
	dir  string // ends in the mark
	uid  uint32
	env  []string
	argv string // the next program's argv[0], if it is not the path
}

// place says where a row's program runs.
type place int

const (
	onHost      place = iota
	ownMounts         // on the host, with mounts of its own
	inContainer       // in a container that has just started
)

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

// as gives a program another name and returns its path.
func (s *scene) as(name, program string) string {
	path := s.path(name)
	if err := os.Link(program, path); err != nil && !os.IsExist(err) {
		panic(err)
	}
	return path
}

// fake returns the path of a program that does nothing, under a name.
func (s *scene) fake(name string) string { return s.as(name, s.nothing) }

// run runs a program to its end; it must succeed.
func (s *scene) run(in place, argv ...string) error {
	cmd := &exec.Cmd{Path: argv[0], Args: argv, Dir: "/", Env: append(os.Environ(), s.env...), SysProcAttr: &syscall.SysProcAttr{}}
	switch in {
	case ownMounts:
		cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	case inContainer:
		text, err := json.Marshal(map[string]any{
			"Container": (fmt.Sprintf("%x", s.mark) + strings.Repeat("0", 64))[:64], "PIDs": true, "Argv": argv})
		if err != nil {
			return err
		}
		cmd.Path, cmd.Args = s.actor, []string{s.actor, "ns"}
		cmd.Env = append(cmd.Env, "GYR_STAGE="+string(text))
	}
	if s.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.uid, Gid: s.uid}
	}
	if s.argv != "" {
		cmd.Args[0] = s.argv
	}
	return s.finish(cmd)
}

// finish runs a command to its end, which it must reach within some seconds.
func (s *scene) finish(cmd *exec.Cmd) error {
	var text strings.Builder
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &text, &text, 200*time.Millisecond
	if err := cmd.Start(); err != nil {
		return err
	}
	late := time.AfterFunc(20*time.Second*slowness, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil && err != exec.ErrWaitDelay {
		return fmt.Errorf("%q: %w\n%s", cmd.Args, err, text.String())
	}
	return nil
}

// act lets the evader do something in the scene's directory.
func (s *scene) act(in place, name string, args ...string) error {
	return s.run(in, append([]string{s.evader, name, s.dir}, args...)...)
}

// agent starts something that bears the name of a security agent, and returns once it runs: a start
// returns before the program has its name.
func (s *scene) agent() (*exec.Cmd, error) {
	cmd := exec.Command(s.as("osqueryd", s.actor), "hold")
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, cmd.Wait())
	}
	return cmd, nil
}

// barrier brings an alert and waits for it: whatever happened before has been judged by then, since
// events are judged in the order of their time.
func (s *scene) barrier() error {
	if err := s.run(onHost, s.fake("xmrig")); err != nil {
		return err
	}
	if !s.w.until(60*time.Second*slowness, func() bool {
		for i := range s.w.alerts {
			if strings.Contains(s.w.alerts[i].Output, s.mark) {
				return true
			}
		}
		return false
	}) {
		return fmt.Errorf("the barrier brought no alert; gyr says:\n%s", s.w.log.String())
	}
	return nil
}
