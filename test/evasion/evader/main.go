// SPDX-License-Identifier: Apache-2.0

// Evader does, with real system calls, one thing that hides from monitors of system calls, and
// ends. Its command line is the name of the act and a directory of the test's, by which what it
// does is known: evader ACT DIR [ARGUMENT ...].
package main

import (
	"fmt"
	"os"
	"slices"
)

// act is one thing that the evader can do.
type act struct {
	name string
	run  func(dir string, args []string) error
}

// acts are those of all families.
var acts = slices.Concat(pathActs, processActs, argumentActs, twinActs, dataActs, mountActs, ringActs, raceActs, loadActs)

func main() {
	if len(os.Args) < 3 {
		return // started under another name, to be seen
	}
	for _, a := range acts {
		if a.name == os.Args[1] {
			if err := a.run(os.Args[2], os.Args[3:]); err != nil {
				fmt.Fprintf(os.Stderr, "evader: %s: %v\n", a.name, err)
				os.Exit(1)
			}
			return
		}
	}
}
