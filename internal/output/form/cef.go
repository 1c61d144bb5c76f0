// SPDX-License-Identifier: Apache-2.0

package form

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// cefSeverities are CEF's severities, 0 to 10, by priority.
var cefSeverities = [...]string{"10", "9", "8", "7", "6", "4", "2", "1"}

// cefWriter writes an extension.
type cefWriter struct{ b []byte }

// AppendCEF appends the alert in ArcSight's Common Event Format, version 0, without a syslog header.
// Texts are cut off at the lengths that its dictionary gives.
func AppendCEF(dst []byte, a *alert.Alert, version string) []byte {
	w := &cefWriter{append(dst, "CEF:0|"+Vendor+"|"+Name+"|"...)}
	w.header(version, 31)
	w.header(a.Rule, 1023) // the class of events
	w.header(a.Rule, 512)
	w.b = append(w.b, cefSeverities[min(int(a.Priority), len(cefSeverities)-1)]...)
	w.b = append(w.b, "|rt="...)
	w.b = strconv.AppendUint(w.b, a.Time/1e6, 10)
	w.pair("externalId", ID(a), 40)
	w.pair("dvchost", a.Hostname, 100)
	w.pair("cat", a.Source, 1023)
	w.pair("act", text(a, "evt.type"), 63)
	w.pair("msg", a.Output, 1023)
	w.pair("suser", text(a, "user.name"), 1023)
	w.pair("suid", text(a, "user.uid"), 1023)
	w.pair("sproc", text(a, "proc.name"), 1023)
	w.pair("spid", whole(a, "proc.pid"), 20)
	if p := path(a); p != "" {
		w.pair("fname", base(p), 1023)
		w.pair("filePath", p, 1023)
	}
	w.address("src", "c6a2", "Source IPv6 Address", text(a, "fd.cip"))
	w.pair("spt", whole(a, "fd.cport"), 5)
	w.address("dst", "c6a3", "Destination IPv6 Address", text(a, "fd.sip"))
	w.pair("dpt", whole(a, "fd.sport"), 5)
	w.pair("proto", strings.ToUpper(text(a, "fd.l4proto")), 31)
	id, contained := container(a)
	if !contained {
		id = ""
	}
	w.custom("cs1", "Command Line", text(a, "proc.cmdline"))
	w.custom("cs2", "Container ID", id)
	w.custom("cs3", "Container Image", text(a, "container.image.repository", "container.image"))
	w.custom("cs4", "Kubernetes Namespace", text(a, "k8s.ns.name"))
	w.custom("cs5", "Kubernetes Pod", text(a, "k8s.pod.name"))
	w.custom("cs6", "Tags", strings.Join(a.Tags, ","))
	return w.b
}

// header appends a part of the header and the bar behind it.
func (w *cefWriter) header(s string, limit int) {
	for _, r := range clip(s, limit) {
		switch {
		case r == '|' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case unseen(r):
			w.b = append(w.b, ' ')
		default:
			w.b = append(w.b, string(r)...)
		}
	}
	w.b = append(w.b, '|')
}

// pair appends a key with its value, unless that is empty. Backslashes, equal signs and line breaks are
// escaped, other control characters become blanks.
func (w *cefWriter) pair(key, s string, limit int) {
	if s == "" {
		return
	}
	w.b = append(w.b, ' ')
	w.b = append(w.b, key...)
	w.b = append(w.b, '=')
	for _, r := range clip(s, limit) {
		switch {
		case r == '=' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case r == '\n':
			w.b = append(w.b, `\n`...)
		case r == '\r':
			w.b = append(w.b, `\r`...)
		case unseen(r):
			w.b = append(w.b, ' ')
		default:
			w.b = append(w.b, string(r)...)
		}
	}
}

// unseen reports whether a character steers a terminal or the order of the text.
func unseen(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// custom appends one of the texts whose meaning a label tells.
func (w *cefWriter) custom(key, label, s string) {
	if s != "" {
		w.pair(key+"Label", label, 1023)
		w.pair(key, s, 4000)
	}
}

// address appends an address: the usual keys hold IPv4 only.
func (w *cefWriter) address(key, key6, label, s string) {
	ip, err := netip.ParseAddr(s)
	switch {
	case err != nil:
	case ip.Unmap().Is4():
		w.pair(key, ip.Unmap().String(), 15)
	default:
		w.pair(key6+"Label", label, 1023)
		w.pair(key6, ip.WithZone("").String(), 39)
	}
}
