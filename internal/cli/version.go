// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// versions are what the program is compatible with, under the names that Falco uses. Our own
// version is the build metadata of Falco's.
type versions struct {
	DefaultDriver   string            `json:"default_driver_version"`
	DriverAPI       string            `json:"driver_api_version"`
	DriverSchema    string            `json:"driver_schema_version"`
	Engine          string            `json:"engine_version"`
	EngineSemver    string            `json:"engine_version_semver"`
	Falco           string            `json:"falco_version"`
	Gyrfalcon       string            `json:"gyrfalcon_version"`
	Libs            string            `json:"libs_version"`
	PluginAPI       string            `json:"plugin_api_version"`
	PluginsVersions map[string]string `json:"plugin_versions"`
}

// currentVersions returns the versions of this build.
func currentVersions() versions {
	return versions{
		DefaultDriver: app.DriverAPIVersion + "+driver", DriverAPI: app.DriverAPIVersion, DriverSchema: app.SchemaVersion,
		Engine: strings.Split(app.EngineVersion, ".")[1], EngineSemver: app.EngineVersion,
		Falco: app.FalcoVersion + "+gyrfalcon." + app.Version, Gyrfalcon: app.Version, Libs: app.LibsVersion,
		PluginAPI: app.PluginAPIVersion, PluginsVersions: map[string]string{},
	}
}

// printVersion prints the versions as text or, with json_output, as one line of JSON.
func (o *options) printVersion(cfg *config.Config) error {
	v := currentVersions()
	if cfg.JSONOutput {
		return json.NewEncoder(o.stdout).Encode(v)
	}
	fmt.Fprintf(o.stdout, `Falco version: %s
Libs version:  %s
Plugin API:    %s
Engine:        %s
Driver:
  API version:    %s
  Schema version: %s
  Default driver: %s
`, v.Falco, v.Libs, v.PluginAPI, v.EngineSemver, v.DriverAPI, v.DriverSchema, v.DefaultDriver)
	return nil
}
