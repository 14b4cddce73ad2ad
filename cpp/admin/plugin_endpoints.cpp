// Plug-ins: which hooks are in force and how they do, and the order to load them again.
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "hooks/hook_board.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;

std::string_view state_of(const hooks::Hook& hook, const hooks::Hook::Counts& counts) {
  if (hook.closed()) return "closed";
  return counts.open ? "open" : "asked";
}

boost::json::object describe(const hooks::Hook& hook) {
  const hooks::HookRow& row = hook.row();
  const hooks::Hook::Counts counts = hook.counts();
  return {{"name", row.name},
          {"point", hooks::name_of(row.point)},
          {"timeout_ms", std::chrono::duration<double, std::milli>(row.timeout).count()},
          {"on_error", row.on_error == hooks::OnError::reject ? "reject" : "ignore"},
          {"body", row.wants_body},
          {"calls", counts.calls},
          {"failures", counts.failures},
          {"waiting", counts.waiting},
          {"state", state_of(hook, counts)}};
}

// In the order of asking; the hooks of one plug-in stand together.
boost::json::array describe_all(const hooks::HookBoard& board) {
  boost::json::array plugins;
  const auto set = board.current();
  if (set == nullptr) return plugins;
  for (const auto& hook : set->all()) {
    const std::string& name = hook->row().plugin;
    if (plugins.empty() || plugins.back().as_object().at("name").as_string() != name)
      plugins.push_back({{"name", name}, {"origin", hook->row().origin}, {"hooks", boost::json::array()}});
    plugins.back().as_object().at("hooks").as_array().push_back(describe(*hook));
  }
  return plugins;
}

}  // namespace

net::Task<Answer> list_plugins(AdminContext& context, Call&) {
  co_return reply_page(describe_all(context.shared.hooks), std::nullopt, context.snapshot()->revision());
}

net::Task<Answer> reload_plugins(AdminContext& context, Call&) {
  const auto reloader = context.shared.hooks.reloader();
  if (reloader == nullptr)
    co_return base::fail(ErrorKind::conflict, "this server runs no plug-ins: it was not started by `headworks serve`");
  StoreAnswer<bool> answer(context.loop);
  auto question = std::make_shared<hooks::Question>([done = answer.callback()](hooks::Answer&& said) {
    if (const auto* failure = std::get_if<hooks::Failure>(&said)) {
      const std::string why = failure->detail.empty() ? std::string(failure->reason) : failure->detail;
      done(base::fail(ErrorKind::conflict, "the old plug-ins stay: " + why));
    } else {
      done(true);
    }
  });
  answer.refuse_unless(!reloader->ask(std::move(question), context.loop.now()));
  const Result<bool> reloaded = co_await answer;
  if (!reloaded) co_return reloaded.error();
  co_return reply_page(describe_all(context.shared.hooks), std::nullopt, context.snapshot()->revision());
}

}  // namespace headworks::admin
