// KeyReferences: finds the secrets that a configuration file names instead of holding them: environment
// variables and files. Only for documents whose author may read what this process may read (a file of the
// operator's); the admin API never resolves references.
//
// Thread-safe as far as nobody changes the environment meanwhile. Blocking (reads files). Must not know:
// rows.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "catalog/row_json.hpp"

namespace headworks::catalog {

class KeyReferences {
 public:
  // `folder`: what relative file: paths are relative to, the folder of the configuration file; empty: the
  // current one.
  explicit KeyReferences(std::string folder) : folder_(std::move(folder)) {}

  // `${NAME}`, `os.environ/NAME` or `file:PATH`. A file's last line end does not belong to the secret. Kind
  // invalid_configuration with a sentence that names the variable or file, never what is in it.
  base::Result<base::Secret> find(std::string_view reference) const;

  // Resolves references, warns of literals. This object must outlive what is answered.
  KeySource source() const;

 private:
  base::Result<base::Secret> read_file(std::string_view path) const;
  std::string folder_;
};

// What `check` uses: the form of references is checked, nothing is looked up.
KeySource unresolved_references();

// The variable that a reference names, by either way of writing it; empty when it is not such a reference.
std::string_view variable_of(std::string_view reference);

}  // namespace headworks::catalog
