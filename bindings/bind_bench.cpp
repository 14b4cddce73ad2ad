// The load generator: as a command, and as a run that Python starts, watches and waits for. The run has a
// thread of its own; Python asks how far it is, nothing calls back.
#include "python.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "argv.hpp"
#include "bench/bench.hpp"

namespace headworks::bindings {
namespace {

class Run {
 public:
  Run(const std::vector<std::string>& arguments, std::optional<std::string> body)
      : command_(value_of(bench::read_command(arguments))), began_(std::chrono::steady_clock::now()) {
    if (body) command_.options.body = std::move(body);
    command_.options.progress = &progress_;
    thread_ = std::jthread([this](std::stop_token stop) {
      command_.options.stop = std::move(stop);
      base::Result<bench::Report> report = bench::run(command_.options);
      const std::lock_guard lock(mutex_);
      report_ = std::move(report);
      ended_.notify_all();
    });
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // True: it has ended.
  bool wait(double seconds) {
    const WithoutGil released;
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, std::chrono::duration<double>(seconds),
                           [this] { return report_.has_value(); });
  }
  void stop() { thread_.request_stop(); }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }
  std::uint64_t answers() const { return progress_.answers.load(std::memory_order_relaxed); }
  double planned_seconds() const { return std::chrono::duration<double>(command_.options.duration).count(); }

  const bench::Report& report() {
    const std::lock_guard lock(mutex_);
    if (!report_) throw py::value_error("the run has not ended");
    if (!*report_) throw Raised(report_->error());
    return **report_;
  }
  std::string json() { return bench::to_json(report(), true); }
  // What the command prints.
  std::string text() {
    return command_.json ? bench::to_json(report(), command_.buckets) + "\n" : bench::to_text(report());
  }

 private:
  bench::Command command_;
  bench::Progress progress_;
  const std::chrono::steady_clock::time_point began_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<base::Result<bench::Report>> report_;
  std::jthread thread_;  // last: it uses the others
};

using Bench = OfThisProcess<Run>;

Bench start(const std::vector<std::string>& arguments, std::optional<std::string> body) {
  return Bench(std::make_unique<Run>(arguments, std::move(body)));
}

}  // namespace

void bind_bench(py::module_& module) {
  py::class_<Bench>(module, "Bench")
      .def(py::init(&start), py::arg("arguments"), py::arg("body") = py::none())
      .def(
          "wait", [](Bench& self, double seconds) { return self->wait(seconds); }, py::arg("seconds"),
          "Whether it has ended within so long.")
      .def(
          "stop", [](Bench& self) { self->stop(); }, "Asks for an early, orderly end.")
      .def_property_readonly("seconds", [](Bench& self) { return self->seconds(); })
      .def_property_readonly("planned_seconds", [](Bench& self) { return self->planned_seconds(); })
      .def_property_readonly("answers", [](Bench& self) { return self->answers(); })
      .def(
          "json", [](Bench& self) { return self->json(); },
          "The report with its histograms. Only when it has ended.")
      .def(
          "text", [](Bench& self) { return self->text(); },
          "What the command prints. Only when it has ended.");
  module.def(
      "run_bench",
      [](std::vector<std::string> arguments) {
        return run_with_argv("headworks bench", std::move(arguments), bench::run_bench);
      },
      py::arg("arguments"), "The command `headworks bench`; its exit code.");
}

}  // namespace headworks::bindings
