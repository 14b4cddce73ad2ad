// Columns of a table as an Arrow C stream in a capsule (the Arrow PyCapsule interface), so that nobody needs
// pyarrow to read what we answer. One batch; text, whole numbers and numbers, each with nulls. The structs
// are the Arrow C data interface, whose layout is fixed by its specification.
#include "python.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

extern "C" {
struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};
struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema* out);
  int (*get_next)(ArrowArrayStream*, ArrowArray* out);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};
}

namespace headworks::bindings {
namespace {

constexpr const char* kCapsule = "arrow_array_stream";
constexpr std::int64_t kNullable = 2;

enum class Kind : std::uint8_t { text, whole, number };

struct Column {
  std::string name;
  Kind kind = Kind::text;
  std::vector<std::uint8_t> valid;    // a bit per row
  std::vector<std::int32_t> offsets;  // text: where each row's begins
  std::string bytes;                  // text
  std::vector<std::int64_t> wholes;
  std::vector<double> numbers;
  std::int64_t nulls = 0;
  const void* buffers[3] = {};

  const char* format() const { return kind == Kind::text ? "u" : kind == Kind::whole ? "l" : "g"; }
};

struct Table {
  std::int64_t length = 0;
  std::vector<Column> columns;
};
using Shared = std::shared_ptr<const Table>;

// What every exported struct keeps alive. A consumer may move a child out of its parent and release it later.
struct Kept {
  Shared table;
  std::vector<void*> children;
  const void* no_buffers[1] = {nullptr};
};

template <class Struct>
void release_tree(Struct* exported) {
  for (std::int64_t at = 0; at < exported->n_children; ++at) {
    Struct* child = exported->children[at];
    if (child->release != nullptr) child->release(child);
    delete child;
  }
  delete static_cast<Kept*>(exported->private_data);
  exported->release = nullptr;
}

template <class Struct>
Struct begin_tree(const Shared& table, std::size_t children) {
  auto* kept = new Kept{.table = table, .children = {}};
  for (std::size_t at = 0; at < children; ++at) kept->children.push_back(new Struct{});
  Struct made{};
  made.n_children = static_cast<std::int64_t>(children);
  made.children = reinterpret_cast<Struct**>(kept->children.data());
  made.private_data = kept;
  made.release = release_tree<Struct>;
  return made;
}

void write_schema(const Shared& table, ArrowSchema& out) {
  out = begin_tree<ArrowSchema>(table, table->columns.size());
  out.format = "+s";
  out.name = "";
  for (std::size_t at = 0; at < table->columns.size(); ++at) {
    ArrowSchema& child = *out.children[at];
    child = begin_tree<ArrowSchema>(table, 0);
    child.format = table->columns[at].format();
    child.name = table->columns[at].name.c_str();
    child.flags = kNullable;
  }
}

void write_array(const Shared& table, ArrowArray& out) {
  out = begin_tree<ArrowArray>(table, table->columns.size());
  out.length = table->length;
  out.n_buffers = 1;
  out.buffers = static_cast<Kept*>(out.private_data)->no_buffers;
  for (std::size_t at = 0; at < table->columns.size(); ++at) {
    const Column& column = table->columns[at];
    ArrowArray& child = *out.children[at];
    child = begin_tree<ArrowArray>(table, 0);
    child.length = table->length;
    child.null_count = column.nulls;
    child.n_buffers = column.kind == Kind::text ? 3 : 2;
    child.buffers = const_cast<const void**>(column.buffers);
  }
}

struct Stream {
  Shared table;
  bool given = false;
};

Stream& of(ArrowArrayStream* stream) { return *static_cast<Stream*>(stream->private_data); }

int next_batch(ArrowArrayStream* stream, ArrowArray* out) {
  *out = {};  // released: the end
  if (std::exchange(of(stream).given, true)) return 0;
  write_array(of(stream).table, *out);
  return 0;
}

void destroy_capsule(PyObject* capsule) {
  auto* stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, kCapsule));
  if (stream->release != nullptr) stream->release(stream);
  delete stream;
}

Kind kind_of(const py::list& values) {
  Kind kind = Kind::text;
  for (const py::handle value : values) {
    if (py::isinstance<py::float_>(value)) return Kind::number;
    if (py::isinstance<py::int_>(value)) kind = Kind::whole;
  }
  return kind;
}

Column column_of(std::string name, const py::list& values) {
  Column column;
  column.name = std::move(name);
  column.kind = kind_of(values);
  const std::size_t length = values.size();
  column.valid.resize((length + 7) / 8);
  column.offsets.push_back(0);
  for (std::size_t at = 0; at < length; ++at) {
    const py::handle value = values[at];
    const bool there = !value.is_none();
    if (there)
      column.valid[at / 8] |= static_cast<std::uint8_t>(1U << (at % 8));
    else
      ++column.nulls;
    if (column.kind == Kind::text) {
      if (there) column.bytes += value.cast<std::string>();
      column.offsets.push_back(static_cast<std::int32_t>(column.bytes.size()));
    } else if (column.kind == Kind::whole) {
      column.wholes.push_back(there ? value.cast<std::int64_t>() : 0);
    } else {
      column.numbers.push_back(there ? value.cast<double>() : 0);
    }
  }
  return column;
}

py::capsule arrow_stream(const std::vector<std::pair<std::string, py::list>>& columns) {
  auto table = std::make_shared<Table>();
  for (const auto& [name, values] : columns) {
    table->length = static_cast<std::int64_t>(values.size());
    table->columns.push_back(column_of(name, values));
  }
  for (Column& column : table->columns) {  // where they are now, they stay
    column.buffers[0] = column.nulls == 0 ? nullptr : column.valid.data();
    if (column.kind == Kind::text)
      column.buffers[1] = column.offsets.data(), column.buffers[2] = column.bytes.data();
    else if (column.kind == Kind::whole)
      column.buffers[1] = column.wholes.data();
    else
      column.buffers[1] = column.numbers.data();
  }
  auto stream = std::make_unique<ArrowArrayStream>();
  stream->get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
    return write_schema(of(self).table, *out), 0;
  };
  stream->get_next = next_batch;
  stream->get_last_error = [](ArrowArrayStream*) -> const char* { return nullptr; };
  stream->release = [](ArrowArrayStream* self) {
    delete static_cast<Stream*>(self->private_data);
    self->release = nullptr;
  };
  stream->private_data = new Stream{.table = std::move(table)};
  return py::capsule(stream.release(), kCapsule, destroy_capsule);
}

}  // namespace

void bind_arrow(py::module_& module) {
  module.def("arrow_stream", &arrow_stream, py::arg("columns"),
             "Columns (name, values: str, int or float, None where there is none) as an Arrow C stream.");
}

}  // namespace headworks::bindings
