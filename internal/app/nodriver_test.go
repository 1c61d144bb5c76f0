// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// Without a driver everything starts and stops, and it is said that nothing is watched.
func TestNoDriver(t *testing.T) {
	cfg := config.Default()
	cfg.Engine.Kind = config.EngineNoDriver
	var stdout, stderr bytes.Buffer
	began := time.Now()
	err := Run(t.Context(), Options{Config: cfg, Stdout: &stdout, Stderr: &stderr, Duration: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("ended after %s", took)
	}
	if text := stderr.String(); !strings.Contains(text, "no events are read") || !strings.Contains(stdout.String(), "Events detected: 0") {
		t.Errorf("got\n%s\n%s", text, &stdout)
	}
}
