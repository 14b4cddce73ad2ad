#include "catalog/document.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/memory_resource.hpp>
#include <new>
#include <set>
#include <string>

#include "base/secret.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;
using boost::system::error_code;

constexpr std::size_t kMaxDepth = 64;

// What boost::json::basic_parser calls: keeps the path of where it is, and the names of every open object.
class DuplicateFinder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit DuplicateFinder(std::vector<Problem>& problems) : problems_(problems) {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(true); }
  bool on_object_end(std::size_t, error_code&) { return close(); }
  bool on_array_begin(error_code&) { return open(false); }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    key_.append(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, error_code&) {
    key_.append(part);
    Level& level = levels_.back();
    level.key = std::exchange(key_, {});
    if (!level.names.insert(level.key).second)
      problems_.push_back({path(), "this name stands here a second time", "keep one of them"});
    return true;
  }
  bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, error_code&) { return on_scalar(); }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, error_code&) { return on_scalar(); }
  bool on_uint64(std::uint64_t, json::string_view, error_code&) { return on_scalar(); }
  bool on_double(double, json::string_view, error_code&) { return on_scalar(); }
  bool on_bool(bool, error_code&) { return on_scalar(); }
  bool on_null(error_code&) { return on_scalar(); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  struct Level {
    bool object;
    std::string key = {};
    std::size_t index = 0;
    std::set<std::string> names = {};
  };

  bool open(bool object) {
    levels_.push_back({.object = object});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return on_scalar();
  }
  // A value ended: in a list the next one stands one place further.
  bool on_scalar() {
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  std::string path() const {
    std::string path = "$";
    for (const Level& level : levels_)
      path = level.object ? path_to(path, level.key) : path_to(path, level.index);
    return path;
  }

  std::vector<Problem>& problems_;
  std::vector<Level> levels_;
  std::string key_;
};

class WipedMemory final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    return ::operator new(size, std::align_val_t(alignment));
  }
  void do_deallocate(void* data, std::size_t size, std::size_t alignment) override {
    base::wipe(data, size);
    ::operator delete(data, std::align_val_t(alignment));
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }
};

Problem syntax_problem(std::string_view text, std::size_t at, const error_code& error) {
  const std::string_view before = text.substr(0, at);
  const std::size_t line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t line_begin = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return {"$",
          "this is not JSON: " + error.message() + " at line " + std::to_string(line) + ", column " +
              std::to_string(at - line_begin + 1),
          ""};
}

}  // namespace

json::storage_ptr document_storage() {
  static WipedMemory& memory = *new WipedMemory;  // never destroyed: documents may go later than it would
  return &memory;
}

std::optional<json::value> parse_document(std::string_view text, std::vector<Problem>& problems) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  error_code failed;
  json::basic_parser<DuplicateFinder> finder(options, problems);
  std::size_t at = finder.write_some(false, text.data(), text.size(), failed);
  if (!failed && text.find_first_not_of(" \t\r\n", at) != text.npos) failed = json::error::extra_data;
  if (failed) {
    problems.push_back(syntax_problem(text, at, failed));
    return std::nullopt;
  }
  std::array<unsigned char, 4096> room;  // what json::parse would leave on the stack
  json::value value(document_storage());
  {
    json::parser parser(document_storage(), options, room.data(), room.size());
    parser.reset(document_storage());
    parser.write(text, failed);
    if (!failed) value = parser.release();
  }
  base::wipe(room.data(), room.size());
  if (failed) {
    problems.push_back(syntax_problem(text, 0, failed));
    return std::nullopt;
  }
  return value;
}

}  // namespace headworks::catalog
