#include "bench/bench.hpp"

#include "bench/request_load.hpp"
#include "bench/stream_load.hpp"

namespace headworks::bench {

base::Result<Report> run(const Options& options) {
  using base::ErrorKind;
  const bool streams = options.mode == Mode::streams;
  if ((streams ? options.streams : options.connections) == 0) {
    return base::fail(ErrorKind::invalid_configuration, "at least one connection is needed");
  }
  if (options.mode == Mode::open && !(options.rate > 0)) {
    return base::fail(ErrorKind::invalid_configuration, "the rate must be above 0");
  }
  auto target = make_target(options, streams);
  if (!target) return target.error();
  Report report = streams ? StreamLoad(options, std::move(*target)).run()
                          : RequestLoad(options, std::move(*target)).run();
  if (report.bytes == 0 && report.faults.connect > 0) {
    return base::fail(ErrorKind::upstream_connect, "nothing answers at " + options.url);
  }
  return report;
}

}  // namespace headworks::bench
