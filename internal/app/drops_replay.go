// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// simulateDrops prepares syscall_event_drops.simulate_drops for a replay, in which nothing is really lost
// and a second is one of the capture's.
func (a *App) simulateDrops() {
	if !a.config().SyscallEventDrops.SimulateDrops {
		return
	}
	a.drops = newDropMonitor(func() config.SyscallEventDrops { return a.config().SyscallEventDrops }, func() source.Stats { return source.Stats{} })
	a.drops.log, a.drops.send, a.drops.hostname = a.log, a.send, a.generation().machine.Hostname
}

// dropCheck looks for simulated losses once a second of the capture.
func (l *loop) dropCheck(ts uint64) {
	if ts <= l.nextDrops {
		return
	}
	first := l.nextDrops == 0
	l.nextDrops = ts + uint64(time.Second)
	if first {
		return
	}
	if err := l.drops.check(time.Unix(0, int64(ts))); err != nil {
		l.simulating = false
		l.log.Error(err.Error())
		l.cancel(err)
	}
}
