// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// What reads events logs from the level of libs_logger on, the rest of the program as before.
func TestLibsLog(t *testing.T) {
	for _, tt := range []struct {
		logger config.LibsLogger
		want   string
	}{
		{config.LibsLogger{Enabled: true, Severity: "warning"}, "I W"},
		{config.LibsLogger{Enabled: true, Severity: "debug"}, "I i W"}, // the log has no more than info
		{config.LibsLogger{Enabled: true, Severity: "error"}, "I"},
		{config.LibsLogger{Severity: "debug"}, "I"},
	} {
		var out bytes.Buffer
		a := &App{cfg: config.Default(), log: NewLogger(LogOptions{Writer: &out, Level: slog.LevelInfo})}
		a.cfg.LibsLogger = tt.logger
		libs := a.libsLog().With("a", 1).WithGroup("g")
		a.log.Info("I")
		libs.Debug("d", "k", 1)
		libs.Info("i", "k", 1)
		libs.Warn("W", "k", 1)
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			for _, word := range []string{"I", "i", "W", "d"} {
				if strings.Contains(line, ": "+word+" a=1 g.k=1") || strings.HasSuffix(line, ": "+word) {
					got = append(got, word)
				}
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: got %v, want %s\n%s", tt.logger, got, tt.want, &out)
		}
	}
}
