#include "typing/text_route.h"

#include "typetally/typing/project.h"

namespace typetally {

std::int64_t TextRoute::type_run(std::span<const std::int64_t> ids, std::span<TokenType> types) {
  text_.clear();
  ends_.clear();
  specials_.clear();
  for (const std::int64_t id : ids) {
    const auto begin = static_cast<std::int64_t>(text_.size());
    text_ += vocabulary_.bytes(id);
    const auto end = static_cast<std::int64_t>(text_.size());
    ends_.push_back(end);
    if (end > begin && vocabulary_.is_special(id)) specials_.push_back({begin, end});
  }
  const std::int64_t unparsed = marker_.mark(text_, specials_, spans_);
  project(text_, spans_, ends_, types);
  return unparsed;
}

}  // namespace typetally
