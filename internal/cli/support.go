// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// supportInfo is what --support prints, under the names that Falco uses. What an examination of
// the machine found is ours.
type supportInfo struct {
	Cmdline    string         `json:"cmdline"`
	Config     string         `json:"config"`
	EngineInfo app.Versions   `json:"engine_info"`
	Findings   []string       `json:"gyr:doctor"`
	RulesFiles []supportRules `json:"rules_files"`
	System     systemInfo     `json:"system_info"`
	Version    string         `json:"version"`
}

// systemInfo is what uname tells.
type systemInfo struct {
	Machine  string `json:"machine"`
	Nodename string `json:"nodename"`
	Release  string `json:"release"`
	Sysname  string `json:"sysname"`
	Version  string `json:"version"`
}

// supportRules is a rules file; the list of variants always has one.
type supportRules struct {
	Name     string           `json:"name"`
	Variants []supportVariant `json:"variants"`
}

// supportVariant is the text of a rules file.
type supportVariant struct {
	Content string `json:"content"`
}

// printSupport prints one line of JSON with versions, machine, configuration (without secrets) and
// rules.
func (o *options) printSupport(cfg *config.Config) error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	path, _ := o.findConfig()
	merged := config.Read(config.Options{Path: path, Overrides: o.settings()}).Merged()
	info := supportInfo{
		Cmdline:    cmdline(os.Args),
		Config:     string(merged.AppendYAML(nil, false)),
		EngineInfo: app.CurrentVersions(),
		RulesFiles: []supportRules{},
		System: systemInfo{
			Machine: unix.ByteSliceToString(uts.Machine[:]), Nodename: unix.ByteSliceToString(uts.Nodename[:]),
			Release: unix.ByteSliceToString(uts.Release[:]), Sysname: unix.ByteSliceToString(uts.Sysname[:]),
			Version: unix.ByteSliceToString(uts.Version[:]),
		},
		Version: app.CurrentVersions().Falco,
	}
	for _, f := range app.Diagnose(false) {
		info.Findings = append(info.Findings, fmt.Sprintf("%s  %s: %s", f.Verdict, f.Name, f.Detail))
	}
	loaded, err := app.LoadRules(cfg, o.rules, app.Catalogue(cfg))
	if err != nil {
		return err
	}
	for _, name := range loaded.Names {
		content, err := os.ReadFile(name)
		if err != nil {
			content = nil // rules that are part of the program have no file
		}
		info.RulesFiles = append(info.RulesFiles, supportRules{Name: name, Variants: []supportVariant{{string(content)}}})
	}
	e := json.NewEncoder(o.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(info)
}

// cmdline is the command line without what it may tell of secrets.
func cmdline(args []string) string {
	shown := make([]string, len(args))
	for i, a := range args {
		key, value, found := strings.Cut(a, "=")
		switch {
		case found && strings.HasPrefix(strings.TrimSpace(value), "{"):
			shown[i] = key + "=" + config.Redacted // a map may hold anything
		case found:
			shown[i] = key + "=" + config.Redact(key, value)
		default:
			shown[i] = config.Redact("", a)
		}
	}
	return strings.Join(shown, " ")
}
