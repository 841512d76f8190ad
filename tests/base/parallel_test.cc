#include "typetally/base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <stdexcept>
#include <vector>

namespace typetally {
namespace {

std::vector<std::int64_t> range_sums(std::int64_t n, std::int64_t grain) {
  std::vector<std::int64_t> sums(static_cast<std::size_t>((n + grain - 1) / grain));
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) sums[static_cast<std::size_t>(begin / grain)] += i;
  });
  return sums;
}

TEST(ParallelFor, RangesDoNotDependOnThreads) {
  set_num_threads(1);
  const auto alone = range_sums(1001, 10);
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    EXPECT_EQ(range_sums(1001, 10), alone);
  }
  set_num_threads(0);
  EXPECT_EQ(std::accumulate(alone.begin(), alone.end(), std::int64_t{0}), 1001 * 1000 / 2);
}

TEST(ParallelFor, WorksInAForkedChild) {
  set_num_threads(4);
  const auto expected = range_sums(100, 1);
  const pid_t child = fork();
  if (child == 0) _exit(range_sums(100, 1) == expected ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  set_num_threads(0);
}

TEST(SetNumThreads, RefusesANegativeNumber) { EXPECT_THROW(set_num_threads(-1), std::invalid_argument); }

}  // namespace
}  // namespace typetally
