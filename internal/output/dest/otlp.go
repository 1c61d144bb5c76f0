// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"encoding/json"
	"net/url"
	"strconv"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output/form"
)

// otlpBatch is how many alerts one OTLP request holds at most.
const otlpBatch = 256

// OTLPLogs is the Body of OpenTelemetry logs, in protobuf or JSON.
func OTLPLogs(version string, inJSON bool) Body {
	b := Body{Name: "otlp", ContentType: "application/x-protobuf", Batch: otlpBatch}
	encode := func(dst []byte, r *logs.LogsData) ([]byte, error) {
		return proto.MarshalOptions{}.MarshalAppend(dst, r)
	}
	if inJSON {
		b.ContentType = "application/json"
		// The standard wants numbers for enumerations.
		encode = func(dst []byte, r *logs.LogsData) ([]byte, error) {
			return protojson.MarshalOptions{UseEnumNumbers: true}.MarshalAppend(dst, r)
		}
	}
	b.Append = func(dst []byte, alerts []*alert.Alert) []byte {
		out, err := encode(dst, otlpRequest(alerts, version))
		if err != nil {
			return dst // cannot be: all texts are valid
		}
		return out
	}
	return b
}

// OTLPEndpoint is the URL of an endpoint: the usual path is added to one that has none.
func OTLPEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Path != "" && u.Path != "/" {
		return endpoint
	}
	u.Path = "/v1/logs"
	return u.String()
}

// severityNumbers are OpenTelemetry's severities by priority.
var severityNumbers = [...]logs.SeverityNumber{
	logs.SeverityNumber_SEVERITY_NUMBER_FATAL2, logs.SeverityNumber_SEVERITY_NUMBER_FATAL, logs.SeverityNumber_SEVERITY_NUMBER_ERROR3,
	logs.SeverityNumber_SEVERITY_NUMBER_ERROR, logs.SeverityNumber_SEVERITY_NUMBER_WARN, logs.SeverityNumber_SEVERITY_NUMBER_INFO2,
	logs.SeverityNumber_SEVERITY_NUMBER_INFO, logs.SeverityNumber_SEVERITY_NUMBER_DEBUG,
}

// otlpRequest is a request with one resource for each host. LogsData is, byte for byte, the service's
// ExportLogsServiceRequest, whose package would link a gateway.
func otlpRequest(alerts []*alert.Alert, version string) *logs.LogsData {
	r := &logs.LogsData{}
	var last *logs.ResourceLogs
	host := ""
	for _, a := range alerts {
		if last == nil || a.Hostname != host {
			host = a.Hostname
			last = otlpResource(host, version)
			r.ResourceLogs = append(r.ResourceLogs, last)
		}
		scope := last.ScopeLogs[0]
		scope.LogRecords = append(scope.LogRecords, otlpRecord(a))
	}
	return r
}

// otlpResource is the host that alerts come from.
func otlpResource(host, version string) *logs.ResourceLogs {
	return &logs.ResourceLogs{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{
			textAttribute("service.name", form.Name), textAttribute("service.version", version), textAttribute("host.name", host),
		}},
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "gyrfalcon", Version: clip(version, maxFieldText)}}},
	}
}

// otlpRecord is one alert: the message is the body, the output fields are attributes.
func otlpRecord(a *alert.Alert) *logs.LogRecord {
	r := &logs.LogRecord{
		TimeUnixNano: a.Time, ObservedTimeUnixNano: a.Time,
		SeverityNumber: severityNumbers[min(int(a.Priority), len(severityNumbers)-1)],
		SeverityText:   a.Priority.String(),
		Body:           textValue(clip(a.Output, maxOutputText)),
		EventName:      "falco.alert",
		Attributes: []*common.KeyValue{
			textAttribute("rule", a.Rule), textAttribute("source", a.Source), textAttribute("alert.id", form.ID(a)),
		},
	}
	if len(a.Tags) > 0 {
		list := &common.ArrayValue{}
		for _, t := range a.Tags {
			list.Values = append(list.Values, textValue(clip(t, maxFieldText)))
		}
		r.Attributes = append(r.Attributes, &common.KeyValue{Key: "tags", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: list}}})
	}
	for i := range a.Fields {
		if v := fieldValue(a.Fields[i].JSON); v != nil {
			r.Attributes = append(r.Attributes, &common.KeyValue{Key: clip(a.Fields[i].Key, maxFieldText), Value: v})
		}
	}
	return r
}

// textAttribute is an attribute with a text.
func textAttribute(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: textValue(clip(value, maxFieldText))}
}

// textValue is a text.
func textValue(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// fieldValue is a field's JSON value in its own type; nil if it has none.
func fieldValue(v []byte) *common.AnyValue {
	switch s := string(v); {
	case s == "" || s == "null":
		return nil
	case s == "true" || s == "false":
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: s == "true"}}
	case v[0] == '"' || v[0] == '{' || v[0] == '[':
		return textValue(clip(fieldText(v), maxFieldText))
	default:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && json.Valid(v) {
			return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: f}}
		}
		return textValue(clip(s, maxFieldText))
	}
}
