// SPDX-License-Identifier: Apache-2.0

// Package metric holds the program's figures as rows of a table, Falco's and our own: how each is
// called in the three outlets (alert, file, Prometheus), what it means and how it is read out of a
// snapshot. Adding one is adding a row.
package metric

// Kind says how a figure behaves.
type Kind uint8

// The kinds.
const (
	Gauge     Kind = iota // a value of now
	Counter               // only grows, from the start of the program
	Histogram             // counts by size
	Info                  // a text; Prometheus has 1 with the text as label
)

// String is the name of the kind, as Prometheus calls it.
func (k Kind) String() string {
	switch k {
	case Counter:
		return "counter"
	case Histogram:
		return "histogram"
	}
	return "gauge"
}

// Unit says what a value is measured in, inside a snapshot and in Prometheus.
type Unit uint8

// The units.
const (
	None    Unit = iota
	Bytes        // in alerts bytes, or MB if Options.MemoryMB
	KiB          // bytes, but in alerts kilobytes, or MB if Options.MemoryMB
	Percent      // 0 to 100, in Prometheus a ratio
	Seconds
	NS     // nanoseconds
	TimeNS // nanoseconds since 1970
	Time   // seconds since 1970
)

// String is the name of the unit for the manual.
func (u Unit) String() string {
	return [...]string{"", "bytes", "bytes", "ratio", "seconds", "nanoseconds", "ns since 1970", "s since 1970"}[u]
}

// Group is the switch in the section "metrics" of the configuration that a figure needs.
type Group uint8

// The groups.
const (
	Always Group = iota
	Rules
	Resources
	State
	Kernel
	KernelCPU
	KernelIter
	BPF
	Plugins
	Heap
	numGroups
)

// String is the name of the switch, without "_enabled".
func (g Group) String() string {
	return [...]string{"", "rules_counters", "resource_utilization", "state_counters", "kernel_event_counters",
		"kernel_event_counters_per_cpu", "kernel_iter_event_counters", "libbpf_stats", "plugins_metrics", "jemalloc_stats"}[g]
}

// Options say which figures are told and how.
type Options struct {
	// On holds the groups that are switched on; Always is on in any case.
	On [numGroups]bool
	// MemoryMB tells memory in megabytes in alerts and files.
	MemoryMB bool
	// Empty tells counters that are 0, too, in alerts and files; in Prometheus it does so for rules.
	Empty bool
}

// has reports whether a group is on.
func (o *Options) has(g Group) bool { return g == Always || o.On[g] }

// Row is one figure.
type Row struct {
	// Key is its name among the output fields of the alert, without the unit if that is memory; ""
	// if it is not in the alert. A sample may add a suffix.
	Key string
	// Name is its name in Prometheus; "" if it is not there.
	Name  string
	Kind  Kind
	Unit  Unit
	Group Group
	// Labels are the labels that samples have in Prometheus.
	Labels []string
	// Zero tells the figure in alerts even if it is 0.
	Zero bool
	// Help says in a sentence what the figure means.
	Help string
	// Read adds the samples of a snapshot.
	Read func(s *Snapshot, add func(Sample))
}

// Ours reports whether Falco does not have the figure.
func (r *Row) Ours() bool {
	return len(r.Name) > len(Prefix) && r.Name[:len(Prefix)] == Prefix
}

// Prefix begins the names of our own figures in Prometheus.
const Prefix = "gyrfalcon_"

// Sample is a value of a figure at one time.
type Sample struct {
	// Suffix is added to the row's key.
	Suffix string
	// Labels are the values of the row's labels, in their order.
	Labels []string
	// Tags are further labels, each with the value "true".
	Tags []string
	// The value: one of these, by the kind of the row and whether Real is set.
	Whole uint64
	Float float64
	Real  bool // Float holds, not Whole
	Text  string
	Hist  *Hist
	// Quiet leaves the sample out of alerts; Silent out of Prometheus.
	Quiet, Silent bool
}

// number is the value as a floating point number.
func (s *Sample) number() float64 {
	if s.Real {
		return s.Float
	}
	return float64(s.Whole)
}

// Hist counts how often something was at most as large as each of the bounds.
type Hist struct {
	Bounds []float64 // ascending
	Counts []uint64  // one more than bounds: what was larger than all of them
	Sum    float64
}

// Table returns all rows, Falco's first.
func Table() []*Row { return table }

// table is filled from the parts, which stand in files of their own.
var table = func() (all []*Row) {
	for _, part := range [][]Row{wrapperRows, kernelRows, iterRows(), programRows(), resourceRows, stateRows, pluginRows, ruleRows, captureRows, costRows, outputRows, tableRows, selfRows, heapRows} {
		for i := range part {
			all = append(all, &part[i])
		}
	}
	return all
}()
