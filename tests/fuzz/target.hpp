// What a fuzz target is: one function over bytes that throws Violation when something does not hold. Its file
// ends with HEADWORKS_FUZZ_TARGET(function): built for libFuzzer (-DHEADWORKS_LIBFUZZER
// -fsanitize=fuzzer,address) it is the entry point; included by a unit test, drive() runs it over its corpus
// (tests/fuzz/corpus) and inputs made from it, the same every time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"

#ifndef HEADWORKS_CORPUS
#define HEADWORKS_CORPUS "tests/fuzz/corpus"
#endif

#ifdef HEADWORKS_LIBFUZZER
#define HEADWORKS_FUZZ_TARGET(function)                                                     \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {       \
    headworks::fuzz::function(std::string_view(reinterpret_cast<const char*>(data), size)); \
    return 0;                                                                               \
  }
#else
#define HEADWORKS_FUZZ_TARGET(function)
#endif

namespace headworks::fuzz {

class Violation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* what) {
  if (!holds) throw Violation(what);
}

// A copy whose memory ends right behind its padding, so that AddressSanitizer sees every byte that is read
// too many.
class Exact {
 public:
  explicit Exact(std::string_view text, std::size_t padding = 0)
      : bytes_(new char[text.size() + padding + 1]), size_(text.size()) {
    if (size_ != 0) std::memcpy(bytes_.get(), text.data(), size_);
    std::memset(bytes_.get() + size_, '"', padding + 1);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

// Where to cut an input into pieces: made from its own bytes.
inline std::vector<std::string_view> pieces_of(std::string_view input) {
  std::uint64_t seed = input.size();
  for (const char c : input) seed = seed * 31 + static_cast<unsigned char>(c);
  base::Random random(seed);
  const std::uint64_t longest = 1 + random.below(12);
  std::vector<std::string_view> pieces;
  while (!input.empty()) {
    const std::size_t size = std::min<std::size_t>(input.size(), 1 + random.below(longest));
    pieces.push_back(input.substr(0, size));
    input.remove_prefix(size);
  }
  return pieces;
}

// Changes a text a little: words of the language, single bytes, parts that go or come twice.
inline void mutate(std::string& text, base::Random& random, const std::vector<std::string>& words) {
  const std::size_t at = random.below(text.size() + 1);
  switch (random.below(6)) {
    case 0:
      text.insert(at, words[random.below(words.size())]);
      break;
    case 1:
      text.insert(at, 1, static_cast<char>(random.below(256)));
      break;
    case 2:
      if (at < text.size()) text[at] = static_cast<char>(random.below(256));
      break;
    case 3:
      text.erase(at, 1 + random.below(8));
      break;
    case 4:
      text.insert(at, text.substr(random.below(text.size() + 1), random.below(16)));
      break;
    default:
      if (at < text.size()) text.replace(at, 1, words[random.below(words.size())]);
      break;
  }
}

// The inputs of a folder, by name.
inline std::vector<std::string> read_corpus(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> inputs;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// Runs `target` over every seed and `rounds` mutations of them. Answers what was violated and by which input;
// empty when all held.
template <class Target>
std::string drive(Target&& target, const std::vector<std::string>& seeds,
                  const std::vector<std::string>& words, int rounds) {
  if (seeds.empty()) return "there are no seeds";
  base::Random random(20260131);
  std::string input;
  const auto run = [&]() -> std::string {
    try {
      target(std::string_view(input));
      return {};
    } catch (const Violation& violation) {
      return std::string(violation.what()) + ": " + input;
    }
  };
  for (const std::string& seed : seeds) {
    input = seed;
    if (std::string violation = run(); !violation.empty()) return violation;
  }
  for (int round = 0; round < rounds; ++round) {
    if (round % 8 == 0 || input.size() > 4096) input = seeds[random.below(seeds.size())];
    mutate(input, random, words);
    if (std::string violation = run(); !violation.empty()) return violation;
  }
  return {};
}

// The same over a corpus, by the name of its folder.
template <class Target>
std::string drive(Target&& target, const char* corpus, const std::vector<std::string>& words, int rounds) {
  return drive(std::forward<Target>(target), read_corpus(std::string(HEADWORKS_CORPUS "/") + corpus), words, rounds);
}

}  // namespace headworks::fuzz
