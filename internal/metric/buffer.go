// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// BufferKind is a group of events for which Falco counts apart what found no room in a buffer.
type BufferKind struct {
	Name string // as in n_drops_buffer_NAME_exit
	// Enter says that old versions counted the beginnings of these calls, too; those are 0 now.
	Enter  bool
	events []string // names of the events
}

// BufferKinds are all of them; what is in none is only in the sum.
var BufferKinds = []BufferKind{
	{"clone_fork", true, []string{"clone", "clone3", "fork", "vfork"}},
	{"execve", true, []string{"execve", "execveat"}},
	{"connect", true, []string{"connect"}},
	{"open", true, []string{"open", "creat", "openat", "openat2", "open_by_handle_at"}},
	{"dir_file", true, []string{"dup", "chmod", "fchmod", "fchmodat", "chown", "lchown", "fchown", "fchownat", "link", "linkat",
		"mkdir", "mkdirat", "mount", "umount", "umount2", "rename", "renameat", "renameat2", "rmdir", "symlink", "symlinkat",
		"unlink", "unlinkat"}},
	{"other_interest", true, []string{"bpf", "setpgid", "ptrace", "seccomp", "setns", "setresgid", "setresuid", "setsid",
		"unshare", "capset", "keyctl"}},
	{"close", false, []string{"close"}},
	{"proc", false, []string{"procexit"}},
}

// kindOf is the place of each event's kind in BufferKinds, or -1.
var kindOf = func() (kinds [event.NumTypes]int) {
	for t := range kinds {
		info := event.Lookup(event.Type(t))
		kinds[t] = slices.IndexFunc(BufferKinds, func(k BufferKind) bool { return slices.Contains(k.events, info.Name) })
	}
	return kinds
}()

// ByKind sums losses up by kind, in the order of BufferKinds.
func ByKind(lost []source.TypeCount) []uint64 {
	sums := make([]uint64, len(BufferKinds))
	for _, l := range lost {
		if int(l.Type) < len(kindOf) && kindOf[l.Type] >= 0 {
			sums[kindOf[l.Type]] += l.Events
		}
	}
	return sums
}
