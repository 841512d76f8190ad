#include "tally/device_copy.h"

#include <stdexcept>

namespace typetally::test {

std::string DeviceCopy::missing() { return "built without CUDA"; }

DeviceCopy::DeviceCopy(const Logits&) { throw std::logic_error(missing()); }
DeviceCopy::~DeviceCopy() = default;

std::vector<double> add_on_device(std::span<const RowStats>, std::span<const std::int64_t>,
                                  std::span<const std::int8_t>) {
  throw std::logic_error(DeviceCopy::missing());
}

}  // namespace typetally::test
