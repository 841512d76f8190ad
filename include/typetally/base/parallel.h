#pragma once

#include <cstdint>
#include <functional>

namespace typetally {

/// Sets how many threads parallel work uses from now on, in the whole process; 0 stands for all cores.
/// Throws std::invalid_argument for a negative number.
void set_num_threads(int n);
int num_threads();

/// Calls body(begin, end) for disjoint ranges that cover [0, n), each at least `grain` long but for the last.
/// The ranges depend on n and grain alone, never on the number of threads, so that a caller who keeps one partial
/// result per range and merges them in order gets the same bits on any machine. In a forked child, where the parent's
/// worker threads do not exist, the ranges run one after the other on the calling thread.
void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace typetally
