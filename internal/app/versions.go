// SPDX-License-Identifier: Apache-2.0

package app

import "strings"

// Versions are what the program is compatible with, under the names that Falco uses. Our own version
// is the build metadata of Falco's.
type Versions struct {
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

// CurrentVersions returns the versions of this build.
func CurrentVersions() Versions {
	return Versions{
		DefaultDriver: DriverAPIVersion + "+driver", DriverAPI: DriverAPIVersion, DriverSchema: SchemaVersion,
		Engine: strings.Split(EngineVersion, ".")[1], EngineSemver: EngineVersion,
		Falco: FalcoVersion + "+gyrfalcon." + Version, Gyrfalcon: Version, Libs: LibsVersion,
		PluginAPI: PluginAPIVersion, PluginsVersions: map[string]string{},
	}
}
