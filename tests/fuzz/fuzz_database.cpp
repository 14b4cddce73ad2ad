// A damaged headworks.db: it opens with its rows or is refused and left as it is; never empty, never a crash.
//
// The input is damage: triples of a place (two bytes, in steps of the file's length / 65536) and what is xored into
// the byte there; an odd byte at the end cuts the file. The file itself is made once, the same every time.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/store.hpp"
#include "target.hpp"

namespace headworks::fuzz {

class DamagedFile {
 public:
  static constexpr int kBackends = 20;

  DamagedFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "headworks-fuzz-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    {
      auto store = open();
      catalog::Configuration configuration;
      for (int number = 0; number < kBackends; ++number) {
        catalog::Backend row;
        row.name = "b" + std::to_string(number);
        row.api_base_url = "https://" + row.name + ".example/v1";
        row.pool = "primary";
        row.api_key = base::Secret("sk-key-of-this-backend");
        configuration.backends.push_back(std::move(row));
      }
      require(static_cast<bool>((*store)->apply(std::move(configuration), "fuzz")), "the whole file is made");
    }
    whole_ = bytes();
  }
  ~DamagedFile() { std::filesystem::remove_all(folder_); }
  DamagedFile(const DamagedFile&) = delete;
  DamagedFile& operator=(const DamagedFile&) = delete;

  std::string damage(std::string_view input) const {
    std::string damaged = whole_;
    for (; input.size() >= 3; input.remove_prefix(3)) {
      const std::size_t place = static_cast<unsigned char>(input[0]) * 256U + static_cast<unsigned char>(input[1]);
      damaged[place * damaged.size() / 65'536] ^= input[2];
    }
    if (input.size() == 1) damaged.resize(static_cast<unsigned char>(input[0]) * damaged.size() / 256);
    return damaged;
  }
  void put(const std::string& damaged) const {
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path() + suffix);
    std::ofstream(path(), std::ios::binary) << damaged;
  }
  std::string bytes() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  base::Result<std::unique_ptr<store::Store>> open() const {
    vault::KeyRing::KeyBytes key;
    key.fill(1);
    return store::Store::open({.path = path(), .keys = vault::KeyRing::make({key})});
  }
  const std::string& whole() const { return whole_; }

 private:
  std::string path() const { return folder_ + "/headworks.db"; }

  std::string folder_;
  std::string whole_;
};

inline void database(std::string_view input) {
  static const DamagedFile file;
  const std::string damaged = file.damage(input);
  file.put(damaged);
  const auto store = file.open();
  if (!store) {
    require(!store.error().message.empty(), "a refusal says why");
    return require(file.bytes() == damaged, "a refused file is left as it is");
  }
  const auto rows = (*store)->list_backends();
  require(!rows || !rows->empty(), "no file starts empty");
  require(damaged != file.whole() || (rows && rows->size() == DamagedFile::kBackends), "a whole file has its rows");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(database)
