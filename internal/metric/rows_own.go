// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"runtime"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// one is 1 for true.
func one(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

// seconds is nanoseconds as seconds.
func seconds(ns uint64) float64 { return float64(ns) / 1e9 }

// hooks reads a figure of every hook; timed leaves it out where the kernel does not count it.
func hooks(timed bool, f func(*source.Hook) Sample) reader {
	return func(s *Snapshot, add func(Sample)) {
		if s.Details == nil || timed && !s.Details.Timed {
			return
		}
		for i := range s.Details.Hooks {
			sample := f(&s.Details.Hooks[i])
			sample.Labels = []string{s.Details.Hooks[i].Name}
			add(sample)
		}
	}
}

// rings reads a figure of every ring.
func rings(f func(*source.Ring) uint64) reader {
	return func(s *Snapshot, add func(Sample)) {
		if s.Details == nil {
			return
		}
		for i := range s.Details.Rings {
			add(Sample{Labels: []string{s.Details.Rings[i].Name}, Whole: f(&s.Details.Rings[i])})
		}
	}
}

// captureRows tell of the way of events from the kernel to the rules.
var captureRows = []Row{
	{Name: "gyrfalcon_hook_attached", Labels: []string{"hook"}, Help: "1 while the program is at its hook in the kernel.",
		Read: hooks(false, func(h *source.Hook) Sample { return Sample{Whole: one(h.Attached)} })},
	{Name: "gyrfalcon_hook_missed_total", Kind: Counter, Labels: []string{"hook"}, Help: "Times at which the kernel left the program out, as it was at work on that processor already.",
		Read: hooks(false, func(h *source.Hook) Sample { return Sample{Whole: h.Missed} })},
	{Name: "gyrfalcon_hook_runs_total", Kind: Counter, Group: BPF, Labels: []string{"hook"}, Help: "How often the program ran, if kernel.bpf_stats_enabled is 1.",
		Read: hooks(true, func(h *source.Hook) Sample { return Sample{Whole: h.Runs} })},
	{Name: "gyrfalcon_hook_run_seconds_total", Kind: Counter, Unit: Seconds, Group: BPF, Labels: []string{"hook"}, Help: "How long the program ran, if kernel.bpf_stats_enabled is 1.",
		Read: hooks(true, func(h *source.Hook) Sample { return Sample{Float: h.Time.Seconds(), Real: true} })},
	{Name: "gyrfalcon_ring_size_bytes", Unit: Bytes, Labels: []string{"ring"}, Help: "Size of a ring between kernel and reader.",
		Read: rings(func(r *source.Ring) uint64 { return r.Size })},
	{Name: "gyrfalcon_ring_used_bytes", Unit: Bytes, Labels: []string{"ring"}, Help: "How much of it is in use now.",
		Read: rings(func(r *source.Ring) uint64 { return r.Used })},
	{Name: "gyrfalcon_ring_peak_bytes", Unit: Bytes, Labels: []string{"ring"}, Help: "The most that the reader ever found in use.",
		Read: rings(func(r *source.Ring) uint64 { return r.Peak })},
	{Name: "gyrfalcon_events_lost_total", Kind: Counter, Labels: []string{"reason"}, Help: "Events that happened and did not reach the rules whole.",
		Read: func(s *Snapshot, add func(Sample)) {
			for _, l := range s.Source.Losses {
				add(Sample{Labels: []string{l.Reason}, Whole: l.Events})
			}
		}},
	{Name: "gyrfalcon_events_lost_by_type_total", Kind: Counter, Labels: []string{"type"}, Help: "Events that found no room in a ring, by type.",
		Read: func(s *Snapshot, add func(Sample)) {
			if s.Details == nil {
				return
			}
			var lost [event.NumTypes]uint64
			for _, l := range s.Details.Lost {
				if int(l.Type) < len(lost) {
					lost[l.Type] += l.Events
				}
			}
			byType(&lost, add)
		}},
	{Name: "gyrfalcon_events_total", Kind: Counter, Labels: []string{"type"}, Help: "Events that reached the rules, by type.",
		Read: func(s *Snapshot, add func(Sample)) { byType(&s.Loop.Types, add) }},
	{Name: "gyrfalcon_capture_delay_seconds", Kind: Histogram, Unit: Seconds, Help: "Time from the kernel to the rules, of one event in 1021 and of the first one after every rest.",
		Read: func(s *Snapshot, add func(Sample)) {
			h := &Hist{Counts: s.Loop.Delay.Counts[:], Sum: seconds(s.Loop.Delay.NS)}
			for _, b := range delayBounds {
				h.Bounds = append(h.Bounds, b.Seconds())
			}
			add(Sample{Hist: h})
		}},
}

// byType adds a sample for every name of events with a count; codes with one name are summed up.
func byType(counts *[event.NumTypes]uint64, add func(Sample)) {
	sums := map[string]uint64{}
	var order []string
	for t, n := range counts {
		if n == 0 {
			continue
		}
		name := event.Lookup(event.Type(t)).Name
		if sums[name] == 0 {
			order = append(order, name)
		}
		sums[name] += n
	}
	for _, name := range order {
		add(Sample{Labels: []string{name}, Whole: sums[name]})
	}
}

// rules reads a figure of every rule.
func rules(f func(*Rule) Sample) reader {
	return func(s *Snapshot, add func(Sample)) {
		for i := range s.Loop.Rules {
			r := &s.Loop.Rules[i]
			sample := f(r)
			sample.Labels = []string{r.Rule.Name, r.Rule.Source}
			add(sample)
		}
	}
}

// costs reads a figure of every measured event type.
func costs(f func(engine.Sample) Sample) reader {
	return func(s *Snapshot, add func(Sample)) {
		for t, c := range s.Loop.Costs {
			if c.N == 0 {
				continue
			}
			info := event.Lookup(event.Type(t))
			if info.Flags&event.OldVersion != 0 {
				continue
			}
			sample := f(c)
			sample.Labels = []string{info.Name}
			add(sample)
		}
	}
}

// costRows tell what rules cost. Of 1021 events one is measured, so that measuring costs next to
// nothing: the mean is the time divided by the samples, the whole cost the mean times the evaluations.
var costRows = []Row{
	{Name: "gyrfalcon_rule_evaluations_total", Kind: Counter, Group: Rules, Labels: []string{"rule", "source"}, Help: "Events that the rule was tested against.",
		Read: rules(func(r *Rule) Sample { return Sample{Whole: r.Evaluations} })},
	{Name: "gyrfalcon_rule_cost_samples_total", Kind: Counter, Group: Rules, Labels: []string{"rule", "source"}, Help: "Evaluations of the rule alone that were measured.",
		Read: rules(func(r *Rule) Sample { return Sample{Whole: r.Cost.N} })},
	{Name: "gyrfalcon_rule_cost_seconds_total", Kind: Counter, Unit: Seconds, Group: Rules, Labels: []string{"rule", "source"}, Help: "Time that they took. What rules share is not paid by each of them, so that all together cost less.",
		Read: rules(func(r *Rule) Sample { return Sample{Float: seconds(r.Cost.NS), Real: true} })},
	{Name: "gyrfalcon_event_cost_samples_total", Kind: Counter, Group: Rules, Labels: []string{"type"}, Help: "Events of a type that were measured against all rules.",
		Read: costs(func(c engine.Sample) Sample { return Sample{Whole: c.N} })},
	{Name: "gyrfalcon_event_cost_seconds_total", Kind: Counter, Unit: Seconds, Group: Rules, Labels: []string{"type"}, Help: "Time that all rules together took for them.",
		Read: costs(func(c engine.Sample) Sample { return Sample{Float: seconds(c.NS), Real: true} })},
}

// outputs reads a figure of every output.
func outputs(f func(*output.Stats) Sample) reader {
	return func(s *Snapshot, add func(Sample)) {
		for i := range s.Outputs {
			sample := f(&s.Outputs[i])
			sample.Labels = []string{s.Outputs[i].Name}
			add(sample)
		}
	}
}

// outputRows tell of the outputs and their queues.
var outputRows = []Row{
	{Name: "gyrfalcon_output_waiting", Labels: []string{"output"}, Help: "Alerts that wait in the queue.",
		Read: outputs(func(o *output.Stats) Sample { return Sample{Whole: uint64(max(0, o.Waiting))} })},
	{Name: "gyrfalcon_output_sent_total", Kind: Counter, Labels: []string{"output"}, Help: "Alerts that the receiver took.",
		Read: outputs(func(o *output.Stats) Sample { return Sample{Whole: o.Sent} })},
	{Name: "gyrfalcon_output_lost_total", Kind: Counter, Labels: []string{"output", "reason"}, Help: "Alerts that were not delivered.",
		Read: func(s *Snapshot, add func(Sample)) {
			for i := range s.Outputs {
				for _, l := range s.Outputs[i].Losses {
					add(Sample{Labels: []string{s.Outputs[i].Name, l.Reason}, Whole: l.Alerts})
				}
			}
		}},
	{Name: "gyrfalcon_output_attempts_total", Kind: Counter, Labels: []string{"output"}, Help: "Deliveries that were tried; each may hold many alerts.",
		Read: outputs(func(o *output.Stats) Sample { return Sample{Whole: o.Attempts} })},
	{Name: "gyrfalcon_output_retries_total", Kind: Counter, Labels: []string{"output"}, Help: "Of those the ones that repeated a failed one.",
		Read: outputs(func(o *output.Stats) Sample { return Sample{Whole: o.Retries} })},
	{Name: "gyrfalcon_output_delivery_seconds", Kind: Histogram, Unit: Seconds, Labels: []string{"output"}, Help: "How long deliveries took.",
		Read: outputs(func(o *output.Stats) Sample {
			h := &Hist{Counts: o.Delivery.Buckets[:], Sum: o.Delivery.Sum.Seconds()}
			for _, b := range output.LatencyBounds {
				h.Bounds = append(h.Bounds, b.Seconds())
			}
			return Sample{Hist: h}
		})},
}

// labelled is a value with its labels.
type labelled struct {
	value  uint64
	labels []string
}

// list reads values with labels.
func list(f func(*Snapshot) []labelled) reader {
	return func(s *Snapshot, add func(Sample)) {
		for _, v := range f(s) {
			add(Sample{Labels: v.labels, Whole: v.value})
		}
	}
}

// tableRows tell of the state's tables.
var tableRows = []Row{
	{Name: "gyrfalcon_state_entries", Group: State, Labels: []string{"table"}, Help: "Entries of a table of the state.",
		Read: list(func(s *Snapshot) []labelled {
			st := &s.Loop.State
			return []labelled{
				{uint64(st.Threads), []string{"threads"}}, {uint64(st.Processes), []string{"processes"}},
				{uint64(st.Gone), []string{"lineage"}}, {uint64(st.FDs), []string{"fds"}},
			}
		})},
	{Name: "gyrfalcon_state_bytes", Unit: Bytes, Group: State, Labels: []string{"table"}, Help: "Memory of a table that has a limit of memory.",
		Read: list(func(s *Snapshot) []labelled {
			return []labelled{{uint64(s.Loop.State.FDBytes), []string{"fds"}}, {uint64(s.Loop.State.LineageBytes), []string{"lineage"}}}
		})},
	{Name: "gyrfalcon_state_evicted_total", Kind: Counter, Group: State, Labels: []string{"table", "reason"}, Help: "Entries that were not made or were removed, though what they stand for goes on.",
		Read: list(func(s *Snapshot) []labelled {
			st := &s.Loop.State
			return []labelled{
				{st.ThreadsDropped, []string{"threads", "table full"}}, {st.ThreadsEvicted, []string{"threads", "room needed"}},
				{st.FDsDropped, []string{"fds", "no memory left"}}, {st.FDsEvicted, []string{"fds", "room needed"}},
				{st.LineageEvicted, []string{"lineage", "room needed"}}, {st.LineageCut, []string{"lineage", "too deep"}},
			}
		})},
	{Name: "gyrfalcon_state_repaired_total", Kind: Counter, Group: State, Labels: []string{"table", "reason"}, Help: "Entries that an event showed to be wrong, since an earlier event was missed.",
		Read: list(func(s *Snapshot) []labelled {
			st := &s.Loop.State
			return []labelled{
				{st.FakeThreads, []string{"threads", "never seen before"}}, {st.Stale, []string{"threads", "number taken by another"}},
				{st.Purged, []string{"threads", "end was missed"}}, {st.FDsReplaced, []string{"fds", "close was missed"}},
				{st.SnapshotLost, []string{"snapshot", "thread unknown"}},
			}
		})},
	{Name: "gyrfalcon_state_lookups_total", Kind: Counter, Group: State, Labels: []string{"result"}, Help: "Threads looked up in /proc because no event had told of them.",
		Read: list(func(s *Snapshot) []labelled {
			st := &s.Loop.State
			return []labelled{
				{st.Lookups - min(st.Lookups, st.LookupsMissed), []string{"found"}}, {st.LookupsMissed, []string{"missed"}},
				{st.LookupsRefused, []string{"too many"}},
			}
		})},
}

// stamp is a time in seconds since 1970, 0 for none.
func stamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

// selfRows tell of the program itself.
var selfRows = []Row{
	{Name: "gyrfalcon_build_info", Kind: Info, Labels: []string{"version", "goversion", "arch"}, Help: "The program's version, that of its compiler, and its architecture.",
		Read: func(s *Snapshot, add func(Sample)) {
			add(Sample{Labels: []string{s.Version, s.GoVersion, runtime.GOARCH}})
		}},
	{Name: "gyrfalcon_healthy", Help: "1 while /healthz finds nothing that stops detection.",
		Read: whole(func(s *Snapshot) uint64 { return one(s.Healthy) })},
	{Name: "gyrfalcon_reloads_total", Kind: Counter, Labels: []string{"result"}, Help: "Attempts to take a changed configuration or changed rules.",
		Read: list(func(s *Snapshot) []labelled {
			return []labelled{{s.Reloads.OK, []string{"ok"}}, {s.Reloads.Refused, []string{"refused"}}}
		})},
	{Name: "gyrfalcon_last_reload_successful", Help: "0 if the last attempt was refused, so that older rules or an older configuration are in use.",
		Read: whole(func(s *Snapshot) uint64 { return one(!s.Reloads.Failed) })},
	{Name: "gyrfalcon_loaded_timestamp_seconds", Unit: Time, Help: "When the configuration and the rules in use were loaded.",
		Read: float(func(s *Snapshot) float64 { return stamp(s.Reloads.Last) })},
	{Name: "gyrfalcon_self_tests_total", Kind: Counter, Labels: []string{"result"}, Help: "System calls that the program made to see whether their events come, and those whose events came.",
		Read: list(func(s *Snapshot) []labelled {
			if !s.SelfTest.On {
				return nil
			}
			return []labelled{{s.SelfTest.Tried, []string{"tried"}}, {s.SelfTest.Passed, []string{"passed"}}}
		})},
	{Name: "gyrfalcon_self_test_passed_timestamp_seconds", Unit: Time, Help: "When an event of the self-test came the last time.",
		Read: func(s *Snapshot, add func(Sample)) {
			if s.SelfTest.On {
				add(Sample{Float: stamp(s.SelfTest.Seen), Real: true})
			}
		}},
	{Name: "gyrfalcon_self_test_delay_seconds", Unit: Seconds, Help: "Time from the system call to its event, the last time.",
		Read: func(s *Snapshot, add func(Sample)) {
			if s.SelfTest.On {
				add(Sample{Float: s.SelfTest.Took.Seconds(), Real: true})
			}
		}},
	{Name: "gyrfalcon_drop_detections_total", Kind: Counter, Help: "Seconds in which more was lost than syscall_event_drops.threshold allows.",
		Read: whole(func(s *Snapshot) uint64 { return s.Drops.Detected })},
	{Name: "gyrfalcon_drop_actions_total", Kind: Counter, Help: "Of those the ones in which syscall_event_drops.actions were taken.",
		Read: whole(func(s *Snapshot) uint64 { return s.Drops.Taken })},
}

// heapRows are the figures of Go's memory, in the place of those of jemalloc.
var heapRows = []Row{
	{Key: "gyrfalcon.heap_alloc_", Name: "gyrfalcon_heap_alloc_bytes", Unit: Bytes, Group: Heap, Help: "Memory of objects on the heap, what is not collected yet included.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Heap.Alloc })},
	{Key: "gyrfalcon.heap_sys_", Name: "gyrfalcon_heap_sys_bytes", Unit: Bytes, Group: Heap, Help: "Memory that the program has from the system, but for what it gave back.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Heap.Sys })},
	{Key: "gyrfalcon.heap_next_", Name: "gyrfalcon_heap_goal_bytes", Unit: Bytes, Group: Heap, Help: "Size of the heap at which it is collected next.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Heap.Goal })},
	{Key: "gyrfalcon.heap_collections", Name: "gyrfalcon_heap_collections_total", Kind: Counter, Group: Heap, Help: "Collections of the heap.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Heap.Collections })},
	{Key: "gyrfalcon.goroutines", Name: "gyrfalcon_goroutines", Group: Heap, Help: "Goroutines.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Heap.Goroutines })},
}
