// SPDX-License-Identifier: Apache-2.0

// Package state says what is running: processes and their threads, open files and sockets, users
// and groups. Events change it; fields read it. It belongs to one goroutine, the one that reads
// the events; what it hands out is borrowed until the next event is applied.
package state

// Thread is one thread of a process, in the host's numbering unless a name starts with V.
type Thread struct {
	TID  int64
	VTID int64 // number in its own pid namespace, -1 if unknown
	Proc *Process

	Comm     string // up to 15 bytes
	UID, GID uint32 // effective; NoID if unknown
	Caps     Caps
	Flags    uint32 // published clone flags with which it was made
	CloneTS  uint64 // ns since the epoch, 0 if unknown
	PFMajor  uint64
	PFMinor  uint64
	VM       VM

	// Dead says that the exit event was seen; the entry goes with the next event.
	Dead bool
	// Fake says that nothing is known of the thread but its number: names read "<NA>".
	Fake bool

	// snapshot is the time up to which a snapshot holds.
	snapshot uint64
	// retry is when a lookup of a fake thread may be tried again.
	retry uint64
	// start is the kernel's start time of the thread, 0 if unknown.
	start uint64

	// byParent says that only the parent's side of its clone told of it so far.
	byParent bool

	next, prev *Thread // the living threads of the process
	enter      enterCall

	// seen is the time of the newest event.
	seen uint64
}

// Process is a thread group: what all its threads share. A process whose parent has gone keeps
// that parent reachable as Lineage.
type Process struct {
	PID  int64
	PPID int64 // the kernel's parent now: the reaper once the parent has gone; -1 if unknown
	PTID int64 // the thread of that process which forked this one or took it; -1 if unknown
	VPID int64 // number in its own pid namespace, -1 if unknown

	SID, PGID, VPGID int64 // -1 if unknown

	Exe     string // argv[0]
	ExePath string // the kernel's path of the executed file, "<NA>" if unknown
	Args    []string
	Env     []string
	ArgLine string // Args joined by blanks, made when Args are set
	CmdLine string // comm and ArgLine as of the exec
	// ArgsLen and EnvLen are the full lengths in bytes in the process' memory; Args hold at most the
	// first 4096 bytes, Env the first MaxEnv. 0 if unknown.
	ArgsLen, EnvLen uint64
	// ArgsTail are the last bytes of arguments that are longer than that, joined by blanks: at most 4095.
	// "" if all is in Args, or the end was not told.
	ArgsTail string
	// Stdio are the kinds of the descriptors 0, 1 and 2 at the newest exec; FDUnknown for those that were
	// closed or not known.
	Stdio [3]FDType

	Cwd     string // normalised, ends with "/"
	Root    string
	Cgroups []Cgroup

	LoginUID uint32 // NoID if unset
	TTY      uint32
	FDLimit  int64 // -1 if unknown

	CloneTS      uint64 // when the process was made, ns since the epoch, 0 if unknown
	StartTime    uint64 // the kernel's start time, ns since the epoch: with PID the identity; 0 if unknown
	ExecTS       uint64 // the newest exec, 0 if none was seen
	PIDNSStartTS uint64 // start of the pid namespace's init, 0 if unknown

	Exec ExeInfo

	Container ContainerRef

	// Reaper says that the process asked to be the reaper of its descendants.
	Reaper bool

	Main    *Thread // the leader's entry; kept, dead, while other threads live; nil if never seen
	Threads int     // living threads, the leader included
	FDs     FDTable

	// Parent is the process that PPID names, nil if it is not known.
	Parent *Process
	// Lineage is the process that made this one, living or not; nil if it is not known.
	Lineage *Process
	// Gone says that the last thread has exited: the entry is only reachable as a Lineage.
	Gone bool

	// snapshot and snapshotCwd are the times up to which a snapshot of the process and of its
	// working directory holds.
	snapshot, snapshotCwd uint64
	// A snapshot takes the descriptors one after the other, from the time fdsFrom to fdsTo; each
	// entry knows its own.
	fdsFrom, fdsTo uint64

	threads *Thread // list of the living and dead threads that stand in the table
	// The living processes whose PPID is this one's, also while this one is unknown.
	sibNext, sibPrev *Process
	family           *family
	// The processes whose Lineage is this one.
	heirs              *Process
	heirNext, heirPrev *Process
	goneBytes          int
	userNS             *userTable // of the container, once it was asked for
}

// NoID is the user or group number that stands for none or unknown.
const NoID = ^uint32(0)

// Caps are capability sets as bit masks (bit n is capability n of capability.h).
type Caps struct{ Inheritable, Permitted, Effective uint64 }

// VM are memory figures in kB.
type VM struct{ Size, RSS, Swap uint32 }

// Cgroup is a process' place below one controller.
type Cgroup struct {
	Subsys string // normalised name: cpuset, cpu, cpuacct, io is blkio …
	Path   string
}

// ExeInfo describes the executed file.
type ExeInfo struct {
	Ino          uint64
	CTime, MTime uint64 // ns since the epoch, 0 if unknown
	// StartAge is the start of the process that executed the file less CTime, in ns: what that process
	// forks has it too. It wraps around for a file that changed later; 0 if unknown.
	StartAge   uint64
	Dev        uint32
	NLink      uint32
	Interp     string // the interpreter of a script, "" if the file itself was loaded
	Script     string // the path of that script, "" if there is none
	Writable   bool   // the user who started it may write to the file
	UpperLayer bool   // it lies in the upper layer of an overlay
	LowerLayer bool
	FromMemFD  bool
	Deleted    bool
}

// ContainerRef says in which container a process runs; empty fields mean the host.
type ContainerRef struct {
	ID     string // up to 12 characters
	FullID string
	Type   string // docker, cri, containerd, podman, …
}
