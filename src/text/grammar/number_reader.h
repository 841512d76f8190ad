#pragma once

#include <cstddef>

#include "text/grammar/compiled.h"
#include "text/grammar/scan.h"

namespace typetally::marking {

/// Types one item of coordinates at scan.at(): a number or coordinate token COORD, a word, sign or broken token FORMAT.
/// It lies in `text`: scan.text(), or its part up to where the item has to end.
void put_item(const Compiled& table, Scan& scan, const Text& text, TokenType number_type = TokenType::kCoord);

/// Types the body of a box: up to the next tag or special token. Where no closing tag of a box comes first, a word
/// other than `none` ends it too.
void read_numbers(const Compiled& table, Scan& scan);

/// Types groups "frame id x y id x y ..." up to `end`: x and y are COORD. A tab, line end, colon, comma or semicolon
/// begins a new group.
void put_tracks(Scan& scan, std::size_t end);

}  // namespace typetally::marking
