// Serves the shared IDL until it is killed, at a port for each protocol and transport; prints where it listens.

#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TServerSocket.h>

#include "peer.h"

using namespace apache::thrift;
using interop::Types;

namespace {

void onlyASample(Types& reply, const std::vector<Types>& samples, const Types& value) {
  if (std::find(samples.begin(), samples.end(), value) == samples.end()) {
    interop::Mismatch mismatch;
    mismatch.name = value.name;
    throw mismatch;
  }
  reply = value;
}

class Handler : public interop::InteropIf {
 public:
  void echo(Types& reply, const Types& value) override { onlyASample(reply, peer::constants().SAMPLES, value); }

  void echoEarlier(Types& reply, const Types& value) override {
    onlyASample(reply, peer::constants().EARLIER, value);
  }

  void later(interop::Later& reply, const std::string& name) override {
    const auto& all = peer::constants().LATER;
    auto found = std::find_if(all.begin(), all.end(), [&](const auto& later) { return later.name == name; });
    if (found == all.end()) {
      interop::Mismatch mismatch;
      mismatch.name = name;
      throw mismatch;
    }
    reply = *found;
  }

  void reverse(std::string& reply, const std::string& value) override { reply.assign(value.rbegin(), value.rend()); }

  double scale(const double value, const int32_t by) override { return value * by; }

  void nothing() override {}

  void refuse(std::string&, const int32_t code) override {
    if (code < 0) {
      interop::Mismatch mismatch;
      mismatch.name = "negative";
      throw mismatch;
    }
    interop::Point where;
    where.__set_x(code);
    where.__set_y(-code);
    interop::Refused refused;
    refused.reason = "refused";
    refused.__set_code(code);
    refused.__set_where(where);
    throw refused;
  }

  void fail(std::string&, const std::string& text) override { throw std::runtime_error(text); }

  void bump(const int32_t by) override { counter += by; }

  int32_t count() override { return counter; }

  void sleep(std::string& reply, const int32_t durationMs, const std::string& text) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(durationMs));
    reply = text;
  }

  void stop() override {}  // ends with its process

 private:
  std::atomic<int32_t> counter{0};
};

// Tells the port once there is one.
class Announcement : public server::TServerEventHandler {
 public:
  Announcement(peer::Way way, std::shared_ptr<transport::TServerSocket> socket)
      : way(std::move(way)), socket(std::move(socket)) {}

  void preServe() override {
    static std::mutex lines;
    std::lock_guard<std::mutex> line(lines);
    std::cout << way.protocol << '-' << way.transport << " listens at 127.0.0.1:" << socket->getPort() << std::endl;
  }

 private:
  peer::Way way;
  std::shared_ptr<transport::TServerSocket> socket;
};

void serve(const peer::Way& way) {
  auto socket = std::make_shared<transport::TServerSocket>("127.0.0.1", 0);
  auto processor = std::make_shared<interop::InteropProcessor>(std::make_shared<Handler>());
  server::TThreadedServer server(processor, socket, way.transportFactory(), way.protocolFactory());
  server.setServerEventHandler(std::make_shared<Announcement>(way, socket));
  server.serve();
}

}  // namespace

int main() {
  peer::constants();  // made before any thread needs them
  std::vector<std::thread> servers;
  for (const auto& way : peer::everywhere()) {
    servers.emplace_back(serve, way);
  }
  for (auto& server : servers) {
    server.join();
  }
}
