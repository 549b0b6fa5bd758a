package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"interop/kitex_gen/interop"
	interopservice "interop/kitex_gen/interop/interop"
	probeservice "interop/kitex_gen/interop/probe"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/client/callopt"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote"
)

const budget = 700 * time.Millisecond

// header checks what TTHeader carries beside the payload; peer is a server of Kitex, for ours to call.
func header(r route, peer string) {
	ctx := context.Background()
	client := probeservice.MustNewClient("interop", r.clientOptions()...)
	cell := func(name string, err error) { report(fmt.Sprint(r, ": ", name), err) }
	cell("two services on one server", twoServices(ctx, r, client))
	cell("the caller's name", callerName(ctx, client))
	cell("persistent metainfo", persistent(client.Seen(both(ctx))))
	cell("persistent metainfo over three hops", persistent(client.Relay(both(ctx), peer)))
	cell("transient metainfo", transient(client.Seen(both(ctx))))
	cell("transient metainfo ends after a hop", transientEnds(client.Relay(both(ctx), peer)))
	cell("backward metainfo", backward(ctx, client))
	cell("timeout carried", timeoutCarried(client.Seen(ctx, callopt.WithRPCTimeout(budget))))
	cell("timeout carried on", timeoutCarried(client.Relay(ctx, peer, callopt.WithRPCTimeout(budget))))
	cell("business status", business(ctx, client, map[string]string{}))
	cell("business status with extra", business(ctx, client, map[string]string{"key": "välue \"1\"", "b": "\\n\n"}))
}

// degraded checks that without a header, a business status arrives as an application exception.
func degraded(r route) {
	ctx := context.Background()
	client := probeservice.MustNewClient("interop", r.clientOptions()...)
	_, err := client.Business(ctx, 404, "not there", nil)
	report(fmt.Sprint(r, ": business status without a header"), applicationException(err, remote.InternalError, ""))
	report(fmt.Sprint(r, ": two services on one server"), twoServices(ctx, r, client))
}

func twoServices(ctx context.Context, r route, client probeservice.Client) error {
	seen, err := client.Seen(ctx)
	if err != nil {
		return err
	}
	other := interopservice.MustNewClient("interop", r.clientOptions()...)
	return all(expect("method", seen.MethodName, "seen"), other.Nothing(ctx))
}

func callerName(ctx context.Context, client probeservice.Client) error {
	seen, err := client.Seen(ctx)
	if err != nil {
		return err
	}
	return expect("the caller", seen.Caller, "kitex-client")
}

func both(ctx context.Context) context.Context {
	ctx = metainfo.WithPersistentValues(ctx, "TENANT", "blue", "REGION", "nörth")
	return metainfo.WithValue(ctx, "STEP", "one")
}

func persistent(seen *interop.Seen, err error) error {
	if err != nil {
		return err
	}
	wanted := map[string]string{"TENANT": "blue", "REGION": "nörth"}
	return ensure(maps.Equal(seen.Persistent, wanted), "%v instead of %v", seen.Persistent, wanted)
}

func transient(seen *interop.Seen, err error) error {
	return upstream(seen, err, map[string]string{"STEP": "one"})
}

func transientEnds(seen *interop.Seen, err error) error {
	return upstream(seen, err, map[string]string{"RELAY": "rust"})
}

func upstream(seen *interop.Seen, err error, wanted map[string]string) error {
	if err != nil {
		return err
	}
	return ensure(maps.Equal(seen.Upstream, wanted), "%v instead of %v", seen.Upstream, wanted)
}

func backward(ctx context.Context, client probeservice.Client) error {
	wanted := map[string]string{"COST": "12", "NOTE": "grün"}
	ctx = metainfo.WithBackwardValues(ctx)
	if err := client.Backward(ctx, wanted); err != nil {
		return err
	}
	for key, value := range wanted {
		received, _ := metainfo.RecvBackwardValue(ctx, key)
		if err := expect(key, received, value); err != nil {
			return err
		}
	}
	return nil
}

func timeoutCarried(seen *interop.Seen, err error) error {
	if err != nil {
		return err
	}
	left := seen.LeftMs
	return ensure(left > 0 && left <= budget.Milliseconds(), "%d ms are left of %v", left, budget)
}

func business(ctx context.Context, client probeservice.Client, extra map[string]string) error {
	_, err := client.Business(ctx, 404, "nöt there", extra)
	status, ok := kerrors.FromBizStatusError(err)
	if !ok {
		return fmt.Errorf("%v instead of a business status", err)
	}
	return all(
		expect("code", status.BizStatusCode(), 404),
		expect("message", status.BizMessage(), "nöt there"),
		ensure(maps.Equal(status.BizExtra(), extra), "extra is %v instead of %v", status.BizExtra(), extra),
	)
}
