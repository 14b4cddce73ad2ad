#include "bench/answer_reader.hpp"

#include <algorithm>
#include <charconv>

namespace headworks::bench {
namespace {

bool same_text(std::string_view text, std::string_view lower) {
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [&](char a, char b) { return fold(a) == b; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::size_t AnswerReader::feed(std::string_view bytes, std::string& body) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !complete() && !broken()) {
    const std::string_view rest = bytes.substr(taken);
    switch (state_) {
      case State::head:
        taken += feed_head(rest);
        break;
      case State::sized:
      case State::chunk_data:
        taken += feed_data(rest, body);
        break;
      case State::until_close:
        body.append(rest);
        taken = bytes.size();
        break;
      default:
        taken += feed_line(rest);
        break;
    }
  }
  return taken;
}

void AnswerReader::next_answer() {
  state_ = State::head;
  head_.clear();
  line_.clear();
  closes_ = false;
  status_ = 0;
}

std::size_t AnswerReader::feed_head(std::string_view bytes) {
  // The usual case: the whole head in one piece, parsed where it lies.
  if (head_.empty()) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end != std::string_view::npos) {
      parse_head(bytes.substr(0, end + 2));
      return end + 4;
    }
  }
  const std::size_t before = head_.size();
  head_.append(bytes);
  const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) return bytes.size();
  const std::string head = std::move(head_).substr(0, end + 2);
  head_.clear();
  parse_head(head);
  return end + 4 - before;
}

void AnswerReader::parse_head(std::string_view head) {
  state_ = State::broken;
  if (head.size() < 12 || !head.starts_with("HTTP/1.")) return;
  if (std::from_chars(head.data() + 9, head.data() + 12, status_).ptr != head.data() + 12) return;
  if (status_ >= 100 && status_ < 200) {
    state_ = State::head;  // an interim answer: the final one follows
    return;
  }
  state_ = State::until_close;
  closes_ = head[7] == '0';
  for (std::size_t at = head.find('\n') + 1; at < head.size();) {
    const std::size_t end = head.find('\n', at);
    const std::string_view line = head.substr(at, end - at);
    at = end + 1;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same_text(name, "content-length")) {
      std::from_chars(value.data(), value.data() + value.size(), remaining_);
      state_ = remaining_ == 0 ? State::complete : State::sized;
    } else if (same_text(name, "transfer-encoding") && same_text(value, "chunked")) {
      state_ = State::chunk_size;
    } else if (same_text(name, "connection") && same_text(value, "close")) {
      closes_ = true;
    }
  }
  if (status_ == 204 || status_ == 304) state_ = State::complete;
  if (state_ == State::until_close) closes_ = true;
}

std::size_t AnswerReader::feed_data(std::string_view bytes, std::string& body) {
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  body.append(bytes.substr(0, take));
  remaining_ -= take;
  if (remaining_ == 0) state_ = state_ == State::sized ? State::complete : State::chunk_end;
  return take;
}

std::size_t AnswerReader::feed_line(std::string_view bytes) {
  const std::size_t newline = bytes.find('\n');
  const std::string_view part = bytes.substr(0, newline);
  if (newline == std::string_view::npos) {
    line_.append(part);
    return bytes.size();
  }
  if (line_.empty()) {
    on_line(trimmed(part));
  } else {
    line_.append(part);
    on_line(trimmed(line_));
    line_.clear();
  }
  return newline + 1;
}

void AnswerReader::on_line(std::string_view line) {
  if (state_ == State::chunk_end) {
    state_ = line.empty() ? State::chunk_size : State::broken;
  } else if (state_ == State::trailer) {
    if (line.empty()) state_ = State::complete;
  } else {
    remaining_ = 0;
    const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), remaining_, 16);
    if (failed != std::errc{} || end == line.data()) {
      state_ = State::broken;
    } else {
      state_ = remaining_ == 0 ? State::trailer : State::chunk_data;
    }
  }
}

}  // namespace headworks::bench
