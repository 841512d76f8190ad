#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace typetally::cpu {

/// The instruction sets that the CPU kernels were compiled for and that this machine has, best first: "AVX3" (AVX-512),
/// "AVX2", "SSE4", "NEON", ...
std::vector<std::string> targets();

/// Makes the kernels of the whole process use one of targets(); "" stands for the best. For tests and benchmarks: not
/// while kernels run. Throws std::invalid_argument for another name.
void use_target(std::string_view name);

}  // namespace typetally::cpu
