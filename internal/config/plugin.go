// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// Builtin is a plugin of Falco whose part gyr has by itself.
type Builtin struct {
	Name string
	// Does says in a sentence what it does.
	Does string
	// Capabilities are its parts in Falco's words.
	Capabilities []string
	// InitSchema is the JSON schema of its init_config; "" if it takes none.
	InitSchema string
	// Lacks says what of it is still missing; "" if nothing is.
	Lacks string
}

// builtins are all of them.
var builtins = []Builtin{
	{
		Name: "container", Does: "Containers, built into gyr.",
		Capabilities: []string{"Field Extraction", "Event Parsing", "Async Events"},
		InitSchema: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{` +
			`"label_max_len":{"type":"integer"},"with_size":{"type":"boolean"},` +
			`"hooks":{"type":"array","items":{"enum":["create","start"]}},"engines":{"type":"object"}}}`,
	},
	{
		Name: "k8smeta", Does: "Fields of Kubernetes resources, built into gyr.",
		Capabilities: []string{"Field Extraction"}, Lacks: "its fields have no value yet",
		InitSchema: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{` +
			`"verbosity":{"type":"string"},"collectorHostname":{"type":"string"},"collectorPort":{"type":"integer"},` +
			`"nodeName":{"type":"string"},"caPEMBundle":{"type":"string"},"hostProc":{"type":"string"}}}`,
	},
}

// BuiltinPlugin returns the plugin of that name, nil if gyr does not have it.
func BuiltinPlugin(name string) *Builtin {
	for i := range builtins {
		if builtins[i].Name == name {
			return &builtins[i]
		}
	}
	return nil
}

// LoadedPlugins are the names of the plugins that the configuration loads.
func (c *Config) LoadedPlugins() []string {
	if c.LoadPlugins != nil {
		return c.LoadPlugins
	}
	var names []string
	for i := range c.Plugins {
		names = append(names, c.Plugins[i].Name)
	}
	return names
}

// checkPlugins refuses plugins that would be loaded and that gyr cannot replace: a static program
// loads no shared objects. Those that are only described are let pass, as Falco does.
func (d *Document) checkPlugins(c *Config) {
	for i := range c.Plugins {
		p := &c.Plugins[i]
		if p.LibraryPath != "" && !filepath.IsAbs(p.LibraryPath) && !filepath.IsLocal(p.LibraryPath) {
			d.report(d.at(fmt.Sprintf("plugins[%d].library_path", i)), CodeValue, diag.Error,
				fmt.Sprintf("plugins[%d].library_path: %q leads out of the directory of plugins", i, p.LibraryPath), "")
		}
	}
	from := "load_plugins[%d]"
	if c.LoadPlugins == nil {
		from = "plugins[%d].name"
	}
	for i, name := range c.LoadedPlugins() {
		if b := BuiltinPlugin(name); b != nil {
			if b.Lacks != "" {
				d.report(d.at(fmt.Sprintf(from, i)), CodeUnsupported, diag.Warning, fmt.Sprintf("plugin %q: %s", name, b.Lacks), "")
			}
			continue
		}
		hint := "container and k8smeta are built in; remove it, or set load_plugins without it"
		if !slices.ContainsFunc(c.Plugins, func(p Plugin) bool { return p.Name == name }) {
			hint = diag.DidYouMean(name, []string{"container", "k8smeta"})
		}
		d.report(d.at(fmt.Sprintf(from, i)), CodeUnsupported, diag.Error,
			fmt.Sprintf("plugin %q: shared objects cannot be loaded, its rules would never match", name), hint)
	}
}
