// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// What a hostile file holds is refused, or read, in reasonable time.
func TestHostile(t *testing.T) {
	const n = 200_000
	for name, text := range map[string]string{
		"sum":      `proc.name == "a"` + strings.Repeat(` + "a"`, n),
		"lists":    `proc.name in []` + strings.Repeat(` + []`, n),
		"members":  `proc` + strings.Repeat(`.a`, n) + ` == 1`,
		"methods":  `proc.name` + strings.Repeat(`.size()`, n) + ` == 1`,
		"indexes":  `proc.name` + strings.Repeat(`[0]`, n) + ` == 1`,
		"nots":     strings.Repeat(`!`, n) + `has(proc.name)`,
		"minus":    strings.Repeat(`-`, n) + `1 == proc.pid`,
		"and":      `has(proc.name)` + strings.Repeat(` && has(proc.name)`, n),
		"choices":  strings.Repeat(`true ? true : `, n) + `true`,
		"parens":   strings.Repeat(`(`, n),
		"brackets": strings.Repeat(`[`, n),
		"equal":    `1` + strings.Repeat(` == 1`, n),
		"exists":   strings.Repeat(`["a"].exists(x, `, 100) + `true` + strings.Repeat(`)`, 100),
		"items":    `proc.name in ["a"` + strings.Repeat(`, "a"`, n) + `]`,
	} {
		began := spent(t)
		Parse(text, field.Default())
		took := spent(t) - began
		if took > 20*time.Second {
			t.Errorf("%s takes %v", name, took)
		}
	}
}

// spent is the processor time that the test has used, which does not grow while others run.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
