//go:build tools

// Names the generator, so that go.mod fixes its version.
package tools

import _ "github.com/cloudwego/kitex/tool/cmd/kitex"
