// Hooks: what plug-ins see, and where their workers take questions and leave answers. Python pulls: nothing in here is
// ever called by the core. headworks.hookspecs gives the views their public names.
#include "python.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "hooks/hook.hpp"

namespace headworks::bindings {
namespace {

using hooks::AttemptView;
using hooks::CandidateView;
using hooks::ExchangeView;
using hooks::Hook;
using hooks::Question;
using hooks::RequestView;
using namespace py::literals;

base::Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

py::object json_module() { return py::module_::import("json"); }

// The read-only attributes of a view, which are also the arguments of its making.
template <class View>
class ViewClass {
 public:
  ViewClass(py::module_& module, const char* name, const char* doc) : class_(module, name, doc) {
    class_.def(py::init([](const py::kwargs& given) { return make(given); }));
  }

  template <class Value>
  ViewClass& field(const char* name, Value View::*member, const char* doc) {
    setters()[name] = [member](View& view, const py::handle& value) { view.*member = value.cast<Value>(); };
    class_.def_readonly(name, member, doc);
    names_.append(name);
    return *this;
  }
  template <class Get, class Set>
  ViewClass& field(const char* name, Get get, Set set, const char* doc) {
    setters()[name] = set;
    class_.def_property_readonly(name, get, doc);
    names_.append(name);
    return *this;
  }
  void done() {
    const py::tuple names(names_);
    class_.attr("__match_args__") = names;
    class_.def("__repr__", [names](const py::object& self) {
      std::string text = py::str(py::type::of(self).attr("__name__"));
      text += '(';
      for (const py::handle& name : names) {
        if (text.back() != '(') text += ", ";
        text += std::string(py::str(name)) + '=' + std::string(py::repr(self.attr(name)));
      }
      return text + ')';
    });
  }

 private:
  using Setter = std::function<void(View&, const py::handle&)>;
  static std::map<std::string, Setter>& setters() {
    static std::map<std::string, Setter> table;
    return table;
  }
  static std::shared_ptr<View> make(const py::kwargs& given) {
    auto view = std::make_shared<View>();
    for (const std::pair<py::handle, py::handle> each : given) {
      const std::string name = py::str(each.first);
      const auto found = setters().find(name);
      if (found == setters().end()) throw py::type_error("there is no field " + name);
      found->second(*view, each.second);
    }
    return view;
  }
  py::class_<View, std::shared_ptr<View>> class_;
  py::list names_;
};

void bind_request(py::module_& module) {
  ViewClass<RequestView>(module, "HookRequest", "The request, as a hook sees it.")
      .field("id", &RequestView::id, "The request id that the client gets.")
      .field("route", &RequestView::route, "The path: /v1/chat/completions, ...; other.")
      .field("model", &RequestView::model, "As asked, or as an earlier hook changed it; empty: none was named.")
      .field("stream", &RequestView::stream, "Whether the answer is to be a stream.")
      .field("client_key", &RequestView::client_key, "The name of the client key.")
      .field("client_key_id", &RequestView::client_key_id, "Its id.")
      .field("max_tokens", &RequestView::max_tokens, "The most output tokens that the client wants; None: not said.")
      .field("body_bytes", &RequestView::body_bytes, "The length of the body.")
      .field(
          "headers",
          [](const RequestView& view) {
            std::map<std::string_view, std::string> joined;  // a name that stands there twice is one list
            for (const auto& [name, value] : view.headers) {
              std::string& text = joined[name];
              text += (text.empty() ? "" : ", ") + value;
            }
            py::dict headers;
            for (const auto& [name, text] : joined)
              headers[py::str(name)] = py::reinterpret_steal<py::str>(
                  PyUnicode_DecodeLatin1(text.data(), static_cast<py::ssize_t>(text.size()), nullptr));
            return headers;
          },
          [](RequestView& view, const py::handle& value) {
            for (const auto& [name, text] : value.cast<std::map<std::string, std::string>>())
              view.headers.emplace_back(name, text);
          },
          "The header fields by lower-case name; no credentials, no cookies, nothing of the connection.")
      .field("tags", &RequestView::tags, "What hooks have said about it (Changes.tags).")
      .field("seconds_left", &RequestView::seconds_left, "Until its deadline, when it was first shown.")
      .field(
          "body",
          [](const RequestView& view) { return view.body ? py::object(py::bytes(*view.body)) : py::object(py::none()); },
          [](RequestView& view, const py::handle& value) {
            if (!value.is_none()) view.body = value.cast<std::string>();
          },
          "The body's bytes, if a hook asked for them with @hook(body=True); else None.")
      .done();
}

void bind_candidate(py::module_& module) {
  ViewClass<CandidateView>(module, "HookCandidate", "One backend that could serve the request, as it stands now.")
      .field("backend", &CandidateView::backend, "Its name.")
      .field("pool", &CandidateView::pool, "Its pool.")
      .field("model", &CandidateView::model, "The model, as this backend calls it.")
      .field("score", &CandidateView::score, "What the pool's strategy goes by.")
      .field("out", &CandidateView::out, "Why it is not to be asked now: cooling, bucket, ...; None: it is free.")
      .field("ready_in", &CandidateView::ready_in, "Seconds until it is free; None: time alone does not heal it.")
      .field("starts_left", &CandidateView::starts_left, "Requests it may begin now; None: no limit.")
      .field("rpm_limit", &CandidateView::rpm_limit, "Requests per minute; 0: no limit.")
      .field("in_flight", &CandidateView::in_flight, "Calls under way.")
      .field("max_in_flight", &CandidateView::max_in_flight, "The most of them; 0: no limit.")
      .field("first_byte_ms", &CandidateView::first_byte_ms, "Its usual time to the first byte; None: not known.")
      .field("input_price", &CandidateView::input_price, "USD per million input tokens; None: not known.")
      .field("output_price", &CandidateView::output_price, "USD per million output tokens; None: not known.")
      .field("context_tokens", &CandidateView::context_tokens, "The model's context there; 0: not known.")
      .field("weight", &CandidateView::weight, "Its share in its pool.")
      .field(
          "metadata",
          [](const CandidateView& view) { return json_module().attr("loads")(view.metadata_json); },
          [](CandidateView& view, const py::handle& value) {
            view.metadata_json = json_module().attr("dumps")(value).cast<std::string>();
          },
          "The backend's own metadata.")
      .done();
}

void bind_attempt(py::module_& module) {
  ViewClass<AttemptView>(module, "HookAttempt", "An upstream call that failed.")
      .field("number", &AttemptView::number, "1 is the first.")
      .field("backend", &AttemptView::backend, "The backend's name.")
      .field("pool", &AttemptView::pool, "Its pool.")
      .field("model", &AttemptView::model, "The model, as this backend calls it.")
      .field("status", &AttemptView::status, "The upstream's status; 0: there was no answer.")
      .field("failure", &AttemptView::failure, "The class: status_429, timeout_first_byte, ...")
      .field("seconds", &AttemptView::seconds, "How long it took.")
      .done();
}

void bind_exchange(py::module_& module) {
  ViewClass<ExchangeView>(module, "HookExchange", "A finished exchange.")
      .field("id", &ExchangeView::id, "The request id.")
      .field("route", &ExchangeView::route, "The path.")
      .field("model", &ExchangeView::model, "As asked; empty: none.")
      .field("client_key", &ExchangeView::client_key, "The name of the client key.")
      .field("stream", &ExchangeView::stream, "Whether a stream was asked for.")
      .field("status", &ExchangeView::status, "What the client got; 499: it had left.")
      .field("error", &ExchangeView::error, "The code of the error that it ended in; None: it did not.")
      .field("backend", &ExchangeView::backend, "The last one asked; None: none was.")
      .field("pool", &ExchangeView::pool, "Its pool.")
      .field("attempts", &ExchangeView::attempts, "Upstream calls.")
      .field("seconds", &ExchangeView::seconds, "From the request to the answer's end.")
      .field("queue_seconds", &ExchangeView::queue_seconds, "Of these in the waiting line.")
      .field("first_byte_seconds", &ExchangeView::first_byte_seconds, "Until the answer's first byte; None: none came.")
      .field("input_tokens", &ExchangeView::input_tokens, "Of all attempts.")
      .field("output_tokens", &ExchangeView::output_tokens, "Of all attempts.")
      .field("cached_input_tokens", &ExchangeView::cached_input_tokens, "Of the input.")
      .field("cost_usd", &ExchangeView::cost_usd, "By the price table.")
      .done();
}

// A sequence: each candidate becomes a Python object only when somebody looks at it.
struct Candidates {
  std::vector<std::shared_ptr<CandidateView>> views;
};

void bind_candidates(py::module_& module) {
  py::class_<Candidates>(module, "HookCandidates", "The candidates of a question, best tier first: a sequence.")
      .def("__len__", [](const Candidates& self) { return self.views.size(); })
      .def("__getitem__",
           [](const Candidates& self, py::ssize_t at) {
             const auto size = static_cast<py::ssize_t>(self.views.size());
             if (at < 0) at += size;
             if (at < 0 || at >= size) throw py::index_error();
             return self.views[static_cast<std::size_t>(at)];
           })
      .def("__getitem__",
           [](const Candidates& self, const py::slice& part) {
             std::size_t start = 0, stop = 0, step = 0, length = 0;
             if (!part.compute(self.views.size(), &start, &stop, &step, &length)) throw py::error_already_set();
             py::list taken;
             for (std::size_t at = start; length-- != 0; at += step) taken.append(self.views[at]);
             return taken;
           })
      .def("__iter__", [](const Candidates& self) { return py::make_iterator(self.views.begin(), self.views.end()); },
           py::keep_alive<0, 1>());
  py::module_::import("collections.abc").attr("Sequence").attr("register")(module.attr("HookCandidates"));
}

Candidates read_candidates(const Question& question) {
  Candidates read;
  if (question.candidates == nullptr) return read;
  for (CandidateView& view : question.candidates->read())
    read.views.push_back(std::make_shared<CandidateView>(std::move(view)));
  return read;
}

void change(Question& question, std::optional<std::string> model, hooks::Tags tags, std::optional<double> timeout,
            const std::map<std::string, std::optional<std::string>>& headers) {
  hooks::Changes changes{.model = std::move(model), .tags = std::move(tags)};
  if (timeout) changes.timeout = of_seconds(*timeout);
  for (const auto& [name, value] : headers) changes.headers.push_back({name, value});
  question.answer(std::move(changes));
}

void bind_question(py::module_& module) {
  py::class_<Question, std::shared_ptr<Question>>(module, "HookQuestion")
      .def_property_readonly("request", [](const Question& self) { return std::const_pointer_cast<RequestView>(self.request); })
      .def_property_readonly("candidates", &read_candidates)
      .def_property_readonly("attempt", [](const Question& self) { return self.attempt; })
      .def_property_readonly("exchange", [](const Question& self) { return self.exchange; })
      .def("pass_", [](Question& self) { self.answer(hooks::Pass{}); })
      .def("reject",
           [](Question& self, std::uint16_t status, std::string message, std::optional<double> retry_after) {
             hooks::Rejection rejection{.status = status, .message = std::move(message)};
             if (retry_after) rejection.retry_after = of_seconds(*retry_after);
             self.answer(std::move(rejection));
           },
           "status"_a, "message"_a, "retry_after"_a)
      .def("change", &change, "model"_a, "tags"_a, "timeout"_a, "headers"_a)
      .def("order", [](Question& self, std::vector<std::string> backends) { self.answer(hooks::Order{std::move(backends)}); },
           "backends"_a)
      .def("stop", [](Question& self) { self.answer(hooks::Stop{}); })
      .def("retry", [](Question& self) { self.answer(hooks::Retry{}); })
      .def("cool", [](Question& self, double seconds) { self.answer(hooks::Cool{of_seconds(seconds)}); }, "seconds"_a)
      .def("fail",
           [](Question& self, const std::string& reason, std::string detail) {
             const bool rubbish = reason == "rubbish";
             self.answer(hooks::Failure{.reason = rubbish ? "rubbish" : "raised", .detail = std::move(detail)});
           },
           "reason"_a, "detail"_a);
}

// Without letting go of the lock while something is there already.
std::vector<std::shared_ptr<Question>> take(Hook& hook, std::size_t most, double seconds) {
  auto taken = hook.take(most, {});
  if (!taken.empty() || seconds <= 0) return taken;
  const WithoutGil released;
  return hook.take(most, of_seconds(seconds));
}

}  // namespace

void bind_hooks(py::module_& module) {
  bind_request(module);
  bind_candidate(module);
  bind_attempt(module);
  bind_exchange(module);
  bind_candidates(module);
  bind_question(module);
  py::class_<Hook, std::shared_ptr<Hook>>(module, "Hook")
      .def_property_readonly("name", [](const Hook& self) { return self.row().name; })
      .def_property_readonly("closed", &Hook::closed)
      .def("take", &take, "most"_a, "seconds"_a,
           "The next questions, at most `most`, waiting up to `seconds` for the first; none when there are none.");
  py::class_<hooks::HookRow>(module, "HookRow")
      .def(py::init([](std::string name, std::string plugin, std::string origin, const std::string& point, double timeout_seconds,
                       const std::string& on_error, bool body) {
             hooks::HookRow row{.name = std::move(name),
                                .plugin = std::move(plugin),
                                .origin = std::move(origin),
                                .timeout = of_seconds(timeout_seconds),
                                .on_error = on_error == "reject" ? hooks::OnError::reject : hooks::OnError::ignore,
                                .wants_body = body};
             const auto found = std::find(hooks::kPointNames.begin(), hooks::kPointNames.end(), point);
             if (found == hooks::kPointNames.end()) throw py::value_error("there is no hook named " + point);
             row.point = static_cast<hooks::HookPoint>(found - hooks::kPointNames.begin());
             return row;
           }),
           py::kw_only(), "name"_a, "plugin"_a, "origin"_a, "point"_a, "timeout_seconds"_a, "on_error"_a, "body"_a);
}

}  // namespace headworks::bindings
