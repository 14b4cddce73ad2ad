// The command `headworks upstream`.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

#include "upstream/upstream.hpp"

namespace headworks::upstream {
namespace {

constexpr std::string_view kUsage =
    "usage: headworks upstream [--port P] [--script FILE]\n"
    "  --port P       port on 127.0.0.1; 0 (the default) takes any free one\n"
    "  --script FILE  what to do, as JSON; - reads it from standard input; without it a healthy provider\n"
    "Control: GET and DELETE /__upstream/journal, GET /__upstream/stats, PUT /__upstream/script\n";

struct Options {
  std::uint16_t port = 0;
  std::string script = "{}";
};

std::optional<std::string> read_all(const std::string& name) {
  if (name == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(name, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) return std::nullopt;
    const std::string value = argv[i + 1];
    if (flag == "--port") {
      char* end = nullptr;
      const unsigned long port = std::strtoul(value.c_str(), &end, 10);
      if (value.empty() || *end != '\0' || port > 65'535) return std::nullopt;
      options.port = static_cast<std::uint16_t>(port);
    } else if (flag == "--script") {
      auto text = read_all(value);
      if (!text) {
        std::cerr << "cannot read " << value << '\n';
        return std::nullopt;
      }
      options.script = std::move(*text);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

int run_upstream(int argc, char** argv) {
  if (argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
    std::cout << kUsage;
    return 0;
  }
  const auto options = read_options(argc, argv);
  if (!options) {
    std::cerr << kUsage;
    return 2;
  }
  // Blocked before the loop's thread starts, so that only sigwait() sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto upstream = Upstream::start(options->port, options->script);
  if (!upstream) {
    std::cerr << upstream.error().message << '\n';
    return upstream.error().kind == base::ErrorKind::invalid_configuration ? 3 : 5;
  }
  std::cout << "upstream ready " << (*upstream)->url() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  (*upstream)->stop();
  return 0;
}

}  // namespace headworks::upstream
