// headworksd: the gateway without Python. Reads its flags, starts the app, waits. Also the door to the two native
// tools that stand beside the house: `headworksd upstream` and `headworksd bench`.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "app/gateway_app.hpp"
#include "base/log.hpp"
#include "bench/bench.hpp"
#include "upstream/upstream.hpp"

namespace headworks::app {
namespace {

constexpr const char* kUsage =
    "usage: headworksd [serve] [-c FILE.json] [--data-dir DIR] [--listen HOST:PORT] [--admin-listen HOST:PORT]\n"
    "                  [--workers N] [--log-level debug|info|warn|error] [--log-format text|json]\n"
    "       headworksd check FILE.json | upstream [...] | bench [...] | version\n";

int exit_code(Exit exit) { return static_cast<int>(exit); }

int wrong_usage(const std::string& what) {
  std::cerr << "headworksd: " << what << "\n" << kUsage;
  return exit_code(Exit::usage);
}

base::Result<std::string> read_file(const std::string& name) {
  // Keys may stand in it: it is read into the string itself, which is large enough from the start.
  constexpr std::size_t kPiece = 65'536;
  std::error_code unknown;
  const auto size = std::filesystem::file_size(name, unknown);
  std::string text;
  text.reserve((unknown ? 0 : size) + kPiece);
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  ssize_t count = fd < 0 ? -1 : 1;
  while (count > 0) {
    const std::size_t end = text.size();
    text.resize(end + kPiece);
    count = ::read(fd, text.data() + end, kPiece);
    text.resize(end + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  if (fd >= 0) ::close(fd);
  if (count < 0) return base::fail(base::ErrorKind::invalid_configuration, "the file " + name + " cannot be read");
  return text;
}

int check(const std::string& name) {
  const auto text = read_file(name);
  if (!text) {
    std::cerr << text.error().message << "\n";
    return exit_code(Exit::configuration);
  }
  const std::string problems = check_configuration(*text);
  std::cout << problems << "\n";
  return exit_code(problems == "[]" ? Exit::fine : Exit::configuration);
}

bool parse_workers(const std::string& text, std::uint32_t& workers) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value > 1024) return false;
  workers = static_cast<std::uint32_t>(value);
  return true;
}

// The flags of `serve` in `options`; the exit code when they are wrong.
std::optional<int> read_flags(int argc, char** argv, int first, Options& options) {
  for (int i = first; i < argc; ++i) {
    std::string flag = argv[i];
    std::string value;
    const std::size_t equals = flag.find('=');
    if (flag.starts_with("--") && equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return wrong_usage("the flag " + flag + " needs a value");
    }
    if (flag == "-c" || flag == "--config") options.config_origin = value;
    else if (flag == "--data-dir") options.data_dir = value;
    else if (flag == "--listen") options.listen = value;
    else if (flag == "--admin-listen") options.admin_listen = value;
    else if (flag == "--log-level") options.log_level = value;
    else if (flag == "--log-format") options.log_format = value;
    else if (flag != "--workers") return wrong_usage("there is no flag " + flag);
    else if (!parse_workers(value, options.workers)) return wrong_usage("--workers is a number from 0 to 1024");
  }
  if (!base::find_log_level(options.log_level)) return wrong_usage("--log-level is debug, info, warn or error");
  if (!base::find_log_format(options.log_format)) return wrong_usage("--log-format is text or json");
  return std::nullopt;
}

int serve(int argc, char** argv, int first) {
  Options options;
  options.command.assign(argv, argv + argc);
  if (const auto wrong = read_flags(argc, argv, first, options)) return *wrong;
  if (!options.config_origin.empty()) {
    options.reload = [name = options.config_origin] { return read_file(name); };
    auto text = options.reload();
    if (!text) {
      std::cerr << "headworksd: " << text.error().message << "\n";
      return exit_code(Exit::configuration);
    }
    options.config_json = std::move(*text);
  }
  auto app = GatewayApp::start(std::move(options));
  if (!app) {
    std::cerr << "headworksd: " << app.error().message << "\n";
    return exit_code(app.error().exit);
  }
  if (const auto opened = (*app)->open(); !opened) {
    std::cerr << "headworksd: " << opened.error().message << "\n";
    return exit_code(opened.error().exit);
  }
  return (*app)->wait();
}

int run(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "upstream") return upstream::run_upstream(argc - 1, argv + 1);
  if (verb == "bench") return bench::run_bench(argc - 1, argv + 1);
  if (verb == "version" || verb == "--version") {
    std::cout << versions() << "\n";
    return exit_code(Exit::fine);
  }
  if (verb == "--help" || verb == "-h" || verb == "help") {
    std::cout << kUsage;
    return exit_code(Exit::fine);
  }
  if (verb == "check") return argc == 3 ? check(argv[2]) : wrong_usage("check takes one file");
  if (verb == "serve") return serve(argc, argv, 2);
  if (!verb.empty() && verb.front() != '-') return wrong_usage("there is no command " + verb);
  return serve(argc, argv, 1);
}

}  // namespace
}  // namespace headworks::app

// One of the three places where exceptions are caught: what comes here is a bug or a broken bootstrap.
int main(int argc, char** argv) {
  try {
    return headworks::app::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "headworksd: " << error.what() << "\n";
    return static_cast<int>(headworks::app::Exit::failed);
  }
}
