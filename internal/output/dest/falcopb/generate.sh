#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the Go code of the services anew; needs protobuf-compiler and libprotobuf-dev.
set -e
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GOBIN=$bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
module=github.com/gyrfalcon/gyrfalcon/internal/output/dest/falcopb
PATH=$bin:$PATH protoc -I .. --go_out=. --go_opt=module=$module --go-grpc_out=. --go-grpc_opt=module=$module \
	falcopb/schema.proto falcopb/outputs.proto falcopb/version.proto
# The version of protoc differs between machines and says nothing.
sed -i 's/^\/\/ \(- \|\t\)\?protoc  *v.*$/\/\/ \1protoc/; s/^\/\/ \tprotoc .*$/\/\/ \tprotoc/' outputspb/*.go schemapb/*.go versionpb/*.go
