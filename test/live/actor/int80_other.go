// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package main

// actInt80Open is an ordinary open where there is no such way.
func actInt80Open(args []string) error { return openOnce("r", args[0]) }
