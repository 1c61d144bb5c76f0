// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/watch"
)

// fileWatch is the watch over the files of configuration and rules. Without a watcher it is silent.
type fileWatch struct {
	w *watch.Watcher
	// failed is the last thing said about what cannot be watched.
	failed string
}

// watchFiles begins to watch, if the configuration wants that.
func (a *App) watchFiles() *fileWatch {
	f := &fileWatch{}
	f.update(a)
	if f.w != nil && a.filesDiffer() {
		a.requestReload("a file changed during the start")
	}
	return f
}

// update watches what the configuration in force names; it begins or ends the watching if that has
// changed.
func (f *fileWatch) update(a *App) {
	if !a.config().WatchConfigFiles || a.replays() {
		f.close()
		return
	}
	if f.w == nil {
		w, err := watch.New()
		if err != nil {
			f.say(a, err)
			return
		}
		f.w = w
	}
	f.say(a, f.w.Watch(a.watchedPaths()))
}

// say says once what cannot be watched.
func (f *fileWatch) say(a *App, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != f.failed {
		a.log.Warn("changed files will not be noticed, send SIGHUP or use gyr reload", "error", err)
	}
	f.failed = text
}

// watchedPaths are all files and directories from which configuration and rules come, those
// included that are not there yet.
func (a *App) watchedPaths() []string {
	var paths []string
	read, _ := a.readAgain() // what a configuration names that was refused counts too
	for _, cfg := range []*config.Config{read, a.config()} {
		paths = append(paths, cfg.Files...)
		for _, i := range cfg.ConfigFiles {
			paths = append(paths, i.Path)
		}
		paths = append(paths, a.rulesPaths(cfg)...)
	}
	return paths
}

// changed gets a value when files may have changed; nil while nothing is watched.
func (f *fileWatch) changed() <-chan struct{} {
	if f.w == nil {
		return nil
	}
	return f.w.Changed()
}

// errors gets what goes wrong; nil while nothing is watched.
func (f *fileWatch) errors() <-chan error {
	if f.w == nil {
		return nil
	}
	return f.w.Errors()
}

// close ends the watching.
func (f *fileWatch) close() {
	if f.w != nil {
		_ = f.w.Close()
		f.w = nil
	}
}
