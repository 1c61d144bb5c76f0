// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/outputspb"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb/schemapb"
)

// Limits of a message: clients take up to 4 MiB by default, and a larger one would end their stream.
const (
	maxOutputText = 512 << 10
	maxFieldText  = 64 << 10
	maxMessage    = 3 << 20
)

// response is an alert in the form of Falco's gRPC service.
func (g *GRPC) response(a *alert.Alert) *outputspb.Response {
	r := &outputspb.Response{
		Time:     &timestamppb.Timestamp{Seconds: int64(a.Time / 1e9), Nanos: int32(a.Time % 1e9)},
		Priority: schemapb.Priority(a.Priority),
		//lint:ignore SA1019 older clients read it
		SourceDeprecated: sourceNumber(a.Source),
		Rule:             clip(a.Rule, maxFieldText),
		Output:           clip(string(g.format.Append(nil, a)), maxOutputText),
		OutputFields:     make(map[string]string, len(a.Fields)),
		Hostname:         clip(a.Hostname, maxFieldText),
		Source:           clip(a.Source, maxFieldText),
	}
	for _, t := range a.Tags {
		r.Tags = append(r.Tags, clip(t, maxFieldText))
	}
	room := maxMessage - len(r.Output)
	for i := range a.Fields {
		key, value := clip(a.Fields[i].Key, maxFieldText), clip(fieldText(a.Fields[i].JSON), maxFieldText)
		if room -= len(key) + len(value) + 16; room < 0 {
			break
		}
		r.OutputFields[key] = value
	}
	return r
}

// sourceNumber is the number of a source; any that has none comes from a plugin.
func sourceNumber(source string) schemapb.Source {
	if n, ok := schemapb.Source_value[source]; ok {
		return schemapb.Source(n)
	}
	return schemapb.Source_PLUGIN
}

// fieldText is the text of a field's JSON value.
func fieldText(value []byte) string {
	switch {
	case len(value) == 0 || string(value) == "null":
		return "<NA>"
	case value[0] == '"':
		var s string
		if json.Unmarshal(value, &s) == nil {
			return s
		}
	}
	return string(value)
}

// clip makes a text valid UTF-8 and cuts it off, between characters, where it is longer than limit.
func clip(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
