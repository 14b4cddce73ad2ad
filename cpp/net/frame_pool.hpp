// Where coroutine frames come from: one free list per size class and thread, so that a request in steady state
// allocates nothing. Thread-local: a frame is freed on the thread that made it (coroutines never change loops).
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define HEADWORKS_POOL_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEADWORKS_POOL_FRAMES 0
#endif
#endif
#ifndef HEADWORKS_POOL_FRAMES
#define HEADWORKS_POOL_FRAMES 1  // sanitizers see every frame's own birth and death instead
#endif

namespace headworks::net {

class FramePool {
 public:
  static void* allocate(std::size_t size) {
    if constexpr (HEADWORKS_POOL_FRAMES) {
      const std::size_t index = class_of(size);
      if (index < kClasses) {
        FramePool& pool = local();
        if (Free* frame = pool.free_[index]) {
          pool.free_[index] = frame->next;
          --pool.count_[index];
          return frame;
        }
        return ::operator new((index + 1) * kStep);
      }
    }
    return ::operator new(size);
  }

  static void release(void* frame, std::size_t size) noexcept {
    if constexpr (HEADWORKS_POOL_FRAMES) {
      const std::size_t index = class_of(size);
      if (index < kClasses) {
        FramePool& pool = local();
        if (pool.count_[index] < kKeep) {
          pool.free_[index] = new (frame) Free{pool.free_[index]};
          ++pool.count_[index];
          return;
        }
      }
    }
    ::operator delete(frame);
  }

 private:
  static constexpr std::size_t kStep = 128;
  static constexpr std::size_t kClasses = 64;  // frames up to 8 KiB
  static constexpr std::size_t kKeep = 256;    // per class and thread

  struct Free {
    Free* next;
  };

  FramePool() = default;
  ~FramePool() {
    for (Free* frame : free_)
      while (frame != nullptr) ::operator delete(std::exchange(frame, frame->next));
  }
  static FramePool& local() {
    thread_local FramePool pool;
    return pool;
  }
  static std::size_t class_of(std::size_t size) { return (size - 1) / kStep; }

  std::array<Free*, kClasses> free_{};
  std::array<std::size_t, kClasses> count_{};
};

}  // namespace headworks::net
