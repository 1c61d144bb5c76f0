// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Matching says how many rules an event raises.
type Matching string

// The ways of matching.
const (
	MatchFirst Matching = "first"
	MatchAll   Matching = "all"
)

// unknownMatching are Falco's words, which people search for.
const unknownMatching = "Unknown rule matching strategy"

// EngineKind names a source of events.
type EngineKind string

// The kinds of sources.
const (
	EngineModernEBPF EngineKind = "modern_ebpf"
	EngineEBPF       EngineKind = "ebpf"
	EngineKMod       EngineKind = "kmod"
	EngineReplay     EngineKind = "replay"
	EngineNoDriver   EngineKind = "nodriver"
	EngineGVisor     EngineKind = "gvisor"
)

// DropAction is what to do when events are lost.
type DropAction string

// The actions.
const (
	DropIgnore DropAction = "ignore"
	DropLog    DropAction = "log"
	DropAlert  DropAction = "alert"
	DropExit   DropAction = "exit"
)

// Level is the least serious level of messages that are logged, named as in syslog.
type Level string

// LevelInfo is the default level.
const LevelInfo Level = "info"

// levels are all names, the most serious first, with the level of the logger behind them.
var levels = []struct {
	name string
	slog slog.Level
}{
	{"emergency", slog.LevelError}, {"alert", slog.LevelError}, {"critical", slog.LevelError},
	{"error", slog.LevelError}, {"warning", slog.LevelWarn}, {"notice", slog.LevelInfo + 1},
	{"info", slog.LevelInfo}, {"informational", slog.LevelInfo}, {"trace", slog.LevelDebug},
	{"debug", slog.LevelDebug},
}

// Slog is the level in the terms of the logger.
func (l Level) Slog() slog.Level {
	for _, known := range levels {
		if known.name == string(l) {
			return known.slog
		}
	}
	return slog.LevelInfo
}

// Interval is a time in milliseconds, written as in 1h30m or 500ms.
type Interval int64

// Duration is the interval as a time.Duration.
func (i Interval) Duration() time.Duration { return time.Duration(i) * time.Millisecond }

// String is the interval in the largest unit that divides it, as it may stand in a file.
func (i Interval) String() string {
	for _, u := range intervalUnits[2:] { // days and below
		if i != 0 && int64(i)%u.ms == 0 {
			return strconv.FormatInt(int64(i)/u.ms, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(i), 10) + "ms"
}

// Numbers with a range that the name says.
type (
	// NonNegative is a whole number from 0.
	NonNegative int64
	// Positive is a whole number from 1.
	Positive int64
	// Preset is the size of a ring buffer, 1 to 10.
	Preset int64
	// Ratio is the share of lost events from which something is done, 0 to 1.
	Ratio float64
	// Address is an IP address.
	Address string
)

// choose checks that text, in any case, is one of the given words.
func choose[T ~string](text string, words ...T) (T, error) {
	var all []string
	for _, w := range words {
		if strings.EqualFold(text, string(w)) {
			return w, nil
		}
		all = append(all, string(w))
	}
	return "", fmt.Errorf("%q is not one of %s", text, strings.Join(all, ", "))
}

// UnmarshalText reads "first" or "all".
func (m *Matching) UnmarshalText(b []byte) (err error) {
	if *m, err = choose(string(b), MatchFirst, MatchAll); err != nil {
		return fmt.Errorf("%s: %w", unknownMatching, err)
	}
	return nil
}

// UnmarshalText reads the name of a source.
func (k *EngineKind) UnmarshalText(b []byte) (err error) {
	*k, err = choose(string(b), EngineModernEBPF, EngineKMod, EngineReplay, EngineNoDriver, EngineEBPF, EngineGVisor)
	return err
}

// UnmarshalText reads the name of an action.
func (a *DropAction) UnmarshalText(b []byte) (err error) {
	*a, err = choose(string(b), DropIgnore, DropLog, DropAlert, DropExit)
	return err
}

// UnmarshalText reads the name of a level.
func (l *Level) UnmarshalText(b []byte) (err error) {
	var words []Level
	for _, known := range levels {
		words = append(words, Level(known.name))
	}
	*l, err = choose(string(b), words...)
	return err
}

// UnmarshalText reads an interval.
func (i *Interval) UnmarshalText(b []byte) error {
	ms, ok := parseInterval(string(b))
	if !ok {
		return fmt.Errorf("%q is not an interval (as in 1h30m, 10s or 500ms)", b)
	}
	if ms < 100 {
		return fmt.Errorf("interval %q is too short (at least 100ms)", b)
	}
	*i = Interval(ms)
	return nil
}

// intervalUnits are the units of an interval in their fixed order, with their milliseconds.
var intervalUnits = []struct {
	name string
	ms   int64
}{
	{"y", 365 * 24 * 3600_000}, {"w", 7 * 24 * 3600_000}, {"d", 24 * 3600_000}, {"h", 3600_000},
	{"m", 60_000}, {"s", 1000}, {"ms", 1},
}

// parseInterval reads numbers with units, each unit at most once and the larger before the smaller.
func parseInterval(text string) (ms int64, ok bool) {
	rest := strings.TrimSpace(text)
	next := 0
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil {
			return 0, false
		}
		rest = rest[digits:]
		unit := rest[:len(rest)-len(strings.TrimLeft(rest, "ywdhms"))]
		found := false
		for ; next < len(intervalUnits) && !found; next++ {
			if intervalUnits[next].name == unit {
				ms += n * intervalUnits[next].ms
				found = true
			}
		}
		if !found {
			return 0, false
		}
		rest = strings.TrimSpace(rest[len(unit):])
	}
	return ms, next > 0
}

// whole reads a whole number within bounds.
func whole(b []byte, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", b)
	}
	if n < low {
		return 0, fmt.Errorf("%d is too small (at least %d)", n, low)
	}
	if n > high {
		return 0, fmt.Errorf("%d is too large (at most %d)", n, high)
	}
	return n, nil
}

// maxWhole keeps sums and products of configured numbers far from overflow.
const maxWhole = 1 << 40

// UnmarshalText reads a whole number from 0.
func (n *NonNegative) UnmarshalText(b []byte) error {
	v, err := whole(b, 0, maxWhole)
	*n = NonNegative(v)
	return err
}

// UnmarshalText reads a whole number from 1.
func (n *Positive) UnmarshalText(b []byte) error {
	v, err := whole(b, 1, maxWhole)
	*n = Positive(v)
	return err
}

// UnmarshalText reads a number from 1 to 10.
func (p *Preset) UnmarshalText(b []byte) error {
	v, err := whole(b, 1, 10)
	*p = Preset(v)
	return err
}

// UnmarshalText reads a number from 0 to 1.
func (r *Ratio) UnmarshalText(b []byte) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil || !(v >= 0 && v <= 1) {
		// Falco's words, which people search for.
		return fmt.Errorf("syscall event drops threshold must be a double in the range [0, 1], not %q", b)
	}
	*r = Ratio(v)
	return nil
}

// UnmarshalText reads an IP address.
func (a *Address) UnmarshalText(b []byte) error {
	if _, err := netip.ParseAddr(string(b)); err != nil {
		return fmt.Errorf("%q is not an IP address", b)
	}
	*a = Address(b)
	return nil
}
