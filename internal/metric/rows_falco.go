// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// reader reads the samples of a row.
type reader = func(*Snapshot, func(Sample))

// whole reads one number.
func whole(f func(*Snapshot) uint64) reader {
	return func(s *Snapshot, add func(Sample)) { add(Sample{Whole: f(s)}) }
}

// float reads one number that may have a fraction.
func float(f func(*Snapshot) float64) reader {
	return func(s *Snapshot, add func(Sample)) { add(Sample{Float: f(s), Real: true}) }
}

// text reads one text, which is also the only label.
func text(f func(*Snapshot) string) reader {
	return func(s *Snapshot, add func(Sample)) { add(Sample{Text: f(s), Labels: []string{f(s)}}) }
}

// tenth rounds to one decimal place.
func tenth(f float64) float64 { return float64(int64(f*10+.5)) / 10 }

// rate is how fast a counter grew since the sample before, a second.
func rate(s *Snapshot, now uint64, before func(*Previous) uint64) float64 {
	if s.Prev == nil {
		return 0
	}
	seconds := s.Time.Sub(s.Prev.Time).Seconds()
	if seconds <= 0 {
		return 0
	}
	return tenth(float64(now-min(now, before(s.Prev))) / seconds)
}

// prev is a counter at the sample before.
func prev(f func(*Previous) uint64) reader {
	return whole(func(s *Snapshot) uint64 {
		if s.Prev == nil {
			return 0
		}
		return f(s.Prev)
	})
}

// files reads names and hashes.
func files(f func(*Snapshot) []File) reader {
	return func(s *Snapshot, add func(Sample)) {
		for _, file := range f(s) {
			name := filepath.Base(file.Name)
			add(Sample{Suffix: Sanitize(name), Text: file.SHA256, Labels: []string{name, file.SHA256}})
		}
	}
}

// Sanitize makes a part of a key of a name: what is neither a letter, a digit, ":" nor "_" becomes "_",
// of which there is never more than one in a row, nor one at the end.
func Sanitize(name string) string {
	return strings.TrimSuffix(sanitize(name, true), "_")
}

// sanitize replaces what may not be in a name; colon says that ":" may.
func sanitize(name string, colon bool) string {
	var b strings.Builder
	last := byte(0)
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', colon && c == ':':
		default:
			c = '_'
		}
		if c == '_' && last == '_' {
			continue
		}
		b.WriteByte(c)
		last = c
	}
	return b.String()
}

// wrapperRows are what is always told.
var wrapperRows = []Row{
	{Key: "evt.time", Kind: Gauge, Unit: TimeNS, Zero: true, Help: "When the sample was taken.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.Time.UnixNano()) })},
	{Key: "evt.hostname", Name: "falcosecurity_evt_hostname_info", Kind: Info, Labels: []string{"hostname"}, Help: "The machine's name.",
		Read: text(func(s *Snapshot) string { return s.Hostname })},
	{Key: "evt.source", Kind: Info, Help: "The source of events.",
		Read: text(func(*Snapshot) string { return "syscall" })},
	{Key: "falco.version", Name: "falcosecurity_falco_version_info", Kind: Info, Labels: []string{"version"}, Help: "The version of Falco whose rules and configuration are understood, and our own.",
		Read: text(func(s *Snapshot) string { return s.FalcoVersion })},
	{Key: "falco.start_ts", Name: "falcosecurity_falco_start_timestamp_nanoseconds", Unit: TimeNS, Zero: true, Help: "When the program started.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.Start.UnixNano()) })},
	{Key: "falco.reload_ts", Name: "falcosecurity_falco_reload_timestamp_nanoseconds", Unit: TimeNS, Zero: true, Help: "When the configuration and the rules in use were loaded.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.Reloads.Last.UnixNano()) })},
	{Key: "falco.duration_sec", Name: "falcosecurity_falco_duration_seconds_total", Kind: Counter, Unit: Seconds, Zero: true, Help: "How long the program has run.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(max(0, s.Time.Sub(s.Start).Seconds())) })},
	{Key: "falco.kernel_release", Name: "falcosecurity_falco_kernel_release_info", Kind: Info, Labels: []string{"kernel_release"}, Help: "The kernel's release.",
		Read: text(func(s *Snapshot) string { return s.KernelRelease })},
	{Key: "falco.host_boot_ts", Name: "falcosecurity_falco_host_boot_timestamp_nanoseconds", Unit: TimeNS, Zero: true, Help: "When the machine was started.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.Boot.UnixNano()) })},
	{Key: "falco.host_num_cpus", Name: "falcosecurity_falco_host_num_cpus_total", Zero: true, Help: "The machine's processors.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.CPUs) })},
	{Key: "falco.outputs_queue_num_drops", Name: "falcosecurity_falco_outputs_queue_num_drops_total", Kind: Counter, Zero: true, Help: "Alerts that found no room in the queue of an output, over all outputs.",
		Read: whole(func(s *Snapshot) (n uint64) {
			for i := range s.Outputs {
				for _, l := range s.Outputs[i].Losses {
					if l.Reason == queueFull {
						n += l.Alerts
					}
				}
			}
			return n
		})},
	{Key: "falco.sha256_rules_file.", Name: "falcosecurity_falco_sha256_rules_files_info", Kind: Info, Labels: []string{"file_name", "sha256"}, Help: "The rules files in use and their hashes.",
		Read: files(func(s *Snapshot) []File { return s.RulesFiles })},
	{Key: "falco.sha256_config_file.", Name: "falcosecurity_falco_sha256_config_files_info", Kind: Info, Labels: []string{"file_name", "sha256"}, Help: "The configuration files in use and their hashes.",
		Read: files(func(s *Snapshot) []File { return s.ConfigFiles })},
	{Key: "falco.host_netinfo.interfaces.", Kind: Info, Help: "The addresses of the network interfaces but lo, separated by commas.",
		Read: func(s *Snapshot, add func(Sample)) {
			for _, i := range s.Interfaces {
				if len(i.V4) > 0 {
					add(Sample{Suffix: i.Name + ".protocols.ipv4.addresses", Text: strings.Join(i.V4, ",")})
				}
				if len(i.V6) > 0 {
					add(Sample{Suffix: i.Name + ".protocols.ipv6.addresses", Text: strings.Join(i.V6, ",")})
				}
			}
		}},
	{Key: "scap.engine_name", Name: "falcosecurity_scap_engine_name_info", Kind: Info, Labels: []string{"engine_name", "evt_source"}, Help: "Where events come from.",
		Read: func(s *Snapshot, add func(Sample)) {
			add(Sample{Text: s.EngineName, Labels: []string{s.EngineName, "syscall"}})
		}},
	{Key: "falco.num_evts", Name: "falcosecurity_falco_n_evts_total", Kind: Counter, Zero: true, Help: "Events that reached the rules.",
		Read: whole(func(s *Snapshot) uint64 { return s.Loop.Events })},
	{Key: "falco.num_evts_prev", Kind: Counter, Zero: true, Help: "The same at the sample before.",
		Read: prev(func(p *Previous) uint64 { return p.Events })},
	{Key: "falco.evts_rate_sec", Help: "Events a second since the sample before.",
		Read: func(s *Snapshot, add func(Sample)) {
			if s.Prev != nil {
				add(Sample{Float: rate(s, s.Loop.Events, func(p *Previous) uint64 { return p.Events }), Real: true})
			}
		}},
}

// queueFull is the reason of losses in a queue (internal/output).
const queueFull = "queue full"

// kernelRows are the counters of the kernel side.
var kernelRows = []Row{
	{Key: "scap.n_evts", Name: "falcosecurity_scap_n_evts_total", Kind: Counter, Group: Kernel, Zero: true, Help: "Events that the kernel side took note of, lost ones included.",
		Read: whole((*Snapshot).kernelEvents)},
	{Key: "scap.n_evts_prev", Kind: Counter, Group: Kernel, Zero: true, Help: "The same at the sample before.",
		Read: prev(func(p *Previous) uint64 { return p.Kernel })},
	{Key: "scap.evts_rate_sec", Group: Kernel, Zero: true, Help: "Events on the kernel side, a second since the sample before.",
		Read: float(func(s *Snapshot) float64 {
			return rate(s, s.kernelEvents(), func(p *Previous) uint64 { return p.Kernel })
		})},
	{Key: "scap.n_drops", Name: "falcosecurity_scap_n_drops_total", Kind: Counter, Group: Kernel, Zero: true, Help: "Events that were lost, for any reason.",
		Read: whole(func(s *Snapshot) uint64 { return s.Source.Lost() })},
	{Key: "scap.n_drops_prev", Kind: Counter, Group: Kernel, Zero: true, Help: "The same at the sample before.",
		Read: prev(func(p *Previous) uint64 { return p.Lost })},
	{Key: "scap.evts_drop_rate_sec", Group: Kernel, Zero: true, Help: "Lost events a second since the sample before.",
		Read: float(func(s *Snapshot) float64 {
			return rate(s, s.Source.Lost(), func(p *Previous) uint64 { return p.Lost })
		})},
	{Key: "scap.n_drops_perc", Group: Kernel, Zero: true, Help: "Lost events in percent of all, since the sample before.",
		Read: float(func(s *Snapshot) float64 {
			before := s.Prev
			if before == nil {
				before = &Previous{}
			}
			events := s.kernelEvents() - min(before.Kernel, s.kernelEvents())
			if events == 0 {
				return 0
			}
			return 100 * float64(s.Source.Lost()-min(before.Lost, s.Source.Lost())) / float64(events)
		})},
	{Key: "scap.n_drops_buffer_", Name: "falcosecurity_scap_n_drops_buffer_total", Kind: Counter, Group: Kernel, Labels: []string{"drop", "dir"}, Help: "Events that found no room in a ring buffer, by kind. Beginnings of calls (enter) are not captured and always 0.",
		Read: readBuffer},
	{Key: "scap.n_drops_scratch_map", Name: "falcosecurity_scap_n_drops_scratch_map_total", Kind: Counter, Group: Kernel, Help: "Events that were too large. They are delivered with their last texts cut.",
		Read: whole(func(s *Snapshot) uint64 { return s.lost(source.LossScratch) })},
	{Key: "scap.n_evts_cpu_", Name: "falcosecurity_scap_n_evts_cpu_total", Kind: Counter, Group: KernelCPU, Labels: []string{"cpu"}, Help: "Events by processor, lost ones included.",
		Read: byCPU(func(c *source.CPUCount) uint64 { return c.Events + c.Lost })},
	{Key: "scap.n_drops_cpu_", Name: "falcosecurity_scap_n_drops_cpu_total", Kind: Counter, Group: KernelCPU, Labels: []string{"cpu"}, Help: "Lost events by processor.",
		Read: byCPU(func(c *source.CPUCount) uint64 { return c.Lost })},
}

// readBuffer reads what found no room, by kind; the sum stands only in alerts.
func readBuffer(s *Snapshot, add func(Sample)) {
	add(Sample{Suffix: "total", Whole: s.lost(source.LossBuffer), Silent: true})
	var lost []source.TypeCount
	if s.Details != nil {
		lost = s.Details.Lost
	}
	for i, n := range ByKind(lost) {
		k := &BufferKinds[i]
		add(Sample{Suffix: k.Name + "_exit", Whole: n, Labels: []string{k.Name, "exit"}})
		if k.Enter {
			add(Sample{Quiet: true, Labels: []string{k.Name, "enter"}})
		}
	}
}

// byCPU reads a counter of every processor.
func byCPU(f func(*source.CPUCount) uint64) reader {
	return func(s *Snapshot, add func(Sample)) {
		if s.Details == nil {
			return
		}
		for i := range s.Details.CPUs {
			n := strconv.Itoa(i)
			add(Sample{Suffix: n, Labels: []string{n}, Whole: f(&s.Details.CPUs[i])})
		}
	}
}

// iterRows are what the task iterators delivered, and what they lost, which is nothing: where they do
// not fit into the kernel's buffer they are read again.
func iterRows() (rows []Row) {
	for _, drops := range []bool{false, true} {
		for t := range event.Type(event.NumPublished) {
			info := event.Lookup(t)
			if info.Category&event.CatIter == 0 || info.Flags&event.Unused != 0 {
				continue
			}
			name, help := "n_evts_"+info.Name, "Records of type "+info.Name+" in the first snapshot of what runs."
			read := func(s *Snapshot) uint64 {
				if s.Details == nil {
					return 0
				}
				at := slices.IndexFunc(s.Details.Snapshot, func(c source.TypeCount) bool { return c.Type == t })
				if at < 0 {
					return 0
				}
				return s.Details.Snapshot[at].Events
			}
			if drops {
				name, help = "n_drops_"+info.Name, "Records of type "+info.Name+" that the first snapshot lost: none, a snapshot that is not whole is not used."
				read = func(*Snapshot) uint64 { return 0 }
			}
			rows = append(rows, Row{Key: "scap." + name, Name: "falcosecurity_scap_" + name + "_total", Kind: Counter, Group: KernelIter, Help: help, Read: whole(read)})
		}
	}
	return append(rows, Row{Key: "scap.n_drops_max_event_size", Name: "falcosecurity_scap_n_drops_max_event_size_total", Kind: Counter,
		Group: KernelIter, Help: "Records of the first snapshot that were too large: none.", Read: whole(nothing)})
}

// programNames are Falco's names of the programs at the hooks that both have, by ours.
var programNames = []struct{ ours, falco string }{
	{"on_sys_exit", "sys_exit"}, {"on_exec", "sched_proc_exec"}, {"on_fork", "sched_proc_fork"}, {"on_exit", "sched_proc_exit"},
}

// programRows are the kernel's own figures of the programs. They are there only if the kernel is told
// to count (kernel.bpf_stats_enabled), which costs every program some time.
func programRows() (rows []Row) {
	for _, p := range programNames {
		read := func(f func(*source.Hook) uint64) reader {
			return func(s *Snapshot, add func(Sample)) {
				if s.Details == nil || !s.Details.Timed {
					return
				}
				for i := range s.Details.Hooks {
					if s.Details.Hooks[i].Name == p.ours {
						add(Sample{Whole: f(&s.Details.Hooks[i])})
					}
				}
			}
		}
		key, name := "scap."+p.falco, "falcosecurity_scap_"+p.falco
		rows = append(rows,
			Row{Key: key + ".run_cnt", Name: name + "_run_cnt_total", Kind: Counter, Group: BPF, Help: "How often the program at " + p.falco + " ran, if the kernel counts that.",
				Read: read(func(h *source.Hook) uint64 { return h.Runs })},
			Row{Key: key + ".run_time_ns", Name: name + "_run_time_nanoseconds_total", Kind: Counter, Unit: NS, Group: BPF, Help: "How long the program at " + p.falco + " ran, if the kernel counts that.",
				Read: read(func(h *source.Hook) uint64 { return uint64(h.Time) })},
			Row{Key: key + ".avg_time_ns", Name: name + "_avg_time_nanoseconds", Unit: NS, Group: BPF, Help: "The mean of it.",
				Read: read(func(h *source.Hook) uint64 { return uint64(h.Time) / max(h.Runs, 1) })})
	}
	return rows
}

// resourceRows are what the program and the machine use.
var resourceRows = []Row{
	{Key: "falco.cpu_usage_perc", Name: "falcosecurity_falco_cpu_usage_ratio", Unit: Percent, Group: Resources, Help: "Processor time of the program in relation to the time since its start; 1 is one processor.",
		Read: float(func(s *Snapshot) float64 { return s.Usage.CPU })},
	{Key: "falco.memory_rss_", Name: "falcosecurity_falco_memory_rss_bytes", Unit: KiB, Group: Resources, Help: "Resident memory of the program.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.RSS })},
	{Key: "falco.memory_vsz_", Name: "falcosecurity_falco_memory_vsz_bytes", Unit: KiB, Group: Resources, Help: "Address space of the program, most of which takes no memory.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.VSZ })},
	{Key: "falco.memory_pss_", Name: "falcosecurity_falco_memory_pss_bytes", Unit: KiB, Group: Resources, Help: "Resident memory of the program, what is shared counted in part.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.PSS })},
	{Key: "falco.container_memory_used_", Name: "falcosecurity_falco_container_memory_used_bytes", Unit: Bytes, Group: Resources, Help: "Memory of the program's cgroup.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Cgroup })},
	{Key: "falco.host_cpu_usage_perc", Name: "falcosecurity_falco_host_cpu_usage_ratio", Unit: Percent, Group: Resources, Help: "Use of all processors since the machine was started.",
		Read: float(func(s *Snapshot) float64 { return s.Usage.HostCPU })},
	{Key: "falco.host_memory_used_", Name: "falcosecurity_falco_host_memory_used_bytes", Unit: KiB, Group: Resources, Help: "The machine's used memory, without caches.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.HostMemory })},
	{Key: "falco.host_procs_running", Name: "falcosecurity_falco_host_procs_running_total", Group: Resources, Help: "Tasks that run or wait for a processor.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.Running })},
	{Key: "falco.host_open_fds", Name: "falcosecurity_falco_host_open_fds_total", Group: Resources, Help: "Files open on the machine.",
		Read: whole(func(s *Snapshot) uint64 { return s.Usage.OpenFiles })},
}

// stateRow is a figure of the state.
func stateRow(name string, kind Kind, help string, f func(*Snapshot) uint64) Row {
	return Row{Key: "falco." + name, Name: "falcosecurity_scap_" + name + "_total", Kind: kind, Group: State, Help: help, Read: whole(f)}
}

// nothing is the value of what Falco counts and we never do.
func nothing(*Snapshot) uint64 { return 0 }

// stateRows are Falco's figures of the state.
var stateRows = []Row{
	stateRow("n_threads", Gauge, "Threads in the state.", func(s *Snapshot) uint64 { return uint64(s.Loop.State.Threads) }),
	stateRow("n_fds", Gauge, "Descriptors in the state; those that forked processes share count once.", func(s *Snapshot) uint64 { return uint64(s.Loop.State.FDs) }),
	stateRow("n_added_fds", Counter, "Descriptors entered.", func(s *Snapshot) uint64 { return s.Loop.State.FDsAdded }),
	stateRow("n_removed_fds", Counter, "Descriptors removed.", func(s *Snapshot) uint64 { return s.Loop.State.FDsRemoved }),
	stateRow("n_stored_evts", Counter, "Beginnings of calls kept for their ends: none, the end tells all.", nothing),
	stateRow("n_store_evts_drops", Counter, "Of those the ones that could not be kept: none.", nothing),
	stateRow("n_retrieved_evts", Counter, "Of those the ones that were used: none.", nothing),
	stateRow("n_retrieve_evts_drops", Counter, "Of those the ones that were missing: none.", nothing),
	stateRow("n_noncached_thread_lookups", Counter, "Threads looked up in /proc because no event had told of them.", func(s *Snapshot) uint64 { return s.Loop.State.Lookups }),
	stateRow("n_failed_thread_lookups", Counter, "Of those the ones that /proc did not know.", func(s *Snapshot) uint64 { return s.Loop.State.LookupsMissed }),
	stateRow("n_added_threads", Counter, "Threads entered.", func(s *Snapshot) uint64 { return s.Loop.State.ThreadsAdded }),
	stateRow("n_removed_threads", Counter, "Threads removed.", func(s *Snapshot) uint64 { return s.Loop.State.ThreadsRemoved }),
	stateRow("n_drops_full_threadtable", Counter, "Threads that found no room (falco_libs.thread_table_size).", func(s *Snapshot) uint64 { return s.Loop.State.ThreadsDropped }),
}

// pluginRows are the figures of Falco's container plugin, whose work is built in.
var pluginRows = []Row{
	{Key: "plugins.container.n_containers", Name: "falcosecurity_plugins_container_n_containers_total", Group: Plugins, Help: "Containers that run something.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.Loop.Containers) })},
	{Key: "plugins.container.n_missing_container_images", Name: "falcosecurity_plugins_container_n_missing_container_images_total", Group: Plugins, Help: "Of those the ones of which no runtime has told anything.",
		Read: whole(func(s *Snapshot) uint64 { return uint64(s.Loop.Unknown) })},
}

// ruleRows tell how often rules matched.
var ruleRows = []Row{
	{Key: "falco.rules.matches_total", Kind: Counter, Group: Rules, Zero: true, Help: "Matches of all rules.",
		Read: whole(func(s *Snapshot) (n uint64) {
			for i := range s.Loop.Rules {
				n += s.Loop.Rules[i].Matches
			}
			return n
		})},
	{Key: "falco.rules.", Name: "falcosecurity_falco_rules_matches_total", Kind: Counter, Group: Rules, Labels: []string{"rule_name", "priority", "source"}, Help: "Matches of a rule, with its tags as labels tag_NAME=\"true\". Rules that never matched are left out unless metrics.include_empty_values is set.",
		Read: func(s *Snapshot, add func(Sample)) {
			for i := range s.Loop.Rules {
				r := &s.Loop.Rules[i]
				add(Sample{
					Suffix: Sanitize(r.Rule.Name), Whole: r.Matches, Tags: r.Rule.Tags,
					Labels: []string{r.Rule.Name, strconv.Itoa(int(r.Rule.Priority)), r.Rule.Source},
				})
			}
		}},
}
