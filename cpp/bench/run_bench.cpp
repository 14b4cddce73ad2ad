// The command `headworks bench`.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "bench/bench.hpp"

namespace headworks::bench {
namespace {

constexpr std::string_view kUsage =
    "usage: headworks bench --url URL [options]\n"
    "  --mode closed|open|streams|idle   (closed)\n"
    "  --key KEY  --model NAME  --path /v1/chat/completions  --header 'name: value'\n"
    "  --body FILE            the request's body; otherwise a chat request of --request-bytes (2000)\n"
    "  --connections N (64)   --seconds S (5)   --requests N   --rate R per second (open)   --streams M "
    "(100)\n"
    "  --expect-status 200    --any-body (answers may differ from one another)\n"
    "  --json                 the report as JSON; --buckets adds the histograms\n"
    "  idle prints a line when all connections are held, and holds them for --seconds\n";

bool read_number(const std::string& text, double& out) {
  char* end = nullptr;
  out = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && out >= 0 && out < 1e12;
}

bool read_mode(const std::string& text, Mode& mode) {
  if (text == "closed") return mode = Mode::closed, true;
  if (text == "open") return mode = Mode::open, true;
  if (text == "streams") return mode = Mode::streams, true;
  if (text == "idle") return mode = Mode::idle, true;
  return false;
}

bool read_header(const std::string& text, Options& options) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return false;
  const std::size_t value = text.find_first_not_of(' ', colon + 1);
  options.headers.emplace_back(text.substr(0, colon), value == std::string::npos ? "" : text.substr(value));
  return true;
}

bool read_body(const std::string& name, Options& options) {
  std::ifstream file(name, std::ios::binary);
  if (!file) return false;
  options.body = std::string(std::istreambuf_iterator<char>(file), {});
  return true;
}

bool read_text_flag(const std::string& flag, const std::string& value, Options& options) {
  if (flag == "--url") return options.url = value, true;
  if (flag == "--key") return options.key = value, true;
  if (flag == "--model") return options.model = value, true;
  if (flag == "--path") return options.path = value, true;
  if (flag == "--mode") return read_mode(value, options.mode);
  if (flag == "--header") return read_header(value, options);
  if (flag == "--body") return read_body(value, options);
  return false;
}

bool read_number_flag(const std::string& flag, const std::string& value, Options& options) {
  double number = 0;
  if (!read_number(value, number)) return false;
  if (flag == "--connections") return options.connections = static_cast<std::uint32_t>(number), true;
  if (flag == "--streams") return options.streams = static_cast<std::uint32_t>(number), true;
  if (flag == "--requests") return options.requests = static_cast<std::uint64_t>(number), true;
  if (flag == "--request-bytes") return options.request_bytes = static_cast<std::uint32_t>(number), true;
  if (flag == "--expect-status") return options.expect_status = static_cast<int>(number), true;
  if (flag == "--rate") return options.rate = number, true;
  if (flag == "--seconds") {
    options.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(number * 1e9));
    return true;
  }
  return false;
}

}  // namespace

base::Result<Command> read_command(const std::vector<std::string>& arguments) {
  Command command;
  bool known = true;
  for (std::size_t at = 0; known && at < arguments.size(); ++at) {
    const std::string& flag = arguments[at];
    if (flag == "--json") {
      command.json = true;
    } else if (flag == "--buckets") {
      command.json = command.buckets = true;
    } else if (flag == "--any-body") {
      command.options.compare_bodies = false;
    } else {
      known = ++at < arguments.size() && (read_text_flag(flag, arguments[at], command.options) ||
                                          read_number_flag(flag, arguments[at], command.options));
    }
  }
  if (!known || command.options.url.empty()) return base::fail(base::ErrorKind::bad_request, std::string(kUsage));
  return command;
}

int run_bench(int argc, char** argv) {
  if (argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
    std::cout << kUsage;
    return 0;
  }
  base::Result<Command> read = read_command({argv + 1, argv + argc});
  if (!read) {
    std::cerr << read.error().message;
    return 2;
  }
  Command& command = *read;
  if (command.options.mode == Mode::idle || command.options.mode == Mode::streams) {
    const bool json = command.json;
    command.options.on_steady = [json] { std::cout << (json ? "{\"steady\":true}" : "steady") << std::endl; };
  }
  const auto report = run(command.options);
  if (!report) {
    std::cerr << report.error().message << '\n';
    return report.error().kind == base::ErrorKind::invalid_configuration ? 2 : 1;
  }
  std::cout << (command.json ? to_json(*report, command.buckets) + "\n" : to_text(*report));
  return report->faults.total() == 0 ? 0 : 1;
}

}  // namespace headworks::bench
