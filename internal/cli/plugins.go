// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// printPlugins lists the plugins that the configuration loads.
func (o *options) printPlugins(cfg *config.Config) error {
	names := cfg.LoadedPlugins()
	fmt.Fprintf(o.stdout, "%d Plugins Loaded:\n\n", len(names))
	for _, name := range names {
		describePlugin(o.stdout, config.BuiltinPlugin(name))
	}
	return nil
}

// printPlugin describes the plugin of --plugin-info, which may also be named by its library.
func (o *options) printPlugin(cfg *config.Config) error {
	name := o.pluginInfo
	i := slices.IndexFunc(cfg.Plugins, func(p config.Plugin) bool { return p.LibraryPath == name })
	if i >= 0 {
		name = cfg.Plugins[i].Name
	}
	p := config.BuiltinPlugin(name)
	if p == nil || !slices.Contains(cfg.LoadedPlugins(), name) {
		return fmt.Errorf("can't find plugin and print its info: %s (loaded are: %s)", o.pluginInfo, strings.Join(cfg.LoadedPlugins(), ", "))
	}
	describePlugin(o.stdout, p)
	if p.InitSchema == "" {
		fmt.Fprint(o.stdout, "Init config schema type: Not available\n\n")
		return nil
	}
	fmt.Fprintf(o.stdout, "Init config schema type: JSON\n%s\n\n", p.InitSchema)
	return nil
}

// describePlugin prints what a plugin is and does; the configuration is refused if it loads one
// that is not built in.
func describePlugin(w io.Writer, p *config.Builtin) {
	fmt.Fprintf(w, "Name: %s\nDescription: %s\nContact: github.com/gyrfalcon/gyrfalcon\nVersion: %s\nCapabilities:\n", p.Name, p.Does, app.Version)
	for _, c := range p.Capabilities {
		fmt.Fprintf(w, "  - %s\n", c)
	}
	fmt.Fprintln(w)
}
