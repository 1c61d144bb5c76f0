// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// absences say when fields have no value, by the beginning of their name; of two beginnings that fit
// the first counts.
var absences = []struct{ prefix, when string }{
	{"evt.arg", "if the event has no such parameter"},
	{"evt.rawarg", "if the event has no such parameter"},
	{"evt.abspath", "if the event has no path relative to a descriptor"},
	{"evt.rawres", "if the event has no result"},
	{"evt.res", "if the event has no result"},
	{"evt.failed", "if the event has no result"},
	{"evt.buf", "unless the event carries data"},
	{"evt.io_dir", "unless the event is input or output"},
	{"evt.", ""},
	{"syscall.", "unless the event is a system call"},
	{"fdlist.", "unless the event is poll or ppoll"},
	{"fd.", "unless the event is about a descriptor that has it"},
	{"fs.path.", "unless the event is a successful call that names a path"},
	{"proc.aname", "if no ancestor is known"}, {"proc.aexe", "if no ancestor is known"}, {"proc.acmdline", "if no ancestor is known"},
	{"proc.apid", "if no ancestor is known"}, {"proc.aargs", "if no ancestor is known"}, {"proc.aenv", "if no ancestor has it"},
	{"proc.lineage.", "if no maker is known"},
	{"proc.pid", ""}, {"proc.pgid", ""},
	{"proc.env", "if the process has no such variable"},
	{"proc.stdin", "if descriptor 0 is not known"}, {"proc.stdout", "if descriptor 1 is not known"}, {"proc.stderr", "if descriptor 2 is not known"},
	{"proc.p", "if the parent is not known"},
	{"proc.loginshellid", "if no ancestor is a shell"},
	{"thread.cgroup", "if the thread has no such control group"},
	{"container.id", ""}, {"container.start_ts", "outside containers"}, {"container.duration", "outside containers"},
	{"container.", "until the container's runtime has told, and outside containers"},
	{"k8s", "outside pods, or until it has been told"},
}

// missingWhen says when a field has no value, so that all comparisons of it are false.
func missingWhen(f *field.Field) string {
	i := slices.IndexFunc(absences, func(a struct{ prefix, when string }) bool { return strings.HasPrefix(f.Name, a.prefix) })
	if i < 0 {
		return ""
	}
	return absences[i].when
}
