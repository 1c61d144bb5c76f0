// SPDX-License-Identifier: Apache-2.0

// Package watch tells when files change, however they are changed: written in place, replaced by a
// renamed file as editors do, or by swapping a symbolic link on the way to them as Kubernetes does
// with mounted ConfigMaps. It watches directories, since a watch on a file stays with the file that
// was replaced.
package watch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times of a Watcher: how long it must be quiet before a change is told, since one change is many
// events, and after how long it is told even if it never gets quiet.
const (
	Quiet   = 200 * time.Millisecond
	Longest = 2 * time.Second
)

// Watcher watches a set of paths. Its methods are called by one goroutine.
type Watcher struct {
	fs      *fsnotify.Watcher
	dirs    map[string]os.FileInfo // watched, as they were found
	changed chan struct{}
	errs    chan error
	set     chan interest
	done    chan struct{}
}

// interest is what in the watched directories matters: all names in a directory, or single paths.
type interest struct {
	dirs  map[string]bool // whose every entry matters
	names map[string]bool
}

// New returns a Watcher that watches nothing yet. Close ends it.
func New() (*Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w (sysctl fs.inotify.max_user_instances bounds how many programs can)", err)
	}
	watcher := &Watcher{
		fs: w, dirs: map[string]os.FileInfo{}, changed: make(chan struct{}, 1), errs: make(chan error, 1),
		set: make(chan interest), done: make(chan struct{}),
	}
	go watcher.run()
	return watcher, nil
}

// Changed gets a value some time after something changed. What changed, and whether it is
// really different, is for the receiver to find out.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Errors gets what goes wrong while watching; changes may have been missed.
func (w *Watcher) Errors() <-chan error { return w.errs }

// Watch makes paths, files or directories, what is watched from now on; those that do not exist are
// waited for. In a directory every entry counts, but not what is below it. To be called again after
// each change, since links on the way may lead elsewhere now. The error names what cannot be watched.
func (w *Watcher) Watch(paths []string) error {
	in := interest{map[string]bool{}, map[string]bool{}}
	dirs := map[string]bool{}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return fmt.Errorf("watch %q: %w", p, err)
		}
		in.add(dirs, abs)
	}
	// What is no longer of interest goes last, and what is new comes first: nothing is missed.
	w.set <- in
	var failed error
	watched := map[string]os.FileInfo{}
	for d := range dirs {
		info, err := w.watchDir(d)
		if err != nil {
			failed = fmt.Errorf("watch directory %q: %w", d, err)
			continue
		}
		watched[d] = info
	}
	for d := range w.dirs {
		if !dirs[d] {
			_ = w.fs.Remove(d) // it may be gone
		}
	}
	w.dirs = watched
	return failed
}

// watchDir watches a directory, once more if another one stands in its place by now.
func (w *Watcher) watchDir(dir string) (os.FileInfo, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if before := w.dirs[dir]; before != nil {
		if os.SameFile(before, info) && slices.Contains(w.fs.WatchList(), dir) {
			return info, nil
		}
		_ = w.fs.Remove(dir)
	}
	return info, w.fs.Add(dir)
}

// maxLinks bounds the symbolic links that are followed for one path, as the kernel does.
const maxLinks = 40

// add enters a path: every symbolic link on the way to it, it itself, and the directories that these
// stand in.
func (in *interest) add(dirs map[string]bool, path string) {
	rest, at := strings.Split(strings.Trim(path, "/"), "/"), "/"
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if err != nil {
			// Not there: whatever comes by this name matters.
			in.names[next], dirs[at] = true, true
			return
		}
		rest = rest[1:]
		if info.Mode()&fs.ModeSymlink != 0 {
			in.names[next], dirs[at] = true, true
			target, err := os.Readlink(next)
			if links++; err != nil || links > maxLinks {
				return
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(at, target)
			}
			rest = append(strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"), rest...)
			at = "/"
			continue
		}
		at = next
	}
	parent := filepath.Dir(at)
	in.names[at], dirs[parent] = true, true
	if info, err := os.Stat(at); err == nil && info.IsDir() {
		in.dirs[at], dirs[at] = true, true
		return
	}
	// The directory of a file may be replaced as a whole.
	if parent != "/" {
		in.names[parent], dirs[filepath.Dir(parent)] = true, true
	}
}

// matters reports whether an event is about something of interest.
func (in *interest) matters(ev fsnotify.Event) bool {
	if ev.Op == fsnotify.Chmod {
		return false // such as by those who only read
	}
	return in.names[ev.Name] || in.dirs[filepath.Dir(ev.Name)] || in.dirs[ev.Name]
}

// run gathers events until it is quiet.
func (w *Watcher) run() {
	defer close(w.done)
	var in interest
	var timer <-chan time.Time
	var first time.Time
	for {
		select {
		case in = <-w.set:
		case ev, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if !in.matters(ev) {
				continue
			}
			now := time.Now()
			if timer == nil {
				first = now
			}
			timer = time.After(min(Quiet, max(0, Longest-now.Sub(first))))
		case <-timer:
			timer = nil
			select {
			case w.changed <- struct{}{}:
			default:
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			select {
			case w.errs <- err:
			default:
			}
			// Events were lost: better one look too many.
			timer = time.After(Quiet)
		}
	}
}

// Close ends the watching.
func (w *Watcher) Close() error {
	err := w.fs.Close()
	<-w.done
	return err
}
