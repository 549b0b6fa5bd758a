// Package shared is what the server and the client both need.
package shared

import (
	"reflect"
	"slices"

	"interop/kitex_gen/interop"

	"github.com/cloudwego/kitex/pkg/remote"
	"github.com/cloudwego/kitex/pkg/remote/codec"
)

// Same tells whether two values are equal. Kitex has sets as slices, whose order means nothing.
func Same(a, b *interop.Types) bool {
	return reflect.DeepEqual(sorted(a), sorted(b))
}

func sorted(value *interop.Types) *interop.Types {
	if value == nil {
		return nil
	}
	copied := *value
	copied.StringSet, copied.I64Set = slices.Clone(value.StringSet), slices.Clone(value.I64Set)
	slices.Sort(copied.StringSet)
	slices.Sort(copied.I64Set)
	return &copied
}

// ChecksumCodec adds a CRC32C to each message and checks those it gets.
func ChecksumCodec() remote.Codec {
	return codec.NewDefaultCodecWithConfig(codec.CodecConfig{CRC32Check: true})
}
