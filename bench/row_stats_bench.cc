// Logits per second of row_stats, by dtype, instruction set and where the label stands. One thread; rows x vocabulary
// of Qwen3. With argument PEAK the rows look like those of a model in training: most logits normal, some high.
#include <benchmark/benchmark.h>

#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "typetally/base/parallel.h"
#include "typetally/tally/cpu_targets.h"
#include "typetally/tally/row_stats.h"

namespace typetally {
namespace {

constexpr std::int64_t kVocabulary = 151936;
constexpr std::int64_t kRows = 512;

template <class T>
T narrow(float x);
template <>
float narrow(float x) {
  return x;
}
template <>
std::uint16_t narrow(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// Normal logits of a spread of 2 to 4, 60 of 8 to 20, and the label at 18 to 22 (or wherever it falls).
template <class T>
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
      for (std::size_t i = 0; i < kVocabulary; ++i) out[i] = narrow<T>(pool[(offset + i) % pool.size()] * scale);
      for (int i = 0; i < 60; ++i)
        out[random() % kVocabulary] = narrow<T>(8 + static_cast<float>(random() % 1200) * 0.01f);
      const auto label = static_cast<std::int64_t>(random() % kVocabulary);
      if (likely) out[label] = narrow<T>(18 + static_cast<float>(random() % 400) * 0.01f);
      requests.push_back({row, label});
    }
  }

  std::vector<T> logits;
  std::vector<RowRequest> requests;
};

template <class T>
void read(benchmark::State& state, DType dtype, const std::string& target, bool likely) {
  const Batch<T> batch(likely);
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
  state.counters["logits/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kRows * kVocabulary), benchmark::Counter::kIsRate);
}

void add_all() {
  for (const std::string& target : cpu::targets()) {
    for (const bool likely : {true, false}) {
      const std::string tail = "/" + target + (likely ? "/likely label" : "/random label");
      benchmark::RegisterBenchmark(("bfloat16" + tail).c_str(), read<std::uint16_t>, DType::kBFloat16, target, likely);
      if (!likely) continue;
      benchmark::RegisterBenchmark(("float16" + tail).c_str(), read<std::uint16_t>, DType::kFloat16, target, likely);
      benchmark::RegisterBenchmark(("float32" + tail).c_str(), read<float>, DType::kFloat32, target, likely);
    }
  }
}

const bool added = (add_all(), true);

}  // namespace
}  // namespace typetally
