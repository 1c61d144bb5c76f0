// SPDX-License-Identifier: Apache-2.0

package form

import (
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// OCSFVersion is the version of the schema that AppendOCSF follows.
const OCSFVersion = "1.5.0"

// severities are OCSF's severity_id and its name by priority.
var severities = [...]struct {
	id   string
	name string
}{
	{"6", "Fatal"}, {"5", "Critical"}, {"5", "Critical"}, {"4", "High"},
	{"3", "Medium"}, {"2", "Low"}, {"1", "Informational"}, {"1", "Informational"},
}

// AppendOCSF appends the alert as a Detection Finding (class 2004) of the Open Cybersecurity Schema
// Framework. What has no place of its own is under "unmapped", which holds all output fields.
func AppendOCSF(dst []byte, a *alert.Alert, version string) []byte {
	o := &object{dst}
	ms := strconv.FormatUint(a.Time/1e6, 10)
	s := severities[min(int(a.Priority), len(severities)-1)]
	id := ID(a)
	o.b = append(o.b, `{"activity_id":1,"activity_name":"Create","category_uid":2,"category_name":"Findings",`+
		`"class_uid":2004,"class_name":"Detection Finding","type_uid":200401,"type_name":"Detection Finding: Create",`+
		`"status_id":1,"status":"New","is_alert":true`...)
	o.raw("time", ms)
	o.raw("severity_id", s.id)
	o.str("severity", s.name)
	o.str("message", a.Output)
	_, contained := container(a)
	o.group("metadata", func() {
		o.str("version", OCSFVersion)
		o.str("uid", id)
		o.str("log_name", a.Source)
		o.str("event_code", text(a, "evt.type"))
		profiles := []string{"host"}
		if contained {
			profiles = append(profiles, "container")
		}
		o.list("profiles", profiles...)
		o.group("product", func() {
			o.str("vendor_name", Vendor)
			o.str("name", Name)
			o.str("version", version)
		})
	})
	o.group("finding_info", func() { ocsfFinding(o, a, id, ms) })
	o.group("device", func() {
		o.raw("type_id", "0")
		o.str("hostname", a.Hostname)
		o.raw("os", `{"name":"Linux","type_id":200}`)
	})
	o.group("actor", func() { ocsfActor(o, a) })
	o.items("evidences", func() { o.item(func() { ocsfEvidence(o, a) }) })
	o.items("resources", func() { o.item(func() { ocsfPod(o, a) }) })
	o.fields("unmapped", a)
	return append(o.b, '}')
}

// ocsfFinding is the rule that has matched.
func ocsfFinding(o *object, a *alert.Alert, id, ms string) {
	o.str("uid", id)
	o.str("title", a.Rule)
	o.str("desc", a.Output)
	o.raw("created_time", ms)
	o.group("analytic", func() {
		o.raw("type_id", "1")
		o.str("type", "Rule")
		o.str("name", a.Rule)
	})
	o.list("data_sources", a.Source)
	o.items("attacks", func() {
		for _, t := range techniques(a) {
			technique, sub, isSub := strings.Cut(t, ".")
			o.item(func() {
				o.group("technique", func() { o.str("uid", technique) })
				if isSub && sub != "" {
					o.group("sub_technique", func() { o.str("uid", t) })
				}
			})
		}
	})
}

// ocsfActor is who did it: the process if its number is known, which the schema wants, else its name.
func ocsfActor(o *object, a *alert.Alert) {
	if whole(a, "proc.pid") == "" {
		o.str("app_name", text(a, "proc.name"))
	}
	o.group("process", func() { ocsfProcess(o, a) })
	o.group("user", func() { ocsfUser(o, a) })
}

// ocsfUser is the user that the process runs as.
func ocsfUser(o *object, a *alert.Alert) {
	o.str("name", text(a, "user.name"))
	o.str("uid", text(a, "user.uid"))
}

// ocsfProcess is the process, with its parent.
func ocsfProcess(o *object, a *alert.Alert) {
	pid := whole(a, "proc.pid")
	if pid == "" {
		return
	}
	o.raw("pid", pid)
	o.str("name", text(a, "proc.name"))
	o.str("cmd_line", text(a, "proc.cmdline"))
	o.str("working_directory", text(a, "proc.cwd"))
	o.raw("tid", whole(a, "thread.tid"))
	o.group("file", func() { ocsfFile(o, text(a, "proc.exepath", "proc.exe"), "1") })
	o.group("user", func() { ocsfUser(o, a) })
	if ppid := whole(a, "proc.ppid"); ppid != "" {
		o.group("parent_process", func() {
			o.raw("pid", ppid)
			o.str("name", text(a, "proc.pname"))
			o.str("cmd_line", text(a, "proc.pcmdline"))
			o.group("file", func() { ocsfFile(o, text(a, "proc.pexepath", "proc.pexe"), "1") })
		})
	}
	o.group("container", func() { ocsfContainer(o, a) })
}

// ocsfFile is a file of a type.
func ocsfFile(o *object, path, kind string) {
	if !strings.HasPrefix(path, "/") {
		return
	}
	name := base(path)
	if name == "" {
		name = "/"
	}
	o.str("name", name)
	o.str("path", path)
	o.raw("type_id", kind)
}

// ocsfEvidence is what it was done with.
func ocsfEvidence(o *object, a *alert.Alert) {
	o.group("process", func() { ocsfProcess(o, a) })
	kind := "0"
	switch text(a, "fd.typechar", "fd.type") {
	case "f", "file":
		kind = "1"
	case "d", "directory":
		kind = "2"
	}
	o.group("file", func() { ocsfFile(o, path(a), kind) })
	src, dst := text(a, "fd.cip"), text(a, "fd.sip")
	o.group("src_endpoint", func() { ocsfEndpoint(o, src, text(a, "fd.cip.name"), whole(a, "fd.cport")) })
	o.group("dst_endpoint", func() { ocsfEndpoint(o, dst, text(a, "fd.sip.name"), whole(a, "fd.sport")) })
	if src != "" || dst != "" {
		o.group("connection_info", func() {
			o.raw("direction_id", "0")
			o.str("protocol_name", text(a, "fd.l4proto"))
		})
	}
	o.group("container", func() { ocsfContainer(o, a) })
}

// ocsfEndpoint is one end of a connection.
func ocsfEndpoint(o *object, ip, hostname, port string) {
	if ip == "" {
		return
	}
	o.str("ip", ip)
	o.str("hostname", hostname)
	o.raw("port", port)
}

// ocsfContainer is the container that the process runs in.
func ocsfContainer(o *object, a *alert.Alert) {
	id, ok := container(a)
	if !ok {
		return
	}
	o.str("uid", id)
	o.str("name", text(a, "container.name"))
	o.str("runtime", text(a, "container.type"))
	o.str("pod_uuid", text(a, "k8s.pod.uid"))
	o.group("image", func() {
		name, tag := text(a, "container.image.repository", "container.image"), text(a, "container.image.tag")
		uid := text(a, "container.image.id", "container.image.digest")
		if uid == "" && name != "" { // the schema wants one
			uid = strings.TrimSuffix(name+":"+tag, ":")
		}
		o.str("uid", uid)
		o.str("name", name)
		o.str("tag", tag)
	})
	if text(a, "k8s.pod.name") != "" {
		o.str("orchestrator", "kubernetes")
	}
}

// ocsfPod is the pod that the alert is about.
func ocsfPod(o *object, a *alert.Alert) {
	name := text(a, "k8s.pod.name")
	if name == "" {
		return
	}
	o.str("name", name)
	o.str("type", "Pod")
	o.str("namespace", text(a, "k8s.ns.name"))
	o.str("uid", text(a, "k8s.pod.uid"))
}
