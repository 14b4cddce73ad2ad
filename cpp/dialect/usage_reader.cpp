#include "dialect/usage_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "dialect/key_search.hpp"
#include "json/json_reader.hpp"

namespace headworks::dialect {
namespace {

constexpr std::string_view kKey = "\"usage\"";
constexpr auto npos = std::string_view::npos;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;  // what is larger is no count of tokens
constexpr int kMaxCandidates = 8;  // members of this name that may be tried; one is usual

// Where the value of the last "usage" in text[..end) begins. Searches forwards in windows that grow
// backwards: it stands near the end, and a search for it forwards is many times faster than one backwards.
std::size_t find_last_usage(std::string_view text, std::size_t end) {
  for (std::size_t window = 512;; window *= 8) {
    const std::size_t begin = end > window ? end - window : 0;
    std::size_t last = npos;
    for (std::size_t at = find_value(text.substr(0, end), kKey, begin); at != npos;
         at = find_value(text.substr(0, end), kKey, at))
      last = at;
    if (last != npos || begin == 0) return last;
  }
}

struct Counts {
  std::optional<std::uint64_t> input, output, total, cached, cache_read, cache_write, reasoning;
};

// Reads the usage object in one pass over its own bytes and no further. What is no JSON ends it (RFC 8259), but values that
// no count depends on are only stepped over: their brackets and strings must close, their inside is not checked.
class CountsReader {
 public:
  CountsReader(std::string_view text, std::size_t at) : at_(text.data() + at), end_(text.data() + text.size()) {}

  // False when the object is not well-formed, or holds no count: then it is something else of that name.
  bool read(Counts& counts) {
    const bool whole = read_object([&](std::string_view key) { return read_member(key, counts); });
    if (!whole) return false;
    // Rerankers say the sum only, and all of it is input.
    if (!counts.input && !counts.output) counts.input = counts.total;
    return counts.input || counts.output;
  }

 private:
  bool read_member(std::string_view key, Counts& counts) {
    if (key == "prompt_tokens" || key == "input_tokens") return read_count(counts.input);
    if (key == "completion_tokens" || key == "output_tokens") return read_count(counts.output);
    if (key == "total_tokens") return read_count(counts.total);
    if (key == "cache_read_input_tokens") return read_count(counts.cache_read);
    if (key == "cache_creation_input_tokens") return read_count(counts.cache_write);
    if (!key.ends_with("_tokens_details") || at_ == end_ || *at_ != '{') return skip_value();
    return read_object([&](std::string_view detail) {
      if (detail == "cached_tokens") return read_count(counts.cached);
      if (detail == "reasoning_tokens") return read_count(counts.reasoning);
      return skip_value();
    });
  }

  void skip_blanks() {
    while (at_ != end_ && is_json_blank(*at_)) ++at_;
  }
  bool take(char wanted) {
    skip_blanks();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }

  // read_value(key) reads what stands behind the colon.
  template <class ReadValue>
  bool read_object(const ReadValue& read_value) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      skip_blanks();
      const char* const begin = at_;
      if (!skip_string()) return false;
      const std::string_view key(begin + 1, static_cast<std::size_t>(at_ - begin - 2));
      if (!take(':')) return false;
      skip_blanks();
      if (!read_value(key)) return false;
    } while (take(','));
    return take('}');
  }

  // A number that is no count (negative, a fraction, too large) and everything that is no number leave it empty.
  bool read_count(std::optional<std::uint64_t>& count) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(at_, end_, value);
    const bool plain = end == end_ || is_json_blank(*end) || *end == ',' || *end == '}';
    count.reset();
    if (error != std::errc{} || !plain) return skip_value();
    if (*at_ == '0' && end - at_ > 1) return false;
    if (value <= kMaxCount) count = value;
    at_ = end;
    return true;
  }

  bool skip_string() {
    if (at_ == end_ || *at_ != '"') return false;
    for (++at_; at_ != end_; ++at_) {
      if (*at_ == '"') return ++at_, true;
      if (static_cast<unsigned char>(*at_) < 0x20 || (*at_ == '\\' && ++at_ == end_)) return false;
    }
    return false;
  }

  bool skip_value() {
    int depth = 0;
    do {
      if (at_ == end_) return false;
      if (*at_ == '"') {
        if (!skip_string()) return false;
        continue;
      }
      if (*at_ == '{' || *at_ == '[') ++depth;
      else if (depth > 0 && (*at_ == '}' || *at_ == ']')) --depth;
      else if (depth == 0) return skip_atom();
      ++at_;
    } while (depth > 0);
    return true;
  }

  // A number, true, false or null.
  bool skip_atom() {
    const char* const begin = at_;
    while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && !is_json_blank(*at_)) ++at_;
    const std::string_view atom(begin, static_cast<std::size_t>(at_ - begin));
    return atom == "null" || atom == "true" || atom == "false" || json::is_number(atom);
  }

  const char* at_;
  const char* const end_;
};

}  // namespace

bool read_usage(std::string_view text, base::Usage& usage) {
  Counts counts;
  std::size_t end = text.size();
  for (int tried = 0;; ++tried) {
    const std::size_t at = find_last_usage(text, end);
    if (at == npos || tried == kMaxCandidates) return false;
    counts = {};
    if (text[at] == '{' && CountsReader(text, at).read(counts)) break;
    end = at - 1;  // before its colon or blank: the key cannot be found again
  }
  // An event of a stream tells a part (message_start the input, message_delta the output so far): larger
  // counts win.
  const std::uint64_t apart = counts.cache_read.value_or(0) + counts.cache_write.value_or(0);
  const std::uint64_t cached = counts.cached.value_or(counts.cache_read.value_or(0));
  usage.input_tokens = std::max(usage.input_tokens, counts.input.value_or(0) + apart);
  usage.output_tokens = std::max(usage.output_tokens, counts.output.value_or(0));
  // Parts are never more than the whole, whatever an upstream says: prices are taken from the difference.
  usage.cached_input_tokens = std::min(std::max(usage.cached_input_tokens, cached), usage.input_tokens);
  usage.cache_write_tokens =
      std::min(std::max(usage.cache_write_tokens, counts.cache_write.value_or(0)), usage.input_tokens);
  usage.reasoning_tokens =
      std::min(std::max(usage.reasoning_tokens, counts.reasoning.value_or(0)), usage.output_tokens);
  return true;
}

}  // namespace headworks::dialect
