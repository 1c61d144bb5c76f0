// SPDX-License-Identifier: Apache-2.0

package field

import (
	"slices"
	"strings"
	"testing"
)

// The reasons why values of the state tests differ: the rows of docs/differences.md.
const (
	whySecondary = "children of secondary threads keep their environment"
	whyWritten   = "the test wrote to the tables, which is not in the record"
	whyCaller    = "a thread that was unknown is taken from its clone event"
	whyLeader    = "a thread group outlives its leader with all that it has"
	whyNumbers   = "numbers in the pid namespace come from the child's own event"
	whyFakeFD    = "descriptors of unknown threads count"
	whyExecFD    = "a failed execveat is about no descriptor"
	whyServer    = "a listening socket has a service, and no client's"
	whyCaps      = "a new user namespace empties the inheritable set, as the kernel does"
	whyConnected = "a datagram socket that nobody connected is not connected"
	whyNewer     = "a process is known by the name that it had before its number was used again"
	whyBuffer    = "the words of ptrace are no buffer"
)

// casesBeyond are the state tests whose differences have one reason, by their names.
var casesBeyond = map[string]string{
	"plugin_subtables":                                                whyWritten,
	"plugin_subtables_array":                                          whyWritten,
	"PROC_FILTER_pgid_family":                                         whyWritten,
	"suppress_comm_execve":                                            whyWritten,
	"PROC_EXIT_already_dead_thread":                                   whyWritten,
	"USER_FILTER_extract_from_existent_user_entry":                    whyWritten,
	"USER_FILTER_extract_from_existent_user_entry_without_metadata":   whyWritten,
	"CLONE_CALLER_check_event_tinfo":                                  whyCaller,
	"CLONE_CALLER_missing_both_clone_events_create_leader_thread":     whyCaller,
	"CLONE_CALLER_missing_both_clone_events_create_secondary_threads": whyCaller,
	"CLONE_CHILD_check_event_tinfo":                                   whyCaller,
	"CLONE_CHILD_missing_both_clone_events_create_secondary_threads":  whyCaller,
	"CLONE_CHILD_tid_collision":                                       whyCaller,
	"CLONE_CHILD_already_there":                                       whyCaller,
	"PROC_FILTER_nthreads":                                            whyLeader,
	"PROC_FILTER_nchilds":                                             whyLeader,
	"pid_over_32bit":                                                  whyNumbers,
	"last_exec_ts":                                                    whyNumbers,
	"CLONE_CALLER_tid_collision":                                      whyNewer,
}

// caseReason says why a value differs; "" if there is no reason, which is a defect.
func caseReason(id, field, want string, c *Context) string {
	switch field {
	case "proc.env", "proc.aenv":
		if want == "" {
			return whySecondary
		}
	case "proc.fdopencount":
		if c.Thread.Fake {
			return whyFakeFD
		}
	case "evt.count.error.file", "evt.count.error.other":
		if c.Ev.Info().Name == "execve" || c.Ev.Info().Name == "execveat" {
			return whyExecFD
		}
	case "fd.sproto", "fd.cproto":
		return whyServer
	case "thread.cap_inheritable":
		if c.Ev.Info().Name == "unshare" || c.Ev.Info().Name == "setns" {
			return whyCaps
		}
	case "fd.connected":
		return whyConnected
	case "evt.buffer":
		if c.Ev.Info().Name == "ptrace" {
			return whyBuffer
		}
	}
	return casesBeyond[id[strings.LastIndexByte(id, '.')+1:]]
}

// reasons counts differences by their reason.
type reasons map[string]int

// report logs the counts, most first.
func (r reasons) report(t *testing.T) {
	var keys []string
	for k := range r {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return r[b] - r[a] })
	for _, k := range keys {
		t.Logf("%4d differ: %s", r[k], k)
	}
}
