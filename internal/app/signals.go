// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// handleSignals makes signals stop the run, reopen files or reload.
func (a *App) handleSignals(ctx context.Context) error {
	// A closed pipe must come back as an error of its output, not end the program, up to its last line.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGUSR1, unix.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				a.handleSignal(s)
			}
		}
	}()
	a.onStop(func() {
		signal.Stop(signals)
		close(done)
	})
	return nil
}

// errTimeUp ends a run of limited duration.
var errTimeUp = errors.New("the time is up")

// errSignal ends a run that somebody stopped.
var errSignal = errors.New("stopped by a signal")

// handleSignal acts on one signal.
func (a *App) handleSignal(s os.Signal) {
	switch s {
	case unix.SIGINT, unix.SIGTERM:
		a.log.Info(s.String() + " received, stopping")
		a.stopped.Store(true)
		a.manager.stopping()
		a.cancel(errSignal)
		a.outputs.noWait()
	case unix.SIGUSR1:
		a.log.Info("SIGUSR1 received, reopening outputs")
		a.outputs.reopen()
	case unix.SIGHUP:
		// The first words are Falco's, which people look for in logs.
		a.log.Info("SIGHUP received, restarting... (reloading, nothing stops)")
		a.requestReload("SIGHUP")
	}
}
