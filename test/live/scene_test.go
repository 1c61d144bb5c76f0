// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scene is one performance: a directory and a mark of its own, by which its alerts are known.
type scene struct {
	t    testing.TB
	mark string
	dir  string // ends in the mark, so that every path below bears it
	tty  bool   // the next program gets a controlling terminal
	uid  uint32 // the next program runs as this user
	env  []string
}

func newScene(t testing.TB, mark string) *scene {
	t.Helper()
	s := &scene{t: t, mark: mark, dir: filepath.Join(build.dir, mark)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// path is the path of a file in the scene's directory; its parents are made.
func (s *scene) path(name string) string {
	s.t.Helper()
	p := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// file makes a file in the scene's directory.
func (s *scene) file(name string) string {
	s.t.Helper()
	p := s.path(name)
	if err := os.WriteFile(p, []byte("made by a test\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// as gives the program at target another name and returns its path.
func (s *scene) as(name, target string) string {
	s.t.Helper()
	p := s.path(name)
	if err := os.Link(target, p); err != nil && !os.IsExist(err) {
		s.t.Fatal(err)
	}
	return p
}

// actor returns the path of the actor under a name.
func (s *scene) actor(name string) string { s.t.Helper(); return s.as(name, build.actor) }

// fake returns the path of a program that does nothing, under a name.
func (s *scene) fake(name string) string { s.t.Helper(); return s.as(name, build.nothing) }

// run runs a program and waits for its end. It must succeed.
func (s *scene) run(path string, args ...string) {
	s.t.Helper()
	s.runArgv(path, append([]string{path}, args...))
}

func (s *scene) runArgv(path string, argv []string) {
	s.t.Helper()
	cmd := s.command(path, argv)
	if text, err := finish(cmd); err != nil {
		s.t.Fatalf("%q: %v\n%s", argv, err, text)
	}
}

func (s *scene) command(path string, argv []string) *exec.Cmd {
	cmd := &exec.Cmd{Path: path, Args: argv, Dir: "/", Env: append(os.Environ(), s.env...), SysProcAttr: &syscall.SysProcAttr{}}
	if s.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.uid, Gid: s.uid}
	}
	if s.tty {
		master, slave := openPTY(s.t)
		s.t.Cleanup(func() { master.Close(); slave.Close() })
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	}
	return cmd
}

// finish runs a command to its end and returns its output.
func finish(cmd *exec.Cmd) (string, error) {
	if cmd.Stdout != nil {
		return "", cmd.Run()
	}
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// act lets the actor, under its own name, do something; the mark ends its command line.
func (s *scene) act(args ...string) {
	s.t.Helper()
	s.run(build.actor, append(args, s.mark)...)
}

// stage is the actor's: what the surroundings of a program are.
type stage struct {
	Container string
	PIDs, Net bool
	Addrs     []string
	Tmpfs     []string
	Files     []string
	Overlay   string
	Upper     string
	Argv      []string
}

// on runs a program on a stage.
func (s *scene) on(st stage, argv ...string) {
	s.t.Helper()
	st.Argv = argv
	text, err := json.Marshal(st)
	if err != nil {
		s.t.Fatal(err)
	}
	s.env = append(s.env, "GYR_STAGE="+string(text))
	s.run(build.actor, "ns")
}

// actOn lets the actor do something on a stage; the mark ends its command line.
func (s *scene) actOn(st stage, args ...string) {
	s.t.Helper()
	s.on(st, append(append([]string{build.actor}, args...), s.mark)...)
}

// container is a stage in a container, which looks as if a runtime had just made it.
func (s *scene) container() stage { return stage{Container: containerID(s.mark), PIDs: true} }

// oldContainer is a stage in a container that has been running for long: as old as the machine.
func (s *scene) oldContainer() stage { return stage{Container: containerID(s.mark)} }

// containerID makes 64 hex digits of a mark.
func containerID(mark string) string {
	return (fmt.Sprintf("%x", mark) + strings.Repeat("0", 64))[:64]
}

// over is a stage on which an empty file system covers a directory, with files in it.
func over(dir string, files ...string) stage { return stage{Tmpfs: []string{dir}, Files: files} }

// openPTY makes a pseudo terminal.
func openPTY(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// barrier makes an alert of its own and waits for it: whatever happened before has been judged
// by then, since events are judged in the order of their time.
func barrier(t testing.TB, w *watcher, mark string) {
	t.Helper()
	s := newScene(t, mark)
	s.run(s.fake("xmrig"))
	if len(w.wait(1, 10*time.Second, of("Known Cryptominer Process Executed", mark))) == 0 {
		t.Fatalf("the barrier %s brought no alert; gyr says:\n%s", mark, w.log())
	}
}
