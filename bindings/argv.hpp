// Calls a native command (int main(argc, argv)) with a list of Python strings. Include after python.hpp.
#pragma once

#include <string>
#include <vector>

namespace headworks::bindings {

inline int run_with_argv(std::string name, std::vector<std::string> arguments, int (*command)(int, char**)) {
  std::vector<char*> argv{name.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  const int count = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  const WithoutGil released;
  return command(count, argv.data());
}

}  // namespace headworks::bindings
