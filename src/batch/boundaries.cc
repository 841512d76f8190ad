#include "typetally/batch/boundaries.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

namespace typetally {
namespace {

constexpr std::size_t kShown = 16;  // boundaries of one source in an error text

/// An integer tensor, read by flat row-major index or by [row, column].
class Reader {
 public:
  explicit Reader(const TensorView& tensor) : tensor_(tensor) {
    if (tensor.dtype != DType::kInt32 && tensor.dtype != DType::kInt64) {
      bad_call("document_boundaries", "int32 or int64", name(tensor.dtype));
    }
  }

  std::size_t rank() const { return tensor_.shape.size(); }
  std::int64_t dim(std::size_t axis) const { return tensor_.shape[axis]; }
  std::int64_t size() const {
    return std::accumulate(tensor_.shape.begin(), tensor_.shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  std::int64_t at(std::int64_t i) const { return read(i * tensor_.strides[0]); }
  std::int64_t at(std::int64_t i, std::int64_t j) const {
    return read(i * tensor_.strides[0] + j * tensor_.strides[1]);
  }
  std::int64_t at(std::int64_t i, std::int64_t j, std::int64_t k) const {
    return read(i * tensor_.strides[0] + j * tensor_.strides[1] + k * tensor_.strides[2]);
  }

 private:
  std::int64_t read(std::int64_t element) const {
    if (tensor_.dtype == DType::kInt32) return static_cast<const std::int32_t*>(tensor_.data)[element];
    return static_cast<const std::int64_t*>(tensor_.data)[element];
  }

  const TensorView& tensor_;
};

using Flags = std::vector<std::uint8_t>;  // one per position

/// What one source says: where documents start. Row starts always are.
struct Claim {
  std::string name;
  Flags starts;
  bool tells_padding = true;  ///< it sets padding apart as a document; positions in padding mean nothing
};

std::string listed(const Flags& starts) {
  std::string text = "[";
  std::size_t shown = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (starts[i] == 0) continue;
    if (shown++ == kShown) return text + "...]";
    text += std::to_string(i) + ", ";
  }
  return text + std::to_string(starts.size()) + "]";
}

class Boundaries {
 public:
  Boundaries(std::int64_t rows, std::int64_t columns)
      : rows_(rows), columns_(columns), positions_(rows * columns), padding_(static_cast<std::size_t>(positions_)) {}

  Result<std::vector<std::int32_t>> read(std::span<const BoundarySource> sources) {
    for (const BoundarySource& source : sources) {
      if (auto error = add(source)) return *error;
    }
    if (auto error = find_disagreement()) return *error;
    return merged();
  }

 private:
  std::optional<Error> add(const BoundarySource& source) {
    Claim claim{source.name, Flags(padding_.size()), source.kind != BoundaryKind::kPositionIds};
    for (std::int64_t row = 0; row < rows_ && columns_ > 0; ++row) mark(claim.starts, row * columns_);
    const Reader reader(source.tensor);
    const bool cu_mask = source.kind == BoundaryKind::kAttentionMask && is_cu_mask(reader);
    std::optional<Error> error;
    bool says_nothing = false;
    if (source.kind == BoundaryKind::kCuSeqlens || cu_mask) {
      error = add_cu_seqlens(reader, claim);
    } else if (source.kind == BoundaryKind::kSeqLengths) {
      error = add_lengths(reader, claim);
    } else if (source.kind == BoundaryKind::kPositionIds) {
      error = add_positions(reader, claim, says_nothing);
    } else {
      error = add_mask(reader, claim, says_nothing);
    }
    if (!error && !says_nothing) claims_.push_back(std::move(claim));
    return error;
  }

  static void mark(Flags& flags, std::int64_t position) { flags[static_cast<std::size_t>(position)] = 1; }
  bool is_padding(std::int64_t position) const { return padding_[static_cast<std::size_t>(position)] != 0; }

  Error malformed(const Claim& claim, std::int64_t place, std::string detail) const {
    return {ErrorCode::kMalformed, claim.name, place, std::move(detail)};
  }

  Error wrong_shape(const Claim& claim, const Reader& reader) const {
    std::string got = "[";
    for (std::size_t axis = 0; axis < reader.rank(); ++axis) {
      got += (axis > 0 ? ", " : "") + std::to_string(reader.dim(axis));
    }
    return malformed(claim, -1,
                     "expected " + claim.name + " that fits rows of shape [" + std::to_string(rows_) + ", " +
                         std::to_string(columns_) + "], got shape " + got + "]");
  }

  /// Marks the documents of `lengths` from position `at` on, up to `end`; what is left is padding.
  template <class Length>
  std::optional<Error> add_documents(Claim& claim, std::int64_t at, std::int64_t end, std::int64_t n, Length length) {
    for (std::int64_t d = 0; d < n; ++d) {
      const std::int64_t tokens = length(d);
      if (tokens < 0 || tokens > end - at) {
        return malformed(claim, d,
                         "expected " + claim.name + " of documents that lie within " + std::to_string(end) +
                             " positions, got a document of " + std::to_string(tokens) + " tokens at position " +
                             std::to_string(at));
      }
      if (tokens == 0) continue;
      if (at / columns_ != (at + tokens - 1) / columns_) {
        return malformed(claim, d,
                         "expected " + claim.name + " of documents that lie within rows of " +
                             std::to_string(columns_) + " tokens, got positions " + std::to_string(at) + " to " +
                             std::to_string(at + tokens));
      }
      mark(claim.starts, at);
      at += tokens;
    }
    if (at < end) mark(claim.starts, at);
    for (; at < end; ++at) mark(padding_, at);
    return std::nullopt;
  }

  std::optional<Error> add_cu_seqlens(const Reader& reader, Claim& claim) {
    if (reader.rank() == 1 || (reader.rank() == 2 && reader.dim(0) == 1)) {
      const auto value = [&](std::int64_t i) { return reader.rank() == 1 ? reader.at(i) : reader.at(0, i); };
      return add_one_cu_seqlens(claim, 0, positions_, reader.dim(reader.rank() - 1), value);
    }
    if (reader.rank() != 2 || reader.dim(0) != rows_) return wrong_shape(claim, reader);
    for (std::int64_t row = 0; row < rows_; ++row) {
      const auto value = [&](std::int64_t i) { return reader.at(row, i); };
      const std::int64_t begin = row * columns_;
      if (auto error = add_one_cu_seqlens(claim, begin, begin + columns_, reader.dim(1), value)) return error;
    }
    return std::nullopt;
  }

  template <class Value>
  std::optional<Error> add_one_cu_seqlens(Claim& claim, std::int64_t begin, std::int64_t end, std::int64_t n,
                                          Value value) {
    while (n > 0 && value(n - 1) < 0) --n;  // some packers fill up with -1
    if (n == 0 || value(0) != 0) {
      return malformed(
          claim, 0,
          "expected " + claim.name + " that begins with 0, got " + (n == 0 ? "nothing" : std::to_string(value(0))));
    }
    return add_documents(claim, begin, end, n - 1, [&](std::int64_t d) { return value(d + 1) - value(d); });
  }

  std::optional<Error> add_lengths(const Reader& reader, Claim& claim) {
    if (reader.rank() == 1) {
      const auto length = [&](std::int64_t d) { return reader.at(d); };
      Claim flat = claim;
      const Flags padding = padding_;
      auto error = add_documents(flat, 0, positions_, reader.size(), length);
      if (!error) {
        claim = std::move(flat);
        return error;
      }
      if (reader.size() != rows_) return error;
      padding_ = padding;
      return add_row_lengths(claim, 1, [&](std::int64_t row, std::int64_t) { return reader.at(row); });
    }
    if (reader.rank() != 2 || reader.dim(0) != rows_) return wrong_shape(claim, reader);
    return add_row_lengths(claim, reader.dim(1), [&](std::int64_t row, std::int64_t d) { return reader.at(row, d); });
  }

  template <class Length>
  std::optional<Error> add_row_lengths(Claim& claim, std::int64_t n, Length length) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t begin = row * columns_;
      const auto of_row = [&](std::int64_t d) { return length(row, d); };
      if (auto error = add_documents(claim, begin, begin + columns_, n, of_row)) return error;
    }
    return std::nullopt;
  }

  /// A document starts where positions fall, or where the lowest one comes again (documents of one token).
  template <class Value>
  void add_position_row(Claim& claim, std::int64_t row, Value value) {
    std::int64_t lowest = std::numeric_limits<std::int64_t>::max();
    for (std::int64_t t = 0; t < columns_; ++t) lowest = std::min(lowest, value(t));
    for (std::int64_t t = 1; t < columns_; ++t) {
      if (value(t) < value(t - 1) || (value(t) == lowest && value(t - 1) == lowest)) {
        mark(claim.starts, row * columns_ + t);
      }
    }
  }

  std::optional<Error> add_positions(const Reader& reader, Claim& claim, bool& says_nothing) {
    const std::size_t rank = reader.rank();
    // t, h and w positions do not restart where text positions do: the h of an image falls at the end of each row.
    says_nothing = rank == 3 && reader.dim(0) == 3;
    if (says_nothing) return std::nullopt;
    const bool text_first = rank == 3 && reader.dim(0) == 4;
    if (rank == 0 || rank > 3 || (rank == 3 && !text_first)) return wrong_shape(claim, reader);
    const std::int64_t rows = rank == 1 ? 1 : reader.dim(rank - 2);
    if (reader.dim(rank - 1) != columns_ || (rows != rows_ && rows != 1)) return wrong_shape(claim, reader);
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t from = rows == 1 ? 0 : row;
      add_position_row(claim, row, [&](std::int64_t t) {
        return rank == 1 ? reader.at(t) : rank == 2 ? reader.at(from, t) : reader.at(0, from, t);
      });
    }
    return std::nullopt;
  }

  bool is_cu_mask(const Reader& reader) const {
    const std::int64_t n = reader.rank() == 1 ? reader.size() : 0;
    if (n < 2 || reader.at(0) != 0 || reader.at(n - 1) != positions_) return false;
    for (std::int64_t i = 1; i < n; ++i) {
      if (reader.at(i) < reader.at(i - 1)) return false;
    }
    return true;
  }

  std::optional<Error> add_mask(const Reader& reader, Claim& claim, bool& says_nothing) {
    says_nothing = reader.rank() > 2;  // a mask over pairs of positions
    if (says_nothing) return std::nullopt;
    const bool one_row = reader.rank() == 1 && rows_ == 1;
    if (reader.rank() == 0 || reader.dim(reader.rank() - 1) != columns_) return wrong_shape(claim, reader);
    if (!one_row && (reader.rank() != 2 || reader.dim(0) != rows_)) return wrong_shape(claim, reader);
    const auto value = [&](std::int64_t row, std::int64_t t) { return one_row ? reader.at(t) : reader.at(row, t); };
    std::int64_t highest = 0;
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (std::int64_t t = 0; t < columns_; ++t) {
        highest = std::max(highest, value(row, t));
        if (value(row, t) == 0) mark(padding_, row * columns_ + t);
        if (t > 0 && value(row, t) != value(row, t - 1)) mark(claim.starts, row * columns_ + t);
      }
    }
    says_nothing = highest <= 1;
    return std::nullopt;
  }

  std::optional<Error> find_disagreement() const {
    for (std::size_t c = 1; c < claims_.size(); ++c) {
      const Claim& first = claims_[0];
      const Claim& other = claims_[c];
      for (std::int64_t i = 1; i < positions_; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (first.starts[at] == other.starts[at] || is_padding(i) || is_padding(i - 1)) continue;
        return Error{ErrorCode::kDisagreement, first.name + " and " + other.name, i,
                     "expected sources that agree, got " + first.name + " = " + listed(first.starts) + " and " +
                         other.name + " = " + listed(other.starts)};
      }
    }
    return std::nullopt;
  }

  std::vector<std::int32_t> merged() const {
    Flags starts = claims_.empty() ? Flags(padding_.size()) : claims_[0].starts;
    for (std::int64_t row = 0; row < rows_; ++row) clean_row(starts, row * columns_);
    std::vector<std::int32_t> result;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (starts[i] != 0) result.push_back(static_cast<std::int32_t>(i));
    }
    result.push_back(static_cast<std::int32_t>(positions_));
    return result;
  }

  /// Within padding no document starts; at its start, one where the source sets it apart; after padding on the left,
  /// one.
  void clean_row(Flags& starts, std::int64_t begin) const {
    const std::int64_t end = begin + columns_;
    std::int64_t t = begin;
    while (t < end && is_padding(t)) starts[static_cast<std::size_t>(t++)] = 0;
    if (t < end) mark(starts, t);
    const bool apart = !claims_.empty() && claims_[0].tells_padding;
    for (; t < end; ++t) {
      if (is_padding(t) && !(apart && !is_padding(t - 1))) starts[static_cast<std::size_t>(t)] = 0;
    }
    if (begin < end) mark(starts, begin);
  }

  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t positions_;
  Flags padding_;
  std::vector<Claim> claims_;
};

}  // namespace

Result<std::vector<std::int32_t>> document_boundaries(std::int64_t rows, std::int64_t columns,
                                                      std::span<const BoundarySource> sources) {
  if (rows < 0 || columns < 0 || (columns > 0 && rows > std::numeric_limits<std::int32_t>::max() / columns)) {
    bad_call("document_boundaries", "at most 2^31 - 1 positions",
             std::to_string(rows) + " rows of " + std::to_string(columns));
  }
  return Boundaries(rows, columns).read(sources);
}

}  // namespace typetally
