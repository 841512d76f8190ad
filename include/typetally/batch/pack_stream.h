#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "typetally/base/result.h"

namespace typetally {

struct PackStreamOptions {
  std::int64_t window = 10'000;  ///< samples that wait at most
  std::int64_t patience = 4;     ///< plans after which a waiting sample leaves, however empty its pack
  std::int64_t max_samples = 0;  ///< per pack; 0: no limit
};

/// Plans packs for data that does not end, with bounded memory: when `window` samples wait, they are planned by
/// best-fit decreasing, the fuller half of the packs leaves, and the samples of the emptier half wait for others that
/// fit beside them. Samples are numbered from 0 in the order in which they come; one longer than the capacity stands
/// alone. The same lengths give the same packs.
class PackStream {
 public:
  /// Throws std::invalid_argument for a capacity, window or patience below 1, or a negative limit.
  explicit PackStream(std::int64_t capacity, const PackStreamOptions& options = {});

  /// Adds a sample; gives the packs that leave because of it, mostly none. A negative length is an error whose offset
  /// is the sample's number; the sample is not added.
  Result<std::vector<std::vector<std::int64_t>>> add(std::int64_t length);

  /// The packs of all samples that wait; the stream is empty then, and goes on counting.
  std::vector<std::vector<std::int64_t>> flush();

  std::int64_t waiting() const { return static_cast<std::int64_t>(waiting_.size()); }

 private:
  struct Waiting {
    std::int64_t sample;
    std::int64_t length;
    std::int64_t plans;  ///< in which it took part
  };

  std::vector<std::vector<std::int64_t>> plan(bool all);
  /// Lets the `fullest` packs go, and those with a sample whose patience has ended; the others' samples wait.
  std::vector<std::vector<std::int64_t>> part(std::vector<std::vector<Waiting>>& packs, std::size_t fullest);

  std::int64_t capacity_;
  PackStreamOptions options_;
  std::vector<Waiting> waiting_;
  std::int64_t next_ = 0;
};

}  // namespace typetally
