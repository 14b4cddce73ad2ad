// Reads JSON on the request path: one pass over the whole document with full grammar checks, the members of
// the top level handed out with the byte span of their values, so that they can be decided on and spliced.
//
// simdjson's On-Demand parser does the work; what it skips it does not check, so nothing is skipped: every
// string's escapes, every number's grammar (RFC 8259; not its range: a 30-digit integer is legal and none of
// our business), every atom and bracket, the depth, and that nothing follows the end. simdjson stays behind
// this header.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.hpp"

namespace headworks::json {

std::string_view simdjson_version();

// Bytes behind the end of a document that must be readable (their content does not matter).
inline constexpr std::size_t kPadding = 64;

// Byte offsets into the document: [begin, end), blanks around a value not included.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
  std::string_view in(std::string_view document) const { return document.substr(begin, end - begin); }
};

// Whether the text is a number as JSON writes them (RFC 8259 section 6).
bool is_number(std::string_view text);

enum class Type : std::uint8_t { object, array, string, number, boolean, null };

// A member of an object, or an element of an array (then without a key).
struct Member {
  std::string_view key;   // unescaped
  std::string_view text;  // a string's value, unescaped; empty for other types
  Type type = Type::null;
  Span value;
};

// Loop-owned; one parser for all documents, which keeps its buffers for those up to 1 MiB. Not to be used
// again within a visit. The views of a Member live as long as the visit; spans are the document's.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // Calls visit(const Member&) -> base::Result<void> for each member, in order; the first error ends the
  // walk. Answers the span of the object. `document` has kPadding readable bytes behind it. Kind
  // invalid_json; overloaded when there is no memory for it.
  template <class Visit>
  base::Result<Span> read_object(std::string_view document, std::uint32_t max_depth, Visit&& visit) {
    return read(document, max_depth, Root::object, visitor_of(visit));
  }
  // The same for the elements of an array.
  template <class Visit>
  base::Result<Span> read_array(std::string_view document, std::uint32_t max_depth, Visit&& visit) {
    return read(document, max_depth, Root::array, visitor_of(visit));
  }

 private:
  struct Visitor {
    void* context;
    base::Result<void> (*call)(void*, const Member&);
  };
  template <class Visit>
  static Visitor visitor_of(Visit& visit) {
    return {&visit, [](void* context, const Member& member) -> base::Result<void> {
              return (*static_cast<Visit*>(context))(member);
            }};
  }
  enum class Root : std::uint8_t { object, array };
  struct Parser;
  base::Result<Span> read(std::string_view document, std::uint32_t max_depth, Root root,
                          const Visitor& visitor);
  base::Result<Span> walk(std::string_view document, std::uint32_t max_depth, Root root,
                          const Visitor& visitor);
  std::unique_ptr<Parser> parser_;
};

}  // namespace headworks::json
