// What client and server share: the four ways to talk, and what the samples are.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include "Interop.h"
#include "interop_constants.h"

namespace peer {

using namespace apache::thrift;

struct Way {
  std::string protocol;
  std::string transport;

  std::shared_ptr<protocol::TProtocolFactory> protocolFactory() const {
    if (protocol == "binary") {
      return std::make_shared<protocol::TBinaryProtocolFactory>();
    }
    return std::make_shared<protocol::TCompactProtocolFactory>();
  }

  std::shared_ptr<transport::TTransportFactory> transportFactory() const {
    if (transport == "framed") {
      return std::make_shared<transport::TFramedTransportFactory>();
    }
    return std::make_shared<transport::TBufferedTransportFactory>();
  }
};

inline std::vector<Way> everywhere() {
  return {{"binary", "framed"}, {"binary", "buffered"}, {"compact", "framed"}, {"compact", "buffered"}};
}

inline const interop::interopConstants& constants() {
  static const interop::interopConstants all;
  return all;
}

}  // namespace peer
