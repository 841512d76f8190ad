#include "typetally/report/metrics.h"

namespace typetally {
namespace {

using Metrics = std::vector<std::pair<std::string, double>>;

double ratio(double sum, std::int64_t count) { return sum / static_cast<double>(count); }
double ratio(std::int64_t sum, std::int64_t count) { return ratio(static_cast<double>(sum), count); }

class Writer {
 public:
  Writer(const Tally& tally, bool extended) : tally_(tally), total_(tally.total()), extended_(extended) {}

  Metrics write() {
    if (total_.count > 0) {
      totals();
      for (const TokenType type : kTokenTypes) of_type(std::string(name(type)), tally_.of(type));
    }
    if (extended_ && total_.count + total_.nonfinite > 0) extended();
    if (tally_.errors > 0) put("typetally_errors", static_cast<double>(tally_.errors));
    return std::move(metrics_);
  }

 private:
  void put(std::string key, double value) { metrics_.emplace_back(std::move(key), value); }

  void totals() {
    put("loss", ratio(total_.nll, total_.count));
    put("token_acc", ratio(total_.correct, total_.count));
    put("token_count", ratio(total_.count, tally_.batches));
  }

  void of_type(const std::string& type, const TypeTally& sums) {
    if (sums.count == 0) return;
    put(type + "_token_acc", ratio(sums.correct, sums.count));
    if (sums.with_entropy > 0) put(type + "_entropy", ratio(sums.entropy, sums.with_entropy));
    put(type + "_token_count", ratio(sums.count, tally_.batches));
    if (!extended_) return;
    put(type + "_loss", ratio(sums.nll, sums.count));
    if (sums.ranked > 0) put(type + "_token_acc_top5", ratio(sums.correct_top5, sums.ranked));
    put(type + "_token_frac", ratio(sums.count, total_.count));
  }

  void extended() {
    if (total_.count > 0) {
      if (total_.ranked > 0) put("token_acc_top5", ratio(total_.correct_top5, total_.ranked));
      TypeTally text = tally_.of(TokenType::kDesc);
      text += tally_.of(TokenType::kFormat);
      if (text.count > 0) put("text_token_acc", ratio(text.correct, text.count));
      put("tokens_total", static_cast<double>(total_.count));
      put("typed_frac", ratio(total_.count - tally_.untyped.count, total_.count));
    }
    put("skipped_samples", static_cast<double>(tally_.skipped_samples));
    put("nonfinite_tokens", static_cast<double>(total_.nonfinite));
  }

  const Tally& tally_;
  TypeTally total_;
  bool extended_;
  Metrics metrics_;
};

}  // namespace

std::vector<std::pair<std::string, double>> compute_metrics(const Tally& tally, const MetricOptions& options) {
  return Writer(tally, options.extended).write();
}

}  // namespace typetally
