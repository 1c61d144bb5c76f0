// SPDX-License-Identifier: Apache-2.0

package evasion

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

var raceRows = []row{
	{ID: "T1/unprivileged", Technique: "userfaultfd without root's rights", Do: func(s *scene) error {
		s.uid = 65534
		return s.act(onHost, "userfaultfd")
	}, Rules: []string{"Unprivileged Delegation of Page Faults Handling to a Userspace Process"}, Field: "userfaultfd"},
	{ID: "T2/connect", Technique: "change the address while connect waits", Act: []string{"block-connect"},
		Witness: "evt.type = connect and fd.rip = 127.0.0.1 and evt.arg.addr contains 127.9.9.9", Field: "fd.sip, fd.sport", Note: "the tuple is the kernel's, evt.arg.addr is what memory says"},
	{ID: "T2/link", Technique: "change link's first path while link waits for its directory", In: ownMounts, Act: []string{"fault-link"}, Hooked: []string{hardLinked},
		Witness: "evt.type = openat and fd.path.real = /etc/x and fd.nlink = 2", Field: "fd.nlink", Note: "the link's event shows the changed path (" + needsHooks + "); the userfaultfd and the file's second name are seen"},
	{ID: "T1/open", Technique: "userfaultfd: change the path while open waits for its end", Act: []string{"fault-open"}, Rules: secretRead,
		Witness: "evt.type = openat and evt.arg_mismatch = true and fd.path.real = /etc/shadow", Field: "fd.path.real, evt.arg_mismatch"},
	{ID: "T4/path", Technique: "a thread that changes the path all the time", Act: []string{"flip-path"}, Rules: secretRead,
		Witness: realSecret, Field: "fd.path.real, evt.arg_mismatch", Alone: true},
	{ID: "T4/arguments", Technique: "a thread that changes an argument during exec", Do: func(s *scene) error {
		return s.act(onHost, "flip-arguments", s.fake("xmrig"), "a-"+s.mark)
	}, Rules: []string{miner}, Field: "proc.args", Note: "arguments are read from the new program's memory, where no other thread is"},
	{ID: "T5", Technique: "a path whose page is taken away", Act: []string{"drop-page"}, Rules: secretRead, Witness: realSecret, Field: "fd.path.real"},
	{ID: "T6", Technique: "a hook that is silently absent", Do: func(*scene) error { return nil }, Check: selfTest, Field: "the self-test at the start, gyr doctor, metrics", Alone: true},
}

// selfTest asks whether gyr proved to itself that events come.
func selfTest(s *scene) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if log := s.w.log.String(); !strings.Contains(log, "self-test") {
		return fmt.Errorf("no word of a self-test:\n%s", log)
	}
	return nil
}

var loadRows = []row{
	{ID: "O1", Technique: "100,000 opens and a program in the midst of them", Do: under("flood"), Rules: []string{miner}, Alone: true, Field: "a ring of its own for programs that start"},
	{ID: "O2", Technique: "20,000 opens of files with long names", Do: under("names"), Rules: []string{miner}, Alone: true, Check: smallEnough, Field: "resident memory of gyr below 160 MiB"},
	{ID: "O3/descriptors", Technique: "100,000 open descriptors", Do: under("descriptors"), Rules: []string{miner}, Alone: true, Check: smallEnough, Field: "resident memory of gyr below 160 MiB"},
	{ID: "O3/processes", Technique: "300 short processes in a row", Do: under("storm"), Rules: []string{miner}, Alone: true, Field: "proc.exepath"},
	{ID: "O4", Technique: "300 alerts, and one of another rule", Do: under("noise"), Rules: []string{miner}, Alone: true, Field: "no rate limit that rules share", Also: secretRead},
	{ID: "O5", Technique: "arguments and environments of 400 KB", Do: func(s *scene) error { return s.act(onHost, "huge", s.fake("xmrig"), s.mark) }, Rules: []string{miner}, Alone: true, Field: "proc.args.len, proc.args.truncated"},
	{ID: "O6/realtime", Technique: "a thread at SCHED_FIFO beside it", Do: under("realtime"), Rules: []string{miner}, Alone: true, Field: "the ring waits for its reader"},
	{ID: "O6/stop", Technique: "stop gyr, act, let it go on", Do: stopped, Rules: []string{miner}, Alone: true, Field: "the ring waits for its reader"},
	{ID: "O7", Technique: "programs that the kernel leaves out", Do: func(*scene) error { return nil }, Check: selfTest, Alone: true, Field: "metrics of losses by reason, the regular self-test"},
}

// under starts a miner while, or right after, the evader makes a load.
func under(act string) func(*scene) error {
	return func(s *scene) error { return s.act(onHost, act, s.fake("xmrig"), s.mark) }
}

// stopped starts a miner while gyr cannot run.
func stopped(s *scene) error {
	gyr := s.w.cmd.Process
	if err := gyr.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := s.run(onHost, s.fake("xmrig"))
	time.Sleep(300 * time.Millisecond)
	return errors.Join(err, gyr.Signal(syscall.SIGCONT))
}

// smallEnough asks for gyr's memory.
func smallEnough(s *scene) error {
	const most = 160 << 10 // KiB
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.w.cmd.Process.Pid))
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return err
	}
	if kib > most {
		return fmt.Errorf("gyr has %d KiB of memory", kib)
	}
	return nil
}
