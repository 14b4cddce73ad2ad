#include "catalog/key_references.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace headworks::catalog {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view kFile = "file:";
constexpr std::string_view kEnviron = "os.environ/";
constexpr std::size_t kMaxFile = 65'536;

base::Error missing(std::string message) {
  return fail(ErrorKind::invalid_configuration, std::move(message));
}

// A secret is one line: editors and `echo` put a line end behind it.
std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view variable_of(std::string_view reference) {
  if (reference.starts_with(kEnviron)) return reference.substr(kEnviron.size());
  if (reference.starts_with("${") && reference.ends_with('}'))
    return reference.substr(2, reference.size() - 3);
  return {};
}

Result<base::Secret> KeyReferences::find(std::string_view reference) const {
  if (reference.starts_with(kFile)) return read_file(reference.substr(kFile.size()));
  const std::string name(variable_of(reference));
  if (name.empty()) return missing("this is not a reference to a key");
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return missing("the environment has no " + name);
  if (*value == '\0') return missing("the environment's " + name + " is empty");
  return base::Secret(std::string_view(value));
}

Result<base::Secret> KeyReferences::read_file(std::string_view path) const {
  const std::string full =
      path.starts_with('/') || folder_.empty() ? std::string(path) : folder_ + "/" + std::string(path);
  // O_NONBLOCK: a pipe must be refused, not waited for.
  const int fd = ::open(full.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return missing("the file " + full + " cannot be read: " + std::strerror(errno));
  struct stat info {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  std::string text(regular ? kMaxFile + 1 : 0, '\0');
  const ssize_t size = regular ? ::read(fd, text.data(), text.size()) : 0;
  ::close(fd);
  if (!regular) return missing("the file " + full + " is not a regular file");
  if (size < 0 || size > static_cast<ssize_t>(kMaxFile)) {
    base::wipe(text);
    return missing("the file " + full + " is not one that holds a key");
  }
  base::Secret secret(without_line_end(std::string_view(text).substr(0, static_cast<std::size_t>(size))));
  base::wipe(text);
  if (secret.empty()) return missing("the file " + full + " is empty");
  return secret;
}

KeySource KeyReferences::source() const {
  return {.references = KeySource::References::resolved,
          .resolve = [this](std::string_view reference) { return find(reference); },
          .warn_of_literals = true};
}

KeySource unresolved_references() {
  return {.references = KeySource::References::checked, .resolve = {}, .warn_of_literals = true};
}

}  // namespace headworks::catalog
