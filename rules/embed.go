// SPDX-License-Identifier: Apache-2.0

// Package rules holds the default rules that are part of the program: one file per area, loaded in
// the order of their names.
package rules

import "embed"

// FS holds the rule files, not their tests, which alone may have names that end in "t".
//
//go:embed *[^t].yaml
var FS embed.FS
