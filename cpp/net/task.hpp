// Task<T>: a lazily started coroutine of one event loop. Awaiting it starts it; it resumes its awaiter when done
// (symmetric transfer, no recursion). Destroying a Task destroys its frame and all that it awaits: that is how work
// is cancelled. Exceptions travel to the awaiter.
//
// Loop-owned: a Task lives and dies on one thread. The awaited expression must not hold temporaries with destructors
// (g++ 12 destroys them twice): name them first.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "net/frame_pool.hpp"

namespace headworks::net {

template <class T>
class Task;

namespace task_detail {

struct PromiseBase {
  static void* operator new(std::size_t size) { return FramePool::allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { FramePool::release(frame, size); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
  void rethrow() const {
    if (failure) std::rethrow_exception(failure);
  }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr failure;
};

template <class T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& value) {
    result.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*result);
  }
  std::optional<T> result;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

}  // namespace task_detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, {});
    }
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  struct Awaiter {
    std::coroutine_handle<promise_type> frame;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
      frame.promise().continuation = awaiting;
      return frame;
    }
    T await_resume() const { return frame.promise().take(); }
  };
  Awaiter operator co_await() const noexcept { return Awaiter{frame_}; }

 private:
  std::coroutine_handle<promise_type> frame_;
};

namespace task_detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace task_detail

// Owns background tasks: nothing is ever detached. Destroying the group destroys what still runs. A task that throws
// ends alone; its exception goes to `on_failure`.
class TaskGroup {
 public:
  using OnFailure = void (*)(void* context, std::exception_ptr) noexcept;
  TaskGroup(OnFailure on_failure, void* context) : on_failure_(on_failure), context_(context) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { cancel_all(); }

  void spawn(Task<void> task) { run(this, std::move(task)).frame.resume(); }
  void cancel_all() {
    while (first_ != nullptr) std::coroutine_handle<Root::promise_type>::from_promise(*first_).destroy();
  }
  std::size_t size() const { return size_; }

 private:
  // A coroutine that owns itself: it leaves the group and frees its frame at its end, or at cancel_all().
  struct Root {
    struct promise_type {
      static void* operator new(std::size_t size) { return FramePool::allocate(size); }
      static void operator delete(void* frame, std::size_t size) noexcept { FramePool::release(frame, size); }
      promise_type(TaskGroup* owner, const Task<void>&) : group(owner) { group->link(this); }
      ~promise_type() { group->unlink(this); }
      Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_never final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { group->on_failure_(group->context_, std::current_exception()); }
      TaskGroup* group;
      promise_type* previous = nullptr;
      promise_type* next = nullptr;
    };
    std::coroutine_handle<promise_type> frame;
  };

  static Root run(TaskGroup*, Task<void> task) { co_await task; }

  void link(Root::promise_type* root) {
    root->next = first_;
    if (first_ != nullptr) first_->previous = root;
    first_ = root;
    ++size_;
  }
  void unlink(Root::promise_type* root) {
    if (root->previous != nullptr) root->previous->next = root->next;
    if (root->next != nullptr) root->next->previous = root->previous;
    if (first_ == root) first_ = root->next;
    --size_;
  }

  OnFailure on_failure_;
  void* context_;
  Root::promise_type* first_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace headworks::net
