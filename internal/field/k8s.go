// SPDX-License-Identifier: Apache-2.0

package field

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// k8sFields are the fields of the pod that the container is part of, as its runtime tells them.
var k8sFields = []Field{
	{Name: "k8s.pod.name", Type: event.CharBuf, Flags: FormatSuggested, Str: podLabel("io.kubernetes.pod.name"),
		Doc: "Name of the pod."},
	{Name: "k8s.ns.name", Type: event.CharBuf, Flags: FormatSuggested, Str: podLabel("io.kubernetes.pod.namespace"),
		Doc: "Name of the pod's namespace."},
	{Name: "k8s.pod.id", Type: event.CharBuf, Str: podLabel("io.kubernetes.pod.uid"),
		Doc: "The pod's unique id in the cluster, as k8s.pod.uid."},
	{Name: "k8s.pod.uid", Type: event.CharBuf, Str: podLabel("io.kubernetes.pod.uid"),
		Doc: "The pod's unique id in the cluster."},
	{Name: "k8s.pod.sandbox_id", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.Pod.SandboxID[:min(12, len(m.Pod.SandboxID))] }),
		Doc: "Id of the pod's sandbox container, cut to 12 characters."},
	{Name: "k8s.pod.full_sandbox_id", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.Pod.SandboxID }),
		Doc: "Whole id of the pod's sandbox container."},
	{Name: "k8s.pod.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: metaLabel(func(m *state.Metadata) []state.Label { return m.Pod.Labels }),
		Doc: "Value of one label of the pod: k8s.pod.label[app]."},
	{Name: "k8s.pod.labels", Type: event.CharBuf, Str: metaLabels(func(m *state.Metadata) []state.Label { return m.Pod.Labels }),
		Doc: "The pod's labels as key:value with commas between them."},
	{Name: "k8s.pod.ip", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.Pod.IP }),
		Doc: "The pod's address."},
	{Name: "k8s.pod.cni.json", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.Pod.CNI }),
		Doc: "What the network plugin answered when the pod's network was made, as JSON."},
	{Name: "k8s.rc.name", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rc.name."},
	{Name: "k8s.rc.id", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rc.uid."},
	{Name: "k8s.rc.label", Type: event.CharBuf, Flags: Deprecated, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rc.label."},
	{Name: "k8s.rc.labels", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rc.labels."},
	{Name: "k8s.svc.name", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.svc.name."},
	{Name: "k8s.svc.id", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.svc.uid."},
	{Name: "k8s.svc.label", Type: event.CharBuf, Flags: Deprecated, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.svc.label."},
	{Name: "k8s.svc.labels", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.svc.labels."},
	{Name: "k8s.ns.id", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.ns.uid."},
	{Name: "k8s.ns.label", Type: event.CharBuf, Flags: Deprecated, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.ns.label."},
	{Name: "k8s.ns.labels", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.ns.labels."},
	{Name: "k8s.rs.name", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rs.name."},
	{Name: "k8s.rs.id", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rs.uid."},
	{Name: "k8s.rs.label", Type: event.CharBuf, Flags: Deprecated, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rs.label."},
	{Name: "k8s.rs.labels", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.rs.labels."},
	{Name: "k8s.deployment.name", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.deployment.name."},
	{Name: "k8s.deployment.id", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.deployment.uid."},
	{Name: "k8s.deployment.label", Type: event.CharBuf, Flags: Deprecated, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.deployment.label."},
	{Name: "k8s.deployment.labels", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value: runtimes do not tell it. Use k8smeta.deployment.labels."},
}

// podLabel makes the getter of a label that Kubernetes puts on every container of a pod.
func podLabel(key string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if m := metadata(c); m != nil {
			return labelValue(m.Labels, key)
		}
		return "", false
	}
}

// k8sMetaFields are the fields that the cluster's own API tells of the pod and of what owns it.
// State does not ask it yet, so that none has a value.
var k8sMetaFields = []Field{
	{Name: "k8smeta.pod.name", Type: event.CharBuf, Flags: FormatSuggested, Str: none,
		Doc: "Name of the pod."},
	{Name: "k8smeta.pod.uid", Type: event.CharBuf, Str: none,
		Doc: "Unique id of the pod."},
	{Name: "k8smeta.pod.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "Value of one label of the pod."},
	{Name: "k8smeta.pod.labels", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Labels of the pod, each as key:value."},
	{Name: "k8smeta.pod.ip", Type: event.CharBuf, Str: none,
		Doc: "Address of the pod."},
	{Name: "k8smeta.ns.name", Type: event.CharBuf, Flags: FormatSuggested, Str: none,
		Doc: "Name of the pod's namespace."},
	{Name: "k8smeta.ns.uid", Type: event.CharBuf, Str: none,
		Doc: "Unique id of the pod's namespace."},
	{Name: "k8smeta.ns.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "Value of one label of the pod's namespace."},
	{Name: "k8smeta.ns.labels", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Labels of the pod's namespace, each as key:value."},
	{Name: "k8smeta.deployment.name", Type: event.CharBuf, Str: none,
		Doc: "Name of the deployment that owns the pod."},
	{Name: "k8smeta.deployment.uid", Type: event.CharBuf, Str: none,
		Doc: "Unique id of the deployment that owns the pod."},
	{Name: "k8smeta.deployment.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "Value of one label of the deployment that owns the pod."},
	{Name: "k8smeta.deployment.labels", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Labels of the deployment that owns the pod, each as key:value."},
	{Name: "k8smeta.svc.name", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Names of the services that select the pod."},
	{Name: "k8smeta.svc.uid", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Unique ids of the services that select the pod."},
	{Name: "k8smeta.svc.label", Type: event.CharBuf, Flags: IsList, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Strs: noStrs,
		Doc: "Values of one label of the services that select the pod."},
	{Name: "k8smeta.svc.labels", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Labels of the services that select the pod, each as key:value."},
	{Name: "k8smeta.rs.name", Type: event.CharBuf, Str: none,
		Doc: "Name of the replica set that owns the pod."},
	{Name: "k8smeta.rs.uid", Type: event.CharBuf, Str: none,
		Doc: "Unique id of the replica set that owns the pod."},
	{Name: "k8smeta.rs.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "Value of one label of the replica set that owns the pod."},
	{Name: "k8smeta.rs.labels", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Labels of the replica set that owns the pod, each as key:value."},
	{Name: "k8smeta.rc.name", Type: event.CharBuf, Str: none,
		Doc: "Name of the replication controller that owns the pod."},
	{Name: "k8smeta.rc.uid", Type: event.CharBuf, Str: none,
		Doc: "Unique id of the replication controller that owns the pod."},
	{Name: "k8smeta.rc.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: none,
		Doc: "Value of one label of the replication controller that owns the pod."},
	{Name: "k8smeta.rc.labels", Type: event.CharBuf, Flags: IsList, Strs: noStrs,
		Doc: "Labels of the replication controller that owns the pod, each as key:value."},
}

// noStrs is the getter of lists that are never known.
func noStrs(_ *Context, _ *Arg, dst []string) []string { return dst }

// utilFields are of use to tests alone.
var utilFields = []Field{
	{Name: "util.cnt", Type: event.Uint64, Format: event.FormatID, Flags: TableOnly | CountsAsking, Uint: utilCount,
		Doc: "Counts how often this field was asked for."},
}

func utilCount(c *Context, _ *Arg) (uint64, bool) {
	c.count++
	return c.count, true
}
