// A build with sanitizers is ten to thirty times slower: it looks at every kStep-th scenario.
#pragma once

namespace headworks::simulation {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kStep = 20;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int kStep = 20;
#else
inline constexpr int kStep = 1;
#endif
#else
inline constexpr int kStep = 1;
#endif

}  // namespace headworks::simulation
