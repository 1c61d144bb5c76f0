// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
)

// Where the configuration is looked for if no file is named.
const (
	gyrConfig   = "/etc/gyr/gyr.yaml"
	falcoConfig = "/etc/falco/falco.yaml"
)

// configPaths are those places, the first that is there counts. Under Falco's name Falco's own
// comes first.
func (o *options) configPaths() []string {
	if o.name == falcoName {
		return []string{falcoConfig, gyrConfig}
	}
	return []string{gyrConfig, falcoConfig}
}

// findConfig returns the file that is read, "" for none, and one that is there too but is not.
func (o *options) findConfig() (path, unread string) {
	if o.config != "" {
		return o.config, ""
	}
	return firstTwo(o.configPaths(), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// firstTwo returns the first two of the paths that exist.
func firstTwo(paths []string, exists func(string) bool) (first, second string) {
	for _, p := range paths {
		switch {
		case !exists(p):
		case first == "":
			first = p
		case second == "":
			second = p
		}
	}
	return first, second
}

// sources are the sources of events that there are.
var sources = []string{filter.SyscallSource}

// checkSources wants --enable-source and --disable-source to leave a source. Captures hold what
// they hold.
func (o *options) checkSources(cfg *config.Config) error {
	if cfg.Engine.Kind == config.EngineReplay {
		return nil
	}
	if len(o.enableSources) > 0 && len(o.disableSources) > 0 {
		return errors.New("--enable-source and --disable-source cannot be mixed")
	}
	for _, name := range slices.Concat(o.enableSources, o.disableSources) {
		if slices.Contains(sources, name) {
			continue
		}
		text := fmt.Sprintf("unknown event source %q (only %s is there)", name, filter.SyscallSource)
		if hint := diag.DidYouMean(name, sources); hint != "" {
			text = fmt.Sprintf("unknown event source %q (%s)", name, hint)
		}
		return errors.New(text)
	}
	if len(o.disableSources) > 0 {
		return errors.New("all event sources are disabled, at least one must be left")
	}
	return nil
}
