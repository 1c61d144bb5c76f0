// SPDX-License-Identifier: Apache-2.0

// Actor does one thing that a rule is about, with real system calls, and ends. The live tests
// start it under the names of other programs. Arguments after the ones an act takes are ignored,
// so that a test can leave its mark on the command line.
package main

import (
	"fmt"
	"os"
)

// act is one thing that the actor can do.
type act struct {
	name string
	args int // how many arguments it needs at least
	run  func(args []string) error
}

var acts = []act{
	{"open", 2, actOpen},
	{"ring-open", 1, actRingOpen},
	{"int80-open", 1, actInt80Open},
	{"creat", 1, actCreat},
	{"openat2", 2, actOpenat2},
	{"open-handle", 1, actOpenHandle},
	{"open-bound", 2, actOpenBound},
	{"open-late", 2, actOpenLate},
	{"open-flood", 2, actOpenFlood},
	{"link", 2, func(a []string) error { return os.Link(a[0], a[1]) }},
	{"symlink", 2, func(a []string) error { return os.Symlink(a[0], a[1]) }},
	{"rename", 2, func(a []string) error { return os.Rename(a[0], a[1]) }},
	{"renameat", 3, actRenameat},
	{"linkat", 3, actLinkat},
	{"unlink", 1, func(a []string) error { return os.Remove(a[0]) }},
	{"mkdir", 1, func(a []string) error { return os.Mkdir(a[0], 0o755) }},
	{"chmod", 2, actChmod},
	{"spawn", 1, actSpawn},
	{"spawn-many", 2, actSpawnMany},
	{"sleep", 1, actSleep},
	{"login-as", 2, actLoginAs},
	{"kill", 2, actKill},
	{"memfd-exec", 1, actMemfdExec},
	{"copy-exec", 2, actCopyExec},
	{"overlay-exec", 2, actOverlayExec},
	{"deleted-exec", 2, actDeletedExec},
	{"release-agent", 3, actReleaseAgent},
	{"setxattr", 2, actSetXAttr},
	{"getfd", 0, actGetFD},
	{"juggle", 1, actJuggle},
	{"hold", 0, actHold},
	{"setns", 0, actSetns},
	{"init-module", 0, actInitModule},
	{"ptrace-seize", 0, actPtraceSeize},
	{"ptrace-traceme", 0, actPtraceTraceme},
	{"vm-write", 0, actVMWrite},
	{"vm-read", 0, actVMRead},
	{"io-uring", 1, actIOUring},
	{"userfaultfd", 0, actUserfaultfd},
	{"bpf-prog", 0, actBPFProg},
	{"bpf-map", 0, actBPFMap},
	{"kexec", 0, actKexec},
	{"clone-user", 0, actCloneUser},
	{"move-mount", 1, actMoveMount},
	{"mount", 3, actMount},
	{"socket", 1, actSocket},
	{"connect", 1, actConnect},
	{"connect-unix", 1, actConnectUnix},
	{"connect-dup", 1, actConnectDup},
	{"connect-fcntl", 1, actConnectFcntl},
	{"connect-exec", 1, actConnectExec},
	{"chain", 0, actChain},
	{"ping-pong", 1, actPingPong},
	{"pong", 0, actPong},
	{"spawn-rate", 2, actSpawnRate},
	{"thread-storm", 2, actThreadStorm},
	{"fork-storm", 2, actForkStorm},
	{"fork-bomb", 0, actForkBomb},
	{"deep-open", 4, actDeepOpen},
	{"long-open", 1, actLongOpen},
	{"odd-names", 2, actOddNames},
	{"ns", 0, actNS},
	{"ns-init", 0, actNSInit},
}

func main() {
	if yes, err := inChain(); yes {
		if err != nil {
			fail("chain: %v", err)
		}
		return
	}
	if len(os.Args) < 2 {
		return
	}
	for _, a := range acts {
		if a.name != os.Args[1] {
			continue
		}
		if len(os.Args)-2 < a.args {
			fail("%s needs %d arguments", a.name, a.args)
		}
		if err := a.run(os.Args[2:]); err != nil {
			fail("%s: %v", a.name, err)
		}
		return
	}
	fail("unknown act %q", os.Args[1])
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "actor: "+format+"\n", args...)
	os.Exit(1)
}
