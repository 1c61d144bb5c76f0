// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
)

// Version is the version of the program; releases set it when they link.
var Version = "0.1.0-dev"

// What the program is compatible with: the versions of Falco whose files and captures it reads.
const (
	FalcoVersion     = "0.44.1"
	LibsVersion      = "0.25.4"
	PluginAPIVersion = "3.12.0"
	EngineVersion    = "0.62.0"
	DriverAPIVersion = "10.2.0"
	SchemaVersion    = "5.1.0"
)

// programName is how the program is called in the system's log.
var programName = CalledAs()

// CalledAs is the name under which the program was started: "falco" where a link has that name,
// else "gyr".
func CalledAs() string {
	if filepath.Base(os.Args[0]) == "falco" {
		return "falco"
	}
	return "gyr"
}
