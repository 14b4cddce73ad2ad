// A JSON reader as RFC 8259 tells it, one character at a time: the oracle for the fast one. Slow and obvious.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headworks::fuzz {

class PlainJson {
 public:
  // Members of the top level: key (unescaped) and the value's text.
  using Members = std::vector<std::pair<std::string, std::string_view>>;

  PlainJson(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

  // Whether the text is one object and nothing else.
  bool read(Members& members) {
    blanks();
    if (peek() != '{' || !object(1, &members)) return false;
    blanks();
    return at_ == text_.size();
  }

 private:
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  bool take(char c) { return peek() == static_cast<unsigned char>(c) && (++at_, true); }
  void blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  bool value(int depth) {
    switch (peek()) {
      case '{':
        return object(depth + 1, nullptr);
      case '[':
        return array(depth + 1);
      case '"': {
        std::string ignored;
        return string(ignored);
      }
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  bool object(int depth, Members* members) {
    if (depth > max_depth_ || !take('{')) return false;
    blanks();
    if (take('}')) return true;
    do {
      blanks();
      std::string key;
      if (!string(key)) return false;
      blanks();
      if (!take(':')) return false;
      blanks();
      const std::size_t begin = at_;
      if (!value(depth)) return false;
      if (members != nullptr) members->emplace_back(key, text_.substr(begin, at_ - begin));
      blanks();
    } while (take(','));
    return take('}');
  }
  bool array(int depth) {
    if (depth > max_depth_ || !take('[')) return false;
    blanks();
    if (take(']')) return true;
    do {
      blanks();
      if (!value(depth)) return false;
      blanks();
    } while (take(','));
    return take(']');
  }
  bool digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool hex4(std::uint32_t& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i) {
      const int c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      unit = unit * 16 + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return true;
  }
  // Surrogates come in pairs.
  bool unicode(std::string& out) {
    std::uint32_t code = 0, low = 0;
    if (!hex4(code) || (code >= 0xdc00 && code <= 0xdfff)) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
      if (!take('\\') || !take('u') || !hex4(low) || low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) return put(code), true;
    if (code < 0x800) return put(0xc0 | code >> 6), put(0x80 | (code & 63)), true;
    if (code < 0x10000)
      return put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63)), true;
    return put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 63)), put(0x80 | (code >> 6 & 63)),
           put(0x80 | (code & 63)), true;
  }
  bool string(std::string& out) {
    if (!take('"')) return false;
    for (;;) {
      const int c = peek();
      if (c < 0x20) return false;  // a control character, or the end
      ++at_;
      if (c == '"') return true;
      if (c != '\\') {
        out.push_back(static_cast<char>(c));
        continue;
      }
      static constexpr std::string_view kNames = "\"\\/bfnrt";
      static constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
      if (take('u')) {
        if (!unicode(out)) return false;
        continue;
      }
      const std::size_t name = peek() < 0 ? std::string_view::npos : kNames.find(static_cast<char>(peek()));
      if (name == std::string_view::npos) return false;
      out.push_back(kMeant[name]);
      ++at_;
    }
  }

  std::string_view text_;
  int max_depth_;
  std::size_t at_ = 0;
};

// RFC 3629.
inline bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) -> unsigned {
      return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned lead = byte(0);
    if (lead < 0x80)
      at += 1;
    else if (lead >= 0xc2 && lead <= 0xdf && tail(1))
      at += 2;
    else if (lead >= 0xe0 && lead <= 0xef && tail(1) && tail(2) && !(lead == 0xe0 && byte(1) < 0xa0) &&
             !(lead == 0xed && byte(1) > 0x9f))
      at += 3;
    else if (lead >= 0xf0 && lead <= 0xf4 && tail(1) && tail(2) && tail(3) &&
             !(lead == 0xf0 && byte(1) < 0x90) && !(lead == 0xf4 && byte(1) > 0x8f))
      at += 4;
    else
      return false;
  }
  return true;
}

}  // namespace headworks::fuzz
