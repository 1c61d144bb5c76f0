// SPDX-License-Identifier: Apache-2.0

// Package falcopb holds the definitions of Falco's gRPC services; the code that protoc makes of them
// is in the packages below. Generating it needs protoc; the plugins come from the module proxy.
package falcopb

//go:generate sh generate.sh
