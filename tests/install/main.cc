#include <cstdio>

#include "typetally/typetally.h"

int main() {
  typetally::set_num_threads(2);
  const bool admitted = typetally::DatasetFilter({"lvis"}, {}).admits(" LVIS ");
  std::printf("threads %d, admitted %d\n", typetally::num_threads(), admitted);
  return admitted ? 0 : 1;
}
