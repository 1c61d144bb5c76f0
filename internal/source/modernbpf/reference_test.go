// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

var update = flag.Bool("update", false, "write the generated page")

//go:generate go test -run TestSyscallsPage -update

const syscallsHead = `# System calls

Every system call that can be asked for by ` + "`evt.type`" + `, its number on each architecture, and what is told of it. *decoded*:
an event of its own with all its parameters, which stand in [events.md](events.md). *generic*: the event says only that the
call was made. Calls marked in the column io_uring are reported just so when they are made through one.

System call | amd64 | arm64 | gyr | Falco | io_uring
:-----------|------:|------:|:----|:------|:--------
`

// TestSyscallsPage holds docs/reference/syscalls.md to the rows; -update writes it.
func TestSyscallsPage(t *testing.T) {
	var lines []string
	for i := range event.Syscalls() {
		c := &event.Syscalls()[i]
		if c.AMD64 < 0 && c.ARM64 < 0 && tracePrograms[c.Name] == "" {
			continue
		}
		number := func(n int16) string {
			if n < 0 {
				return "–"
			}
			return fmt.Sprint(n)
		}
		ours, falco, ring := "generic", "decoded", ""
		if rowBySyscall[c.Name] != nil || tracePrograms[c.Name] != "" {
			ours = "decoded"
		}
		if c.Event == event.Generic || c.Event >= event.FirstOwn {
			falco = "generic"
		}
		if ViaRing(c) {
			ring = "yes"
		}
		lines = append(lines, fmt.Sprintf("%s | %s | %s | %s | %s | %s", c.Name, number(c.AMD64), number(c.ARM64), ours, falco, ring))
	}
	slices.Sort(lines)
	page := syscallsHead + strings.Join(lines, "\n") + "\n"
	const file = "../../../docs/reference/syscalls.md"
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(file); string(got) != page {
		t.Errorf("%s is out of date: run go generate ./internal/source/modernbpf", file)
	}
}
