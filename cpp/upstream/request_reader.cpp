#include "upstream/request_reader.hpp"

#include <algorithm>
#include <charconv>

namespace headworks::upstream {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view name, std::string_view lower_name) {
  return name.size() == lower_name.size() && std::equal(name.begin(), name.end(), lower_name.begin(),
                                                        [](char a, char b) { return lower(a) == b; });
}

bool contains_word(std::string_view value, std::string_view lower_word) {
  const auto same = [](char a, char b) { return lower(a) == b; };
  return std::search(value.begin(), value.end(), lower_word.begin(), lower_word.end(), same) != value.end();
}

// Where the head ends in `head` (one past its empty line), looking from `from` on; npos when it does not.
std::size_t find_head_end(std::string_view head, std::size_t from) {
  for (std::size_t at = head.find('\n', from); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    if (head.substr(at + 1, 2) == "\r\n") return at + 3;
    if (head.substr(at + 1, 1) == "\n") return at + 2;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const Field& field : fields_) {
    if (same_name(text(field.name), name)) return text(field.value);
  }
  return {};
}

bool Request::has_header(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& f) { return same_name(text(f.name), name); });
}

std::string_view Request::key() const {
  const std::string_view authorization = header("authorization");
  const std::size_t space = authorization.find(' ');
  if (same_name(authorization.substr(0, space), "bearer")) return authorization.substr(space + 1);
  return header("x-api-key");
}

bool Request::wants_close() const {
  const std::string_view connection = header("connection");
  if (version() == "HTTP/1.0") return !contains_word(connection, "keep-alive");
  return contains_word(connection, "close");
}

std::size_t RequestReader::feed(std::string_view bytes) {
  switch (state_) {
    case State::head:
      return feed_head(bytes);
    case State::sized_body:
    case State::chunk_data:
      return feed_data(bytes);
    case State::chunk_size:
    case State::chunk_end:
    case State::trailer:
      return feed_line(bytes);
    case State::complete:
    case State::broken:
      return 0;
  }
  return 0;
}

void RequestReader::next_request() {
  request_.head_.clear();
  request_.body_.clear();
  request_.fields_.clear();
  line_.clear();
  state_ = State::head;
}

std::size_t RequestReader::feed_head(std::string_view bytes) {
  std::string& head = request_.head_;
  if (head.empty()) {
    // RFC 9112, section 2.2: empty lines before the request line are skipped.
    const std::size_t start = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
    if (start > 0) return start;
  }
  const std::size_t before = head.size();
  head.append(bytes);
  const std::size_t end = find_head_end(head, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) return bytes.size();
  head.resize(end);
  parse_head();
  if (state_ != State::broken) decide_framing();
  return end - before;
}

void RequestReader::parse_head() {
  const std::string_view head = request_.head_;
  const auto span = [](std::size_t at, std::size_t end) {
    return Request::Span{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at)};
  };
  const auto line_end = [&head](std::size_t newline) {
    return newline > 0 && head[newline - 1] == '\r' ? newline - 1 : newline;
  };
  std::size_t newline = head.find('\n');
  const std::size_t first_end = line_end(newline);
  const std::size_t space = head.find(' ');
  const std::size_t last_space = head.substr(0, first_end).rfind(' ');
  if (space >= first_end || last_space <= space) {
    state_ = State::broken;
    return;
  }
  request_.method_ = span(0, space);
  request_.target_ = span(space + 1, last_space);
  request_.version_ = span(last_space + 1, first_end);
  for (std::size_t at = newline + 1; at < head.size(); at = newline + 1) {
    newline = head.find('\n', at);
    const std::size_t end = line_end(newline);
    if (end <= at) break;
    const std::size_t colon = std::min(head.find(':', at), end);
    std::size_t value = std::min(colon + 1, end);
    while (value < end && (head[value] == ' ' || head[value] == '\t')) ++value;
    std::size_t value_end = end;
    while (value_end > value && (head[value_end - 1] == ' ' || head[value_end - 1] == '\t')) --value_end;
    request_.fields_.push_back({span(at, colon), span(value, value_end)});
  }
}

void RequestReader::decide_framing() {
  if (contains_word(request_.header("transfer-encoding"), "chunked")) {
    state_ = State::chunk_size;
    return;
  }
  const std::string_view length = request_.header("content-length");
  remaining_ = 0;
  std::from_chars(length.data(), length.data() + length.size(), remaining_);
  state_ = remaining_ == 0 ? State::complete : State::sized_body;
  // A hostile length must not make us reserve it.
  request_.body_.reserve(std::min<std::uint64_t>(remaining_, 1 << 20));
}

std::size_t RequestReader::feed_data(std::string_view bytes) {
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  request_.body_.append(bytes.substr(0, take));
  remaining_ -= take;
  if (remaining_ == 0) state_ = state_ == State::sized_body ? State::complete : State::chunk_end;
  return take;
}

std::size_t RequestReader::feed_line(std::string_view bytes) {
  const std::size_t newline = bytes.find('\n');
  if (newline == std::string_view::npos) {
    line_.append(bytes);
    return bytes.size();
  }
  line_.append(bytes.substr(0, newline));
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  on_line(line_);
  line_.clear();
  return newline + 1;
}

void RequestReader::on_line(std::string_view line) {
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

}  // namespace headworks::upstream
