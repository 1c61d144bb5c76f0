// SPDX-License-Identifier: Apache-2.0

package alert

import (
	"fmt"
	"strings"
)

// Priority says how serious an alert is; smaller is more serious, as in syslog.
type Priority uint8

// The priorities.
const (
	Emergency Priority = iota
	Alerting
	Critical
	Error
	Warning
	Notice
	Informational
	Debug
)

// names are the priorities as alerts and rule files spell them.
var names = [...]string{
	"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
}

// String returns the long name, as alerts carry it.
func (p Priority) String() string {
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("Priority(%d)", uint8(p))
}

// Short returns the name that the summary at the end of a run uses: upper case, INFO abbreviated.
func (p Priority) Short() string {
	if p == Informational {
		return "INFO"
	}
	return strings.ToUpper(p.String())
}

// Label returns the name that descriptions of rules and metrics use: lower case, "info" abbreviated.
func (p Priority) Label() string { return strings.ToLower(p.Short()) }

// ParsePriority reads a priority's name in any case; "info" stands for informational.
func ParsePriority(text string) (Priority, error) {
	if strings.EqualFold(text, "info") {
		return Informational, nil
	}
	for i, name := range names {
		if strings.EqualFold(text, name) {
			return Priority(i), nil
		}
	}
	return Debug, fmt.Errorf("unknown priority %q (one of emergency, alert, critical, error, warning, notice, informational, debug)", text)
}
