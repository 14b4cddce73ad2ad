// The one place that writes header lines: what goes out is checked, so no value can add a line of its own.
// Appends to a string that the caller owns and reuses.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/http_head.hpp"
#include "wire/url.hpp"

namespace headworks::wire {

// The reason phrase of a status; for statuses without one of their own, a word for the class.
std::string_view reason_of(std::uint16_t status);

class HeadWriter {
 public:
  explicit HeadWriter(std::string& out) : out_(out) {}

  void status_line(std::uint16_t status) {
    out_ += "HTTP/1.1 ";
    number(status);
    out_ += ' ';
    out_ += reason_of(status);
    out_ += "\r\n";
  }

  // REQUIRES: method and target came out of parse_request_head (or append_target), hence hold no control
  // characters.
  void request_line(std::string_view method, std::string_view target) {
    out_.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  }

  // The same for the target as `base` has it.
  void request_line(std::string_view method, const Url& base, std::string_view client_target) {
    out_.append(method).append(" ");
    append_target(out_, base, client_target);
    out_ += " HTTP/1.1\r\n";
  }

  // Writes the line. Bytes of `value` that would end it or start another are replaced by spaces.
  void field(std::string_view name, std::string_view value) {
    out_.append(name).append(": ");
    const std::size_t begin = out_.size();
    out_ += value;
    if (!is_value(value))
      for (std::size_t i = begin; i < out_.size(); ++i)
        if (!is(out_[i], kValue)) out_[i] = ' ';
    out_ += "\r\n";
  }
  void field(std::string_view name, std::uint64_t value) {
    out_.append(name).append(": ");
    number(value);
    out_ += "\r\n";
  }
  // A field that was parsed is clean already.
  void copy(const Field& field) { out_.append(field.name).append(": ").append(field.value).append("\r\n"); }
  // Lines made earlier by a HeadWriter.
  void lines(std::string_view prepared) { out_ += prepared; }
  void end() { out_ += "\r\n"; }

 private:
  void number(std::uint64_t value) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    out_.append(digits, end);
  }
  std::string& out_;
};

}  // namespace headworks::wire
