package main

import (
	"context"
	"time"

	"interop/kitex_gen/interop"
	probeservice "interop/kitex_gen/interop/probe"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/transport"
)

// probe serves Probe: what travels beside the payload.
type probe struct{}

func (*probe) Seen(ctx context.Context) (*interop.Seen, error) {
	info := rpcinfo.GetRPCInfo(ctx)
	seen := &interop.Seen{
		ServiceName: info.Invocation().ServiceName(),
		MethodName:  info.Invocation().MethodName(),
		Persistent:  metainfo.GetAllPersistentValues(ctx),
		Upstream:    metainfo.GetAllValues(ctx),
		Caller:      info.From().ServiceName(),
	}
	if deadline, ok := ctx.Deadline(); ok {
		seen.LeftMs = time.Until(deadline).Milliseconds()
	}
	return seen, nil
}

func (*probe) Relay(ctx context.Context, address string) (*interop.Seen, error) {
	next, err := probeservice.NewClient("probe",
		client.WithHostPorts(address),
		client.WithTransportProtocol(transport.TTHeader),
		client.WithMetaHandler(transmeta.ClientTTHeaderHandler),
	)
	if err != nil {
		return nil, err
	}
	return next.Seen(metainfo.WithValue(ctx, "RELAY", "go"))
}

func (*probe) Backward(ctx context.Context, pairs map[string]string) error {
	for key, value := range pairs {
		metainfo.SendBackwardValue(ctx, key, value)
	}
	return nil
}

func (*probe) Business(ctx context.Context, code int32, message string, extra map[string]string) (string, error) {
	return "", kerrors.NewBizStatusErrorWithExtra(code, message, extra)
}
