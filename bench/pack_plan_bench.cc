// Milliseconds of plan_packs over log-normal lengths (median 600 tokens, some beyond the capacity of 8,192), by number
// of samples and threads; and of the prototype over the same lengths, where it was there to compile.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "typetally/base/parallel.h"
#include "typetally/batch/pack_plan.h"

#ifdef TYPETALLY_BENCH_PROTOTYPE
/// Its plan of 32-bit lengths; returns the number of packs.
std::size_t plan_by_prototype(const std::vector<std::uint32_t>& lengths, std::uint32_t capacity, int threads);
#endif

namespace typetally {
namespace {

constexpr std::int64_t kCapacity = 8192;

template <class T>
std::vector<T> make_lengths(std::int64_t n) {
  std::mt19937_64 random(42);
  std::lognormal_distribution<double> tokens(std::log(600.0), 1.0);
  std::vector<T> lengths(static_cast<std::size_t>(n));
  for (T& length : lengths) length = static_cast<T>(std::clamp(tokens(random), 8.0, 131072.0));
  return lengths;
}

void count(benchmark::State& state, std::int64_t samples, std::size_t packs) {
  const auto done = static_cast<double>(state.iterations() * samples);
  state.counters["s/sample"] = benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["packs"] = static_cast<double>(packs);
}

void plan(benchmark::State& state, std::int64_t samples, int threads) {
  const auto lengths = make_lengths<std::int64_t>(samples);
  set_num_threads(threads);
  std::size_t packs = 0;
  for (auto _ : state) packs = plan_packs(lengths, kCapacity).value().offsets.size() - 1;
  set_num_threads(0);
  count(state, samples, packs);
}

#ifdef TYPETALLY_BENCH_PROTOTYPE
void plan_prototype(benchmark::State& state, std::int64_t samples, int threads) {
  const auto lengths = make_lengths<std::uint32_t>(samples);
  std::size_t packs = 0;
  for (auto _ : state) packs = plan_by_prototype(lengths, kCapacity, threads);
  count(state, samples, packs);
}
#endif

void add(const std::string& name, void (*run)(benchmark::State&, std::int64_t, int), std::int64_t samples,
         int threads) {
  const std::string full = name + "/" + std::to_string(samples) + "/threads " + std::to_string(threads);
  auto* bench = benchmark::RegisterBenchmark(full.c_str(), run, samples, threads);
  bench->Unit(benchmark::kMillisecond)->UseRealTime();
  if (samples >= 10'000'000) bench->Iterations(samples >= 100'000'000 ? 2 : 10);
}

void add_all() {
  std::vector<int> threads = {1};
  if (num_threads() > 1) threads.push_back(num_threads());
  for (std::int64_t samples = 10'000; samples <= 100'000'000; samples *= 10) {
    for (const int n : threads) {
      add("plan_packs", plan, samples, n);
#ifdef TYPETALLY_BENCH_PROTOTYPE
      add("prototype", plan_prototype, samples, n);
#endif
    }
  }
}

const bool added = (add_all(), true);

}  // namespace
}  // namespace typetally
