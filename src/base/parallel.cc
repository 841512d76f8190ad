#include "typetally/base/parallel.h"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "typetally/base/error.h"

namespace typetally {
namespace {

std::atomic<int> threads{0};

// oneTBB's workers live in the process that started them: work handed to them in a forked child would wait for ever.
std::atomic<pid_t> workers_of{0};

bool workers_are_ours() {
  pid_t owner = 0;
  const pid_t self = getpid();
  return workers_of.compare_exchange_strong(owner, self) || owner == self;
}

}  // namespace

void set_num_threads(int n) {
  if (n < 0) bad_call("set_num_threads", "0 (all cores) or a number of threads", std::to_string(n));
  threads = n;
}

int num_threads() {
  const int n = threads;
  return n == 0 ? tbb::this_task_arena::max_concurrency() : n;
}

void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t ranges = (n + grain - 1) / grain;
  const auto run = [&](std::int64_t range) { body(range * grain, std::min(n, (range + 1) * grain)); };
  const int workers = num_threads();
  if (ranges <= 1 || workers == 1 || !workers_are_ours()) {
    for (std::int64_t range = 0; range < ranges; ++range) run(range);
    return;
  }
  tbb::task_arena arena(workers);
  arena.execute([&] { tbb::parallel_for(std::int64_t{0}, ranges, run); });
}

}  // namespace typetally
