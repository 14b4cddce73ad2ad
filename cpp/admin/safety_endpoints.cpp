// What protects a server against loss: the rotation of master keys, and backups.
#include <charconv>

#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "store/backup.hpp"
#include "store/master_keys_table.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using MasterKeys = store::Store::MasterKeys;

constexpr std::uint32_t kBatch = 100;  // provider keys per transaction

Reply reply_keys(const MasterKeys& keys, std::uint32_t rewrapped, std::uint64_t revision) {
  boost::json::array list, unreadable;
  for (std::size_t at = 0; at < keys.keys.size(); ++at)
    list.push_back({{"kid", keys.keys[at].kid},
                    {"provider_keys", keys.keys[at].sealed},
                    {"newest", at + 1 == keys.keys.size()},
                    {"seals", keys.keys[at].seals},
                    {"seals_left", store::kMaxSeals - keys.keys[at].seals}});
  for (const std::string& name : keys.unreadable) unreadable.push_back(boost::json::string(name));
  return reply_json({{"origin", keys.origin},
                     {"algorithm", keys.algorithm},
                     {"keys", std::move(list)},
                     {"clear", keys.clear},
                     {"unreadable", std::move(unreadable)},
                     {"rewrapped", rewrapped}},
                    revision);
}

// The file that the ring came from; keys from elsewhere are changed there.
Result<std::string> key_file(const AdminContext& context) {
  if (!context.shared.master_key_file.empty()) return context.shared.master_key_file;
  base::Error error = base::fail(ErrorKind::conflict, "the master key does not come from a file of the data directory");
  error.hint = "add a line to where it comes from, restart, then rewrap";
  return error;
}

template <class Post>
net::Task<Result<MasterKeys>> ask_keys(AdminContext& context, Post post) {
  StoreAnswer<MasterKeys> answer(context.loop);
  answer.refuse_unless(post(answer.callback()));
  Result<MasterKeys> keys = co_await answer;
  co_return keys;
}

template <class Post>
net::Task<Answer> answer_keys(AdminContext& context, Post post) {
  auto asking = ask_keys(context, std::move(post));
  const Result<MasterKeys> keys = co_await asking;
  if (!keys) co_return keys.error();
  co_return reply_keys(*keys, keys->rewrapped, context.snapshot()->revision());
}

}  // namespace

net::Task<Answer> get_master_key(AdminContext& context, Call&) {
  return answer_keys(context, [&context](auto done) { return context.shared.store.post_master_keys(std::move(done)); });
}

net::Task<Answer> add_master_key(AdminContext& context, Call&) {
  Result<std::string> path = key_file(context);
  if (!path) co_return path.error();
  auto answering = answer_keys(
      context, [&context, path = *path](auto done) { return context.shared.store.post_add_master_key(path, std::move(done)); });
  Answer answer = co_await answering;
  co_return answer;
}

// Batch after batch, so that other changes come in between.
net::Task<Answer> rewrap(AdminContext& context, Call&) {
  std::uint32_t rewrapped = 0;
  for (;;) {
    auto asking = ask_keys(context, [&context](auto done) { return context.shared.store.post_rewrap(kBatch, std::move(done)); });
    const Result<MasterKeys> keys = co_await asking;
    if (!keys) co_return keys.error();
    rewrapped += keys->rewrapped;
    if (keys->rewrapped < kBatch) co_return reply_keys(*keys, rewrapped, context.snapshot()->revision());
  }
}

net::Task<Answer> drop_master_key(AdminContext& context, Call& call) {
  Result<std::string> path = key_file(context);
  std::uint32_t kid = 0;
  const std::string& text = call.path.front();
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), kid);
  if (failed != std::errc{} || end != text.data() + text.size())
    co_return base::fail(ErrorKind::not_found, "there is no such master key");
  if (!path) co_return path.error();
  auto answering = answer_keys(context, [&context, path = *path, kid](auto done) {
    return context.shared.store.post_drop_master_key(path, kid, std::move(done));
  });
  Answer answer = co_await answering;
  co_return answer;
}

net::Task<Answer> make_backup(AdminContext& context, Call&) {
  StoreAnswer<store::Backup> answer(context.loop);
  answer.refuse_unless(context.shared.ledger_reader.post(
      [directory = context.shared.data_dir, now = context.loop.wall()](store::Connection&) { return store::make_backup(directory, now); },
      answer.callback()));
  const Result<store::Backup> backup = co_await answer;
  if (!backup) co_return backup.error();
  boost::json::array files;
  for (const store::Backup::File& file : backup->files) files.push_back({{"name", file.name}, {"bytes", file.bytes}});
  co_return reply_json({{"directory", backup->directory}, {"files", std::move(files)}}, context.snapshot()->revision());
}

}  // namespace headworks::admin
