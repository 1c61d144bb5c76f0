// SPDX-License-Identifier: Apache-2.0

// Command gyr watches a Linux machine and raises alerts.
package main

import (
	"os"

	"github.com/gyrfalcon/gyrfalcon/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
