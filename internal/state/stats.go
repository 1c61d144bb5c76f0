// SPDX-License-Identifier: Apache-2.0

package state

// Stats are the sizes of the tables and the counts of what happened to them.
type Stats struct {
	Threads, Processes int // entries now
	Gone               int // processes that are gone but held as a lineage
	FDs                int // descriptor entries now
	FDBytes            int // memory of all descriptor tables
	LineageBytes       int // memory of the gone processes, estimated

	ThreadsAdded, ThreadsRemoved uint64
}

// Counter is one named figure of Stats.
type Counter struct {
	Name  string
	Value uint64
}
