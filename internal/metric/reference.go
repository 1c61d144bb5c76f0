// SPDX-License-Identifier: Apache-2.0

package metric

//go:generate env GYR_UPDATE=1 go test -run TestReference .

import (
	"fmt"
	"strings"
)

// Reference is the page of the manual that lists all figures.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, ours := range []bool{false, true} {
		title := "Falco's"
		if ours {
			title = "Ours"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| Prometheus | field of the alert | type | unit | switch | meaning |\n|---|---|---|---|---|---|\n", title)
		for _, r := range table {
			if r.Ours() == ours {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.shownName(), r.shownKey(), r.shownKind(), r.Unit, r.Group, r.Help)
			}
		}
	}
	return b.String()
}

const referenceHead = `# Metrics

All figures, by their names in Prometheus (` + "`/metrics`" + `) and among the output fields of the alert "` + AlertRule + `"
and of ` + "`metrics.output_file`" + `. [metrics.md](../metrics.md) says how to get them.
A figure with a *switch* is told while ` + "`metrics.SWITCH_enabled`" + ` is set. Memory is told in alerts in megabytes (` + "`_mb`" + `) or, without
` + "`metrics.convert_memory_to_mb`" + `, in kilobytes or bytes.
`

// shownName is the name in Prometheus with its labels.
func (r *Row) shownName() string {
	if r.Name == "" {
		return ""
	}
	name := r.Name
	if len(r.Labels) > 0 {
		name += "{" + strings.Join(r.Labels, ",") + "}"
	}
	return "`" + name + "`"
}

// shownKey is the key with what is added to it.
func (r *Row) shownKey() string {
	if r.Key == "" {
		return ""
	}
	key := r.Key
	switch {
	case r.Unit == Bytes || r.Unit == KiB:
		key += "mb"
	case strings.HasSuffix(key, "_"), strings.HasSuffix(key, "."):
		key += "…"
	}
	return "`" + key + "`"
}

// shownKind is the kind; a text is one.
func (r *Row) shownKind() string {
	if r.Kind == Info {
		return "text"
	}
	return r.Kind.String()
}
