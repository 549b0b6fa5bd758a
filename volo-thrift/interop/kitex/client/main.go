// Calls a server of ours and prints a line for each cell: client calls|shutdown|mux-shutdown NAME=ADDRESS….
//
// Servers are `plain`, `stop` and `stop-mux`, which may be shut down, and `peer`, a server of Kitex for ours to call;
// `idl` is the path of the IDL for generic clients.
package main

import (
	"log"
	"os"
	"strings"
	"time"

	"interop/shared"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/transport"
)

const timeout = 10 * time.Second

// route is a way to talk to a server.
type route struct {
	name    string
	address string
	header  bool
	options []client.Option
}

func (r route) String() string {
	return "binary " + r.name
}

func (r route) at(address string) route {
	r.address = address
	return r
}

func (r route) clientOptions() []client.Option {
	return append([]client.Option{
		client.WithHostPorts(r.address),
		client.WithRPCTimeout(timeout),
		client.WithConnectTimeout(timeout),
		client.WithClientBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: "kitex-client"}),
		client.WithMetaHandler(transmeta.ClientTTHeaderHandler),
	}, r.options...)
}

func protocol(name string, protocol transport.Protocol, more ...client.Option) route {
	header := protocol&transport.TTHeader != 0
	return route{name: name, header: header, options: append(more, client.WithTransportProtocol(protocol))}
}

var (
	ttheader = protocol("ttheader", transport.TTHeader)
	mux      = protocol("mux", transport.TTHeader, client.WithMuxConnection(1))
)

func main() {
	servers := map[string]string{}
	for _, pair := range os.Args[2:] {
		name, address, found := strings.Cut(pair, "=")
		if !found {
			log.Fatal(pair, " is not NAME=ADDRESS")
		}
		servers[name] = address
	}
	switch os.Args[1] {
	case "calls":
		callEverywhere(servers)
	case "shutdown":
		shutdown(ttheader.at(servers["stop"]), ttheader.at(servers["plain"]))
	case "mux-shutdown":
		shutdown(mux.at(servers["stop-mux"]), mux.at(servers["plain"]))
	default:
		log.Fatal(os.Args[1], " is none of calls, shutdown and mux-shutdown")
	}
	if failures > 0 {
		os.Exit(1)
	}
}

func callEverywhere(servers map[string]string) {
	routes := []route{
		protocol("framed", transport.Framed),
		protocol("buffered", transport.PurePayload),
		ttheader,
		protocol("ttheader-framed", transport.TTHeaderFramed),
		mux,
		protocol("ttheader with checksums", transport.TTHeader, client.WithCodec(shared.ChecksumCodec())),
	}
	for _, route := range routes {
		route := route.at(servers["plain"])
		values(route)
		calls(route)
		if route.header {
			header(route, servers["peer"])
		} else {
			degraded(route)
		}
		if route.name != mux.name {
			genericCalls(route, servers["idl"])
		}
	}
}
