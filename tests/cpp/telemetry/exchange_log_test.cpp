#include "telemetry/exchange_log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "record_fixture.hpp"

namespace headworks::telemetry {
namespace {

std::vector<std::string> lines_of(base::LogFormat format, base::LogLevel level,
                                  const std::vector<ExchangeRecord>& records) {
  std::vector<std::string> lines;
  base::SystemClock clock;
  base::Log log({.level = level, .format = format}, clock);
  log.set_sink([&](std::string_view line) { lines.emplace_back(line); });
  ExchangeLog(log).on_exchanges(records);
  EXPECT_TRUE(log.flush(std::chrono::seconds{10}));
  return lines;
}

TEST(ExchangeLog, OneLinePerExchangeAsText) {
  const ExchangeRecord record = sample_record();
  const auto lines = lines_of(base::LogFormat::text, base::LogLevel::info, {record});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0],
            "2026-01-31T09:30:00.125Z info exchange request_id=" + std::string(record.id.view()) +
                " route=/v1/chat/completions model=llama-70b client_key=app status=200 stream=true"
                " backend=paid pool=fallback upstream_status=200 first_byte_ms=40 attempts=2"
                " path=\"nim-1:upstream_error paid:ok\" total_ms=125 overhead_ms=0.18 input_tokens=12"
                " output_tokens=34 usage_source=reported cost_usd=0.0015 bytes_in=300 bytes_out=4000");
}

TEST(ExchangeLog, OneLinePerExchangeAsJson) {
  ExchangeRecord record = sample_record();
  record.attempts.clear();
  record.model = {};
  record.stream = false;
  record.status = 429;
  record.error = base::ErrorKind::all_backends_limited;
  record.queue_wait = std::chrono::milliseconds{3};
  const auto lines = lines_of(base::LogFormat::json, base::LogLevel::info, {record});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(
      lines[0],
      "{\"time\":\"2026-01-31T09:30:00.125Z\",\"level\":\"warn\",\"message\":\"exchange\",\"request_id\":\"" +
          std::string(record.id.view()) +
          "\",\"route\":\"/v1/chat/completions\",\"client_key\":\"app\",\"status\":429,"
          "\"error\":\"all_backends_limited\",\"stream\":false,\"attempts\":0,\"total_ms\":125,"
          "\"overhead_ms\":0.18,\"queue_wait_ms\":3,\"input_tokens\":0,\"output_tokens\":0,"
          "\"cost_usd\":0,\"bytes_in\":300,\"bytes_out\":4000}");
}

TEST(ExchangeLog, AModelNameCannotForgeALine) {
  ExchangeRecord record = sample_record();
  record.model = "x\n2026-01-31T09:30:00.125Z info exchange status=200";
  const auto lines = lines_of(base::LogFormat::text, base::LogLevel::info, {record});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
}

TEST(ExchangeLog, TheErrorDecidesTheLevel) {
  ExchangeRecord fine = sample_record(), ours = sample_record();
  ours.error = base::ErrorKind::upstream_auth;
  EXPECT_EQ(lines_of(base::LogFormat::text, base::LogLevel::error, {fine, ours}).size(), 1U);
}

}  // namespace
}  // namespace headworks::telemetry
