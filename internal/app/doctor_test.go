// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"
	"testing"
)

func TestJudgeCapabilities(t *testing.T) {
	const bpf, perfmon, admin, ptrace, search = 1 << 39, 1 << 38, 1 << 21, 1 << 19, 1 << 2
	tests := []struct {
		name string
		set  uint64
		want Verdict
		says string
	}{
		{"all", bpf | perfmon | ptrace | search, Good, "all"},
		{"old style", admin | ptrace | search, Good, "all"},
		{"none", 0, Missing, "lacks CAP_BPF (loading eBPF programs), CAP_PERFMON"},
		{"no ptrace", bpf | perfmon | search, Degraded, "lacks CAP_SYS_PTRACE"},
	}
	for _, tt := range tests {
		v, detail, mend := judgeCapabilities(tt.set, 1000)
		if v != tt.want || !strings.Contains(detail, tt.says) || (v == Good) != (mend == "") {
			t.Errorf("%s: %v, %q, %q", tt.name, v, detail, mend)
		}
	}
}

func TestDiagnose(t *testing.T) {
	for _, f := range Diagnose(true) {
		if f.Name == "" || f.Detail == "" || f.Verdict == Missing && f.Mend == "" {
			t.Errorf("incomplete finding %+v", f)
		}
		t.Logf("%-24s %-4s %s %s", f.Name, f.Verdict, f.Detail, f.Mend)
	}
}
