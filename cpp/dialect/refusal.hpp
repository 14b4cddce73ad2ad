// Why a provider refused a request that it understood (400, 413, 422): the few reasons that decide what comes
// next. By the error's code and the providers' own sentences; what is not recognised is `other`. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace headworks::dialect {

enum class Refusal : std::uint8_t {
  other,
  context_too_long,  // does not fit the model's context: a larger one may take it
  content_filter,    // the provider's policy: that is the answer
};

// `body`: as far as it was read; the first 8 KiB are looked at.
Refusal read_refusal(std::string_view body);

}  // namespace headworks::dialect
