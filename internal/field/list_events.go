// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// jsonEvent and jsonParam are an event and a parameter in a list as JSON.
type jsonEvent struct {
	Name      string      `json:"name"`
	Dir       string      `json:"dir"`
	Available bool        `json:"available"`
	Params    []jsonParam `json:"params"`

	ours, falco string // how gyr and Falco come to know of it
}

type jsonParam struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ListEvents prints the events that rules can name, with their parameters: first those with a row of
// their own, then the system calls that share the generic one. Rows that old captures alone hold
// are left out.
func ListEvents(w io.Writer, format ListFormat) error {
	list := listedEvents()
	if format == ListJSON {
		return listJSON(w, map[string]any{"events": list})
	}
	out := bufio.NewWriter(w)
	switch format {
	case ListMarkdown:
		out.WriteString("Falco | Dir | Event\n:-----|:----|:-----\n")
	case ListManual:
		out.WriteString("gyr | Falco | Dir | Event\n:---|:------|:----|:-----\n")
	}
	for i := range list {
		e := &list[i]
		params := make([]string, len(e.Params))
		for n, p := range e.Params {
			params[n] = p.Type + " " + p.Name
		}
		line := strings.Join(params, ", ")
		switch format {
		case ListMarkdown:
			fmt.Fprintf(out, "Yes | `%s` | **%s**(%s)\n", e.Dir, e.Name, line)
		case ListManual:
			fmt.Fprintf(out, "%s | %s | `%s` | **%s**(%s)\n", e.ours, e.falco, e.Dir, e.Name, line)
		default:
			fmt.Fprintf(out, "%s %s(%s)\n", e.Dir, e.Name, line)
		}
	}
	return out.Flush()
}

// How an event is told.
const (
	toldDecoded  = "decoded"
	toldGeneric  = "generic"
	toldCaptures = "captures"
)

// liveTraces are the events that no system call causes and that are told live.
var liveTraces = map[event.Type]bool{event.ProcExit: true, event.Switch: true, event.PageFault: true, event.SignalDeliver: true}

// enterLive are the enter events that Falco's programs still send, against threads that change a path meanwhile.
var enterLive = map[event.Type]bool{
	event.OpenEnter: true, event.CreatEnter: true, event.OpenAtEnter: true, event.OpenAt2Enter: true, event.ConnectEnter: true,
}

// told says how gyr and Falco come to know of an event with a row of its own.
func told(info *event.Info) (ours, falco string) {
	call := info.IsSyscall()
	switch {
	case info.Code >= event.FirstOwn:
		return toldDecoded, toldGeneric
	case call && !info.Code.IsEnter(), liveTraces[info.Code], info.Category&event.CatIter != 0:
		return toldDecoded, toldDecoded
	case enterLive[info.Code], !call:
		return toldCaptures, toldDecoded
	}
	return toldCaptures, toldCaptures
}

func listedEvents() []jsonEvent {
	var list []jsonEvent
	infos := event.Infos()
	for i := range infos {
		info := &infos[i]
		if info.Code > event.Generic && info.Flags&(event.OldVersion|event.Unused) == 0 && info.Category.Base() != event.CatUnknown {
			e := listedEvent(info, info.Name)
			e.ours, e.falco = told(info)
			list = append(list, e)
		}
	}
	for i := range event.Syscalls() {
		if sc := &event.Syscalls()[i]; sc.Event == event.Generic {
			e := listedEvent(&infos[event.Generic], sc.Name)
			e.ours, e.falco = toldGeneric, toldGeneric
			list = append(list, e)
		}
	}
	return list
}

func listedEvent(info *event.Info, name string) jsonEvent {
	e := jsonEvent{Name: name, Dir: "<", Available: true, Params: []jsonParam{}}
	if info.Code.IsEnter() {
		e.Dir = ">"
	}
	for i := range info.Params {
		e.Params = append(e.Params, jsonParam{info.Params[i].Name, TypeName(info.Params[i].Type)})
	}
	return e
}
