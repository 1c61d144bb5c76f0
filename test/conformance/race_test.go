// SPDX-License-Identifier: Apache-2.0

//go:build race

package conformance

// raced says that the race detector watches.
const raced = true
