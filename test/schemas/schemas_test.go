// SPDX-License-Identifier: Apache-2.0

// Package schemas checks what gyr writes against schemas that others publish. It is a module of its
// own, so that the program does not depend on the packages that bring the schemas.
package schemas

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	ocsf "github.com/valllabh/ocsf-schema-golang/ocsfvalidate/1.2"
)

// TestOCSF checks the samples of detection findings against the JSON schema of OCSF 1.2, the newest
// that a package brings: what later versions added is optional.
func TestOCSF(t *testing.T) {
	files, err := filepath.Glob("../../internal/output/form/testdata/*.ocsf")
	if err != nil || len(files) == 0 {
		t.Fatal("no samples: ", err)
	}
	for _, file := range files {
		if err := validate(t, file, func(map[string]any) {}); err != nil {
			t.Errorf("%s: %#v", file, err)
		}
	}
}

// validate checks a sample after a change. The package's schema was made with all profiles, of which
// gyr's findings have host and container: what the profiles cloud and security_control want is added.
func validate(t *testing.T, file string, change func(map[string]any)) error {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	m["cloud"], m["action_id"] = map[string]any{"provider": "none"}, 0
	change(m)
	if data, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return ocsf.Validate("detection_finding", data)
}

// TestOCSFRefuses holds that the schema would find mistakes.
func TestOCSFRefuses(t *testing.T) {
	for name, spoil := range map[string]func(map[string]any){
		"no finding":       func(m map[string]any) { delete(m, "finding_info") },
		"severity as text": func(m map[string]any) { m["severity_id"] = "low" },
		"wrong class":      func(m map[string]any) { m["class_uid"] = 1 },
	} {
		if validate(t, "../../internal/output/form/testdata/file.ocsf", spoil) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}
