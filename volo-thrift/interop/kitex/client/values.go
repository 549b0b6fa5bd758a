package main

import (
	"context"
	"fmt"

	evolvedservice "interop/kitex_gen/evolved/interop"
	"interop/kitex_gen/interop"
	interopservice "interop/kitex_gen/interop/interop"
	"interop/shared"
)

// values sends every type there and back, known to both sides or to one only.
func values(r route) {
	ctx := context.Background()
	known := interopservice.MustNewClient("interop", r.clientOptions()...)
	for _, sample := range interop.SAMPLES {
		reply, err := known.Echo(ctx, sample)
		report(fmt.Sprint(r, ": ", sample.Name), all(err, same(reply, sample)))
	}
	evolved := evolvedservice.MustNewClient("interop", r.clientOptions()...)
	yes := true
	argument := []*interop.Extra{{Flag: &yes}, {}}
	for i, later := range interop.LATER {
		earlier := interop.EARLIER[i]
		reply, err := evolved.EchoEarlier(ctx, later, false, argument)
		report(fmt.Sprint(r, ": unknown to the server: ", later.Name), all(err, same(reply, earlier)))
		reply, err = evolved.Later(ctx, later.Name)
		report(fmt.Sprint(r, ": unknown to the client: ", later.Name), all(err, same(reply, earlier)))
	}
}

func same(actual, wanted *interop.Types) error {
	return ensure(shared.Same(actual, wanted), "%v instead of %v", actual, wanted)
}
