// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// metricOptions translates the configuration.
func metricOptions(cfg *config.Config) metric.Options {
	m := &cfg.Metrics
	o := metric.Options{MemoryMB: m.ConvertMemoryToMB, Empty: m.IncludeEmptyValues}
	o.On[metric.Rules] = m.RulesCountersEnabled
	o.On[metric.Resources] = m.ResourceUtilizationEnabled
	o.On[metric.State] = m.StateCountersEnabled
	// As in Falco, what is asked for by processor is told as a sum, too.
	o.On[metric.Kernel] = m.KernelEventCountersEnabled || m.KernelEventCountersPerCPUEnabled
	o.On[metric.KernelCPU] = m.KernelEventCountersPerCPUEnabled
	o.On[metric.KernelIter] = m.KernelIterEventCountersEnabled
	o.On[metric.BPF] = m.LibbpfStatsEnabled
	o.On[metric.Plugins] = m.PluginsMetricsEnabled
	o.On[metric.Heap] = m.JemallocStatsEnabled
	return o
}

// reloadStats counts reloads. Any goroutine may call it.
func (a *App) reloadStats() metric.Reloads {
	r := metric.Reloads{OK: a.reload.done.Load(), Refused: a.reload.refused.Load()}
	if last := a.reload.last.Load(); last != nil {
		r.Failed = !last.OK
	}
	return r
}

// snapshot gathers all figures. Any goroutine may call it while the source is open.
func (a *App) snapshot(prev *metric.Previous) *metric.Snapshot {
	s := &metric.Snapshot{Outputs: a.outputs.stats(), Reloads: a.reloadStats(), SelfTest: a.dog.stats(), Prev: prev}
	if p := a.board.ask(); p != nil {
		s.Loop = p.loop()
	}
	if c, ok := a.source.(source.Counter); ok {
		s.Source = c.Stats()
	}
	s.Details = a.details()
	if a.drops != nil {
		s.Drops = a.drops.counts()
	}
	h := a.healthOf(s.Details)
	s.Healthy = h.OK()
	s.Identity = a.identity()
	if g := a.generation(); g != nil {
		s.Reloads.Last = g.since
	}
	s.Usage = metric.ReadUsage(HostRoot(a.cfg.Gyr.HostRoot), a.begun)
	s.Time = time.Now()
	return s
}

// identity is what figures say of the machine and of the files in use. The files are read once for
// every generation.
func (a *App) identity() metric.Identity {
	a.identified.Lock()
	defer a.identified.Unlock()
	g := a.generation()
	if a.identified.of == g && g != nil {
		id := a.identified.Identity
		id.Interfaces = interfaces()
		return id
	}
	id := metric.Identity{
		Version: Version, FalcoVersion: CurrentVersions().Falco, GoVersion: runtime.Version(),
		EngineName: "modern_bpf", CPUs: numCPU(), Start: a.begun, Boot: bootTime(), Interfaces: interfaces(),
	}
	switch {
	case a.replays():
		id.EngineName = "savefile"
	case a.quiet():
		id.EngineName = "nodriver"
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		id.KernelRelease = unix.ByteSliceToString(name.Release[:])
	}
	if g != nil {
		id.Hostname = g.machine.Hostname
		id.RulesFiles, id.ConfigFiles = g.rules.Files, configFiles(g.cfg)
	}
	a.identified.Identity, a.identified.of = id, g
	return id
}

// identified is the identity with the generation that it is of.
type identified struct {
	sync.Mutex
	metric.Identity
	of *generation
}

// configFiles are the files of a configuration with their hashes; those that cannot be read any more
// are left out.
func configFiles(cfg *config.Config) (files []metric.File) {
	for _, name := range cfg.Files {
		if content, err := os.ReadFile(name); err == nil {
			files = append(files, metric.File{Name: name, SHA256: sum(content)})
		}
	}
	return files
}

// rulesFiles are the files that rules were loaded from, with their hashes.
func rulesFiles(sources []rule.Source) (files []metric.File) {
	for _, s := range sources {
		if s.Err == nil {
			files = append(files, metric.File{Name: s.Name, SHA256: sum(s.Content)})
		}
	}
	return files
}

// sum is the SHA-256 of a content in hexadecimal digits.
func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// numCPU is how many processors the machine has, though the program may be kept from using some.
func numCPU() int {
	content, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return runtime.NumCPU()
	}
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(string(content)), ",") {
		low, high, found := strings.Cut(part, "-")
		from, to := number(low), number(high)
		if !found {
			to = from
		}
		n += max(0, to-from+1)
	}
	return max(n, 1)
}

// number reads a small number, 0 if it is none.
func number(text string) (n int) {
	for _, c := range text {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// bootTime is when the machine was started.
func bootTime() time.Time {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(now.Nano()))
}

// interfaces are the network interfaces with addresses, but for the one of the machine itself.
func interfaces() (all []metric.Interface) {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		found := metric.Interface{Name: i.Name}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			switch {
			case !ok:
			case n.IP.To4() != nil:
				found.V4 = append(found.V4, n.IP.String())
			default:
				found.V6 = append(found.V6, n.IP.String())
			}
		}
		all = append(all, found)
	}
	return all
}

// startMetrics begins to take samples, if the configuration wants that; it may want it later.
func (a *App) startMetrics(ctx context.Context) error {
	done := make(chan struct{})
	w := &sampler{app: a}
	var running sync.WaitGroup
	running.Go(func() { w.run(done) })
	a.onStop(func() {
		close(done)
		running.Wait()
	})
	return nil
}

// sampler takes a sample at every interval and gives it to the outputs and the file.
type sampler struct {
	app    *App
	prev   *metric.Previous
	sample uint64
	failed bool // the file could not be written the last time
}

// offPause is how long the sampler rests while it is switched off.
const offPause = time.Second

// run takes samples until done is closed. The configuration is looked at each time.
func (w *sampler) run(done <-chan struct{}) {
	for next := time.Now(); ; {
		m := w.app.config().Metrics
		wanted := m.Enabled && (m.OutputRule || m.OutputFile != "")
		pause := offPause
		if wanted {
			if pause = time.Until(next.Add(m.Interval.Duration())); pause <= 0 {
				next, pause = time.Now(), m.Interval.Duration() // too slow for the interval
			} else {
				next = next.Add(m.Interval.Duration())
			}
		} else {
			next = time.Now().Add(pause)
		}
		t := time.NewTimer(pause)
		select {
		case <-done:
			t.Stop()
			return
		case <-t.C:
		}
		if wanted {
			w.take()
		}
	}
}

// take takes one sample.
func (w *sampler) take() {
	cfg := w.app.config()
	s := w.app.snapshot(w.prev)
	w.prev = s.Previous()
	w.sample++
	o := metricOptions(cfg)
	fields := metric.Fields(s, &o)
	if cfg.Metrics.OutputRule {
		w.app.send(&alert.Alert{
			Time: uint64(s.Time.UnixNano()), Rule: metric.AlertRule, Priority: alert.Informational, Source: alert.SourceInternal,
			Hostname: s.Hostname, Output: metric.AlertText, Fields: fields,
		})
	}
	if cfg.Metrics.OutputFile == "" {
		return
	}
	err := appendFile(cfg.Metrics.OutputFile, metric.AppendLine(nil, w.sample, fields))
	if err != nil && !w.failed {
		w.app.log.Error("metrics.output_file cannot be written, samples are lost", "error", err)
	}
	w.failed = err != nil
}

// appendFile adds to a file, which is opened each time, so that it can be moved away.
func appendFile(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
