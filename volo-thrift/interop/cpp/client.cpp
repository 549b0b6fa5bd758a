// Calls a server of ours in every way: client PORT.

#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <sstream>
#include <stdexcept>

#include <thrift/TApplicationException.h>
#include <thrift/transport/TSocket.h>

#include "peer.h"

#undef Interop_H  // two services of one name have the same guard
#include "evolved/Interop.h"

using namespace apache::thrift;
using interop::Types;

namespace {

int failures = 0;

std::string quoted(const std::string& text) {
  std::ostringstream json;
  json << '"';
  for (char letter : text) {
    if (letter == '"' || letter == '\\') {
      json << '\\' << letter;
    } else if (static_cast<unsigned char>(letter) < ' ') {
      json << ' ';
    } else {
      json << letter;
    }
  }
  json << '"';
  return json.str();
}

void report(const std::string& name, const std::string& error) {
  std::cout << R"({"suite":"interop","peer":"cpp","direction":"peer->us","case":)" << quoted(name)
            << R"(,"pass":)" << (error.empty() ? "true" : "false");
  if (!error.empty()) {
    std::cout << R"(,"error":)" << quoted(error);
    ++failures;
  }
  std::cout << '}' << std::endl;
}

void ensure(bool condition, const std::string& otherwise) {
  if (!condition) {
    throw std::runtime_error(otherwise);
  }
}

void ensureSame(const Types& actual, const Types& wanted) {
  if (!(actual == wanted)) {
    std::ostringstream text;
    text << actual << " instead of " << wanted;
    throw std::runtime_error(text.str());
  }
}

// One connection, and both releases of the service over it.
struct Connection {
  Connection(int port, const peer::Way& way)
      : socket(std::make_shared<transport::TSocket>("127.0.0.1", port)),
        transport(way.transportFactory()->getTransport(socket)),
        protocol(way.protocolFactory()->getProtocol(transport)),
        client(protocol),
        newer(protocol) {
    socket->setRecvTimeout(5'000);
    transport->open();
  }

  std::shared_ptr<transport::TSocket> socket;
  std::shared_ptr<transport::TTransport> transport;
  std::shared_ptr<protocol::TProtocol> protocol;
  interop::InteropClient client;
  evolved::InteropClient newer;
};

using Test = std::function<void(Connection&)>;

void reverse(interop::InteropClient& client, size_t length) {
  std::string value(length, '\0'), reply;
  for (size_t i = 0; i < length; ++i) {
    value[i] = static_cast<char>(i);
  }
  client.reverse(reply, value);
  ensure(std::equal(reply.rbegin(), reply.rend(), value.begin(), value.end()), "the bytes came back altered");
}

void doubles(interop::InteropClient& client) {
  using limits = std::numeric_limits<double>;
  ensure(client.scale(1.5, -3) == -4.5, "1.5 times -3 is not -4.5");
  for (double value : {limits::infinity(), -limits::infinity(), limits::denorm_min(), limits::max()}) {
    ensure(client.scale(value, 1) == value, "a double came back altered");
  }
  ensure(std::isnan(client.scale(limits::quiet_NaN(), 1)), "NaN came back as a number");
  ensure(std::signbit(client.scale(-0.0, 1)), "-0 came back as 0");
}

void firstException(Connection& connection) {
  std::string reply;
  try {
    connection.client.refuse(reply, -1);
  } catch (const interop::Mismatch& mismatch) {
    return ensure(mismatch.name == "negative", "another name: " + mismatch.name);
  }
  throw std::runtime_error("Mismatch was to be thrown");
}

void secondException(Connection& connection) {
  std::string reply;
  try {
    connection.client.refuse(reply, 7);
  } catch (const interop::Refused& refused) {
    bool same = refused.reason == "refused" && refused.__isset.code && refused.code == 7 && refused.__isset.where
                && refused.where.x == 7 && refused.where.y == -7;
    return ensure(same, "other fields");
  }
  throw std::runtime_error("Refused was to be thrown");
}

void throwsApplicationException(const std::function<void()>& call, TApplicationException::TApplicationExceptionType type) {
  try {
    call();
  } catch (const TApplicationException& exception) {
    return ensure(exception.getType() == type, "another type: " + std::string(exception.what()));
  }
  throw std::runtime_error("an application exception was to be thrown");
}

void failure(Connection& connection) {
  std::string reply;
  throwsApplicationException([&] { connection.client.fail(reply, "because"); }, TApplicationException::INTERNAL_ERROR);
  connection.client.nothing();
}

void unknownMethod(Connection& connection) {
  throwsApplicationException([&] { connection.newer.missing(); }, TApplicationException::UNKNOWN_METHOD);
  connection.client.nothing();  // and the connection lives
}

void oneway(Connection& connection) {
  int32_t before = connection.client.count();
  connection.client.bump(5);
  ensure(connection.client.count() == before + 5, "another count after a oneway call");
}

void values(const std::function<void(const std::string&, const Test&)>& test) {
  const auto& constants = peer::constants();
  for (const auto& sample : constants.SAMPLES) {
    test(sample.name, [&](Connection& connection) {
      Types reply;
      connection.client.echo(reply, sample);
      ensureSame(reply, sample);
    });
  }
  for (size_t i = 0; i < constants.LATER.size(); ++i) {
    const auto &later = constants.LATER[i];
    const auto &earlier = constants.EARLIER[i];
    test("unknown to the server: " + later.name, [&](Connection& connection) {
      Types reply;
      connection.newer.echoEarlier(reply, later, false, std::vector<interop::Extra>(2));
      ensureSame(reply, earlier);
    });
    test("unknown to the client: " + later.name, [&](Connection& connection) {
      Types reply;
      connection.newer.later(reply, later.name);
      ensureSame(reply, earlier);
    });
  }
}

void run(int port, const peer::Way& way) {
  auto test = [&](const std::string& name, const Test& body) {
    std::string error;
    try {
      Connection connection(port, way);
      body(connection);
    } catch (const std::exception& exception) {
      error = std::string("failed: ") + exception.what();
    }
    report(way.protocol + ' ' + way.transport + ": " + name, error);
  };
  values(test);
  test("binary with every byte", [](Connection& connection) { reverse(connection.client, 76'800); });
  test("a message of 3 MB", [](Connection& connection) { reverse(connection.client, 3'000'000); });
  test("no arguments and no result", [](Connection& connection) { connection.client.nothing(); });
  test("doubles", [](Connection& connection) { doubles(connection.client); });
  test("the first declared exception", firstException);
  test("the second declared exception", secondException);
  test("a handler that fails", failure);
  test("oneway", oneway);
  test("unknown method", unknownMethod);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "a port must be given" << std::endl;
    return 2;
  }
  for (const auto& way : peer::everywhere()) {
    run(std::stoi(arguments[1]), way);
  }
  return failures == 0 ? 0 : 1;
}
