// SPDX-License-Identifier: Apache-2.0

package form

import (
	"strconv"
	"strings"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// ECSVersion is the version of the schema that AppendECS follows.
const ECSVersion = "8.17.0"

// categories are ECS's event categories by type of event.
var categories = map[string]string{
	"execve": "process", "execveat": "process", "clone": "process", "clone3": "process", "fork": "process", "vfork": "process",
	"procexit": "process", "kill": "process", "ptrace": "process", "prctl": "process", "setns": "process", "unshare": "process",
	"open": "file", "openat": "file", "openat2": "file", "open_by_handle_at": "file", "creat": "file", "rename": "file",
	"renameat": "file", "renameat2": "file", "unlink": "file", "unlinkat": "file", "mkdir": "file", "mkdirat": "file",
	"rmdir": "file", "link": "file", "linkat": "file", "symlink": "file", "symlinkat": "file", "chmod": "file",
	"fchmod": "file", "fchmodat": "file", "chown": "file", "lchown": "file", "fchown": "file", "fchownat": "file",
	"connect": "network", "accept": "network", "accept4": "network", "bind": "network", "listen": "network",
	"sendto": "network", "sendmsg": "network", "sendmmsg": "network", "recvfrom": "network", "recvmsg": "network",
	"recvmmsg": "network", "socket": "network",
	"setuid": "iam", "setgid": "iam", "setresuid": "iam", "setresgid": "iam", "init_module": "driver", "finit_module": "driver",
}

// AppendECS appends the alert as a document of the Elastic Common Schema. All output fields are kept as
// they are under falco.output_fields, for which a mapping of type flattened fits.
func AppendECS(dst []byte, a *alert.Alert, version string) []byte {
	o := &object{append(dst, '{')}
	o.str("@timestamp", time.Unix(0, int64(a.Time)).UTC().Format("2006-01-02T15:04:05.000000000Z"))
	o.raw("ecs", `{"version":"`+ECSVersion+`"}`)
	o.str("message", a.Output)
	o.list("tags", a.Tags...)
	o.group("event", func() {
		o.str("kind", "alert")
		o.list("category", "intrusion_detection", categories[text(a, "evt.type")])
		o.list("type", "info")
		o.str("id", ID(a))
		o.str("action", text(a, "evt.type"))
		o.str("provider", a.Source)
		o.str("dataset", "falco.alerts")
		o.str("module", "falco")
		o.raw("severity", strconv.Itoa(int(a.Priority)))
	})
	o.group("log", func() {
		o.str("level", strings.ToLower(a.Priority.String()))
		o.group("syslog", func() {
			o.group("severity", func() { o.raw("code", strconv.Itoa(int(a.Priority))) })
		})
	})
	o.group("rule", func() { o.str("name", a.Rule) })
	o.group("threat", func() {
		if ids := techniques(a); len(ids) > 0 {
			o.str("framework", "MITRE ATT&CK")
			o.group("technique", func() { o.list("id", ids...) })
		}
	})
	o.group("observer", func() {
		o.str("vendor", Vendor)
		o.str("product", Name)
		o.str("type", "ids")
		o.str("version", version)
	})
	o.group("host", func() {
		o.str("hostname", a.Hostname)
		o.str("name", a.Hostname)
	})
	ecsProcess(o, a)
	ecsPlace(o, a)
	o.group("falco", func() {
		o.str("priority", a.Priority.String())
		o.fields("output_fields", a)
	})
	return append(o.b, '}')
}

// ecsProcess adds who did it.
func ecsProcess(o *object, a *alert.Alert) {
	o.group("process", func() {
		o.raw("pid", whole(a, "proc.pid"))
		o.str("name", text(a, "proc.name"))
		o.str("executable", text(a, "proc.exepath", "proc.exe"))
		o.str("command_line", text(a, "proc.cmdline"))
		o.str("working_directory", text(a, "proc.cwd"))
		o.group("thread", func() { o.raw("id", whole(a, "thread.tid")) })
		o.group("parent", func() {
			o.raw("pid", whole(a, "proc.ppid"))
			o.str("name", text(a, "proc.pname"))
			o.str("executable", text(a, "proc.pexepath", "proc.pexe"))
			o.str("command_line", text(a, "proc.pcmdline"))
		})
	})
	o.group("user", func() {
		o.str("name", text(a, "user.name"))
		o.str("id", text(a, "user.uid"))
	})
	o.group("group", func() {
		o.str("name", text(a, "group.name"))
		o.str("id", text(a, "group.gid"))
	})
}

// ecsPlace adds what it was done to, and where.
func ecsPlace(o *object, a *alert.Alert) {
	o.group("file", func() {
		if p := path(a); p != "" {
			o.str("path", p)
			o.str("name", base(p))
			o.str("directory", p[:max(strings.LastIndexByte(p, '/'), 1)])
		}
	})
	o.group("source", func() {
		o.str("ip", text(a, "fd.cip"))
		o.raw("port", whole(a, "fd.cport"))
	})
	o.group("destination", func() {
		o.str("ip", text(a, "fd.sip"))
		o.raw("port", whole(a, "fd.sport"))
		o.str("domain", text(a, "fd.sip.name"))
	})
	o.group("network", func() { o.str("transport", text(a, "fd.l4proto")) })
	if id, ok := container(a); ok {
		o.group("container", func() {
			o.str("id", id)
			o.str("name", text(a, "container.name"))
			o.str("runtime", text(a, "container.type"))
			o.group("image", func() {
				o.str("name", text(a, "container.image.repository", "container.image"))
				o.list("tag", text(a, "container.image.tag"))
			})
		})
	}
	if pod := text(a, "k8s.pod.name"); pod != "" {
		o.group("orchestrator", func() {
			o.str("type", "kubernetes")
			o.str("namespace", text(a, "k8s.ns.name"))
			o.group("resource", func() {
				o.str("name", pod)
				o.str("type", "pod")
				o.str("id", text(a, "k8s.pod.uid"))
			})
		})
	}
}
