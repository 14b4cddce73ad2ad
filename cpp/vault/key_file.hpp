// Files that hold key material: who may own and read them, and how they come to be. Either whole and on disk,
// or not there. Used by the key ring; must not know what the text means.
//
// A key file is a regular file (never a link, never a pipe), ours with mode 0600 or 0400, or root's and then
// readable by our group at most (what systemd and container secrets make); its folder is not open to
// everybody. Errors are of kind key_unreadable and say what to do; `not_found` when there is no such file.
// Blocking.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace headworks::vault {

base::Result<base::Secret> read_key_file(const std::string& path);

// Makes the file (0600), or fails when there is one already.
base::Result<void> create_key_file(const std::string& path, std::string_view text);

// Replaces the file in one step: whoever reads meanwhile sees the old text or the new one.
base::Result<void> replace_key_file(const std::string& path, std::string_view text);

}  // namespace headworks::vault
