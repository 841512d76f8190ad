// Logits per second of row_stats on one thread, by dtype, instruction set and where the label stands, with rows of
// Qwen3's vocabulary; and of the prototype, where it was there to compile.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ctime>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "typetally/base/parallel.h"
#include "typetally/tally/cpu_targets.h"
#include "typetally/tally/row_stats.h"

#ifdef TYPETALLY_BENCH_PROTOTYPE
// row_stats_prototype.cpp: one row of bfloat16, compiled into this program.
struct HStat {
  double max, s1, s2;
  int argmax;
  long rank;
  double entropy, nll;
};
#define DECLARE_PROTOTYPE(target)                                                                       \
  namespace rs::target {                                                                                \
  void Row(const std::uint16_t* logits, int vocabulary, int label, int block, HStat* out); /* NOLINT */ \
  }
DECLARE_PROTOTYPE(N_AVX3)
DECLARE_PROTOTYPE(N_AVX2)
DECLARE_PROTOTYPE(N_SSE4)
#endif

namespace typetally {
namespace {

constexpr std::int64_t kVocabulary = 151936;
constexpr std::int64_t kRows = 512;

float as_float32(float x) { return x; }

std::uint16_t as_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// Truncates; below the least normal float16 there is zero.
std::uint16_t as_float16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto magnitude = (bits & 0x7FFFFFFF) >> 13;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000) | (magnitude < (113 << 10) ? 0 : magnitude - (112 << 10)));
}

/// Normal logits of a spread of 2 to 4, 60 of 8 to 20, and the label at 18 to 22 (or wherever it falls).
template <class T, T (*narrow)(float)>
struct Batch {
  explicit Batch(bool likely) : logits(static_cast<std::size_t>(kRows * kVocabulary)) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> pool(1 << 20);
    for (float& x : pool) x = normal(random);
    for (std::int64_t row = 0; row < kRows; ++row) {
      T* out = logits.data() + row * kVocabulary;
      const std::size_t offset = random();
      const float scale = 2 + static_cast<float>(random() % 100) * 0.02f;
      for (std::size_t i = 0; i < kVocabulary; ++i) out[i] = narrow(pool[(offset + i) % pool.size()] * scale);
      for (int i = 0; i < 60; ++i)
        out[random() % kVocabulary] = narrow(8 + static_cast<float>(random() % 1200) * 0.01f);
      const auto label = static_cast<std::int64_t>(random() % kVocabulary);
      if (likely) out[label] = narrow(18 + static_cast<float>(random() % 400) * 0.01f);
      requests.push_back({row, label});
    }
  }

  std::vector<T> logits;
  std::vector<RowRequest> requests;
};

void count(benchmark::State& state) {
  state.counters["logits/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kRows * kVocabulary), benchmark::Counter::kIsRate);
}

template <class T, T (*narrow)(float)>
void read(benchmark::State& state, DType dtype, const std::string& target, bool likely) {
  const Batch<T, narrow> batch(likely);
  const std::int64_t shape[] = {kRows, kVocabulary}, strides[] = {kVocabulary, 1};
  const TensorView view{batch.logits.data(), shape, strides, dtype, {}};
  std::vector<RowStats> out(kRows);
  set_num_threads(1);
  cpu::use_target(target);
  for (auto _ : state) {
    row_stats(view, batch.requests, {}, out);
    benchmark::DoNotOptimize(out.data());
  }
  cpu::use_target("");
  count(state);
}

#ifdef TYPETALLY_BENCH_PROTOTYPE
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Takes turns with the prototype; "ratio" is how many times the prototype's speed is reached, each at its best turn.
void read_beside_prototype(benchmark::State& state, decltype(&rs::N_AVX3::Row) read_row, const std::string& target,
                           bool likely) {
  const Batch<std::uint16_t, as_bfloat16> batch(likely);
  const std::int64_t shape[] = {kRows, kVocabulary}, strides[] = {kVocabulary, 1};
  const TensorView view{batch.logits.data(), shape, strides, DType::kBFloat16, {}};
  std::vector<RowStats> out(kRows);
  HStat theirs{};
  double best = 1e9, best_of_prototype = 1e9;
  set_num_threads(1);
  cpu::use_target(target);
  for (auto _ : state) {
    const double begin = thread_seconds();
    row_stats(view, batch.requests, {}, out);
    const double middle = thread_seconds();
    for (const auto [row, label] : batch.requests)
      read_row(batch.logits.data() + row * kVocabulary, kVocabulary, static_cast<int>(label), 2048, &theirs);
    benchmark::DoNotOptimize(theirs);
    best = std::min(best, middle - begin);
    best_of_prototype = std::min(best_of_prototype, thread_seconds() - middle);
  }
  cpu::use_target("");
  constexpr auto kLogits = static_cast<double>(kRows * kVocabulary);
  state.counters["logits/s"] = kLogits / best;
  state.counters["prototype"] = kLogits / best_of_prototype;
  state.counters["ratio"] = best_of_prototype / best;
}
#endif

void add_prototype([[maybe_unused]] const std::string& target, [[maybe_unused]] bool likely,
                   [[maybe_unused]] const std::string& tail) {
#ifdef TYPETALLY_BENCH_PROTOTYPE
  const std::pair<std::string, decltype(&rs::N_AVX3::Row)> all[] = {
      {"AVX3", rs::N_AVX3::Row}, {"AVX2", rs::N_AVX2::Row}, {"SSE4", rs::N_SSE4::Row}};
  for (const auto& [name, row] : all)
    if (name == target)
      benchmark::RegisterBenchmark(("beside the prototype" + tail).c_str(), read_beside_prototype, row, target, likely)
          ->MinTime(1.5);
#endif
}

void add_all() {
  for (const std::string& target : cpu::targets()) {
    for (const bool likely : {true, false}) {
      const std::string tail = "/" + target + (likely ? "/likely label" : "/random label");
      benchmark::RegisterBenchmark(("bfloat16" + tail).c_str(), read<std::uint16_t, as_bfloat16>, DType::kBFloat16,
                                   target, likely);
      add_prototype(target, likely, tail);
      if (!likely) continue;
      benchmark::RegisterBenchmark(("float16" + tail).c_str(), read<std::uint16_t, as_float16>, DType::kFloat16, target,
                                   likely);
      benchmark::RegisterBenchmark(("float32" + tail).c_str(), read<float, as_float32>, DType::kFloat32, target,
                                   likely);
    }
  }
}

const bool added = (add_all(), true);

}  // namespace
}  // namespace typetally
