// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// printVersion prints the versions as text or, with json_output, as one line of JSON.
func (o *options) printVersion(cfg *config.Config) error {
	v := app.CurrentVersions()
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
