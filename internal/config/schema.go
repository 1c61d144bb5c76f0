// SPDX-License-Identifier: Apache-2.0

package config

import _ "embed"

//go:generate env GYR_UPDATE=1 go test -run TestGenerated .

//go:embed schema.json
var schema []byte

// JSONSchema is the JSON schema of configuration files, generated from the structs of this package.
func JSONSchema() []byte { return schema }
