// Secret: a string that wipes itself, cannot be copied by accident and has no stream operator.
// What prints a Secret prints ***. Value type, movable; copy() is explicit so that a grep finds every copy.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headworks::base {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view clear);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret copy() const { return Secret(reveal()); }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // The clear bytes, valid while this object lives and is not moved from.
  std::string_view reveal() const { return {data_, size_}; }

  // What may be shown: "****abcd" when the secret has at least 16 characters, else "****"; "" when empty.
  std::string hint() const;

  // "***" wherever the secret stands in `text`: somebody may repeat it ("Incorrect API key provided: sk-..."). One of
  // less than 4 characters is not looked for. How often it stood there.
  std::size_t mask_in(std::string& text) const;

 private:
  void wipe() noexcept;
  char* data_ = nullptr;  // in LockedMemory: not swapped out, not dumped, and no short-string copy on the stack
  std::size_t size_ = 0;
};

// Overwrites memory in a way that the optimiser keeps.
void wipe(void* data, std::size_t size) noexcept;

// Wipes and empties a string that held clear bytes.
void wipe(std::string& text) noexcept;

}  // namespace headworks::base
