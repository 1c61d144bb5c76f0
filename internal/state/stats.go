// SPDX-License-Identifier: Apache-2.0

package state

// Stats are the sizes of the tables and the counts of what happened to them.
type Stats struct {
	Threads, Processes int // entries now
	Gone               int // processes that are gone but held as a lineage
	FDs                int // descriptor entries now, those that forked processes share once
	FDBytes            int // memory of all descriptor tables
	LineageBytes       int // memory of the gone processes, estimated

	ThreadsAdded, ThreadsRemoved uint64
	ThreadsDropped               uint64 // not entered: the table was full
	ThreadsEvicted               uint64 // removed to make room for others
	FakeThreads                  uint64 // entered although nothing was known of them
	Stale                        uint64 // replaced by another task with the same number
	Purged                       uint64 // removed because their end was missed

	FDsAdded, FDsRemoved uint64

	FDsDropped  uint64 // not entered: no memory left
	FDsEvicted  uint64 // removed to make room
	FDsReplaced uint64 // number taken although the old entry was not closed

	LineageEvicted uint64 // gone processes removed for the memory
	LineageCut     uint64 // lineages cut for their depth

	Lookups        uint64 // threads looked up in /proc
	LookupsMissed  uint64 // that it did not know
	LookupsRefused uint64 // not made: too many in this second

	FDLookups        uint64 // single descriptors looked up in /proc
	FDLookupsMissed  uint64 // that it did not know
	FDLookupsRefused uint64 // not made: too many in this second
	NetReadsRefused  uint64 // sockets left without their ends: too many tables read in this second

	Received      uint64 // descriptors received over sockets
	ReceivedKnown uint64 // of which /proc told what they are
	SnapshotLost  uint64 // snapshot records of unknown threads

	UserLoads uint64 // user and group files read
}

// Counter is one named figure of Stats.
type Counter struct {
	Name  string // snake case, for metrics
	Value uint64
	Gauge bool // a size of now rather than a count since the start
}

// Counters returns all figures by name, in a fixed order.
func (s Stats) Counters() []Counter {
	return []Counter{
		{"threads", uint64(s.Threads), true},
		{"processes", uint64(s.Processes), true},
		{"processes_gone", uint64(s.Gone), true},
		{"fds", uint64(s.FDs), true},
		{"fd_bytes", uint64(s.FDBytes), true},
		{"lineage_bytes", uint64(s.LineageBytes), true},
		{"threads_added", s.ThreadsAdded, false},
		{"threads_removed", s.ThreadsRemoved, false},
		{"threads_dropped_table_full", s.ThreadsDropped, false},
		{"threads_evicted_table_full", s.ThreadsEvicted, false},
		{"threads_fake", s.FakeThreads, false},
		{"threads_stale", s.Stale, false},
		{"threads_purged", s.Purged, false},
		{"fds_added", s.FDsAdded, false},
		{"fds_removed", s.FDsRemoved, false},
		{"fds_dropped_memory", s.FDsDropped, false},
		{"fds_evicted_memory", s.FDsEvicted, false},
		{"fds_replaced", s.FDsReplaced, false},
		{"lineage_evicted_memory", s.LineageEvicted, false},
		{"lineage_cut_depth", s.LineageCut, false},
		{"proc_lookups", s.Lookups, false},
		{"proc_lookups_missed", s.LookupsMissed, false},
		{"proc_lookups_refused_rate", s.LookupsRefused, false},
		{"proc_fd_lookups", s.FDLookups, false},
		{"proc_fd_lookups_missed", s.FDLookupsMissed, false},
		{"proc_fd_lookups_refused_rate", s.FDLookupsRefused, false},
		{"proc_net_reads_refused_rate", s.NetReadsRefused, false},
		{"fds_received", s.Received, false},
		{"fds_received_known", s.ReceivedKnown, false},
		{"snapshot_records_lost", s.SnapshotLost, false},
		{"user_loads", s.UserLoads, false},
	}
}

// Stats returns the counters and sizes of now.
func (s *State) Stats() Stats {
	st := s.stats
	st.Threads, st.Processes = s.threads.len(), len(s.procs)
	st.Gone, st.LineageBytes = s.gone, s.goneBytes
	st.FDs, st.FDBytes = s.pool.count, s.pool.bytes
	st.FDsAdded, st.FDsRemoved = s.pool.added, s.pool.added-uint64(s.pool.count)
	st.FDsDropped, st.FDsEvicted, st.FDsReplaced = s.pool.dropped, s.pool.evicted, s.pool.replaced
	return st
}

// Containers counts the containers of the running processes, and those of which no runtime has told
// anything. It looks at every process.
func (s *State) Containers() (all, unknown int) {
	seen := map[string]bool{}
	for _, p := range s.procs {
		if id := p.Container.ID; id != "" && !seen[id] {
			seen[id] = true
			if s.Metadata(id) == nil {
				unknown++
			}
		}
	}
	return len(seen), unknown
}
